"""Camera to spool: plan, copy, read back, record. Every clip of one camera, in one stay."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dockd.core import clip as clips
from dockd.core import facts, naming, redock
from dockd.core.clip import CameraCopy, Clip, SpoolCopy
from dockd.errors import (
    CameraGone,
    ClipChangedWhileRead,
    ClipUnreadable,
    DigestMismatch,
    DockdError,
    FsyncFailed,
    SpoolFull,
)
from dockd.ports.camera import FoundFile, Listing, ReadPacer
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Copied, Spool
from dockd.stages.board import SlotBoard
from dockd.stages.groups import Group, task_group
from dockd.stages.lease import PartLease, claimed
from dockd.stages.problems import ProblemBoard
from dockd.stages.proving import Prover
from dockd.stages.stay import Stay
from dockd.stages.threads import in_thread

_NAMED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OffloadPolicy:
    """``full_poll_s`` is how many seconds pass between two looks at a full spool.

    ``copies`` at once are the station's budget for reading: more threads would copy no faster
    (measured: eight streams are as fast as two) and each holds a buffer.
    """

    copies: int = 8
    full_poll_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One clip to bring over, and the camera's file that holds it."""

    clip: Clip
    file: FoundFile


class Offload:
    """Offloads cameras; one object serves all slots."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        prover: Prover,
        board: SlotBoard,
        problems: ProblemBoard,
        clock: Clock,
        policy: OffloadPolicy,
    ) -> None:
        """Join what offloading needs; nothing happens yet."""
        self._ledger = ledger
        self._spool = spool
        self._prover = prover
        self._board = board
        self._lanes = asyncio.Semaphore(policy.copies)
        self._problems = problems
        self._clock = clock
        self._policy = policy
        self._short_of_room: set[str] = set()

    async def run(self, stay: Stay) -> int:
        """Bring every clip of the camera over and prove it; return how many there are.

        Raises:
            CameraGone: the camera left; what is durable stays and is resumed.
            ClipUnreadable, ClipChangedWhileRead: all clips were tried, and some are not proven.
        """
        listing = await in_thread(stay.camera.listing)
        tasks = await self._plan(stay, listing)
        trouble = await self._bring_over(stay, tasks)
        if trouble is not None:
            raise trouble
        if listing.unreadable:
            raise ClipUnreadable(listing.unreadable[0].reason)
        return len(listing.files)

    async def _plan(self, stay: Stay, listing: Listing) -> Sequence[_Task]:
        """Record what the listing says and return the clips to copy, flagged ones first."""
        files = {file.path: file for file in listing.files}
        known = [
            clip
            for clip in await self._ledger.on_camera(stay.camera.serial)
            if not listing.may_hide(clip.path)
        ]
        decisions = redock.plan(stay.docking, map(_found, listing.files), known)
        recorded = [fact for decision in decisions for fact in self._as_facts(stay, decision)]
        stay.news = stay.news or bool(recorded)
        if recorded or not stay.listed:
            await self._ledger.record(
                *recorded,
                facts.Listed(
                    docking=stay.docking,
                    files=len(listing.files),
                    size_bytes=sum(file.size_bytes for file in listing.files),
                    refused=len(listing.refused),
                ),
            )
            stay.listed = True
        await self._name_refused(stay, listing)
        tasks = [
            _Task(clip=clip, file=files[clip.path])
            for clip in await self._ledger.on_camera(stay.camera.serial)
            if clip.path in files
            and clip.camera_copy is CameraCopy.PRESENT
            and clip.docking == stay.docking
            and clip.spool_copy is not SpoolCopy.PROVEN
        ]
        return sorted(tasks, key=lambda task: (not task.file.flagged, task.file.mtime_ns))

    async def _name_refused(self, stay: Stay, listing: Listing) -> None:
        """Name what cannot be footage, and forget what was named and is there no longer.

        The first few by their names; a camera with a hundred thousand links is one problem more.
        """
        about = f"camera {stay.camera.serial} file "
        named = {about + naming.safe_path(name.path): name for name in listing.refused[:_NAMED]}
        for problem in self._problems.current():
            name = named.get(problem.subject)
            if problem.subject.startswith(about) and (name is None or name.slug != problem.slug):
                await self._problems.clear(problem.slug, subject=problem.subject)
        for subject, name in named.items():
            await self._problems.open(name.slug, subject=subject, reason=name.reason)
        if len(listing.refused) > _NAMED:
            reason = f"{len(listing.refused) - _NAMED} more files cannot be carried"
            slug = listing.refused[_NAMED].slug
            await self._problems.open(slug, subject=about + "(others)", reason=reason)

    def _as_facts(self, stay: Stay, decision: redock.Decision) -> Sequence[facts.ClipFact]:
        """Return how one decision about one file is recorded."""
        match decision:
            case redock.Adopt(clip=clip, found=found):
                return (_seen_again(stay, clip, found),)
            case redock.Resume(clip=clip, found=found) | redock.CopyAgain(clip=clip, found=found):
                return (_seen_again(stay, clip, found),) if decision.seen_again else ()
            case redock.CopyNew(found=found, overwritten=displaced):
                return (
                    *(_overwritten(stay, clip) for clip in displaced),
                    self._seen(stay, found),
                )
            case redock.Gone(clip=clip):
                return (facts.ClipGone(clip=clip.number, docking=stay.docking),)
            case redock.Wiped(clip=clip):
                return (facts.ClipWiped(clip=clip.number, docking=stay.docking),)

    def _seen(self, stay: Stay, found: redock.Found) -> facts.ClipSeen:
        return facts.ClipSeen(
            clip=self._ledger.next_clip_number(),
            camera=stay.camera.serial,
            docking=stay.docking,
            slot=stay.camera.slot,
            path=found.path,
            size_bytes=found.size_bytes,
            mtime_ns=found.mtime_ns,
            flagged=found.flagged,
        )

    async def _bring_over(self, stay: Stay, tasks: Sequence[_Task]) -> DockdError | None:
        """Copy one clip after another, reading each back beside the next one's copy.

        Returns the last trouble with a single clip, after all clips were tried.
        """
        troubles: list[DockdError] = []
        waiting = tasks
        try:
            async with task_group() as group:
                while waiting := await self._bring_over_what_fits(
                    stay, waiting, group=group, troubles=troubles
                ):
                    await self._clock.sleep(self._policy.full_poll_s)
        finally:
            self._short_of_room.discard(stay.docking)
            if not self._short_of_room:
                await self._problems.clear("spool-full", subject="spool")
        return troubles[-1] if troubles else None

    async def _bring_over_what_fits(
        self,
        stay: Stay,
        tasks: Sequence[_Task],
        *,
        group: Group,
        troubles: list[DockdError],
    ) -> Sequence[_Task]:
        """Bring over what the spool has room for; return what has to wait.

        One huge file, or one that only claims to be, must not keep the others on the camera.
        """
        waiting: list[_Task] = []
        too_large_bytes = float("inf")
        for task in tasks:
            if task.file.size_bytes >= too_large_bytes and not task.clip.copied:
                waiting.append(task)
                continue
            try:
                await self._bring_over_one(stay, task, group=group, troubles=troubles)
            except SpoolFull as full:
                waiting.append(task)
                too_large_bytes = min(too_large_bytes, task.file.size_bytes)
                self._short_of_room.add(stay.docking)
                await self._problems.open(full.slug, subject="spool", reason=full.reason)
        return waiting

    async def _bring_over_one(
        self, stay: Stay, task: _Task, *, group: Group, troubles: list[DockdError]
    ) -> None:
        """Copy one clip and leave its reading back to a task of its own."""
        await self._prover.left_alone(task.clip.number)
        if (await self._ledger.clip(task.clip.number)).spool_copy is SpoolCopy.PROVEN:
            # Proven after its camera had left, while the camera came back.
            return
        lease = await claimed(self._spool, task.clip)
        xxh128 = ""
        try:
            # A copy may be whole and durable since before a crash or a yank: then only its proof
            # is missing.
            if not task.clip.copied:
                xxh128 = (await self._copy(stay, task, lease)).xxh128
            clip = await self._ledger.clip(task.clip.number)
        except (ClipUnreadable, ClipChangedWhileRead) as error:
            lease.close()
            await self._note(task.clip, error)
            troubles.append(error)
            return
        except BaseException:
            lease.close()
            raise
        group.start(
            self._prove(stay, clip, lease=lease, xxh128=xxh128, troubles=troubles),
            afterwards=lease.close,
        )

    async def _copy(self, stay: Stay, task: _Task, lease: PartLease) -> Copied:
        """Copy one clip in one thread and record that it is whole and durable."""

        def durable(parts: Sequence[clips.Part]) -> None:
            if stay.must_stop():
                raise CameraGone(f"{stay.camera.serial} left while it was read")
            self._ledger.record_from_thread(
                *(_part_spooled(stay, task.clip, part) for part in parts)
            ).result()

        def copy() -> Copied:
            source = stay.camera.open(task.file)
            try:
                return self._spool.copy(
                    source,
                    clip=task.clip,
                    target=lease.target,
                    stop=stay.must_stop,
                    pacer=_Counting(stay.camera.pacer, self._board, slot=stay.camera.slot),
                    durable=durable,
                )
            finally:
                os.close(source)

        try:
            async with self._lanes:
                copied = await in_thread(lease.held_by(copy))
        except (ClipUnreadable, ClipChangedWhileRead) as error:
            if not await in_thread(stay.camera.is_present):
                raise CameraGone(f"{stay.camera.serial} left while it was read") from error
            await self._forget(task.clip, error)
            raise
        except FsyncFailed as error:
            await self._forget(task.clip, error)
            raise
        await self._ledger.record(
            facts.ClipCopied(
                clip=task.clip.number,
                docking=stay.docking,
                sha256=copied.sha256,
                xxh128=copied.xxh128,
                spliced=copied.spliced,
            )
        )
        return copied

    async def _prove(
        self,
        stay: Stay,
        clip: Clip,
        *,
        lease: PartLease,
        xxh128: str,
        troubles: list[DockdError],
    ) -> None:
        try:
            await self._prover.prove(clip, lease=lease, xxh128=xxh128, stop=stay.must_stop)
        except (DigestMismatch, ClipChangedWhileRead) as error:
            await self._note(clip, error)
            troubles.append(error)

    async def _forget(self, clip: Clip, error: DockdError) -> None:
        """Record that what was copied of a clip is of no use, if anything was recorded of it."""
        now = await self._ledger.clip(clip.number)
        if now.spool_copy is SpoolCopy.PARTIAL:
            await self._ledger.record(facts.CopyDiscarded(clip=clip.number, reason=error.reason))
        await in_thread(self._spool.discard, clip)

    async def _note(self, clip: Clip, error: DockdError) -> None:
        """Record a clip's trouble, once for as long as it stays the same."""
        trouble = clips.Trouble(
            slug=error.slug, reason=error.reason, owner=error.owner, next_step=error.next_step
        )
        if (await self._ledger.clip(clip.number)).trouble == trouble:
            return
        await self._ledger.record(
            facts.ClipTroubled(
                clip=clip.number,
                slug=error.slug,
                reason=error.reason,
                owner=error.owner,
                next_step=error.next_step,
            )
        )


