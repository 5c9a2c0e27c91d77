"""No hold is forgotten with a restored ledger, and none comes back that was released."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.facts import HoldKind
from dockd.core.hold import Hold
from dockd.errors import SpoolReadOnly
from dockd.ports.station import Order, SubjectKind, Verb
from dockd.stages.obey import Obey
from dockd.stages.problems import ProblemBoard
from dockd.stages.remember import HoldMemory
from dockd.station.ledger import SqliteLedger
from dockd.station.spool.holds import FILE_NAME, SpoolHolds
from tests.fakes.lines import Lines
from tests.fakes.still_clock import StillClock
from tests.station import ledger_parts as parts

LEDGER = "ledger.sqlite3"
LATER = "20261124T020000Z-00000002"


@dataclass(frozen=True)
class Start:
    """One start of a station, as far as holds are concerned."""

    ledger: SqliteLedger
    holds: HoldMemory
    obey: Obey
    problems: ProblemBoard

    async def order(
        self,
        verb: Verb,
        reference: str,
        *,
        kind: SubjectKind = "clips",
        hold: HoldKind = "legal",
    ) -> None:
        """Carry out an order of alice's."""
        order = Order(
            verb=verb, kind=kind, reference=reference, why="a case", hold=hold, actor="alice"
        )
        await self.obey.carry_out(order)

    def slugs(self) -> list[str]:
        """Return what is wrong now."""
        return [problem.slug for problem in self.problems.current()]


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Start]:
    """Open the ledger in ``folder`` and settle its holds, as a start does."""
    with parts.ledger_at(folder / LEDGER) as ledger:
        await ledger.set_policy(required=1, stores=frozenset({parts.STORE}))
        clock = StillClock()
        problems = ProblemBoard(ledger=ledger, journal=Lines(), clock=clock)
        await problems.restore()
        file = SpoolHolds(folder)
        holds = HoldMemory(ledger=ledger, file=file, problems=problems, clock=clock)
        ledger.on_commit(holds.heard)
        await holds.settle()
        yield Start(ledger, holds, Obey(ledger=ledger, holds=holds), problems)


@contextmanager
def yesterday(folder: Path) -> Iterator[None]:
    """Put the ledger back to what it was, whatever happens meanwhile."""
    backup = folder / "yesterday"
    shutil.copyfile(folder / LEDGER, backup)
    yield
    for suffix in ("", "-wal", "-shm"):
        (folder / (LEDGER + suffix)).unlink(missing_ok=True)
    shutil.copyfile(backup, folder / LEDGER)


def written(folder: Path) -> dict[tuple[str, HoldKind], Hold]:
    """Return what the file says."""
    return {hold.identity: hold for hold in SpoolHolds(folder).read()}


@pytest.mark.asyncio
async def test_a_hold_on_a_known_clip_survives_a_restored_ledger(tmp_path: Path) -> None:
    """A legal hold made since the backup is made again, in the words of who made it."""
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked(), *parts.proven(1), *parts.proven(2))
    with yesterday(tmp_path):
        async with started(tmp_path) as start:
            await start.order("hold", (await start.ledger.clip(1)).id)
    async with started(tmp_path) as start:
        assert (await start.ledger.clip(1)).holds == ("legal",)
        assert (await start.ledger.clip(2)).holds == ()
        why = (await start.ledger.history(1))[-1].fields["why"]
        assert why == "held before the ledger was restored, by alice: a case"
        assert start.slugs() == []
        await start.order("release", (await start.ledger.clip(1)).id)
    assert written(tmp_path) == {}


@pytest.mark.asyncio
async def test_a_hold_on_a_copy_in_the_making_survives_too(tmp_path: Path) -> None:
    """A clip held before its digest was known is found again by camera, docking and path."""
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked(), parts.seen(1))
    with yesterday(tmp_path):
        async with started(tmp_path) as start:
            await start.order("hold", (await start.ledger.clip(1)).id)
            await start.ledger.record(parts.copied(1), parts.verified(1))
            await start.holds._write()
            assert [hold.key for hold in written(tmp_path).values()] == [parts.key(1)]
    async with started(tmp_path) as start:
        assert (await start.ledger.clip(1)).holds == ("legal",)
        assert await start.ledger.set_aside() == frozenset()


@pytest.mark.asyncio
async def test_a_clip_that_the_ledger_lost_keeps_its_camera(tmp_path: Path) -> None:
    """A hold on a clip that is no longer known sets its camera aside until the clip is held."""
    async with started(tmp_path) as start:
        assert start.slugs() == []
    with yesterday(tmp_path):
        async with started(tmp_path) as start:
            await start.ledger.record(parts.docked(), *parts.proven(1))
            await start.order("hold", (await start.ledger.clip(1)).id)
    async with started(tmp_path) as start:
        assert await start.ledger.set_aside() == {parts.CAMERA}
        assert start.slugs() == ["hold-without-clip"]
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked(LATER), parts.seen(1, docking=LATER))
        await start.holds._write()
        assert (await start.ledger.clip(1)).holds == ("legal",)
        await start.order("release", parts.CAMERA, kind="cameras")
        assert start.slugs() == []
    async with started(tmp_path) as start:
        assert await start.ledger.set_aside() == frozenset()
        assert (await start.ledger.clip(1)).holds == ("legal",)
    assert [hold.waiting for hold in written(tmp_path).values()] == [False]


