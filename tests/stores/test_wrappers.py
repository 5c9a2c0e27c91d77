"""Retry, rate limit and breaker around a store."""

import asyncio
from collections.abc import Iterator, Mapping

import pytest

from dockd.core.backoff import Backoff
from dockd.core.flow import BreakerPolicy, BreakerState
from dockd.errors import (
    StoreBucketMissing,
    StoreBusy,
    StoreLostObject,
    StoreUnreachable,
    UploadVanished,
)
from dockd.ports.store import Outgoing, Proven
from dockd.stores.guarded import GuardedStore
from dockd.stores.rate_limited import RateLimitedStore, SharedRate
from dockd.stores.retrying import RetryingStore
from tests.fakes.clip_content import content_of, sending
from tests.fakes.memory_store import MemoryStore
from tests.fakes.still_clock import StillClock

pytestmark = pytest.mark.asyncio


class FailingStore(MemoryStore):
    """Fails as often as it is told before it works."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self._errors = list(errors)
        self.calls = 0

    def fail(self, *errors: Exception) -> None:
        self._errors += errors

    def _maybe(self) -> None:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)

    async def find_object(self, outgoing: Outgoing) -> str | None:
        self._maybe()
        return await super().find_object(outgoing)

    async def create_upload(self, outgoing: Outgoing) -> str:
        self._maybe()
        return await super().create_upload(outgoing)

    async def complete(
        self, outgoing: Outgoing, *, upload_id: str, etags: Mapping[int, str]
    ) -> str:
        self._maybe()
        return await super().complete(outgoing, upload_id=upload_id, etags=etags)

    async def prove(self, outgoing: Outgoing, *, version: str) -> Proven:
        self._maybe()
        return await super().prove(outgoing, version=version)


class SlowStore(MemoryStore):
    """Answers when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def find_object(self, outgoing: Outgoing) -> str | None:
        self.asked.set()
        await self.answer.wait()
        return None


@pytest.fixture
def clock() -> StillClock:
    """A clock that every wait moves on."""
    return StillClock()


@pytest.fixture
def outgoing() -> Iterator[Outgoing]:
    """A clip of a few portions."""
    with sending(content_of(300_000)) as clip:
        yield clip


async def test_trouble_that_passes_is_not_seen_outside(
    clock: StillClock, outgoing: Outgoing
) -> None:
    """Two failures in a row are waited out with growing pauses."""
    inner = FailingStore(StoreUnreachable("no route"), StoreBusy("503"))
    store = RetryingStore(inner, clock=clock, policy=Backoff(base_s=1.0, cap_s=10.0))
    assert await store.find_object(outgoing) is None
    assert inner.calls == 3
    assert clock.slept == [0.5, 1.0]


async def test_retry_after_is_the_least_wait(clock: StillClock, outgoing: Outgoing) -> None:
    """A store that says when to come back is not asked any earlier."""
    inner = FailingStore(StoreBusy("503", retry_after_s=20.0))
    await RetryingStore(inner, clock=clock).find_object(outgoing)
    assert clock.slept == [25.0]


@pytest.mark.parametrize("told", ["find_object", "create_upload"])
async def test_what_a_store_asks_of_one_call_holds_for_all(
    clock: StillClock, outgoing: Outgoing, told: str
) -> None:
    """After a 503 no call of the station's goes out any earlier than the one that was told."""
    inner = FailingStore(StoreBusy("503", retry_after_s=20.0))
    store = RetryingStore(inner, clock=clock, tries=1)
    with pytest.raises(StoreBusy):
        await getattr(store, told)(outgoing)
    assert clock.slept == []
    await store.find_object(outgoing)
    # What was told, with its jitter, and a little more, so that not all come at once.
    assert clock.slept == [25.5]


async def test_a_store_that_asks_for_long_patience_is_not_waited_for(
    clock: StillClock, outgoing: Outgoing
) -> None:
    """A long Retry-After goes up at once: the clip waits in the queue, not in a call."""
    inner = FailingStore(StoreBusy("503", retry_after_s=900.0))
    with pytest.raises(StoreBusy):
        await RetryingStore(inner, clock=clock).find_object(outgoing)
    assert (inner.calls, clock.slept) == (1, [])


async def test_silence_is_not_borne_twice(clock: StillClock, outgoing: Outgoing) -> None:
    """What ended because nothing moved for a minute is said before it is tried again."""
    inner = FailingStore(StoreUnreachable("nothing moved", silent=True))
    with pytest.raises(StoreUnreachable):
        await RetryingStore(inner, clock=clock).find_object(outgoing)
    assert (inner.calls, clock.slept) == (1, [])


async def test_trouble_that_lasts_goes_up_as_it_is(clock: StillClock, outgoing: Outgoing) -> None:
    """After a bounded number of tries the transient error is the stage's."""
    inner = FailingStore(*[StoreUnreachable("no route")] * 9)
    with pytest.raises(StoreUnreachable):
        await RetryingStore(inner, clock=clock, tries=4).find_object(outgoing)
    assert inner.calls == 4


@pytest.mark.parametrize(
    "refusal",
    [StoreBucketMissing("gone"), StoreLostObject("gone"), UploadVanished("gone")],
)
async def test_an_answer_is_never_asked_for_twice(
    clock: StillClock, outgoing: Outgoing, refusal: Exception
) -> None:
    """What the store has clearly said is not retried here."""
    inner = FailingStore(refusal)
    with pytest.raises(type(refusal)):
        await RetryingStore(inner, clock=clock).prove(outgoing, version="")
    assert inner.calls == 1


