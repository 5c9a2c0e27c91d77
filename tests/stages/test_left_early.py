"""Cameras that left with footage of which there is no copy: said once each, until they are back."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dockd.core import elsewhere, facts
from dockd.core.naming import manifest_key
from dockd.stages.left_early import AWAY_S, LeftEarly
from dockd.stages.problems import ProblemBoard
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import Rig, rig_at, running, until
from tests.station import ledger_parts as parts

LATER = "20261124T020000Z-0000000b"


def left(reason: str = "it left", *, docking: str = parts.DOCKING) -> facts.Undocked:
    """Return the end of a docking."""
    return facts.Undocked(docking=docking, reason=reason)


def camera(number: int) -> Sequence[facts.Fact]:
    """Return a camera that left with two clips that were seen and no more."""
    serial, docking = f"BWC-{number}", f"20261123T020000Z-{number:08x}"
    return (
        parts.docked(docking, camera=serial),
        parts.seen(2 * number, docking=docking, camera=serial),
        parts.seen(2 * number + 1, docking=docking, camera=serial, size_bytes=1),
        left(docking=docking),
    )


def said(rig: Rig, event: str = "problem-opened") -> Sequence[object]:
    """Return of whom the problem was said to begin, or to be over."""
    return [
        fields["subject"]
        for kind, fields in rig.journal.said
        if kind == event and fields["slug"] == "camera-left-early"
    ]


async def after_a_while(rig: Rig) -> None:
    """Look, wait for as long as a camera may be away, and look again."""
    await rig.left_early.look()
    rig.clock.advance(AWAY_S)
    await rig.left_early.look()


def manifest(rig: Rig, *, station: str, docking: str = LATER, serial: str = "BWC-1") -> None:
    """Have the store hold what a station says of a docking in which it copied everything."""
    (store,) = rig.stores.values()
    assert isinstance(store, MemoryStore)
    head = {"format": elsewhere.FORMAT, "station": station, "camera": serial, "docking": docking}
    content = json.dumps({**head, "clips": []}).encode()
    store.bucket.records[manifest_key(serial, docking=docking)] = content


@pytest.mark.asyncio
async def test_a_camera_that_left_early_is_said_until_it_is_docked_again(tmp_path: Path) -> None:
    """Whoever docks it, in any slot, ends it at once; then it is copied like any other."""
    async with rig_at(tmp_path) as rig, watched(rig):
        await rig.ledger.record(*camera(1))
        await after_a_while(rig)
        (problem,) = rig.problems.current()
        assert (problem.slug, problem.subject) == ("camera-left-early", "camera BWC-1")
        assert problem.reason == (
            "Clips on it of which there is no copy: 2 (101 bytes). It was in slot A1 last."
        )
        async with running(rig):
            (rig.rack.folder("A2", "BWC-1") / "clip").write_bytes(b"as it was")
            rig.rack.dock("A2", "BWC-1")
            await until(lambda: not rig.problems.of_subject("camera BWC-1"), what="it is over")
            assert said(rig, "problem-closed") == ["camera BWC-1"]


@asynccontextmanager
async def watched(rig: Rig) -> AsyncIterator[None]:
    """Run the watch over cameras that left; cancelled at the end."""
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(rig.left_early.run())
        yield
        watch.cancel()


@pytest.mark.asyncio
async def test_a_camera_that_is_put_back_soon_is_none(tmp_path: Path) -> None:
    """However often it loses its contact: not a line of the journal is about it."""
    async with rig_at(tmp_path) as rig:
        await rig.ledger.record(*camera(1))
        for number in range(20):
            await rig.left_early.look()
            rig.clock.advance(AWAY_S - 1)
            await rig.left_early.look()
            docking = f"20261123T030000Z-{number:08x}"
            await rig.ledger.record(parts.docked(docking, camera="BWC-1"))
            await rig.left_early.look()
            await rig.ledger.record(left(docking=docking))
        assert said(rig) == []


@pytest.mark.asyncio
async def test_each_camera_is_said_once_however_many_clips_it_has(tmp_path: Path) -> None:
    """And however often anybody looks."""
    async with rig_at(tmp_path) as rig:
        for number in (1, 2, 3):
            await rig.ledger.record(*camera(number))
        for _ in range(5):
            await after_a_while(rig)
        assert said(rig) == ["camera BWC-1", "camera BWC-2", "camera BWC-3"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "came",
    [
        [parts.copied(2)],
        [parts.copied(2), parts.verified(2)],
        [facts.ClipGone(clip=2, docking=parts.DOCKING)],
    ],
    ids=["copied", "proven", "gone"],
)
async def test_a_clip_that_is_here_or_gone_was_not_left_on_its_camera(
    tmp_path: Path, came: Sequence[facts.Fact]
) -> None:
    """What was copied whole is proven from the disk; of what is gone its own problem tells."""
    async with rig_at(tmp_path) as rig:
        await rig.ledger.record(parts.docked(), parts.seen(2), *came, left())
        await after_a_while(rig)
        assert said(rig) == []


def listed(docking: str, *, files: int = 0) -> facts.Listed:
    """Return that a camera's files were listed."""
    return facts.Listed(docking=docking, files=files, size_bytes=0, refused=0)


