"""When the broker is tried again: later and later, each station at moments of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from dockd.core.announcement import Topics
from dockd.errors import MqttUnreachable
from dockd.ports.broker import BrokerLine
from dockd.stages.announce import Announce
from tests.fakes.still_clock import StillClock
from tests.stages.rig import rig_at, until

pytestmark = pytest.mark.asyncio


class Away:
    """A broker that is not there, but for one connection that ends after a while."""

    def __init__(self, clock: StillClock) -> None:
        self.clock = clock
        self.tried = 0
        self.lasts_s: dict[int, float] = {}

    def connected(self) -> AbstractAsyncContextManager[BrokerLine]:
        return self._connected()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[BrokerLine]:
        self.tried += 1
        self.clock.advance(self.lasts_s.get(self.tried, 0.0))
        raise MqttUnreachable("nobody there")
        yield  # type: ignore[unreachable]  # it makes this a generator

    async def try_out(self) -> None:
        raise MqttUnreachable("nobody there")


async def waited_s(
    folder: Path, *, chance: float, times: int, lasts_s: dict[int, float] | None = None
) -> list[float]:
    """Return how long was waited between so many attempts."""
    folder.mkdir()
    async with rig_at(folder) as rig:
        clock = StillClock(chance=chance)
        broker = Away(clock)
        broker.lasts_s = lasts_s or {}
        announce = Announce(
            broker,
            topics=Topics("site", "desk"),
            view=None,  # type: ignore[arg-type]  # nobody looks while there is no connection
            problems=rig.problems,
            clock=clock,
        )
        async with asyncio.TaskGroup() as group:
            task = group.create_task(announce.run())
            await until(lambda: len(clock.slept) >= times, what="it was tried so often")
            task.cancel()
        assert rig.open_problems() == {"mqtt-unreachable"}
        return clock.slept[:times]


async def test_a_broker_that_is_away_is_tried_later_and_later(tmp_path: Path) -> None:
    """From a second on and up to five minutes, and never all stations at the same moment."""
    early = await waited_s(tmp_path / "a", chance=0.1, times=14)
    late = await waited_s(tmp_path / "b", chance=0.9, times=14)
    assert early == sorted(early)
    assert early[0] <= 1
    assert late[-1] <= 300
    assert late[-1] > 100
    assert all(one < other for one, other in zip(early, late, strict=True))


async def test_a_connection_that_held_begins_it_anew(tmp_path: Path) -> None:
    """Over a minute it was well; one that ends at once is another attempt of the same kind."""
    held = await waited_s(tmp_path / "a", chance=0.5, times=8, lasts_s={6: 61.0})
    brief = await waited_s(tmp_path / "b", chance=0.5, times=8, lasts_s={6: 59.0})
    assert held[5] == held[0]
    assert brief[5] > brief[4]
