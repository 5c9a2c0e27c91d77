"""Parts in flight: as many as arrive well, fewer at once when they do not."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from dockd.core.backoff import Backoff
from dockd.errors import StoreBusy, StoreChecksumMismatch, StoreUnreachable
from dockd.ports.store import Outgoing
from dockd.stores.retrying import RetryingStore
from dockd.stores.windowed import WindowedStore
from tests.fakes.clip_content import content_of, expected_of, sending
from tests.fakes.memory_store import MemoryStore
from tests.fakes.still_clock import StillClock

pytestmark = pytest.mark.asyncio


class HeldStore(MemoryStore):
    """Takes parts in and answers each when the test says how."""

    def __init__(self) -> None:
        super().__init__()
        self.flying: dict[int, asyncio.Future[str]] = {}
        self.most = 0

    async def send_part(self, outgoing: Outgoing, *, upload_id: str, index: int) -> str:
        del outgoing, upload_id
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.flying[index] = answer
        self.most = max(self.most, len(self.flying))
        try:
            return await answer
        finally:
            del self.flying[index]

    async def answer(self, *, error: Exception | None = None) -> None:
        """Answer everything that flies now."""
        for one in list(self.flying.values()):
            if error is None:
                one.set_result("etag")
            else:
                one.set_exception(error)
        await settled()


@pytest.fixture
def outgoing() -> Iterator[Outgoing]:
    """A clip of many parts."""
    content = content_of(64)
    with sending(content, expected=expected_of(content, part_size_bytes=1)) as clip:
        yield clip


async def settled() -> None:
    """Let whatever can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


@asynccontextmanager
async def parts(
    store: WindowedStore | RetryingStore, outgoing: Outgoing, *, count: int
) -> AsyncIterator[list["asyncio.Task[str]"]]:
    """Ask for many parts to be sent at once; what is left at the end is given up."""
    async with asyncio.TaskGroup() as group:

        async def part(index: int) -> str:
            try:
                return await store.send_part(outgoing, upload_id="u1", index=index)
            except (StoreUnreachable, StoreBusy, StoreChecksumMismatch) as error:
                return error.slug

        asked = [group.create_task(part(index)) for index in range(count)]
        await settled()
        yield asked
        for task in asked:
            task.cancel()


async def test_it_begins_with_one_part_and_grows_to_four(outgoing: Outgoing) -> None:
    """Each window of parts that arrived allows one more, up to four."""
    inner = HeldStore()
    seen = []
    async with parts(WindowedStore(inner), outgoing, count=20):
        for _ in range(5):
            seen.append(len(inner.flying))
            await inner.answer()
    assert seen == [1, 2, 3, 4, 4]
    assert inner.most == 4


async def test_one_burst_of_failures_halves_once(outgoing: Outgoing) -> None:
    """Four parts that a link drops together are one sign that it was too much, not four."""
    inner = HeldStore()
    store = WindowedStore(inner)
    async with parts(store, outgoing, count=20):
        for _ in range(3):
            await inner.answer()
        assert len(inner.flying) == 4
        await inner.answer(error=StoreUnreachable("reset"))
        assert store.parts == len(inner.flying) == 2
        await inner.answer(error=StoreBusy("503"))
        assert store.parts == len(inner.flying) == 1


async def test_a_failure_that_is_retried_well_counts_all_the_same(outgoing: Outgoing) -> None:
    """A store that sheds load is asked for less at once, although each part arrives in the end."""
    inner = HeldStore()
    windowed = WindowedStore(inner)
    clock = StillClock()
    store = RetryingStore(windowed, clock=clock, policy=Backoff(base_s=1.0, cap_s=1.0))
    async with parts(store, outgoing, count=8) as asked:
        for _ in range(2):
            await inner.answer()
        assert windowed.parts == 3
        await inner.answer(error=StoreBusy("503"))
        assert windowed.parts == 1
        while not all(task.done() for task in asked):
            await inner.answer()
        assert {task.result() for task in asked} == {"etag"}


@pytest.mark.parametrize("ending", ["refused", "cancelled"])
async def test_what_says_nothing_of_the_link_changes_nothing(
    outgoing: Outgoing, ending: str
) -> None:
    """A part that was damaged or given up makes room, and makes the window no smaller."""
    inner = HeldStore()
    store = WindowedStore(inner)
    async with parts(store, outgoing, count=12) as asked:
        await inner.answer()
        assert len(inner.flying) == 2
        if ending == "refused":
            await inner.answer(error=StoreChecksumMismatch("damaged"))
        else:
            for index in list(inner.flying):
                asked[index].cancel()
            await settled()
        assert store.parts == len(inner.flying) == 2


async def test_who_is_given_up_while_waiting_leaves_no_gap(outgoing: Outgoing) -> None:
    """A part that was cancelled in the line, or just as its turn came, blocks nobody behind it."""
    inner = HeldStore()
    async with parts(WindowedStore(inner), outgoing, count=6) as asked:
        asked[1].cancel()
        await settled()
        for one in list(inner.flying.values()):
            one.set_result("etag")
        # Its turn comes in this very moment, and it is cancelled before it can know.
        asked[2].cancel()
        await settled()
        assert inner.flying
        while not all(task.done() for task in asked):
            await inner.answer()
        assert [task.cancelled() for task in asked] == [False, True, True, False, False, False]
