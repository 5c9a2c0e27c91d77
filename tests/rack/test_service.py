"""The service ends in the middle of its work, and goes on by itself."""

import random
import secrets
from pathlib import Path

import pytest

from tests.package.later import LATER, LATER_SCHEMA, later_release
from tests.rack import blocked_loop
from tests.rack.camera import make_camera
from tests.rack.footage import SETTINGS, clips
from tests.rack.journey import (
    MIB,
    SERIAL,
    SLOW_BYTES_S,
    arrived,
    in_mid_copy,
    in_mid_wipe,
    is_clean,
    read_of,
    verified,
)
from tests.rack.rack import CONFIG, SERVICE, Rack
from tests.rack.station import (
    INSTALL_S,
    PACKAGE_IN_GUEST,
    SPOOL,
    built_package,
    carry_in,
)

HELPER = "dockd-helper.service"
# Emulated, a start takes a quarter of a minute.
START_S = 120.0
# The watchdog's half minute, and a start.
WATCHDOG_S = 150.0
LONG_COPY_BYTES = 24 * MIB
LONG_COPY_S = 300.0
LATER_IN_GUEST = "/srv/later.deb"
# What dpkg asks first when an older package is to take the place of a newer one.
DOWNGRADE = f"""
dpkg-deb --control {PACKAGE_IN_GUEST} /srv/older
/srv/older/preinst upgrade {LATER}
"""
BACKUP = f"{SPOOL}/ledger.sqlite3.v{LATER_SCHEMA - 1}.bak"
KILLS = 3
LONGEST_LIFE_S = 6.0


def restarts(station: Rack) -> int:
    """Say how often systemd has started the service again by itself."""
    shown = station.agent.run("systemctl", "show", "--property=NRestarts", "--value", SERVICE)
    return int(shown.text)


@pytest.mark.parametrize(
    "command",
    [
        f"systemctl restart {SERVICE}",
        f"systemctl stop {SERVICE}; systemctl start {SERVICE}",
        f"systemctl reload {SERVICE}",
    ],
    ids=["restarted", "stopped", "reloaded"],
)
def test_the_service_ends_in_mid_copy(station: Rack, tmp_path: Path, command: str) -> None:
    """The camera stays where it is; what was begun is finished, once."""
    camera = make_camera(tmp_path, serial=SERIAL)
    in_mid_copy(station, camera, 1)
    station.agent.shell(command, timeout_s=START_S)
    station.dock.pace(1, limit_bytes_s=0)
    station.until_cleared(1, timeout_s=START_S)
    station.dock.yank(1)
    arrived(station, camera)
    assert is_clean(camera)


