"""Copies from a camera into the spool: one thread for one whole piece, and what comes out of it.

A piece is one clip, or a handful of small ones: what a thread, a commit and an fsync cost is then
shared by all of them. Each clip still has an outcome of its own.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from dockd.core import clip as clips
from dockd.core import facts, remains
from dockd.core.clip import Clip
from dockd.errors import (
    CameraGone,
    ClipChangedWhileRead,
    ClipUnreadable,
    DockdError,
    FsyncFailed,
    SpoolFull,
)
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Copied, Spool
from dockd.stages.board import SlotBoard
from dockd.stages.lease import PartLease
from dockd.stages.planning import Task
from dockd.stages.problems import ProblemBoard
from dockd.stages.proving import Unproven
from dockd.stages.stay import Stay
from dockd.stages.threads import in_thread, obtained

_STUCK: Final = "camera-stuck"
_OF_THE_FILE: Final = (ClipUnreadable, ClipChangedWhileRead)
# What these say concerns the one clip; any other error concerns the rest of the piece as well.
_OF_ONE_CLIP: Final = (*_OF_THE_FILE, SpoolFull)


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """What came of one clip in the copying thread."""

    task: Task
    lease: PartLease | None = None
    copied: Copied | None = None
    error: DockdError | None = None

    def close(self) -> None:
        if self.lease is not None:
            self.lease.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What came of the clips of one piece: their copies, and the errors of those without one."""

    copies: Sequence[Unproven]
    failed: Sequence[tuple[Task, DockdError]]

    def close(self) -> None:
        """Give every lease back."""
        for copy in self.copies:
            copy.lease.close()


