"""The line to a store, as those who wait in it see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import Clip
from dockd.core.turn import Turn
from dockd.ports.store import Outgoing
from dockd.stages.turns import Turns
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import Rig, rig_at, running, until

pytestmark = pytest.mark.asyncio

CLIP_BYTES = 300_000
# Two lanes, and the one more that clips of one part have.
PARALLEL = 3


class HeldStore(MemoryStore):
    """Takes every clip in, and lets none arrive before the test says so."""

    def __init__(self) -> None:
        super().__init__(name="central")
        self.asked = 0
        self.open = asyncio.Event()

    async def put_whole(self, outgoing: Outgoing) -> str:
        self.asked += 1
        await self.open.wait()
        return await super().put_whole(outgoing)

    async def create_upload(self, outgoing: Outgoing) -> str:
        self.asked += 1
        await self.open.wait()
        return await super().create_upload(outgoing)


class Line:
    """A station with clips in the line, two of them being sent."""

    def __init__(self, rig: Rig, store: HeldStore) -> None:
        self.rig = rig
        self.store = store
        self.sent_bytes = 0
        (self.upload,) = rig.uploads
        self.turns = Turns(
            "central",
            ledger=rig.ledger,
            clock=rig.clock,
            under_way=self.upload.under_way,
            in_order=self.upload.in_order,
            sent_bytes=lambda: self.sent_bytes,
        )

    async def measure(self, rate_bytes_s: int) -> None:
        """Have the line move for a minute."""

        def send() -> None:
            self.sent_bytes += int(rate_bytes_s * self.rig.clock.slept[-1])

        self.rig.clock.when_slept = send
        began_s = self.rig.clock.monotonic_s()
        async with asyncio.TaskGroup() as tasks:
            measuring = tasks.create_task(self.turns.run())
            while self.rig.clock.monotonic_s() < began_s + 60:  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0)
            measuring.cancel()

    async def sentences(self) -> dict[str, tuple[int, tuple[str, ...], bool]]:
        """Return how many are before each clip and who, by the clip's id."""
        self.rig.clock.advance(2)
        found = {}
        for clip in await self.rig.clips():
            turn = await self.turns.of(clip)
            if turn is not None:
                found[clip.id] = (turn.before, turn.ahead, turn.sending)
        return found


@asynccontextmanager
async def line_of(folder: Path, *, clips: int) -> AsyncIterator[Line]:
    """Lend a line of clips at a store that holds them up."""
    store = HeldStore()
    async with rig_at(folder, stores=[store]) as rig, running(rig):
        camera = rig.rack.folder("A1", "BWC-1")
        for number in range(clips):
            (camera / f"{number}.mp4").write_bytes(bytes([number]) * CLIP_BYTES)
        line = Line(rig, store)
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: store.asked == PARALLEL, what="all lanes are taken")
        await until(lambda: len(verified(rig)) == clips, what="the others wait")
        yield line


def verified(rig: Rig) -> set[int]:
    """Say which clips are proven, by their numbers."""
    return {fact.clip for fact in rig.committed if isinstance(fact, facts.ClipVerified)}


def stored(rig: Rig) -> set[int]:
    """Say which clips got a receipt, by their numbers."""
    return {fact.clip for fact in rig.committed if isinstance(fact, facts.ReceiptAccepted)}


async def test_the_line_is_told_as_it_is_followed(tmp_path: Path) -> None:
    """Who is sent is at the front; behind them each has one more before it, in the same order."""
    async with line_of(tmp_path, clips=6) as line:
        told = await line.sentences()
        sending = [clip for clip, (_, _, is_sent) in told.items() if is_sent]
        assert len(sending) == PARALLEL
        waiting = sorted(
            ((before, clip) for clip, (before, _, is_sent) in told.items() if not is_sent)
        )
        assert [before for before, _ in waiting] == [3, 4, 5]
        followed = [clip.id for clip in line.upload.in_order(await line.rig.clips())]
        assert [clip for _, clip in waiting] == [one for one in followed if one not in sending]
        assert told[waiting[0][1]][1] == tuple(one for one in followed if one in sending)


async def test_the_time_is_that_of_all_that_goes_before(tmp_path: Path) -> None:
    """At a measured 30 kB/s a clip of 300 kB behind three others is there in 40 s."""
    async with line_of(tmp_path, clips=4) as line:
        clips = await line.rig.clips()
        assert {(await of(line, clip)).eta_s for clip in clips} == {None}
        await line.measure(30_000)
        etas_s = sorted([(await of(line, clip)).eta_s or 0.0 for clip in clips])
        assert etas_s == pytest.approx([30.0, 30.0, 30.0, 40.0])


async def test_who_arrived_has_no_turn(tmp_path: Path) -> None:
    """A clip that the store has is in no line."""
    async with line_of(tmp_path, clips=PARALLEL) as line:
        line.store.open.set()
        # A wipe has a receipt repeated, which is not another clip's.
        await until(lambda: len(stored(line.rig)) == PARALLEL, what="all are stored")
        assert await line.sentences() == {}


async def of(line: Line, clip: Clip) -> Turn:
    """Return a turn that there is, of now."""
    line.rig.clock.advance(2)
    turn = await line.turns.of(clip)
    assert turn is not None
    return turn
