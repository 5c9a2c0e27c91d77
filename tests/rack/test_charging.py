"""Promises of charging on a hub whose ports the kernel really switches off."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rack.camera import Camera, make_camera
from tests.rack.journey import MIB, arrived, is_clean, read_of, verified
from tests.rack.powered import FOR_ALL_W, FOR_TWO_W, SLOTS, powered_station, set_budget
from tests.rack.rack import SERVICE, Rack
from tests.rack.station import built_package

HELPER = "dockd-helper.service"
# Eight MiB take half a minute: long enough for a plan that wants to cut.
CREEPING_BYTES_S = MIB // 4
# A camera that does not come back with the power is given half a minute.
MISSED_S = 120.0
START_S = 120.0


@pytest.fixture
def powered(tmp_path: Path) -> Iterator[Rack]:
    """Give a station that switches the power of its four slots."""
    with powered_station(built_package(), tmp_path) as rack:
        yield rack


def told(station: Rack, camera: Camera) -> list[str]:
    """Return what the journal has of a camera's dockings, in order."""
    kinds = {
        *("docked", "docking-offloaded", "docking-paused", "docking-continued"),
        *("left-while-cut", "undocked"),
    }
    entries = station.journal(f"DOCKD_CAMERA={camera.serial}")
    return [kind for entry in entries if (kind := entry["DOCKD_EVENT"]) in kinds]


def test_a_cut_waits_for_the_copy_and_is_no_undocking(powered: Rack, tmp_path: Path) -> None:
    """A camera is cut only when it was read, comes back as who it was, and is missed if not."""
    cameras = {number: make_camera(tmp_path, serial=f"BWC-00000{number}") for number in (1, 2)}
    for number, camera in cameras.items():
        powered.dock.dock(number, camera, limit_bytes_s=CREEPING_BYTES_S)
    powered.until(lambda: all(read_of(powered, n) > MIB for n in cameras), "both to be read")
    set_budget(powered, budget_w=FOR_TWO_W)
    powered.until(lambda: powered.dock.dark(SLOTS) == {3, 4}, "the empty slots to be cut")
    assert all(verified(powered, n) < len(camera.items) for n, camera in cameras.items())

    for number in cameras:
        powered.dock.pace(number, limit_bytes_s=0)
    powered.until(
        lambda: bool(powered.dock.dark(SLOTS) & {1, 2}),
        what="one of the two to be cut",
        timeout_s=START_S,
    )
    (cut,) = powered.dock.dark(SLOTS) & {1, 2}
    powered.until(lambda: powered.slot(cut)["state"] == "unknown", "its slot to be unknown")
    powered.until(lambda: told(powered, cameras[cut])[-1] == "docking-paused", "it to be told")
    assert told(powered, cameras[cut])[:2] == ["docked", "docking-offloaded"]

    set_budget(powered, budget_w=FOR_ALL_W)
    # Perhaps before the cut, and then not again after it.
    powered.until(lambda: all(map(powered.was_cleared, cameras)), "both to be clear")
    powered.until(lambda: not powered.dock.dark(SLOTS), "all slots to have power again")
    events = told(powered, cameras[cut])
    assert "docking-continued" in events
    assert (events.count("docked"), events.count("undocked")) == (1, 0)

    set_budget(powered, budget_w=FOR_TWO_W)
    powered.until(lambda: bool(powered.dock.dark(SLOTS) & {1, 2}), "one to be cut again")
    (cut,) = powered.dock.dark(SLOTS) & {1, 2}
    powered.until(lambda: powered.slot(cut)["state"] == "unknown", "its slot to be unknown")
    powered.dock.yank(cut)
    assert powered.slot(cut)["state"] == "unknown"
    set_budget(powered, budget_w=FOR_ALL_W)
    powered.until(
        lambda: told(powered, cameras[cut])[-1] == "left-while-cut",
        "the camera to be missed",
        timeout_s=MISSED_S,
    )
    powered.until(lambda: powered.slot(cut)["state"] == "empty", "its slot to be empty")
    powered.dock.yank(3 - cut)
    for camera in cameras.values():
        arrived(powered, camera)
        assert is_clean(camera)


def test_cuts_are_given_back_when_their_daemon_is_gone(powered: Rack, tmp_path: Path) -> None:
    """The helper's death frees no port; dockd's frees all of them, one after another."""
    powered.dock.dock(1, make_camera(tmp_path, serial="BWC-000001"))
    powered.until_cleared(1)
    set_budget(powered, budget_w=FOR_TWO_W)
    powered.until(lambda: len(powered.dock.dark(SLOTS)) == 2, "two of the empty slots to be cut")

    before = helper(powered)
    powered.agent.run("systemctl", "kill", "--signal=KILL", HELPER)
    powered.until(lambda: helper(powered) not in {"0", before}, "another helper to be asked")
    assert len(powered.dock.dark(SLOTS)) == 2

    # Without a successor, so that it is the helper alone that gives back.
    powered.agent.shell(
        f"mkdir -p /run/systemd/system/{SERVICE}.d\n"
        f"printf '[Service]\\nRestart=no\\n' > /run/systemd/system/{SERVICE}.d/alone.conf\n"
        f"systemctl daemon-reload; systemctl kill --signal=KILL {SERVICE}",
        timeout_s=START_S,
    )
    seen = [len(powered.dock.dark(SLOTS))]

    def all_on() -> bool:
        seen.append(len(powered.dock.dark(SLOTS)))
        return seen[-1] == 0

    # The first of them counts as a camera's until half a minute has shown nobody in it.
    powered.until(all_on, "the power to be given back", timeout_s=START_S, closely=True)
    assert {2, 1, 0} <= set(seen)
    assert powered.dock.dark(SLOTS) == set()


def helper(station: Rack) -> str:
    """Return the helper's process."""
    return station.agent.run("systemctl", "show", "--property=MainPID", "--value", HELPER).text
