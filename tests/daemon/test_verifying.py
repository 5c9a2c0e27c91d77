"""A store that lost what it had given a receipt for: a person finds it, and the daemon mends it."""

from pathlib import Path

import pytest

from tests.daemon.harness import station
from tests.daemon.rooms import Share
from tests.daemon.scenarios import cleared, undocked, verification
from tests.daemon.world import World

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]


def test_what_a_store_lost_is_found_and_sent_again(tmp_path: Path) -> None:
    """A lost object is no longer stored once somebody looks, and is sent anew from the spool.

    One that a person holds is reported like the others, and stays as it is held. What is found
    while the station is stopped its next start acts on.
    """
    share = Share(tmp_path)
    world = World(tmp_path, room=share)
    with station(world) as dockd:
        dockd.start()
        serial = world.film()
        world.dock(serial, "A1")
        cleared(dockd, world, serial)
        undocked(dockd, world, serial)
        assert verification(dockd)[0] == 0
        lost, held, _ = world.originals
        dockd.order("hold", "clips", held.key)
        for original in (lost, held):
            share.path_of(original.key).unlink()
        status, answer = verification(dockd)
        assert status == 1
        assert {bad["key"] for bad in answer["bad"]} == {lost.key, held.key}
        dockd.until(share.path_of(lost.key).exists, "it is sent again")
        dockd.happened("receipt-lost")
        assert dockd.count("clip-released") == 0
        dockd.order("release", "clips", held.key)
        dockd.order("retry", "clips", held.key)
        dockd.until(share.path_of(held.key).exists, "the other one too")
        dockd.happened("receipt-lost", count=2)
        assert verification(dockd) == (0, {**answer, "ok": 3, "bad": []})
        dockd.stop()
        share.path_of(lost.key).unlink()
        assert verification(dockd)[0] == 1
        dockd.start()
        dockd.until(share.path_of(lost.key).exists, "it is sent again after the start")
        dockd.stop()
    world.check_finished()