@pytest.mark.asyncio
async def test_of_two_that_are_taken_in_again_the_one_that_was_held_is(tmp_path: Path) -> None:
    """Both had one name on their camera, and come back out of the spool with their digests."""

    def taken_in(clip: int, *, as_number: int) -> tuple[facts.Fact, ...]:
        name = b"DCIM/a.mp4"
        verified = replace(parts.verified(clip), key=parts.key(clip, path=name), clip=as_number)
        copied = replace(parts.copied(clip), clip=as_number)
        return (parts.seen(as_number, path=name), copied, verified)

    async with started(tmp_path):
        pass
    with yesterday(tmp_path):
        async with started(tmp_path) as start:
            await start.ledger.record(parts.docked(), *taken_in(1, as_number=1))
            gone = facts.ClipOverwritten(clip=1, docking=parts.DOCKING, reason="another file")
            await start.ledger.record(gone, *taken_in(2, as_number=2))
            await start.order("hold", (await start.ledger.clip(2)).id)
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked())
        for clip in (1, 2):
            await start.ledger.record(*taken_in(clip, as_number=clip))
            await start.holds._write()
        assert [(await start.ledger.clip(clip)).holds for clip in (1, 2)] == [(), ("legal",)]
        assert start.slugs() == ["hold-without-clip"]


@pytest.mark.asyncio
async def test_another_clip_of_that_name_is_held_and_the_camera_as_well(tmp_path: Path) -> None:
    """Where it is not sure which file was held, both the file and its camera are kept."""
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked(), parts.seen(1, path=b"DCIM/a.mp4"), parts.left())
    with yesterday(tmp_path):
        async with started(tmp_path) as start:
            later = parts.seen(2, docking=LATER, path=b"DCIM/a.mp4")
            await start.ledger.record(parts.docked(LATER), later)
            await start.order("hold", (await start.ledger.clip(2)).id)
    async with started(tmp_path) as start:
        assert (await start.ledger.clip(1)).holds == ("legal",)
        assert await start.ledger.set_aside() == {parts.CAMERA}


@pytest.mark.asyncio
@pytest.mark.parametrize("hold", ["error", "legal"])
async def test_a_docking_and_its_camera_stay_aside(tmp_path: Path, hold: HoldKind) -> None:
    """A held docking that the ledger lost is held again with its camera, and can be released."""
    async with started(tmp_path):
        pass
    with yesterday(tmp_path):
        async with started(tmp_path) as start:
            await start.ledger.record(parts.docked(), *parts.proven(1))
            await start.order("hold", parts.DOCKING, kind="dockings", hold=hold)
    for _ in range(2):
        async with started(tmp_path) as start:
            assert await start.ledger.set_aside() == {parts.CAMERA, parts.DOCKING}
            assert written(tmp_path)[f"docking {parts.DOCKING}", hold].camera == parts.CAMERA
    async with started(tmp_path) as start:
        await start.order("release", parts.DOCKING, kind="dockings", hold=hold)
        await start.order("release", parts.CAMERA, kind="cameras", hold=hold)
        assert start.slugs() == []
    async with started(tmp_path) as start:
        assert await start.ledger.set_aside() == frozenset()


@pytest.mark.asyncio
async def test_a_camera_stays_aside(tmp_path: Path) -> None:
    """A held camera is held again, once, however often its ledger is restored."""
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked())
    for _ in range(2):
        with yesterday(tmp_path):
            async with started(tmp_path) as start:
                if parts.CAMERA not in await start.ledger.set_aside():
                    await start.order("hold", parts.CAMERA, kind="cameras")
        async with started(tmp_path) as start:
            assert await start.ledger.set_aside() == {parts.CAMERA}
            [held] = await start.ledger.holds()
            assert held.why == "held before the ledger was restored, by alice: a case"


@pytest.mark.asyncio
async def test_what_was_released_stays_released(tmp_path: Path) -> None:
    """A hold that was made and released since the backup does not come back."""
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked(), *parts.proven(1), *parts.proven(2))
    with yesterday(tmp_path):
        async with started(tmp_path) as start:
            clip = (await start.ledger.clip(1)).id
            await start.order("hold", clip)
            await start.order("release", clip)
    async with started(tmp_path) as start:
        assert (await start.ledger.clip(1)).holds == ()