async def test_what_may_have_happened_is_not_done_again_blindly(
    clock: StillClock, outgoing: Outgoing
) -> None:
    """Create and complete are tried once: after a lost reply the store is looked at first."""
    inner = FailingStore(StoreUnreachable("reset"))
    store = RetryingStore(inner, clock=clock)
    with pytest.raises(StoreUnreachable):
        await store.create_upload(outgoing)
    inner.fail(StoreUnreachable("reset"))
    with pytest.raises(StoreUnreachable):
        await store.complete(outgoing, upload_id="u", etags={})
    assert inner.calls == 2


async def test_streams_share_one_rate_to_the_byte(clock: StillClock, outgoing: Outgoing) -> None:
    """Two stores behind one limit take together exactly as long as their bytes need."""
    rate = SharedRate(clock=clock, rate_bytes_s=100_000)
    first, second = (RateLimitedStore(MemoryStore(), rate=rate) for _ in range(2))
    await first.put_whole(outgoing)
    await second.put_whole(outgoing)
    assert clock.monotonic_s() == pytest.approx(6.0, abs=0.1)
    assert (first.sent_bytes, second.sent_bytes) == (300_000, 300_000)


async def test_a_limit_changes_under_a_clip_that_is_being_sent(
    clock: StillClock, outgoing: Outgoing
) -> None:
    """A window that opens or closes is felt at the next portion, not at the next clip."""
    rate = SharedRate(clock=clock, rate_bytes_s=100_000)
    store = RateLimitedStore(MemoryStore(), rate=rate)

    clock.when_slept = lambda: rate.change(None)
    await store.put_whole(outgoing)
    # The first portion waited, and the rest went unlimited.
    assert clock.slept == pytest.approx([0.05])


async def test_without_a_limit_nothing_waits(clock: StillClock, outgoing: Outgoing) -> None:
    """No limit means no pauses, and the bytes are still counted."""
    rate = SharedRate(clock=clock)
    store = RateLimitedStore(MemoryStore(), rate=rate)
    await store.put_whole(outgoing)
    assert clock.slept == []
    assert store.sent_bytes == 300_000


async def test_a_thread_is_let_through_only_where_nothing_limits(clock: StillClock) -> None:
    """What goes at once is counted; under a limit nothing does, and nothing is counted."""
    rate = SharedRate(clock=clock)
    store = RateLimitedStore(MemoryStore(), rate=rate)
    assert store.goes_at_once(1000)
    rate.change(1.0)
    assert not store.goes_at_once(1000)
    assert store.sent_bytes == 1000


def guarded(inner: MemoryStore, clock: StillClock) -> GuardedStore:
    """Open after two failures, for 5 to 10 seconds."""
    policy = BreakerPolicy(failures_to_open=2, backoff=Backoff(base_s=10.0, cap_s=10.0))
    return GuardedStore(inner, clock=clock, policy=policy)


async def test_a_store_that_is_down_is_left_alone(clock: StillClock, outgoing: Outgoing) -> None:
    """An open breaker answers at once, with the reason and the time of the next attempt."""
    inner = FailingStore(*[StoreUnreachable("no route to it")] * 2)
    store = guarded(inner, clock)
    for _ in range(2):
        with pytest.raises(StoreUnreachable):
            await store.find_object(outgoing)
    assert store.breaker is BreakerState.OPEN
    with pytest.raises(StoreUnreachable) as caught:
        await store.find_object(outgoing)
    assert caught.value.retry_after_s == 5.0
    assert "no route to it" in caught.value.reason
    assert inner.calls == 2


async def test_one_request_finds_out_whether_the_store_is_back(
    clock: StillClock, outgoing: Outgoing
) -> None:
    """Half open, a single request goes through; its success lets everyone in again."""
    inner = FailingStore(*[StoreBusy("503")] * 2)
    store = guarded(inner, clock)
    for _ in range(2):
        with pytest.raises(StoreBusy):
            await store.find_object(outgoing)
    clock.advance(5.0)
    await store.find_object(outgoing)
    assert store.breaker is BreakerState.CLOSED
    assert store.reason == ""


async def test_half_open_lets_only_one_through_and_survives_its_cancellation(
    clock: StillClock, outgoing: Outgoing
) -> None:
    """While the one request is under way others are sent off; if it is given up, another may go."""
    inner = SlowStore()
    store = guarded(inner, clock)
    failing = FailingStore(*[StoreBusy("503")] * 2)
    store.inner = failing
    for _ in range(2):
        with pytest.raises(StoreBusy):
            await store.find_object(outgoing)
    store.inner = inner
    clock.advance(5.0)
    async with asyncio.TaskGroup() as tasks:
        probing = tasks.create_task(store.find_object(outgoing))
        await inner.asked.wait()
        assert store.breaker == "half-open"
        with pytest.raises(StoreUnreachable):
            await store.find_object(outgoing)
        probing.cancel()
    assert store.breaker == "open"
    inner.answer.set()
    await store.find_object(outgoing)
    assert store.breaker is BreakerState.CLOSED


async def test_a_refusal_does_not_open_the_breaker(clock: StillClock, outgoing: Outgoing) -> None:
    """A store that says no is up."""
    inner = FailingStore(*[StoreBucketMissing("no such bucket")] * 9)
    store = guarded(inner, clock)
    for _ in range(9):
        with pytest.raises(StoreBucketMissing):
            await store.find_object(outgoing)
    assert store.breaker is BreakerState.CLOSED
