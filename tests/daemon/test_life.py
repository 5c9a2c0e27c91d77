"""The life of a station as its service manager, its people and its hardware lead it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.rooms import Share
from tests.daemon.scenarios import (
    SLOWLY,
    back_up,
    cleared,
    clip_id,
    offloaded_and_away,
    put_back,
    undocked,
    verified,
)
from tests.daemon.world import BIG, BIG_BYTES, EMPTY, LEDGER, MIB, SMALL, World

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
_PART_BYTES = 16 * MIB
_LATER_NS = 1_790_000_100 * 10**9


@pytest.fixture
def share(tmp_path: Path) -> Share:
    """A store in a directory."""
    return Share(tmp_path)


@pytest.fixture
def world(tmp_path: Path, share: Share) -> World:
    """Everything around one station."""
    return World(tmp_path, room=share)


@pytest.fixture
def dockd(world: World) -> Iterator[StationProcess]:
    """A station that is not started yet."""
    with station(world) as process:
        process.is_started_anew = True
        yield process


# --- its service manager ---------------------------------------------------------------------


def test_a_stop_in_mid_copy_leaves_what_can_be_resumed(dockd: StationProcess, world: World) -> None:
    """SIGTERM ends the daemon well in mid-copy, and at most one part is read again later."""
    dockd.configure(SLOWLY)
    dockd.start()
    serial = world.film({BIG: BIG_BYTES})
    world.dock(serial, "A1")
    dockd.happened("part-spooled")
    dockd.stop()
    durable = dockd.world.ask("SELECT max(offset + size_bytes) AS bytes FROM spool_parts")[0][
        "bytes"
    ]
    assert durable >= _PART_BYTES
    dockd.start()
    dockd.happened("clip-copied", spliced=True)
    again = [event.fields["index"] for event in dockd.all("part-spooled")]
    assert len(again) == len(set(again)), "a part that was durable was copied again"
    cleared(dockd, world, serial)
    dockd.stop()
    world.check_finished()


def test_the_service_manager_hears_every_turn(dockd: StationProcess) -> None:
    """READY, WATCHDOG, RELOADING with its time, READY again and STOPPING, in their order."""
    dockd.start()
    dockd.signal(signal.SIGHUP)
    dockd.until(lambda: dockd.heard("READY=1") == 2, "the reload is done")
    dockd.stop()
    said = [word for word in dockd.notified if not word.startswith(("STATUS=", "WATCHDOG=1"))]
    assert [word.split("\n")[0] for word in said] == [
        "READY=1",
        "RELOADING=1",
        "READY=1",
        "STOPPING=1",
    ]
    assert "\nMONOTONIC_USEC=" in said[1]
    assert "WATCHDOG=1" in dockd.notified


def test_a_reload_changes_what_can_change_and_says_what_waits(
    dockd: StationProcess, world: World
) -> None:
    """A wipe policy and a rate limit are in force at once; a camera's rate waits for a restart.

    The limit is lifted under a clip that would have taken a quarter of an hour.
    """
    dockd.configure(Settings(wipe_after="never", rate_limit_mbit_s=0.4))
    dockd.start()
    serial = world.film()
    world.dock(serial, "A1")
    dockd.happened("part-sending")
    dockd.configure(Settings(rate_limit_mbit_s=800, limit_mb_s=500))
    dockd.signal(signal.SIGHUP)
    dockd.until(lambda: dockd.heard("READY=1") == 2, "the reload is done")
    assert dockd.get("/v1/status")["uplink"]["limit_bytes_s"] == 100_000_000
    dockd.until(lambda: len(world.ask("SELECT 1 FROM receipts")) == 3, "all is receipted")
    log = dockd.log.read_text()
    assert "wipe.after" in log
    assert "needs_restart=cameras" in log
    undocked(dockd, world, serial)
    world.dock(serial, "A1")
    cleared(dockd, world, serial)
    dockd.stop()
    world.check_finished()


def test_a_wrong_configuration_changes_nothing_in_a_reload(
    dockd: StationProcess, world: World
) -> None:
    """A station whose new configuration is wrong goes on with the one it has, and says so."""
    dockd.start()
    right = dockd.config.read_text()
    dockd.config.write_text(right + "\n[wrong]\n")
    dockd.signal(signal.SIGHUP)
    dockd.until(lambda: dockd.heard("READY=1") == 2, "the reload is done")
    assert "The new configuration is wrong" in dockd.log.read_text()
    assert [one["slug"] for one in dockd.get("/v1/problems")["problems"]] == ["config-invalid"]
    dockd.config.write_text(right)
    dockd.signal(signal.SIGHUP)
    dockd.until(lambda: dockd.heard("READY=1") == 3, "the right one is read")
    assert dockd.get("/v1/problems")["problems"] == []
    serial = world.film({SMALL: 1000})
    world.dock(serial, "A1")
    cleared(dockd, world, serial)
    dockd.stop()
    world.check_finished()


def test_every_problem_of_a_configuration_is_said_at_once(tmp_path: Path) -> None:
    """A wrong configuration ends the start with 2, and names each key that is wrong."""
    config = tmp_path / "dockd.toml"
    config.write_text('[station]\nnaem = "x"\n[spool]\nreserve = "-1 GiB"\n[uplink]\nwindows = 7\n')
    ended = subprocess.run(
        [sys.executable, "-m", "dockd", "run", "--config", config],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    said = ended.stdout + ended.stderr
    assert all(key in said for key in ("station.naem", "spool.reserve", "uplink.windows"))


def test_a_second_daemon_on_the_same_spool_is_refused(dockd: StationProcess, world: World) -> None:
    """Two daemons never share a spool: the second one says who has it, and ends."""
    dockd.start()
    config = world.folder / "second.toml"
    config.write_text(dockd.config.read_text().replace("api.sock", "second.sock"))
    ended = subprocess.run(
        [sys.executable, "-m", "dockd", "run", "--config", config],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert LEDGER in ended.stdout + ended.stderr
    dockd.stop()


# --- its memory ------------------------------------------------------------------------------


def test_a_ledger_from_yesterday_confirms_everything_anew(
    dockd: StationProcess, world: World, share: Share
) -> None:
    """After a restore nothing is wiped on an old receipt, and nothing is lost or doubled."""
    dockd.configure(replace(Settings(), wipe_after="never"))
    dockd.start()
    serial = world.film()
    world.dock(serial, "A1")
    dockd.until(lambda: len(world.ask("SELECT 1 FROM receipts")) == 3, "all is receipted")
    yesterday = world.folder / "yesterday.sqlite3"
    back_up(world, yesterday)
    dockd.restart()
    second = world.film({SMALL: 5000})
    world.dock(second, "B2")
    dockd.until(lambda: len(world.ask("SELECT 1 FROM receipts")) == 4, "one more is receipted")
    dockd.stop()
    put_back(world, yesterday)
    dockd.begin_record_anew()
    share.leave()
    dockd.configure(Settings())
    dockd.start()
    dockd.happened("epoch-begun")
    verified(dockd, world, serial)
    verified(dockd, world, second, clips=1)
    assert not dockd.count("wipe-intended"), "wiped on the receipts of an earlier epoch"
    share.come_back()
    cleared(dockd, world, serial)
    cleared(dockd, world, second)
    epochs = {row["epoch"] for row in world.ask("SELECT epoch FROM receipts")}
    assert epochs == {2}
    dockd.stop()
    world.check_finished()


def test_a_lost_ledger_is_made_again_from_the_sidecars(
    dockd: StationProcess, world: World, share: Share
) -> None:
    """A station whose ledger was deleted goes on with what its spool says."""
    serial = offloaded_and_away(dockd, world, share)
    dockd.stop()
    for path in world.spool.glob(f"{LEDGER}*"):
        path.unlink()
    dockd.begin_record_anew()
    dockd.start()
    assert len(world.ask("SELECT 1 FROM clips WHERE spool_copy = 'proven'")) == 3
    share.come_back()
    world.dock(serial, "A1")
    cleared(dockd, world, serial)
    dockd.stop()
    world.check_finished()


def test_a_swapped_spool_takes_and_clears_nothing(
    dockd: StationProcess, world: World, share: Share
) -> None:
    """On another spool than its ledger's the station says so, and touches no camera."""
    serial = offloaded_and_away(dockd, world, share)
    dockd.stop()
    ours = (world.spool / "spool.json").read_text()
    (world.spool / "spool.json").write_text('{"format": "dockd-spool/1", "spool_id": "other"}\n')
    dockd.start()
    share.come_back()
    world.dock(serial, "A1")
    dockd.happened("problem-opened", slug="spool-changed", subject="spool")
    dockd.happened("docked", count=2)
    fresh = world.film({SMALL: 1000})
    world.dock(fresh, "B2")
    dockd.happened("docked", count=3)
    dockd.restart()
    assert not dockd.count("wipe-intended")
    assert world.file(serial, SMALL).exists()
    assert world.file(fresh, SMALL).exists()
    dockd.stop()
    (world.spool / "spool.json").write_text(ours)
    dockd.start()
    cleared(dockd, world, serial)
    cleared(dockd, world, fresh)
    dockd.stop()
    world.check_finished()