@pytest.mark.asyncio
async def test_a_release_that_failed_keeps_the_hold_in_the_file(tmp_path: Path) -> None:
    """When the ledger does not take a release, the file has the hold again."""
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked(), *parts.proven(1))
        await start.order("hold", (await start.ledger.clip(1)).id)
        before = written(tmp_path)
        released = facts.ClipReleased(clip=1, hold="legal", why="w", actor="a")
        impossible = facts.ClipGone(clip=99, docking=parts.DOCKING)
        with pytest.raises(Exception, match="no clip 99"):
            await start.holds.record(released, impossible)
        await start.holds._write()
        assert written(tmp_path) == before


@pytest.mark.parametrize("kind", ["clips", "cameras"])
@pytest.mark.asyncio
async def test_a_release_that_the_file_does_not_take_keeps_the_hold_in_it(
    tmp_path: Path, kind: SubjectKind
) -> None:
    """The ledger has the hold still, so whatever is written next has to have it, too."""
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked(), *parts.proven(1), *parts.proven(2))
        held = (await start.ledger.clip(1)).id if kind == "clips" else parts.CAMERA
        await start.order("hold", held, kind=kind)
        before = written(tmp_path)
        (tmp_path / f"{FILE_NAME}.part").mkdir()
        with pytest.raises(SpoolReadOnly):
            await start.order("release", held, kind=kind)
        (tmp_path / f"{FILE_NAME}.part").rmdir()
        await start.order("hold", (await start.ledger.clip(2)).id)
        assert before.keys() < written(tmp_path).keys()
        await start.order("release", held, kind=kind)
        assert len(written(tmp_path)) == 1


@pytest.mark.parametrize("commits", [False, True])
@pytest.mark.asyncio
async def test_a_release_that_is_cancelled_leaves_the_file_as_the_ledger_has_it(
    tmp_path: Path, *, commits: bool
) -> None:
    """Whoever ordered it went away between the two; whether it is on record, the ledger tells."""
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked(), *parts.proven(1))
        held = (await start.ledger.clip(1)).id
        await start.order("hold", held)
        record = start.ledger.record

        async def cut_off(*recorded: facts.Fact) -> None:
            if commits:
                await record(*recorded)
            raise asyncio.CancelledError

        start.ledger.record = cut_off  # type: ignore[method-assign]  # a moment that no fake can hit
        with pytest.raises(asyncio.CancelledError):
            await start.order("release", held)
        start.ledger.record = record  # type: ignore[method-assign]  # all is well again
        await start.holds._write()
        assert (len(written(tmp_path)) == 1) is not commits


@pytest.mark.asyncio
async def test_a_file_from_nowhere_is_made_of_the_ledger(tmp_path: Path) -> None:
    """A ledger that has holds and no file yet, or a damaged one, gets a whole one at its start."""
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked(), *parts.proven(1))
        await start.order("hold", (await start.ledger.clip(1)).id)
    before = set(written(tmp_path))
    (tmp_path / FILE_NAME).unlink()
    async with started(tmp_path) as start:
        assert start.slugs() == []
    assert set(written(tmp_path)) == before
    (tmp_path / FILE_NAME).write_bytes(b"{")
    async with started(tmp_path) as start:
        assert start.slugs() == ["holds-unreadable"]
    assert set(written(tmp_path)) == before
    assert (tmp_path / f"{FILE_NAME}.damaged").read_bytes() == b"{"
    async with started(tmp_path) as start:
        assert start.slugs() == ["holds-unreadable"]
    (tmp_path / f"{FILE_NAME}.damaged").unlink()
    async with started(tmp_path) as start:
        assert start.slugs() == []


@pytest.mark.asyncio
async def test_an_order_whose_hold_cannot_be_written_is_not_acknowledged(tmp_path: Path) -> None:
    """Nobody is told that a hold is safe while it stands in one place only."""
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked(), *parts.proven(1))
        (tmp_path / f"{FILE_NAME}.part").mkdir()
        with pytest.raises(SpoolReadOnly):
            await start.order("hold", (await start.ledger.clip(1)).id)
        (tmp_path / f"{FILE_NAME}.part").rmdir()
        await start.holds._write()
    assert len(written(tmp_path)) == 1


@pytest.mark.asyncio
async def test_holds_that_move_in_a_merge_move_in_the_file(tmp_path: Path) -> None:
    """A hold that goes over to the clip it turned out to be is remembered there."""
    async with started(tmp_path) as start:
        await start.ledger.record(parts.docked(), *parts.proven(1), parts.left())
        await start.ledger.record(parts.docked(LATER), parts.seen(2, docking=LATER))
        await start.order("hold", (await start.ledger.clip(2)).id)
        await start.ledger.record(
            facts.ClipHeld(clip=1, hold="legal", why="w", actor="dockd"),
            facts.ClipReleased(clip=2, hold="legal", why="w", actor="dockd"),
            facts.ClipMerged(clip=2, into=1),
        )
        await start.holds._write()
    assert [hold.key for hold in written(tmp_path).values()] == [parts.key(1)]
