"""Copies whose camera has left: nothing that the spool holds is forgotten."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockd.cameras.directory.camera import DirectoryCamera
from dockd.core import facts
from dockd.core.clip import Clip, Part, SpoolCopy
from dockd.errors import CameraGone, ClipUnreadable
from dockd.ports.camera import ReadPacer, StopFlag
from dockd.ports.spool import Copied, PartDurable, Proof
from tests.stages.rig import Rig, failing_behind, rig_at, running, until
from tests.station.spool_parts import PART, content_of

SIZE = 2 * PART + 100


def pull_while_read_back(rig: Rig) -> None:
    """Have the camera in A1 pulled as soon as its copy is whole."""
    prove = rig.spool.prove
    pulled: list[str] = []

    def pulling(clip: Clip, *, part_name: str, size_bytes: int, stop: StopFlag) -> Proof:
        if not pulled:
            pulled.append(clip.id)
            asyncio.run_coroutine_threadsafe(_call(lambda: rig.rack.undock("A1")), loop).result()
            raise CameraGone("it was pulled")
        return prove(clip, part_name=part_name, size_bytes=size_bytes, stop=stop)

    loop = asyncio.get_running_loop()
    rig.spool.prove = pulling  # type: ignore[method-assign]  # a moment that no fake can hit


async def _call(what: object) -> None:
    what()  # type: ignore[operator]  # the event loop calls it so too


async def left_behind(rig: Rig) -> None:
    """Leave a whole copy that nobody read back, of a camera that was pulled."""
    rig.spool._pace = replace(rig.spool._pace, sync_every_s=0.0)  # type: ignore[misc]  # a test may change the pace
    pull_while_read_back(rig)
    (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(content_of(SIZE))
    rig.rack.dock("A1", "BWC-1")
    await until(lambda: rig.count(facts.Undocked) == 1, what="the camera is gone")
    clip = (await rig.clips())[0]
    assert clip.copied
    assert clip.spool_parts


@pytest.mark.asyncio
async def test_a_whole_copy_is_proven_although_its_camera_left(tmp_path: Path) -> None:
    """A copy that was whole when its camera was pulled is read back soon, and never discarded."""
    async with rig_at(tmp_path) as rig, running(rig):
        await left_behind(rig)
        rig.housekeeping.policy = replace(rig.housekeeping.policy, partial_after_s=0.0)
        house = asyncio.create_task(rig.housekeeping.run())  # noqa: TID251 - ended below
        await until(lambda: rig.count(facts.ClipVerified) == 1, what="the copy is proven")
        house.cancel()
        clip = (await rig.clips())[0]
        assert (clip.spool_copy, clip.partial) == (SpoolCopy.PROVEN, False)
        assert rig.count(facts.CopyDiscarded) == 0


@pytest.mark.asyncio
async def test_a_camera_that_comes_back_waits_for_what_is_read_back(tmp_path: Path) -> None:
    """A copy that is being read back when its camera returns is neither made twice nor lost."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        await left_behind(rig)
        prove = rig.spool.prove
        loop = asyncio.get_running_loop()

        def redocking(clip: Clip, *, part_name: str, size_bytes: int, stop: StopFlag) -> Proof:
            asyncio.run_coroutine_threadsafe(redocked(), loop).result()
            return prove(clip, part_name=part_name, size_bytes=size_bytes, stop=stop)

        async def redocked() -> None:
            rig.rack.dock("A1", "BWC-1")
            await until(lambda: rig.count(facts.ClipSeenAgain) == 1, what="it is seen again")
            for _ in range(50):
                await asyncio.sleep(0.001)

        rig.spool.prove = redocking  # type: ignore[method-assign]  # a part is made to fail
        await rig.housekeeping.recover()
        await until(lambda: rig.count(facts.DockingOffloaded) == 1, what="it is offloaded")
        assert rig.count(facts.CopyDiscarded) == 0
        assert rig.count(facts.ClipCopied) == 1
        assert [clip.spool_copy for clip in await rig.clips()] == [SpoolCopy.PROVEN]


