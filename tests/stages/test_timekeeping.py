"""A station whose clock is wrong: it works by its store's, says so, and says when it is right."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import pytest

from dockd.ports.store import TellsTime
from dockd.stages.problems import ProblemBoard
from dockd.stages.timekeeping import Timekeeping
from dockd.station.ledger import open_ledger
from dockd.stores.s3 import S3Options, S3Store
from tests.fakes.broken_s3 import Answer, BrokenS3, Heard, broken_s3, error
from tests.fakes.clip_content import content_of, sending
from tests.fakes.lines import Lines
from tests.fakes.still_clock import StillClock

pytestmark = pytest.mark.asyncio

HOUR = timedelta(hours=1)
STORES_TIME = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> StillClock:
    """A station's clock that is an hour behind."""
    return StillClock(now=STORES_TIME - HOUR)


@pytest.fixture
def problems(tmp_path: Path, clock: StillClock) -> Iterator[ProblemBoard]:
    """An empty board."""
    ledger = open_ledger(tmp_path / "ledger.sqlite3", clock=clock)
    try:
        yield ProblemBoard(ledger=ledger, journal=Lines(), clock=clock)
    finally:
        ledger.close()


def strict(heard: Heard) -> Answer:
    """Refuse what is signed more than 15 minutes away from the store's time, as S3 does."""
    signed = datetime.strptime(heard.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if abs(signed - STORES_TIME) > timedelta(minutes=15):
        return error(403, "RequestTimeTooSkewed", Date=format_datetime(STORES_TIME, usegmt=True))
    return Answer(200, b"", {"ETag": '"e"', "Date": format_datetime(STORES_TIME, usegmt=True)})


@asynccontextmanager
async def connected(clock: StillClock, folder: Path) -> AsyncIterator[tuple[S3Store, BrokenS3]]:
    """Give a station's client of the strict store."""
    credentials = folder / "credentials"
    credentials.write_text("[default]\naws_access_key_id=a\naws_secret_access_key=b\n")
    async with broken_s3(strict, clock=clock) as server:
        options = S3Options(
            name="central",
            endpoint=server.endpoint,
            bucket="footage",
            station="test-01",
            credentials=credentials,
        )
        store = S3Store(options, clock=clock)
        try:
            yield store, server
        finally:
            await store.close()


async def test_a_clock_an_hour_wrong_sends_all_the_same_and_is_said(
    clock: StillClock, problems: ProblemBoard, tmp_path: Path
) -> None:
    """After one refusal all is signed by the store's time, and a problem tells of the hour.

    It clears itself when the clock is set, without another word from the store; and what is
    signed then follows.
    """
    async with connected(clock, tmp_path) as (store, server):
        timekeeping = Timekeeping(
            {"central": lambda: store.clock_offset_s}, problems=problems, clock=clock
        )
        await timekeeping.look()
        assert problems.current() == []
        with sending(content_of(1)) as outgoing:
            await store.find_object(outgoing)
            await store.put_whole(outgoing)
            assert len(server.heard) == 3
            await timekeeping.look()
            (problem,) = problems.current()
            assert problem.slug == "clock-wrong"
            assert "3600 s behind that of store central" in problem.reason
            clock.set_forward(HOUR)
            await timekeeping.look()
            assert problems.current() == []
            await store.put_whole(outgoing)


@pytest.mark.parametrize(
    ("offsets_s", "slugs"),
    [
        ({"a": None}, []),
        ({"a": 59.0}, []),
        ({"a": 60.0}, ["clock-wrong"]),
        ({"a": -3600.0}, ["clock-wrong"]),
        ({"a": 0.0, "b": 4000.0, "c": None}, ["clock-wrong"]),
    ],
)
async def test_the_clock_is_wrong_by_whichever_store_is_furthest(
    clock: StillClock,
    problems: ProblemBoard,
    offsets_s: dict[str, float | None],
    slugs: list[str],
) -> None:
    """A minute counts, either way; a store that has not answered yet does not."""
    offsets = {name: (lambda offset=offset: offset) for name, offset in offsets_s.items()}
    await Timekeeping(offsets, problems=problems, clock=clock).look()
    assert [problem.slug for problem in problems.current()] == slugs


async def test_a_clock_on_the_edge_is_not_said_again_and_again(
    clock: StillClock, problems: ProblemBoard
) -> None:
    """Once wrong it is right again within half a minute, and not before."""
    offsets_s = iter([61.0, 59.0, 31.0, 30.0, 59.0])
    timekeeping = Timekeeping({"a": lambda: next(offsets_s)}, problems=problems, clock=clock)
    for known in (1, 1, 1, 0, 0):
        await timekeeping.look()
        assert len(problems.current()) == known


async def test_a_synchronised_clock_is_said_to_be_one(
    clock: StillClock, problems: ProblemBoard
) -> None:
    """Where the station's time is disciplined, whoever reads it knows whose clock to doubt."""
    clock.synchronised = True
    await Timekeeping({"a": lambda: 3600.0}, problems=problems, clock=clock).look()
    assert "although synchronised" in problems.current()[0].reason


async def test_a_store_that_anybody_can_speak_for_vouches_for_nothing(
    clock: StillClock, problems: ProblemBoard
) -> None:
    """Over plain HTTP a wrong clock is said and signed by; what time it is, nobody has told.

    Whoever sits on that way would make a list of holds of last week look new.
    """
    clock.synchronised = False
    heard_s: dict[str, float] = {}
    timekeeping = Timekeeping(
        {name: partial(heard_s.get, name) for name in ("plain", "safe", "late")},
        vouching={"safe", "late"},
        problems=problems,
        clock=clock,
    )
    heard_s["plain"] = -7 * 24 * 3600.0
    await timekeeping.look()
    assert "store plain" in problems.current()[0].reason
    assert timekeeping.vouched_now() is None
    heard_s["safe"] = 3600.0
    assert timekeeping.vouched_now() == STORES_TIME
    heard_s["late"] = 1800.0
    assert timekeeping.vouched_now() == STORES_TIME
    clock.synchronised = True
    clock.set_forward(2 * HOUR)
    heard_s["safe"] = -3600.0
    heard_s["late"] = -5400.0
    assert timekeeping.vouched_now() == clock.now()


async def test_an_s3_store_tells_the_time(clock: StillClock, tmp_path: Path) -> None:
    """What a daemon asks a store for is what an S3 store has."""
    async with connected(clock, tmp_path) as (store, _):
        assert isinstance(store, TellsTime)