class Copier:
    """Copies clips; one object serves all slots, within the station's budget for reading."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        board: SlotBoard,
        problems: ProblemBoard,
        lanes: asyncio.Semaphore,
        stuck_after_s: float,
    ) -> None:
        """``lanes`` are as many as may read at once in the whole station.

        A camera that gives nothing for ``stuck_after_s`` seconds gives its lane up.
        """
        self._ledger = ledger
        self._spool = spool
        self._board = board
        self._problems = problems
        self._lanes = lanes
        self._stuck_after_s = stuck_after_s

    async def copy(self, stay: Stay, tasks: Sequence[Task]) -> Piece:
        """Copy clips one after another in one thread, and record those that are durable.

        Raises:
            CameraGone: the camera left; what was made durable before is recorded.
        """
        reads = _Counting(stay, self._board)
        attempts: Sequence[_Attempt] = ()
        # Around the lane as well: to give it back waits, and whoever waits may be cancelled.
        try:
            async with self._lane(stay, reads):
                attempts = await obtained(
                    lambda: self._attempt_all(stay, tasks, reads), give_back=_close_all
                )
            return await self._settled(stay, attempts)
        except BaseException:
            _close_all(attempts)
            raise

    @asynccontextmanager
    async def _lane(self, stay: Stay, reads: "_Counting") -> AsyncGenerator[None, None]:
        """Lend a lane; one whose camera hangs in the kernel is lent to others meanwhile."""
        await self._lanes.acquire()
        with ExitStack() as lane:
            lane.callback(self._lanes.release)
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._watch(stay, reads, lane=lane))
                try:
                    yield
                finally:
                    watch.cancel()
        await self._problems.clear(_STUCK, subject=f"slot {stay.camera.slot}")

    async def _watch(self, stay: Stay, reads: "_Counting", *, lane: ExitStack) -> None:
        """Say when nothing is read any more, and give the lane up: a thread cannot be stopped."""
        subject = f"slot {stay.camera.slot}"
        seen = -1
        while True:
            # The loop's own time: what hangs is a device, and no test's clock makes it hang.
            await asyncio.sleep(self._stuck_after_s)
            if reads.count == seen:
                lane.close()
                reason = f"a read from {stay.camera.serial} has not come back for a long time"
                await self._problems.open(_STUCK, subject=subject, reason=reason)
            else:
                await self._problems.clear(_STUCK, subject=subject)
            seen = reads.count

    # --- in the thread -----------------------------------------------------------------------

    def _attempt_all(self, stay: Stay, tasks: Sequence[Task], reads: "_Counting") -> list[_Attempt]:
        attempts: list[_Attempt] = []
        try:
            for task in tasks:
                attempt = _Attempt(task=task)
                attempts.append(attempt)
                self._attempt(stay, attempt, reads)
                if attempt.error is not None and not isinstance(attempt.error, _OF_ONE_CLIP):
                    break
        except BaseException:
            _close_all(attempts)
            raise
        return attempts

    def _attempt(self, stay: Stay, attempt: _Attempt, reads: "_Counting") -> None:
        clip = attempt.task.clip
        try:
            attempt.lease = PartLease(self._spool, self._spool.claim(clip))
            # A copy may be whole and durable since before a crash or a yank: then only its proof
            # is missing.
            if not clip.copied:
                attempt.copied = self._copied(stay, attempt.task, attempt.lease, reads)
        except DockdError as error:
            attempt.error = error
            attempt.close()

    def _copied(self, stay: Stay, task: Task, lease: PartLease, reads: "_Counting") -> Copied:
        def durable(parts: Sequence[clips.Part]) -> None:
            if stay.must_stop():
                raise CameraGone(f"{stay.camera.serial} left while it was read")
            self._ledger.record_from_thread(
                *(_part_spooled(stay, task.clip, part) for part in parts)
            ).result()

        source = stay.camera.open(task.file)
        try:
            return self._spool.copy(
                source,
                clip=task.clip,
                target=lease.target,
                stop=reads.must_stop,
                pacer=reads,
                durable=durable,
            )
        finally:
            os.close(source)

    # --- afterwards --------------------------------------------------------------------------

    async def _settled(self, stay: Stay, attempts: Sequence[_Attempt]) -> Piece:
        """Record what came of the attempts."""
        whole = [attempt for attempt in attempts if attempt.error is None]
        recorded = await self._ledger.record_each(
            [
                _clip_copied(stay, attempt.task.clip, attempt.copied)
                for attempt in whole
                if attempt.copied is not None
            ]
        )
        refused = iter(recorded)
        for attempt in whole:
            if attempt.copied is not None:
                attempt.error = next(refused)
        failed = [attempt for attempt in attempts if attempt.error is not None]
        for attempt in failed:
            attempt.close()
            await self._failed(stay, attempt)
        now = await self._ledger.numbered(
            [attempt.task.clip.number for attempt in whole if attempt.error is None]
        )
        return Piece(
            copies=[
                Unproven(
                    clip=now[attempt.task.clip.number],
                    lease=attempt.lease,
                    xxh128=attempt.copied.xxh128 if attempt.copied else "",
                )
                for attempt in whole
                if attempt.error is None and attempt.lease is not None
            ],
            failed=[(attempt.task, attempt.error) for attempt in failed if attempt.error],
        )

    async def _failed(self, stay: Stay, attempt: _Attempt) -> None:
        """Find out what an error means, and forget what is of no use.

        Raises:
            CameraGone: that is what it means.
        """
        error = attempt.error
        if isinstance(error, CameraGone):
            raise error
        if isinstance(error, _OF_THE_FILE) and not await in_thread(stay.camera.is_present):
            raise CameraGone(f"{stay.camera.serial} left while it was read") from error
        if isinstance(error, (*_OF_THE_FILE, FsyncFailed)):
            await self._fall_back(attempt.task.clip, error)

    async def _fall_back(self, clip: Clip, error: DockdError) -> None:
        """Forget of a copy what is of no use, if anything was recorded of it.

        ``clip`` is as it was before the attempt. A medium that gives up has given what it gave, and
        what an earlier attempt read is not undone by a file that changes now: either may be all
        that there will ever be of the clip.
        """
        now = await self._ledger.clip(clip.number)
        match error:
            case ClipUnreadable():
                parts = len(now.spool_parts)
            case ClipChangedWhileRead():
                parts = remains.in_common(clip.spool_parts, now.spool_parts)
            case _:
                parts = 0
        await self._ledger.record(*remains.shortened(now, parts=parts, reason=error.reason))
        if not parts:
            await in_thread(self._spool.discard, clip)


class _Counting:
    """Counts what is read, on its way through the pacer.

    ``count`` is how often the copying thread showed that it is alive.
    """

    def __init__(self, stay: Stay, board: SlotBoard) -> None:
        self._stay = stay
        self._board = board
        self.count = 0

    def must_stop(self) -> bool:
        """Return whether the copy ends. Also asked while a copy is read again to be resumed."""
        self.count += 1
        return self._stay.must_stop()

    def before_read(self, size_bytes: int) -> None:
        """Pass the read on to the pacer and count it. Called from the copying thread."""
        self.count += 1
        self._stay.camera.pacer.before_read(size_bytes)
        self._stay.count(size_bytes)
        self._board.read(self._stay.camera.slot, size_bytes=size_bytes)


def _close_all(attempts: Sequence[_Attempt]) -> None:
    for attempt in attempts:
        attempt.close()


def _clip_copied(stay: Stay, clip: Clip, copied: Copied) -> facts.ClipCopied:
    return facts.ClipCopied(
        clip=clip.number,
        docking=stay.docking,
        sha256=copied.sha256,
        xxh128=copied.xxh128,
        spliced=copied.spliced,
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