def test_the_package_is_upgraded_in_mid_copy(station: Rack, tmp_path: Path) -> None:
    """A later release goes on where the old one was, with its configuration, ledger and spool.

    What it made of the ledger, the old one does not know: there is no way back, and that is said.
    """
    # An installation takes minutes here beside other guests; at that pace the copy takes ten.
    camera = make_camera(tmp_path, serial=SERIAL, items=clips(seed=1, total_bytes=LONG_COPY_BYTES))
    carry_in(station.machine, later_release(built_package(), tmp_path), to=LATER_IN_GUEST)
    in_mid_copy(station, camera, 1)
    station.dock.pace(1, limit_bytes_s=SLOW_BYTES_S // 32)
    configured, ledger = station.agent.read(CONFIG), ledger_id(station)
    before = main_pid(station)
    station.agent.run("apt-get", "install", "--yes", LATER_IN_GUEST, timeout_s=INSTALL_S)
    station.until_ready()
    now = main_pid(station)
    assert now != before
    assert verified(station, 1) < len(camera.items)
    assert station.agent.read(CONFIG) == configured
    assert ledger_id(station) == ledger
    refused = station.agent.shell(DOWNGRADE, check=False)
    assert refused.status == 1
    assert f"that has schema {LATER_SCHEMA}" in refused.err.decode()
    assert BACKUP in refused.err.decode()
    assert station.agent.exists(BACKUP)
    station.dock.pace(1, limit_bytes_s=0)
    station.until_cleared(1, timeout_s=LONG_COPY_S)
    assert main_pid(station) == now
    station.dock.yank(1)
    arrived(station, camera)
    assert is_clean(camera)


def ledger_id(station: Rack) -> str:
    """Say which ledger the station goes by."""
    return str(station.get("/v1/status")["ledger"]["id"])


def test_the_service_is_killed_at_random_moments(station: Rack, tmp_path: Path) -> None:
    """Whatever it was doing, starting included: what was begun is finished, once."""
    seed = secrets.randbits(32)
    dice = random.Random(seed)
    camera = make_camera(tmp_path, serial=SERIAL, family="exfat")
    in_mid_copy(station, camera, 1)
    for number in range(KILLS):
        before = restarts(station)
        told = [entry["DOCKD_EVENT"] for entry in station.journal(f"DOCKD_CAMERA={SERIAL}")]
        station.agent.run("systemctl", "kill", "--signal=KILL", SERVICE)
        print(f"seed {seed}: killed after event {len(told)} of the camera, {told[-1]}")  # noqa: T201  whoever repeats a failure needs it
        station.until(lambda: restarts(station) > before, "systemd to start it again")  # noqa: B023  called at once
        if number % 2:
            # Not while it starts, which is most of an emulated life.
            station.until_ready()
        station.agent.run("sleep", f"{dice.uniform(0, LONGEST_LIFE_S):.2f}")
    station.until_cleared(1, timeout_s=START_S)
    station.dock.yank(1)
    arrived(station, camera)
    assert is_clean(camera)


def test_a_blocked_daemon_is_replaced(station: Rack, tmp_path: Path) -> None:
    """The watchdog ends a daemon whose loop is blocked, alive as the rest of it may be.

    The next one goes on where it was.
    """
    # One clip, so that its copy is a thread's work from beginning to end.
    items = (*clips(seed=1, count=1), *SETTINGS)
    camera = make_camera(tmp_path, serial=SERIAL, items=items)
    in_mid_copy(station, camera, 1)
    station.dock.pace(1, limit_bytes_s=SLOW_BYTES_S // 16)
    before = restarts(station)
    block_loop(station)
    at = read_of(station, 1)
    station.until(lambda: read_of(station, 1) > at, "the copy to go on beside the blocked loop")
    station.until(lambda: restarts(station) > before, "the watchdog to bite", timeout_s=WATCHDOG_S)
    told = [str(entry["MESSAGE"]) for entry in station.journal(unit=SERVICE)]
    assert any("Watchdog timeout" in line for line in told)
    station.dock.pace(1, limit_bytes_s=0)
    station.until_cleared(1, timeout_s=START_S)
    station.dock.yank(1)
    arrived(station, camera)
    assert is_clean(camera)


def block_loop(station: Rack) -> None:
    """Block the daemon's loop, and no other thread of it."""
    pid, sign = main_pid(station), "/run/loop-is-blocked"
    script = Path(blocked_loop.__file__).read_bytes()
    station.agent.start("/usr/bin/python3", "-I", "-", pid, sign, stdin=script)
    station.until(lambda: station.agent.exists(sign), "the loop to be blocked")


def main_pid(station: Rack) -> str:
    """Say which process the service is now."""
    return station.agent.run("systemctl", "show", "--property=MainPID", "--value", SERVICE).text


def test_the_helper_is_killed_while_a_camera_is_writable(station: Rack, tmp_path: Path) -> None:
    """The next helper takes the writable camera away; it is cleared once it is read-only again."""
    camera = make_camera(tmp_path, serial=SERIAL)
    in_mid_wipe(station, camera, 1)
    station.agent.run("systemctl", "kill", "--signal=KILL", HELPER)
    station.dock.pace(1, limit_bytes_s=1 << 30)
    station.until_cleared(1, timeout_s=START_S)
    disk = station.dock.await_disk(1)
    assert station.agent.read(f"/sys/block/{Path(disk).name}/ro") == b"1\n"
    station.dock.yank(1)
    arrived(station, camera)