@pytest.mark.asyncio
async def test_one_bad_copy_holds_up_no_other_recovery(tmp_path: Path) -> None:
    """A copy that cannot be recovered is said to be a problem, and the next one is recovered."""
    async with rig_at(tmp_path) as rig, running(rig):
        await left_behind(rig)

        def broken(*_: object, **__: object) -> Proof:
            raise OSError("a disk that says what no disk ever said")

        prove, rig.spool.prove = rig.spool.prove, broken  # type: ignore[method-assign]  # a part is made to fail
        assert await rig.housekeeping.recover() == 0
        assert "internal-error" in rig.open_problems()
        rig.spool.prove = prove  # type: ignore[method-assign]  # a part is made to fail
        assert await rig.housekeeping.recover() == 1
        await until(lambda: "internal-error" not in rig.open_problems(), what="it is well")


async def purged_in_the_record_only(rig: Rig) -> None:
    """Have a clip stored, cleared and purged, as if the daemon died before it removed the file."""
    (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(content_of(SIZE))
    rig.rack.dock("A1", "BWC-1")
    await until(lambda: rig.count(facts.ClipWiped) == 1, what="the clip is cleared")
    [clip] = await rig.clips()
    await rig.ledger.record(facts.SpoolPurged(clip=clip.number, reason="room is short"))


@pytest.mark.asyncio
async def test_a_purge_that_a_crash_cut_short_is_finished(tmp_path: Path) -> None:
    """What was purged in the record and not on the disk is removed, once nothing is made of it."""
    async with rig_at(tmp_path) as rig, running(rig):
        await purged_in_the_record_only(rig)
        # A copy of a docking that goes on may be kept a moment before the ledger says so.
        await rig.housekeeping._remove_leftovers()
        assert len(list(rig.spool.sidecars())) == 1
        rig.rack.undock("A1")
        await until(lambda: rig.count(facts.Undocked) == 1, what="the camera is gone")
        rig.housekeeping._evict._leftovers_removed = False
        await rig.housekeeping._remove_leftovers()
        assert list(rig.spool.sidecars()) == []


@pytest.mark.asyncio
async def test_what_no_store_holds_any_more_is_not_removed_late(tmp_path: Path) -> None:
    """A copy that outlived its purge stays when its receipt was lost, or a person holds it."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=True):
        await purged_in_the_record_only(rig)
        rig.rack.undock("A1")
        await until(lambda: rig.count(facts.Undocked) == 1, what="the camera is gone")
        [clip] = await rig.clips()
        held = facts.ClipHeld(clip=clip.number, hold="legal", why="a case", actor="alice")
        await rig.ledger.record(held)
        await rig.housekeeping._remove_leftovers()
        freed = facts.ClipReleased(clip=clip.number, hold="legal", why="over", actor="alice")
        lost = facts.ReceiptLost(clip=clip.number, store="central", reason="it is gone")
        await rig.ledger.record(freed, lost)
        rig.housekeeping._evict._leftovers_removed = False
        await rig.housekeeping._remove_leftovers()
        assert len(list(rig.spool.sidecars())) == 1


@pytest.mark.asyncio
async def test_what_a_restored_ledger_calls_purged_is_not_removed_on_an_old_word(
    tmp_path: Path,
) -> None:
    """A copy may have been made anew since the backup: the store repeats its receipt first."""
    async with rig_at(tmp_path) as rig, running(rig):
        await purged_in_the_record_only(rig)
        rig.rack.undock("A1")
        await until(lambda: rig.count(facts.Undocked) == 1, what="the camera is gone")
        await rig.ledger.begin_epoch("restored")
        await rig.housekeeping._remove_leftovers()
        assert len(list(rig.spool.sidecars())) == 1


async def cut_short(rig: Rig) -> None:
    """Leave the first part of a clip, whose camera was pulled while the next one was read."""
    rig.spool._pace = replace(rig.spool._pace, sync_every_s=0.0)  # type: ignore[misc]  # a test may change the pace
    copy, loop, cut = rig.spool.copy, asyncio.get_running_loop(), asyncio.Event()

    def pull() -> None:
        rig.rack.undock("A1")
        cut.set()

    def cutting(source_fd: int, *, stop: StopFlag, durable: PartDurable, **rest: Any) -> Copied:  # noqa: ANN401 - handed on as it is
        def told(parts: Sequence[Part]) -> None:
            durable(parts)
            asyncio.run_coroutine_threadsafe(_call(pull), loop).result()

        return copy(source_fd, stop=lambda: cut.is_set() or stop(), durable=told, **rest)

    rig.spool.copy = cutting  # type: ignore[method-assign]  # a moment that no fake can hit
    (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(content_of(SIZE))
    rig.rack.dock("A1", "BWC-1")
    await until(lambda: rig.count(facts.Undocked) == 1, what="the camera is gone")
    rig.spool.copy = copy  # type: ignore[method-assign]  # the next copy is left alone


@pytest.mark.asyncio
async def test_a_clip_of_which_only_the_beginning_is_here_is_said(tmp_path: Path) -> None:
    """By the id that its evidence has, until its camera is back with the rest of it."""
    async with rig_at(tmp_path) as rig, running(rig):
        await cut_short(rig)
        await rig.housekeeping._keep_partials()
        assert rig.open_problems() == set()
        rig.housekeeping.policy = replace(rig.housekeeping.policy, partial_after_s=0.0)
        await rig.housekeeping._keep_partials()
        (clip,) = await rig.clips()
        (problem,) = rig.problems.current()
        assert clip.partial
        assert (problem.slug, problem.subject) == ("clip-partial", f"clip {clip.id}")
        assert problem.reason == f"{PART} of {SIZE} bytes of clip are here."
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipVerified) == 2, what="all of it is here")
        await until(lambda: not rig.open_problems(), what="it is over")


@pytest.mark.asyncio
async def test_a_camera_that_comes_back_with_the_whole_clip_alarms_nobody(tmp_path: Path) -> None:
    """What was kept of a beginning is not `clip-gone` as its camera brings all of it again.

    Nothing is sent, so no store proves either copy meanwhile.
    """
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        await cut_short(rig)
        rig.housekeeping.policy = replace(rig.housekeeping.policy, partial_after_s=0.0)
        await rig.housekeeping._keep_partials()
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipVerified) == 2, what="all of it is here")
        await until(lambda: not rig.open_problems(), what="nothing is open")
        assert rig.count(facts.ClipOverwritten) == 1
        assert "clip-gone" not in said(rig)


@pytest.mark.asyncio
async def test_a_beginning_whose_name_another_file_took_is_gone(tmp_path: Path) -> None:
    """Another file of that name is no comfort: of the one that was cut short no more is to come."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        await cut_short(rig)
        rig.housekeeping.policy = replace(rig.housekeeping.policy, partial_after_s=0.0)
        await rig.housekeeping._keep_partials()
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(content_of(SIZE - 1))
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: "clip-gone" in rig.open_problems(), what="it is said to be gone")


