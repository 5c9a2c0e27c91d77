"""What a slot says of its camera's footage is true at every stage of its journey."""

from pathlib import Path
from typing import Any

from tests.daemon.harness import StationProcess, station
from tests.daemon.rooms import Share
from tests.daemon.scenarios import SLOWLY, cleared, undocked, verified
from tests.daemon.world import BIG, BIG_BYTES, MIB, SMALL, World

FILES = {SMALL: 100_001, BIG: BIG_BYTES}
TOTAL = sum(FILES.values())


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