# --- its cameras -----------------------------------------------------------------------------


def test_the_same_name_size_and_mtime_may_be_another_clip(
    dockd: StationProcess, world: World, share: Share
) -> None:
    """Both clips are evidence and both are stored, although only content tells them apart."""
    serial = offloaded_and_away(dockd, world, share)
    file = world.file(serial, SMALL)
    size_bytes, mtime_ns = file.stat().st_size, file.stat().st_mtime_ns
    world.record(serial, SMALL, b"x" * size_bytes, mtime_ns=mtime_ns)
    share.come_back()
    dockd.until(lambda: len(world.ask("SELECT 1 FROM receipts")) == 3, "the first ones are stored")
    world.dock(serial, "A1")
    cleared(dockd, world, serial)
    dockd.stop()
    world.check_finished()


def test_one_serial_in_two_slots_is_refused(dockd: StationProcess, world: World) -> None:
    """Of two cameras that claim one serial neither is believed until one of them leaves."""
    dockd.start()
    serial = world.film({SMALL: 1000})
    twin = world.rack / "B2" / serial
    twin.mkdir(parents=True)
    (twin / "fake.mp4").write_bytes(b"fake")
    world.dock(serial, "A1")
    dockd.happened("problem-opened", slug="camera-duplicate-serial", count=2)
    assert not dockd.count("clip-seen"), "a camera of doubtful identity was read"
    shutil.rmtree(twin)
    cleared(dockd, world, serial)
    dockd.stop()
    world.check_finished()