def said(rig: Rig) -> set[object]:
    """Return the slugs of the problems that were ever said."""
    return {fields["slug"] for event, fields in rig.journal.said if event == "problem-opened"}


@pytest.mark.asyncio
async def test_a_beginning_that_its_camera_takes_up_again_is_none(tmp_path: Path) -> None:
    """The camera comes back at the very moment at which dockd gives up waiting for it."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        await cut_short(rig)
        rig.housekeeping.policy = replace(rig.housekeeping.policy, partial_after_s=0.0)
        accept = rig.prover.accept_partial

        async def back_first(clip: Clip) -> None:
            rig.rack.dock("A1", "BWC-1")
            await until(lambda: rig.count(facts.ClipVerified) == 1, what="all of it is here")
            await accept(clip)

        rig.prover.accept_partial = back_first  # type: ignore[method-assign]  # a moment that no fake can hit
        await rig.housekeeping._keep_partials()
        assert rig.open_problems() == set()
        assert [clip.partial for clip in await rig.clips()] == [False]


async def kept_as_evidence(rig: Rig, *, size_bytes: int) -> None:
    """Check that of a clip whose camera is gone for good so much is proven, to be stored."""
    rig.housekeeping.policy = replace(rig.housekeeping.policy, partial_after_s=0.0)
    await rig.housekeeping._keep_partials()
    await rig.housekeeping._keep_partials()
    (clip,) = (clip for clip in await rig.clips() if clip.spool_copy is SpoolCopy.PROVEN)
    assert (clip.partial, clip.stored_size_bytes) == (True, size_bytes)
    with rig.spool.open(clip) as kept:
        assert kept.read() == content_of(SIZE)[:size_bytes]


@pytest.mark.asyncio
async def test_what_a_bad_medium_gave_is_kept(tmp_path: Path) -> None:
    """A card fails in the middle of a file and its camera is taken away: the beginning is kept."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        rig.rack.camera_class = failing_behind(2 * PART, ClipUnreadable("a bad sector"))
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(content_of(SIZE))
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipTroubled) == 1, what="it is said")
        rig.rack.undock("A1")
        await until(lambda: rig.count(facts.Undocked) == 1, what="the camera is gone")
        await kept_as_evidence(rig, size_bytes=2 * PART)


