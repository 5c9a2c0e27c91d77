"""A clip under a legal hold at one station stays on its camera at another.

The store is one that tells the time: with a mounted share, a box whose clock nobody disciplines
goes by no list at all, and these tests may run on one.
"""

from datetime import timedelta
from pathlib import Path

import pytest

from dockd.station.clock import SystemClock
from tests.daemon.harness import Settings, station
from tests.daemon.rooms import Bucket
from tests.daemon.scenarios import cleared, undocked, verified
from tests.daemon.world import BIG, SMALL, World
from tests.fakes.holds_server import central

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("daemon-on-seaweedfs"),
]
FILES = {BIG: 100_000, SMALL: 1000}


def test_what_is_held_at_a_stays_on_its_camera_at_b(tmp_path: Path, bucket: Bucket) -> None:
    """B clears what nobody holds; the held clip goes once a newer list has let it go."""
    world = World(tmp_path, room=bucket)
    now = SystemClock().now()
    with central() as far, station(world, settings=Settings(holds=far.toml())) as b:
        serial = world.film(FILES)
        held = next(one for one in world.originals if one.path == SMALL)
        # Under another name: it is the content that is held.
        key = f"{serial}/{held.sha256}/DCIM/RENAMED.MP4"
        far.issue([{"kind": "clip", "key": key}], issued=now - timedelta(minutes=2))
        b.start()
        world.dock(serial, "B1")
        b.until(lambda: not world.file(serial, BIG).exists(), "the rest of it is cleared")
        b.happened("receipt-accepted", count=3)
        assert world.file(serial, SMALL).exists()
        # An older list, replayed, releases nothing; nor does a restart.
        far.issue([], issued=now - timedelta(minutes=3))
        b.kill()
        b.start()
        b.happened("problem-opened", slug="holds-refused")
        assert world.file(serial, SMALL).exists()
        far.issue([], issued=now - timedelta(minutes=1))
        b.restart()
        cleared(b, world, serial)
        undocked(b, world, serial)
        b.stop()
    world.check_finished()


def test_without_a_list_nothing_is_cleared_and_that_is_said(tmp_path: Path, bucket: Bucket) -> None:
    """A station that is to share holds and has no list offloads, stores, and clears nothing."""
    world = World(tmp_path, room=bucket)
    with central() as far, station(world, settings=Settings(holds=far.toml())) as b:
        b.start()
        serial = world.film(FILES)
        world.dock(serial, "B1")
        verified(b, world, serial, clips=2)
        b.happened("receipt-accepted", count=2)
        b.happened("problem-opened", slug="holds-outdated")
        far.anew = []
        # Killed once with the list on disk and not on record, once the other way round.
        b.kill()
        b.faults = ["holds-listed:1:kill-before", "holds-listed:1:kill"]
        assert b.count("wipe-intended") == 0
        b.start()
        cleared(b, world, serial)
        undocked(b, world, serial)
        b.stop()
    world.check_finished()
