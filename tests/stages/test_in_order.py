"""A store whose uploads grow at their end: its parts are sent one after another."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.errors import StoreUnreachable
from dockd.ports.store import Outgoing
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import Rig, rig_at, running, until
from tests.station.spool_parts import PART

pytestmark = pytest.mark.asyncio


class GrowingStore(MemoryStore):
    """A store that takes a part only behind the one before it, and nothing in one request."""

    in_order = True

    def __init__(self, *, breaks_at: int | None = None) -> None:
        super().__init__(name="central")
        self.breaks_at = breaks_at
        self.sent: list[tuple[str, int]] = []
        self.under_way: Counter[str] = Counter()

    async def takes_whole(self, outgoing: Outgoing) -> bool:
        return not outgoing.expected.size_bytes

    async def send_part(self, outgoing: Outgoing, *, upload_id: str, index: int) -> str:
        assert not self.under_way[upload_id], "two parts of one upload are under way"
        self.under_way[upload_id] += 1
        # Whoever else may run runs now.
        await asyncio.sleep(0.01)
        self.under_way[upload_id] -= 1
        if self.breaks_at == index:
            self.breaks_at = None
            raise StoreUnreachable("the link broke")
        self.sent.append((upload_id, index))
        return await super().send_part(outgoing, upload_id=upload_id, index=index)


async def stored(rig: Rig, sizes: list[int]) -> None:
    """Dock a camera with files of these sizes and wait until the store has them."""
    folder = rig.rack.folder("A1", "BWC-1")
    for number, size_bytes in enumerate(sizes):
        with (folder / f"{number}.MP4").open("wb") as file:
            file.truncate(size_bytes)
    rig.rack.dock("A1", "BWC-1")

    def all_stored() -> bool:
        # Whoever waits for the store has waited long enough.
        rig.clock.advance(1.0)
        # A receipt is given again when it is confirmed.
        given = [fact for fact in rig.committed if isinstance(fact, facts.ReceiptAccepted)]
        return len({fact.clip for fact in given}) == len(sizes)

    await until(all_stored, what="all is stored")


async def test_parts_go_one_after_another(tmp_path: Path) -> None:
    """However many parts could be in flight, this store sees them in their order."""
    store = GrowingStore()
    async with rig_at(tmp_path, stores=[store]) as rig, running(rig):
        await stored(rig, [40 * PART])
    assert [index for _, index in store.sent] == list(range(40))


async def test_a_clip_of_one_part_gets_an_upload_where_the_store_asks_for_it(
    tmp_path: Path,
) -> None:
    """The ledger knows the upload of whatever has something to send; an empty clip has none."""
    store = GrowingStore()
    async with rig_at(tmp_path, stores=[store]) as rig, running(rig):
        await stored(rig, [1000, 0])
        assert rig.count(facts.UploadOpened) == 1
    assert [index for _, index in store.sent] == [0]


async def test_a_broken_part_is_sent_again_to_the_same_upload(tmp_path: Path) -> None:
    """Trouble with the link costs the part that was in flight, and no new upload."""
    store = GrowingStore(breaks_at=1)
    async with rig_at(tmp_path, stores=[store]) as rig, running(rig):
        await stored(rig, [2 * PART + 1])
        assert rig.count(facts.UploadOpened) == 1
    assert [index for _, index in store.sent] == [0, 1, 2]
    assert len({upload for upload, _ in store.sent}) == 1