async def come_in_vain(rig: Rig) -> None:
    """Dock the camera again, have it give nothing that can be kept, and take it away."""
    rig.rack.dock("A1", "BWC-1")
    await until(lambda: rig.count(facts.ClipTroubled) == 1, what="it is said")
    rig.rack.undock("A1")
    await until(lambda: rig.count(facts.Undocked) == 2, what="the camera is gone")


@pytest.mark.asyncio
async def test_a_medium_that_went_bad_takes_nothing_back(tmp_path: Path) -> None:
    """The camera comes back and gives nothing any more: what it gave before is kept."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        await cut_short(rig)
        rig.rack.camera_class = failing_behind(0, ClipUnreadable("a bad sector"))
        await come_in_vain(rig)
        await kept_as_evidence(rig, size_bytes=PART)


@pytest.mark.asyncio
async def test_a_file_that_changes_takes_nothing_back(tmp_path: Path) -> None:
    """The camera comes back and writes into the file: what was read of it before is kept."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        await cut_short(rig)
        file = rig.rack.folder("A1", "BWC-1") / "clip"

        class Writing(DirectoryCamera):
            @property
            def pacer(self) -> ReadPacer:
                return self

            def before_read(self, size_bytes: int) -> None:
                del size_bytes
                file.write_bytes(b"another night")

        rig.rack.camera_class = Writing
        await come_in_vain(rig)
        await kept_as_evidence(rig, size_bytes=PART)


@pytest.mark.asyncio
async def test_a_partial_copy_that_rots_is_kept_as_far_as_it_holds(tmp_path: Path) -> None:
    """One bad place in the spool takes what is behind it, and nothing of what is before."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        rig.rack.camera_class = failing_behind(2 * PART, CameraGone("it was pulled"))
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(content_of(SIZE))
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.PartSpooled) == 2, what="two parts are here")
        rig.rack.undock("A1")
        await until(lambda: rig.count(facts.Undocked) == 1, what="the camera is gone")
        _rot(tmp_path, at=2 * PART - 1)
        await kept_as_evidence(rig, size_bytes=PART)


@pytest.mark.asyncio
async def test_a_whole_copy_that_rots_is_kept_as_far_as_it_holds(tmp_path: Path) -> None:
    """It was whole when its camera was pulled, and read back it is not what was read."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        await left_behind(rig)
        _rot(tmp_path, at=SIZE - 1)
        assert await rig.housekeeping.recover() == 0
        assert "digest-mismatch" in rig.open_problems()
        (clip,) = await rig.clips()
        assert (clip.copied, clip.copied_sha256, clip.hashed_in) == (False, None, None)
        await kept_as_evidence(rig, size_bytes=2 * PART)


def _rot(folder: Path, *, at: int) -> None:
    """Have one byte of the only copy in the spool become another."""
    (part,) = (folder / "spool/incoming").glob("*.part")
    with part.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1]))
