"""What is new, over HTTP: the stream of events and the last day, on real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dockd.core import facts
from dockd.stages.follow import Follow
from dockd.station.http import stream as streams
from tests.fakes.still_clock import StillClock
from tests.station import ledger_parts as parts
from tests.station.answering_parts import Answering, answering, camera_in, lines_of

PATIENCE_S = 60


class Stream:
    """The stream of events as its lines come."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> tuple[str, int, Any]:
        """Return the next event: its name, its id and its data."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if name in ("event", "id", "data"):
                fields[name] = value
            elif not line and fields:
                return fields["event"], int(fields["id"]), json.loads(fields["data"])
        raise AssertionError("the stream ended")

    async def until(self, name: str, **fields: object) -> tuple[int, Any]:
        """Return the next event of a name and with such data."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found, sequence, data = await self.next()
                if found == name and fields.items() <= data.items():
                    return sequence, data


@asynccontextmanager
async def following(station: Answering, *, after: str | None = None) -> AsyncIterator[Stream]:
    """Follow a station over TCP."""
    headers = {} if after is None else {"last-event-id": after}
    async with station.by_tcp.stream("GET", "/v1/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        async with aclosing(lines_of(response)) as lines:
            yield Stream(lines)


@pytest.mark.asyncio
async def test_a_follower_is_told_of_every_slot_and_then_of_what_changes(tmp_path: Path) -> None:
    """First all slots, then the status without them; later a slot only when it changed."""
    async with answering(tmp_path) as station, following(station) as stream:
        first = [await stream.next() for _ in range(3)]
        assert [name for name, _, _ in first] == ["slot", "slot", "status"]
        assert [data["slot"] for _, _, data in first[:2]] == ["A1", "A2"]
        assert first[2][2].keys() == (await station.ask("/v1/status")).keys()
        assert first[2][2]["slots"] == []
        await station.ledger.record(parts.docked())
        camera_in(station.board)
        await stream.until("slot", slot="A1", camera=parts.CAMERA)
        name, _, _ = await stream.next()
        assert name == "status"


@pytest.mark.asyncio
async def test_the_status_comes_although_nothing_happens(tmp_path: Path) -> None:
    """A status comes again and again, so that silence means that the station is gone."""
    async with answering(tmp_path) as station, following(station) as stream:
        _, first = await stream.until("status")
        _, second = await stream.until("status")
        assert second["time"] > first["time"]


@pytest.mark.asyncio
async def test_what_the_record_says_of_clips_and_problems_is_told_once(tmp_path: Path) -> None:
    """Each event of a clip and each problem's begin and end comes once, with its place."""
    async with answering(tmp_path) as station, following(station) as stream:
        await stream.until("status")
        await station.ledger.record(parts.docked(), *parts.proven(1))
        await station.problems.open("store-unreachable", subject="store central", reason="x")
        await station.problems.clear("store-unreachable", subject="store central")
        heard = []
        while ("problem", "problem-closed") not in heard:
            name, _, data = await stream.next()
            heard += [(name, data["kind"])] if "kind" in data else []
        clip = await station.ledger.clip(1)
        assert heard == [
            ("clip", "clip-seen"), ("clip", "clip-copied"), ("clip", "clip-verified"),
            ("problem", "problem-opened"), ("problem", "problem-closed"),
        ]  # fmt: skip
        await station.ledger.record(facts.ClipGone(clip=1, docking=parts.DOCKING))
        sequence, data = await stream.until("clip")
        assert (data["id"], data["camera"], data["kind"]) == (clip.id, parts.CAMERA, "clip-gone")
        assert sequence == (await station.ledger.head()).sequence


@pytest.mark.asyncio
async def test_who_comes_back_goes_on_where_they_were(tmp_path: Path) -> None:
    """With Last-Event-ID everything behind it comes, however much it is, and nothing else."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *(parts.seen(n) for n in range(1, 4)))
        left_at = (await station.ledger.head()).sequence
        await station.ledger.record(*(parts.seen(n) for n in range(4, 504)))
        async with following(station, after=str(left_at)) as stream:
            for sequence in range(left_at + 1, left_at + 501):
                name, told, _ = await stream.next()
                assert (name, told) == ("clip", sequence)
            assert (await stream.next())[0] == "slot"


@pytest.mark.asyncio
@pytest.mark.parametrize("after", ["999999", "-1", "x", "", pytest.param("9" * 5000, id="huge")])
async def test_a_place_that_the_record_does_not_have_is_now(tmp_path: Path, after: str) -> None:
    """An id of another ledger, or none at all, begins with what there is now."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), parts.seen(1))
        async with following(station, after=after) as stream:
            assert (await stream.next())[0] == "slot"


@pytest.mark.asyncio
async def test_so_many_follow_and_no_more(tmp_path: Path) -> None:
    """One more than there is room for is told so, and let in once somebody left."""
    async with answering(tmp_path) as station, httpx2.AsyncClient() as client:
        url = f"http://{station.server.listen}/v1/events"
        held = [client.stream("GET", url) for _ in range(streams.AT_ONCE)]
        for one in held:
            assert (await one.__aenter__()).status_code == 200
        refused = await station.by_tcp.get("/v1/events")
        assert (refused.status_code, refused.json()["slug"]) == (503, "too-many-follow")
        await held.pop().__aexit__(None, None, None)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                async with station.by_tcp.stream("GET", "/v1/events") as response:
                    if response.status_code == 200:
                        break
        for one in held:
            await one.__aexit__(None, None, None)


@pytest.mark.asyncio
async def test_a_station_that_stops_does_not_wait_for_its_followers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that never ends uses up no grace: it is hung up, and nothing is cut off."""
    async with httpx2.AsyncClient() as client:
        async with answering(tmp_path) as station:
            reading = client.stream("GET", f"http://{station.server.listen}/v1/events")
            response = await reading.__aenter__()
            assert response.status_code == 200
        await reading.__aexit__(None, None, None)
    assert caplog.records == []


@pytest.mark.asyncio
async def test_the_day_is_kept_and_no_more_than_a_day(tmp_path: Path) -> None:
    """Every five minutes a point with the rate since the one before; a day of them and no more."""
    async with answering(tmp_path) as station:
        assert (await station.ask("/v1/history"))["points"] == []
        clock, enough = StillClock(), asyncio.Event()
        clock.when_slept = lambda: enough.set() if len(clock.slept) > 300 else None
        follow = Follow(station.report, ledger=station.ledger, clock=clock)
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            noting = group.create_task(follow.run())
            await enough.wait()
            noting.cancel()
        points = follow.history().points
        assert (follow.history().step_s, len(points)) == (300, 288)
        assert [point.time for point in points] == sorted({point.time for point in points})
        assert points[-1].spool_free_bytes > 0