class _Counting:
    """Counts what is read, on its way through the pacer."""

    def __init__(self, pacer: ReadPacer, board: SlotBoard, *, slot: str) -> None:
        self._pacer = pacer
        self._board = board
        self._slot = slot

    def before_read(self, size_bytes: int) -> None:
        """Pass the read on to the pacer and count it. Called from the copying thread."""
        self._pacer.before_read(size_bytes)
        self._board.read(self._slot, size_bytes=size_bytes)


def _found(file: FoundFile) -> redock.Found:
    return redock.Found(
        path=file.path,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        flagged=file.flagged,
    )


def _seen_again(stay: Stay, clip: Clip, found: redock.Found) -> facts.ClipSeenAgain:
    return facts.ClipSeenAgain(
        clip=clip.number,
        docking=stay.docking,
        slot=stay.camera.slot,
        mtime_ns=found.mtime_ns,
        size_bytes=found.size_bytes if found.size_bytes != clip.size_bytes else None,
    )


def _overwritten(stay: Stay, clip: Clip) -> facts.ClipOverwritten:
    return facts.ClipOverwritten(
        clip=clip.number,
        docking=stay.docking,
        reason="another file stands under its name on the camera",
    )


def _part_spooled(stay: Stay, clip: Clip, part: clips.Part) -> facts.PartSpooled:
    return facts.PartSpooled(
        clip=clip.number,
        docking=stay.docking,
        index=part.index,
        offset=part.offset,
        size_bytes=part.size_bytes,
        sha256=part.sha256,
    )