@pytest.mark.asyncio
async def test_a_camera_that_left_before_it_was_listed_is_said_until_it_was(tmp_path: Path) -> None:
    """Nobody knows what is on it, so nobody can say that nothing is missing."""
    again, later = "20261123T030000Z-00000001", "20261123T040000Z-00000001"
    async with rig_at(tmp_path) as rig:
        await rig.ledger.record(parts.docked(), left())
        await rig.left_early.look()
        assert said(rig) == []
        await after_a_while(rig)
        (problem,) = rig.problems.current()
        assert (problem.slug, problem.subject) == ("camera-left-early", f"camera {parts.CAMERA}")
        assert problem.reason == (
            "It left before its files were listed, so nobody knows what is on it. "
            "It was in slot A1 last."
        )
        await rig.ledger.record(parts.docked(again))
        await rig.left_early.look()
        assert said(rig, "problem-closed") == [f"camera {parts.CAMERA}"]
        await rig.ledger.record(listed(again), left(docking=again))
        await after_a_while(rig)
        await rig.ledger.record(parts.docked(later), left(docking=later))
        await after_a_while(rig)
        assert said(rig) == 2 * [f"camera {parts.CAMERA}"]


@pytest.mark.asyncio
async def test_what_is_known_of_a_camera_is_said_rather_than_that_nobody_knows(
    tmp_path: Path,
) -> None:
    """It was listed once, and clips on it were not copied; the time after it left too soon."""
    async with rig_at(tmp_path) as rig:
        await rig.ledger.record(
            *camera(1), parts.docked(LATER, camera="BWC-1"), left(docking=LATER)
        )
        await after_a_while(rig)
        (problem,) = rig.problems.current()
        assert problem.reason.startswith("Clips on it of which there is no copy: 2 (101 bytes).")


@pytest.mark.asyncio
@pytest.mark.parametrize("why", ["listed", "off", "continued", "rebuilt", "elsewhere"])
async def test_a_camera_of_which_all_is_known_is_not_missed(tmp_path: Path, why: str) -> None:
    """It was listed, its slot is off, it goes on behind that, its clips are here, or elsewhere."""
    ends: dict[str, Sequence[facts.Fact]] = {
        "listed": (listed(parts.DOCKING), left()),
        "off": (facts.DockingPaused(docking=parts.DOCKING, reason=facts.SWITCHED_OFF),),
        "continued": (
            listed(parts.DOCKING),
            facts.DockingPaused(docking=parts.DOCKING, reason=facts.SWITCHED_OFF),
            facts.DockingContinued(
                docking=LATER, camera="BWC-1", slot="A1", family="directory",
                continues=parts.DOCKING,
            ),
            left(docking=LATER),
        ),
        "rebuilt": (parts.seen(2, camera="BWC-1"), parts.copied(2), parts.verified(2), left()),
        "elsewhere": (left(),),
    }  # fmt: skip
    async with rig_at(tmp_path) as rig:
        await rig.ledger.record(parts.docked(camera="BWC-1"), *ends[why])
        if why == "elsewhere":
            manifest(rig, station="B")
        await after_a_while(rig)
        assert said(rig) == []


