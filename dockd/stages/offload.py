"""Camera to spool: plan, copy, read back, record. Every clip of one camera, in one stay."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dockd.core import clip as clips
from dockd.core import facts, naming, redock
from dockd.core.backoff import Backoff
from dockd.core.clip import Clip, SpoolCopy
from dockd.errors import (
    CameraGone,
    ClipChangedWhileRead,
    ClipUnreadable,
    DigestMismatch,
    DockdError,
    FsyncFailed,
    SpoolFull,
    SpoolReadOnly,
)
from dockd.ports.camera import FoundFile, Listing, ReadPacer
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Copied, CopyTarget, Proof, Spool
from dockd.stages.board import SlotBoard
from dockd.stages.problems import ProblemBoard
from dockd.stages.proving import Prover
from dockd.stages.stay import Stay
from dockd.stages.threads import in_thread


@dataclass(frozen=True, slots=True, kw_only=True)
class OffloadPolicy:
    """``read_backs`` at once in the whole station; ``full_poll_s`` between looks at a full spool."""

    read_backs: int = 2
    full_poll_s: float = 5.0
    retry: Backoff = Backoff(base_s=1.0, cap_s=60.0)


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
        pacer: ReadPacer,
        board: SlotBoard,
        problems: ProblemBoard,
        clock: Clock,
        policy: OffloadPolicy,
    ) -> None:
        """Join what offloading needs; nothing happens yet."""
        self._ledger = ledger
        self._spool = spool
        self._prover = prover
        self._pacer = pacer
        self._board = board
        self._problems = problems
        self._clock = clock
        self._policy = policy

    async def run(self, stay: Stay) -> int:
        """Bring every clip of the camera over and prove it; return how many there are.

        Raises:
            CameraGone: the camera left; what is durable stays and is resumed.
            ClipUnreadable, ClipChangedWhileRead: all clips were tried, and some are not proven.
        """
        listing = await in_thread(stay.camera.listing)
        tasks = await self._plan(stay, listing)
        self._board.listed(
            stay.camera.slot, bytes_total=sum(file.size_bytes for file in listing.files)
        )
        trouble = await self._bring_over(stay, tasks)
        if trouble is not None:
            raise trouble
        return len(listing.files)

    async def _plan(self, stay: Stay, listing: Listing) -> Sequence[_Task]:
        """Record what the listing says and return the clips to copy, flagged ones first."""
        by_path = {file.path: file for file in listing.files}
        known = await self._ledger.on_camera(stay.camera.serial)
        found = [
            redock.Found(
                path=file.path,
                size_bytes=file.size_bytes,
                mtime_ns=file.mtime_ns,
                flagged=file.flagged,
            )
            for file in listing.files
        ]
        decisions = redock.plan(found, known)
        recorded, numbers = self._as_facts(stay, decisions)
        for name in listing.refused:
            await self._problems.open(
                name.slug,
                subject=f"camera {stay.camera.serial} {naming.safe_path(name.path)}",
                reason=name.reason,
            )
        await self._ledger.record(
            *recorded,
            facts.Listed(
                docking=stay.docking,
                files=len(listing.files),
                size_bytes=sum(file.size_bytes for file in listing.files),
                refused=len(listing.refused),
            ),
        )
        tasks = [
            _Task(clip=await self._ledger.clip(number), file=by_path[path])
            for number, path in numbers
        ]
        return sorted(tasks, key=lambda task: (not task.file.flagged, task.file.mtime_ns))

    async def _bring_over(self, stay: Stay, tasks: Sequence[_Task]) -> DockdError | None:
        """Copy one clip after another, reading each back beside the next one's copy.

        Returns the last trouble with a single clip, after all clips were tried.
        """
        troubles: list[DockdError] = []
        try:
            async with asyncio.TaskGroup() as group:
                for task in tasks:
                    await self._bring_over_one(stay, task, group=group, troubles=troubles)
        except* DockdError as raised:
            # One is enough to go by: the stay retries as a whole, or its camera is gone.
            raise _first(raised) from None
        return troubles[-1] if troubles else None

    async def _bring_over_one(
        self, stay: Stay, task: _Task, *, group: asyncio.TaskGroup, troubles: list[DockdError]
    ) -> None:
        clip = task.clip
        target = await self._claim(clip)
        try:
            if clip.copied:
                # Whole and durable since before a crash or a yank; only its proof is missing.
                part_name, xxh128 = target.part_name, ""
            else:
                copied = await self._copy(stay, task, target)
                part_name, xxh128 = copied.part_name, copied.xxh128
            clip = await self._ledger.clip(clip.number)
            await self._prover.turn()
        except (ClipUnreadable, ClipChangedWhileRead) as error:
            await in_thread(self._spool.release, target)
            await self._note(clip, error)
            troubles.append(error)
            return
        except BaseException:
            self._release_soon(target)
            raise
        group.create_task(
            self._prove(
                stay, clip, target=replace_name(target, part_name), xxh128=xxh128, troubles=troubles
            )
        )

    async def _claim(self, clip: Clip) -> CopyTarget:
        """Return the ``.part`` to write; while the spool is full, wait and say so."""
        waited = False
        while True:
            try:
                target = await in_thread(self._spool.claim, clip)
            except SpoolFull as full:
                waited = True
                await self._problems.open(full.slug, subject="spool", reason=full.reason)
                await self._clock.sleep(self._policy.full_poll_s)
                continue
            if waited:
                await self._problems.clear("spool-full", subject="spool")
            return target

    async def _copy(self, stay: Stay, task: _Task, target: CopyTarget) -> Copied:
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
                    target=target,
                    stop=stay.must_stop,
                    pacer=_Counting(self._pacer, self._board, slot=stay.camera.slot),
                    durable=durable,
                )
            finally:
                os.close(source)

        try:
            copied = await in_thread(copy)
        except (ClipUnreadable, ClipChangedWhileRead) as error:
            if not await in_thread(stay.camera.is_present):
                raise CameraGone(f"{stay.camera.serial} left while it was read") from error
            await self._forget(task.clip, error)
            raise
        except (FsyncFailed, SpoolFull, SpoolReadOnly) as error:
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
        target: CopyTarget,
        xxh128: str,
        troubles: list[DockdError],
    ) -> None:
        try:
            proven = await self._prover.prove(
                clip, part_name=target.part_name, xxh128=xxh128, stop=stay.must_stop
            )
            self._board.verified(stay.camera.slot, size_bytes=proven.size_bytes)
        except DigestMismatch as error:
            await self._note(clip, error)
            troubles.append(error)
        finally:
            self._release_soon(target)

    def _release_soon(self, target: CopyTarget) -> None:
        """Give a ``.part`` up without waiting: this also runs while being cancelled."""
        self._spool.release(target)

    async def _forget(self, clip: Clip, error: DockdError) -> None:
        """Record that what was copied of a clip is of no use, if anything was recorded of it."""
        now = await self._ledger.clip(clip.number)
        if now.spool_copy is SpoolCopy.PARTIAL:
            await self._ledger.record(facts.CopyDiscarded(clip=clip.number, reason=error.reason))
        await in_thread(self._spool.discard, clip)

    async def _note(self, clip: Clip, error: DockdError) -> None:
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


def replace_name(target: CopyTarget, part_name: str) -> CopyTarget:
    """Return ``target`` under the name that the copy ended up with."""
    return replace(target, part_name=part_name)


def _part_spooled(stay: Stay, clip: Clip, part: clips.Part) -> facts.PartSpooled:
    return facts.PartSpooled(
        clip=clip.number,
        docking=stay.docking,
        index=part.index,
        offset=part.offset,
        size_bytes=part.size_bytes,
        sha256=part.sha256,
    )


def _first(raised: BaseExceptionGroup[DockdError]) -> DockdError:
    gone, others = raised.split(CameraGone)
    chosen = gone or others
    assert chosen is not None
    error = chosen.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