def test_a_legal_hold_outlives_every_retry(
    dockd: StationProcess, world: World, share: Share
) -> None:
    """Neither a retry nor the release of an error hold lets a clip under legal hold be cleared."""
    dockd.start()
    serial = world.film({SMALL: 1000, EMPTY: 0})
    squatter = share.path_of(world.originals[0].key)
    squatter.write_bytes(b"this is not the clip")
    world.dock(serial, "A1")
    dockd.until(
        lambda: world.ask("SELECT 1 FROM transfers WHERE state = 'refused'"), "it is refused"
    )
    clip = clip_id(world, serial, SMALL)
    dockd.order("hold", "clips", clip, hold="legal")
    squatter.unlink()
    dockd.order("retry", "clips", clip)
    dockd.happened("clip-released", hold="error")
    dockd.restart()
    dockd.until(lambda: not world.file(serial, EMPTY).exists(), "the other one is cleared")
    assert dockd.get(f"/v1/clips/{clip}")["held"] == "legal"
    assert world.file(serial, SMALL).exists()
    dockd.order("release", "clips", clip, hold="legal")
    cleared(dockd, world, serial)
    dockd.stop()
    world.check_finished()


_STAGES: dict[str, Callable[[StationProcess], None]] = {
    "once docked": lambda dockd: dockd.happened("docked"),
    "once listed": lambda dockd: dockd.happened("listed"),
    "in mid-copy": lambda dockd: dockd.happened("part-spooled"),
    "in the read-back": lambda dockd: dockd.happened("clip-copied"),
    "once verified": lambda dockd: dockd.happened("clip-verified"),
    "before the wipe": lambda dockd: dockd.happened("receipt-accepted"),
    "in mid-wipe": lambda dockd: dockd.happened("wipe-intended"),
}


@pytest.mark.parametrize("stage", _STAGES)
def test_a_camera_pulled_at_any_stage_ends_clear(
    stage: str, dockd: StationProcess, world: World
) -> None:
    """Wherever its stay was broken off, the next one in another slot brings it to its end."""
    dockd.configure(SLOWLY)
    dockd.start()
    serial = world.film()
    world.dock(serial, "A1")
    _STAGES[stage](dockd)
    undocked(dockd, world, serial)
    world.check()
    world.dock(serial, "B2")
    cleared(dockd, world, serial)
    undocked(dockd, world, serial)
    problems = [
        (event.fields["slug"], event.fields["reason"]) for event in dockd.all("problem-opened")
    ]
    assert problems == [], "a pulled camera is no problem of the station's"
    dockd.stop()
    world.check_finished()


def test_a_camera_is_pulled_again_and_again(dockd: StationProcess, world: World) -> None:
    """A loose contact is nothing but a lot of dockings."""
    dockd.configure(SLOWLY)
    dockd.start()
    serial = world.film()
    for turn in range(6):
        world.dock(serial, "AB"[turn % 2] + "1")
        dockd.until(
            lambda: world.ask("SELECT 1 FROM dockings WHERE ended_at IS NULL"), "it is docked"
        )
        with contextlib.suppress(FileNotFoundError):
            undocked(dockd, world, serial)
    world.dock(serial, "C1")
    cleared(dockd, world, serial)
    dockd.stop()
    world.check_finished()
