"""Clips that are sent side by side take the store's places for parts in turns."""

import asyncio
from itertools import count
from pathlib import Path

import pytest

from dockd.ports.store import Outgoing
from dockd.stages.room import Room
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import rig_at, running
from tests.stages.test_in_order import stored
from tests.station.spool_parts import PART

pytestmark = pytest.mark.asyncio

LARGE, SMALL = 48 * PART, 3 * PART


class WatchedStore(MemoryStore):
    """Notes whose part arrives when, of a large clip and of a small one that comes behind it."""

    def __init__(self) -> None:
        super().__init__(name="central")
        self.arrived: list[int] = []
        self._large_has_begun = asyncio.Event()
        self._small_is_there = asyncio.Event()

    async def create_upload(self, outgoing: Outgoing) -> str:
        if outgoing.expected.size_bytes == SMALL:
            await self._large_has_begun.wait()
            self._small_is_there.set()
        return await super().create_upload(outgoing)

    async def send_part(self, outgoing: Outgoing, *, upload_id: str, index: int) -> str:
        self._large_has_begun.set()
        await self._small_is_there.wait()
        self.arrived.append(outgoing.expected.size_bytes)
        return await super().send_part(outgoing, upload_id=upload_id, index=index)


async def test_a_small_clip_is_not_behind_all_parts_of_a_large_one(tmp_path: Path) -> None:
    """Two clips in parallel share the link, however many parts the first of them asks for."""
    store = WatchedStore()
    async with rig_at(tmp_path, stores=[store]) as rig, running(rig):
        await stored(rig, [LARGE, SMALL])
    last_of_small = max(place for place, size in enumerate(store.arrived) if size == SMALL)
    assert store.arrived.count(LARGE) == 48
    assert store.arrived[:last_of_small].count(LARGE) < 30


async def test_places_are_never_overdrawn_nor_lost() -> None:
    """Whoever is cancelled, waiting or just admitted, leaves its place to the next."""
    room = Room(2)
    inside: set[int] = set()
    most = 0
    go_on = asyncio.Event()

    async def part(number: int) -> None:
        nonlocal most
        async with room.taken_by(number % 3):
            inside.add(number)
            most = max(most, len(inside))
            try:
                await go_on.wait()
            finally:
                inside.discard(number)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part(number)) for number in range(12)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert inside == {0, 1}
        # One waits; one is inside, and the one behind it is admitted and cancelled in one moment.
        tasks[2].cancel()
        tasks[0].cancel()
        await asyncio.sleep(0)
        for task in tasks[3:6]:
            task.cancel()
        await asyncio.sleep(0)
        go_on.set()
    assert most == 2
    assert [number for number, task in enumerate(tasks) if task.cancelled()] == [0, 2, 3, 4, 5]
    async with asyncio.timeout(5), room.taken_by(1), room.taken_by(2):
        pass


async def test_clips_that_come_one_after_the_other_do_not_starve_one_that_is_sent() -> None:
    """A clip on its way has its turns beside ever new ones of a single part."""
    room = Room(1)
    order: list[int] = []
    new = count(1)

    async def sent(clip: int) -> None:
        async with room.taken_by(clip):
            order.append(clip)
            await asyncio.sleep(0)

    async def ever_new() -> None:
        while len(order) < 100:
            await sent(next(new))

    async def large() -> None:
        while len(order) < 100:
            await sent(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(ever_new())
        group.create_task(large())
    assert order.count(0) >= 15


async def test_a_clip_whose_parts_were_cancelled_does_not_fall_behind() -> None:
    """One part fails and the others of its clip are cancelled: it asks again without a debt."""
    room = Room(1)
    order: list[str] = []
    go_on = asyncio.Event()

    async def part(clip: int, name: str) -> None:
        async with room.taken_by(clip):
            order.append(name)
            await go_on.wait()

    async with asyncio.TaskGroup() as group:
        failed = [group.create_task(part(1, "in vain")) for _ in range(20)]
        await asyncio.sleep(0)
        for task in failed[1:]:
            task.cancel()
        await asyncio.sleep(0)
        for _ in range(5):
            group.create_task(part(2, "other"))
        group.create_task(part(1, "again"))
        await asyncio.sleep(0)
        go_on.set()
    assert order[:3] == ["in vain", "other", "again"]
