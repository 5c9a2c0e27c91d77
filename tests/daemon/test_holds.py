"""A hold keeps a clip on its camera, whatever becomes of the ledger."""

from pathlib import Path

from tests.daemon.harness import station
from tests.daemon.rooms import Share
from tests.daemon.scenarios import back_up, clip_id, put_back, undocked, verified
from tests.daemon.world import BIG, SMALL, World

FILES = {BIG: 100_000, SMALL: 1000}


def test_a_legal_hold_made_since_the_backup_keeps_its_clip(tmp_path: Path) -> None:
    """With yesterday's ledger in place, what was legally held today is not cleared."""
    share = Share(tmp_path)
    world = World(tmp_path, room=share)
    with station(world) as dockd:
        share.leave()
        dockd.start()
        known, unknown = world.film(FILES), world.film(FILES)
        world.dock(known, "A1")
        verified(dockd, world, known, clips=2)
        dockd.stop()
        backup = tmp_path / "yesterday.sqlite3"
        back_up(world, backup)

        dockd.start()
        dockd.order("hold", "clips", clip_id(world, known, SMALL), hold="legal")
        world.dock(unknown, "A2")
        verified(dockd, world, unknown, clips=2)
        dockd.order("hold", "clips", clip_id(world, unknown, SMALL), hold="legal")
        dockd.kill()
        put_back(world, backup)
        dockd.begin_record_anew()

        share.come_back()
        dockd.start()
        dockd.until(lambda: not world.file(known, BIG).exists(), "the rest of it is cleared")
        assert world.file(known, SMALL).exists()
        # The restored ledger never knew the other camera's clips: all of it stays.
        dockd.happened("clip-held", hold="legal", count=2)
        dockd.happened("receipt-accepted", count=4)
        assert world.file(unknown, BIG).exists()
        dockd.order("release", "cameras", unknown, hold="legal")
        dockd.until(lambda: not world.file(unknown, BIG).exists(), "the rest of it is cleared")
        assert world.file(unknown, SMALL).exists()
        undocked(dockd, world, unknown)
        dockd.stop()
        world.check()
