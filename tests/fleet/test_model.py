"""The model's own parts: time, links that are shared, and a store that keeps to its capacity."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.errors import StoreBusy, StoreUnreachable
from tests.fleet.kernel import Kernel, Pause
from tests.fleet.link import Link
from tests.fleet.store import CentralStore, Phase, fair_share

RATES = st.floats(min_value=1e3, max_value=1e9)
BODIES = st.lists(
    st.tuples(st.floats(min_value=0, max_value=100), st.integers(min_value=1, max_value=10**7)),
    min_size=1,
    max_size=20,
)


def _until_idle_s(bodies: list[tuple[float, int]], *, rate_bytes_s: float) -> float:
    """Return when a link that never rests has sent everything."""
    idle_s = 0.0
    for begin_s, size_bytes in sorted(bodies):
        idle_s = max(idle_s, begin_s) + size_bytes / rate_bytes_s
    return idle_s


@given(bodies=BODIES, rate_bytes_s=RATES)
def test_a_link_rests_only_when_there_is_nothing_to_send(
    bodies: list[tuple[float, int]], rate_bytes_s: float
) -> None:
    """However bodies overlap, the last is through when one after another would have been."""
    kernel = Kernel()
    link = Link(kernel, rate_bytes_s=rate_bytes_s)
    through_s = []

    async def send(begin_s: float, size_bytes: int) -> None:
        await kernel.sleep(begin_s)
        await link.send(size_bytes)
        through_s.append(kernel.now_s)

    for body in bodies:
        kernel.start(send(*body))
    kernel.run(until_s=math.inf)
    assert len(through_s) == len(bodies)
    assert link.flows == 0
    expected_s = _until_idle_s(bodies, rate_bytes_s=rate_bytes_s)
    assert through_s[-1] == pytest.approx(expected_s, rel=1e-6)


def test_bodies_on_one_link_get_equal_shares() -> None:
    """Of two that begin together, the one of half the size is through at two thirds of the time."""
    kernel = Kernel()
    link = Link(kernel, rate_bytes_s=100)
    through_s = []

    async def send(size_bytes: int) -> None:
        await link.send(size_bytes)
        through_s.append(kernel.now_s)

    kernel.start(send(1000))
    kernel.start(send(500))
    kernel.run(until_s=math.inf)
    assert through_s == pytest.approx([10, 15])


def test_a_body_that_is_given_up_leaves_the_link_to_the_others() -> None:
    """A cancelled body takes nothing any more, and the one beside it has the whole link."""
    kernel = Kernel()
    link = Link(kernel, rate_bytes_s=100)
    kept = kernel.start(link.send(1000))
    given_up = kernel.start(link.send(1000))
    kernel.at(2, lambda _: given_up.cancel())
    kernel.at(10.9, lambda _: through.append(kept.pause is not None))
    kernel.at(11.1, lambda _: through.append(kept.pause is not None))
    through: list[bool] = []
    kernel.run(until_s=math.inf)
    assert through == [True, False]
    assert link.flows == 0


def test_broken_connections_are_told_to_all_who_send() -> None:
    """When the far side fails, every body under way ends with its error, once."""
    kernel = Kernel()
    link = Link(kernel, rate_bytes_s=1)
    ended = []
    for _ in range(3):
        kernel.start(link.send(1000), done=lambda task: ended.append(task.error))
    error = StoreUnreachable("reset")
    kernel.at(5, lambda _: link.break_all(error))
    kernel.run(until_s=math.inf)
    assert ended == [error, error, error]
    assert link.flows == 0


@given(
    links=st.lists(st.tuples(RATES, st.integers(min_value=1, max_value=4)), max_size=30),
    total_bytes_s=RATES,
)
def test_what_the_store_takes_is_shared_out_whole(
    links: list[tuple[float, int]], total_bytes_s: float
) -> None:
    """The shares add up to the store's ingest, or to all that the links can bring."""
    share_bytes_s = fair_share(links, total_bytes_s=total_bytes_s)
    taken = sum(min(rate_bytes_s, flows * share_bytes_s) for rate_bytes_s, flows in links)
    brought = sum(rate_bytes_s for rate_bytes_s, _ in links)
    assert taken == pytest.approx(min(total_bytes_s, brought))


def test_a_pause_that_ended_before_anybody_waited_is_no_wait() -> None:
    """Who is let in before it asks goes on at once, and only the first end counts."""
    kernel = Kernel()
    pause = Pause()
    pause.end()
    pause.end(StoreUnreachable("too late"))
    ended = []

    async def wait() -> None:
        await pause

    kernel.start(wait(), done=lambda task: ended.append(task.error))
    kernel.run(until_s=0)
    assert ended == [None]


def test_a_task_that_is_cancelled_before_it_began_never_begins() -> None:
    """Cancelling is over on return, whatever was planned."""
    kernel = Kernel()
    begun = []

    async def begin() -> None:
        begun.append(True)

    kernel.start(begin()).cancel()
    kernel.run(until_s=math.inf)
    assert begun == []


@given(
    moments=st.lists(st.floats(min_value=0, max_value=5), min_size=1, max_size=300),
    requests_s=st.integers(min_value=10, max_value=40),
)
def test_the_store_takes_no_more_than_its_capacity(moments: list[float], requests_s: int) -> None:
    """Over any stretch it answers at most its capacity and a second's burst; the rest is shed."""
    kernel = Kernel()
    phase = Phase(from_s=0, requests_s=requests_s, ingest_bytes_s=1)
    central = CentralStore(kernel, phases=[phase], retry_after_s=7)
    link = central.link(rate_bytes_s=1)
    taken: list[float] = []
    refused: list[StoreBusy] = []

    async def ask(at_s: float) -> None:
        await kernel.sleep(at_s)
        try:
            await central.take(link, act=lambda: taken.append(at_s))
        except StoreBusy as error:
            refused.append(error)

    for at_s in moments:
        kernel.start(ask(at_s))
    kernel.run(until_s=60)
    assert len(taken) + len(refused) == len(moments) == central.asked.total()
    assert len(refused) == central.shed.total()
    assert all(error.retry_after_s == 7 for error in refused)
    taken.sort()
    for first, begin_s in enumerate(taken):
        for last, end_s in enumerate(taken[first:], first):
            assert last - first + 1 <= requests_s * (end_s - begin_s + 1) + 1e-6
