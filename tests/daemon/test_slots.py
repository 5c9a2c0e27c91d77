"""What a slot says of its camera's footage is true at every stage of its journey."""

from pathlib import Path
from typing import Any, Final

from dockd.core.flapping import OFTEN
from tests.daemon.harness import StationProcess, station
from tests.daemon.rooms import Share
from tests.daemon.scenarios import SLOWLY, cleared, undocked, verified
from tests.daemon.world import BIG, BIG_BYTES, MIB, SMALL, World

FILES = {SMALL: 100_001, BIG: BIG_BYTES}
TOTAL = sum(FILES.values())
# What turns the text behind it about is in no serial number.
REFUSED: Final = "BWC\u202e1"
FLAPS: Final = 40


def bytes_in(dockd: StationProcess, slot: str) -> tuple[int, int, int]:
    """Return total, verified and stored bytes of a slot."""
    found: dict[str, Any] = next(
        one for one in dockd.get("/v1/slots")["slots"] if one["slot"] == slot
    )
    return found["bytes_total"], found["bytes_verified"], found["bytes_stored"]


def test_a_slot_counts_its_bytes_from_half_a_copy_to_a_clear_camera(tmp_path: Path) -> None:
    """Total, verified and stored bytes are right in mid-copy, after a redock and at the end."""
    share = Share(tmp_path)
    world = World(tmp_path, room=share)
    with station(world, settings=SLOWLY) as dockd:
        share.leave()
        dockd.start()
        serial = world.film(FILES)
        world.dock(serial, "A1")
        dockd.happened("part-spooled", size_bytes=16 * MIB)
        assert bytes_in(dockd, "A1") == (TOTAL, FILES[SMALL], 0)
        undocked(dockd, world, serial)
        assert bytes_in(dockd, "A1") == (0, 0, 0)
        world.dock(serial, "A2")
        verified(dockd, world, serial, clips=2)
        assert bytes_in(dockd, "A2") == (TOTAL, TOTAL, 0)
        share.come_back()
        cleared(dockd, world, serial)
        assert bytes_in(dockd, "A2") == (TOTAL, TOTAL, TOTAL)
        # Another look at the camera finds only what is new; what was cleared still counts.
        world.record(serial, "DCIM/new.MP4", b"new", mtime_ns=1_790_000_000 * 10**9)
        dockd.happened("clip-wiped", count=3)
        assert bytes_in(dockd, "A2") == (TOTAL + 3, TOTAL + 3, TOTAL + 3)
        dockd.stop()
        world.check_finished()


def open_in(dockd: StationProcess, slot: str) -> dict[str, str]:
    """Return the reason of each open problem of a slot, by slug."""
    problems = dockd.get("/v1/problems")["problems"]
    return {one["slug"]: one["reason"] for one in problems if one["subject"] == f"slot {slot}"}


def test_a_slot_that_flaps_between_two_refusals_is_a_few_lines(tmp_path: Path) -> None:
    """A second camera comes and goes forty times beside one that is refused: each is three lines.

    What is open is shown as it is all the while, and a stop leaves no end unsaid.
    """
    world = World(tmp_path, room=Share(tmp_path))
    alone, crowded = "name-unsupported", "camera-duplicate-serial"
    with station(world) as dockd:
        dockd.start()
        refused, second = world.rack / "A1" / REFUSED, world.rack / "A1" / "BWC-2"
        refused.mkdir(parents=True)
        for _ in range(FLAPS):
            dockd.until(lambda: open_in(dockd, "A1").keys() == {alone}, "it is refused alone")
            second.mkdir()
            dockd.until(lambda: open_in(dockd, "A1").keys() == {crowded}, "there are two")
            second.rmdir()
        dockd.until(lambda: open_in(dockd, "A1").keys() == {alone}, "it is refused alone")
        # Spelt out, and once.
        said = "'BWC%E2%80%AE1': a serial number has no control characters"
        assert open_in(dockd, "A1")[alone].startswith(said)
        assert any(said in line for line in dockd.log.read_text().splitlines())
        assert f"(It comes and goes: {FLAPS + 1} times so far.)" in open_in(dockd, "A1")[alone]
        assert dockd.count("problem-opened") == 2 * OFTEN
        assert dockd.count("problem-closed") == 2 * (OFTEN - 1)
        refused.rmdir()
        dockd.until(lambda: not open_in(dockd, "A1"), "nothing is refused")
        dockd.stop()
    lines = dockd.log.read_text().splitlines()
    ends = [line for line in lines if "A problem ended." in line]
    assert len([line for line in lines if "A problem began." in line]) == 2 * OFTEN
    assert len(ends) == 2 * OFTEN
    assert {alone: FLAPS + 1, crowded: FLAPS} == {
        slug: times
        for slug in (alone, crowded)
        for times in (FLAPS, FLAPS + 1)
        if any(f"slug={slug} " in line and f"times={times}" in line for line in ends)
    }
    assert world.ask("SELECT slug FROM problems") == []