@pytest.mark.asyncio
async def test_a_held_clip_is_looked_for_as_any_other(tmp_path: Path) -> None:
    """A person set it aside before it was copied, and its camera was taken away."""
    async with rig_at(tmp_path) as rig:
        held = facts.ClipHeld(clip=2, hold="legal", why="a case", actor="alice")
        await rig.ledger.record(parts.docked(), parts.seen(2), held, left())
        await after_a_while(rig)
        assert said(rig) == [f"camera {parts.CAMERA}"]


@pytest.mark.asyncio
async def test_a_camera_whose_slot_is_off_has_not_left(tmp_path: Path) -> None:
    """Until it shows itself in another slot, and leaves that one."""
    async with rig_at(tmp_path) as rig:
        off = facts.DockingPaused(docking=parts.DOCKING, reason=facts.SWITCHED_OFF)
        await rig.ledger.record(parts.docked(), parts.seen(2), off)
        await after_a_while(rig)
        assert said(rig) == []
        gone = facts.LeftWhileCut(docking=parts.DOCKING, reason="it was seen in slot A2")
        await rig.ledger.record(gone, parts.docked(LATER), left(docking=LATER))
        await after_a_while(rig)
        assert said(rig) == [f"camera {parts.CAMERA}"]


@pytest.mark.asyncio
async def test_a_camera_that_another_station_has_emptied_is_missed_no_longer(
    tmp_path: Path,
) -> None:
    """Its manifest of a later docking says so, for good; nothing is copied there by halves."""
    async with rig_at(tmp_path) as rig:
        await rig.ledger.record(*camera(1))
        await after_a_while(rig)
        assert said(rig) == ["camera BWC-1"]
        manifest(rig, station="B")
        await after_a_while(rig)
        assert said(rig, "problem-closed") == ["camera BWC-1"]
        manifest_key_of_it = manifest_key("BWC-1", docking=LATER)
        (store,) = rig.stores.values()
        await store.delete_record(manifest_key_of_it)
        await after_a_while(rig)
        assert said(rig) == ["camera BWC-1"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("station", "docking", "serial"),
    [
        ("rig", LATER, "BWC-1"),
        ("B", "20261122T020000Z-0000000b", "BWC-1"),
        ("B", LATER, "BWC-2"),
    ],
    ids=["our own", "an earlier docking", "another camera"],
)
async def test_no_other_manifest_is_a_comfort(
    tmp_path: Path, station: str, docking: str, serial: str
) -> None:
    """Only another station, later, with this very camera."""
    async with rig_at(tmp_path) as rig:
        await rig.ledger.record(*camera(1))
        manifest(rig, station=station, docking=docking, serial=serial)
        await after_a_while(rig)
        assert said(rig) == ["camera BWC-1"]


class Hanging(MemoryStore):
    """A store that cannot be asked for what other stations wrote."""

    async def records(self, prefix: str, *, after: str) -> Sequence[str]:
        del prefix, after
        self.asked += 1
        raise TimeoutError

    asked = 0


@pytest.mark.asyncio
async def test_a_store_that_hangs_keeps_no_camera_from_being_said(tmp_path: Path) -> None:
    """And is asked once in a round, however many cameras are away."""
    store = Hanging(name="central")
    async with rig_at(tmp_path, stores=[store]) as rig:
        for number in (1, 2, 3):
            await rig.ledger.record(*camera(number))
        await after_a_while(rig)
        assert len(said(rig)) == 3
        assert store.asked == 1


@pytest.mark.asyncio
async def test_a_restart_neither_ends_nor_repeats_it(tmp_path: Path) -> None:
    """What the run before this one said stands, and begins no second time."""
    async with rig_at(tmp_path) as rig:
        await rig.ledger.record(*camera(1))
        await after_a_while(rig)
        board = ProblemBoard(ledger=rig.ledger, journal=rig.journal, clock=rig.clock)
        await board.restore()
        again = LeftEarly(
            ledger=rig.ledger, stores=rig.stores, problems=board, clock=rig.clock, station="rig"
        )
        await again.look()
        rig.clock.advance(AWAY_S)
        await again.look()
        assert said(rig) == ["camera BWC-1"]
        assert said(rig, "problem-closed") == []
        assert [problem.subject for problem in board.current()] == ["camera BWC-1"]
