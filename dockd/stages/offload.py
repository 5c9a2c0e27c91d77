"""Camera to spool: list, copy, read back, record. Every clip of one camera, in one stay."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dockd.core import clip as clips
from dockd.core import facts
from dockd.core.clip import Clip, SpoolCopy
from dockd.errors import CameraGone, ClipChangedWhileRead, ClipUnreadable, DockdError, SpoolFull
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Spool
from dockd.stages.board import SlotBoard
from dockd.stages.copies import Copier, Piece
from dockd.stages.groups import Group, task_group
from dockd.stages.planning import Planner, Task
from dockd.stages.problems import ProblemBoard
from dockd.stages.proving import Prover, Unproven
from dockd.stages.stay import Stay
from dockd.stages.threads import in_thread

_SMALL_BYTES: Final = 1024 * 1024
# Measured: one fsync of many takes hardly longer than one of one, and four threads keep two cores
# busy; more clips in a piece would only make a camera that is pulled lose more of its work.
_PIECES: Final = 4
_SMALL_IN_A_PIECE: Final = 16
_UNPROVEN_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class OffloadPolicy:
    """``full_poll_s`` is how many seconds pass between two looks at a full spool.

    ``copies`` at once are the station's budget for reading: more threads would copy no faster
    (measured: eight streams are as fast as two) and each holds a buffer. A camera from which
    nothing came for ``stuck_after_s`` seconds does not count in it any more.
    """

    copies: int = 8
    full_poll_s: float = 5.0
    stuck_after_s: float = 30.0


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
        self._prover = prover
        self._planner = Planner(ledger=ledger, problems=problems, clock=clock)
        self._copier = Copier(
            ledger=ledger,
            spool=spool,
            board=board,
            problems=problems,
            lanes=asyncio.Semaphore(policy.copies),
            stuck_after_s=policy.stuck_after_s,
        )
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
        stay.unreadable.update(name.path for name in listing.unreadable)
        tasks = await self._planner.plan(stay, listing)
        trouble = await self._bring_over(stay, tasks)
        if trouble is not None:
            raise trouble
        if listing.doubts:
            raise listing.doubts[0]
        return len(listing.files)

    async def _bring_over(self, stay: Stay, tasks: Sequence[Task]) -> DockdError | None:
        """Copy one clip after another, reading each back beside the next one's copy.

        Returns the last trouble with a single clip, after all clips were tried.
        """
        waiting = tasks
        async with task_group() as group:
            ahead = _Ahead(group=group)
            while waiting := await self._bring_over_what_fits(stay, waiting, ahead=ahead):
                await self._clock.sleep(self._policy.full_poll_s)
                if stay.must_stop():
                    # Nothing was read that would have noticed: it waits for room.
                    raise CameraGone(f"{stay.camera.serial} left, or has to")
        return ahead.troubles[-1] if ahead.troubles else None

    async def _bring_over_what_fits(
        self, stay: Stay, tasks: Sequence[Task], *, ahead: "_Ahead"
    ) -> Sequence[Task]:
        """Bring over what the spool has room for; return what has to wait.

        One huge file, or one that only claims to be, must not keep the others on the camera.
        """
        subject = f"slot {stay.camera.slot}"
        waiting: list[Task] = []
        too_large_bytes = float("inf")
        for together in side_by_side(tasks):
            fitting = [
                task
                for task in together
                if task.clip.copied or task.file.size_bytes < too_large_bytes
            ]
            waiting += [task for task in together if task not in fitting]
            for task, full in await self._bring_over_together(stay, fitting, ahead=ahead):
                waiting.append(task)
                too_large_bytes = min(too_large_bytes, task.file.size_bytes)
                # The slot's, until it waits no more: the spool may have room for others.
                await self._problems.open(full.slug, subject=subject, reason=full.reason)
        return waiting

    async def _bring_over_together(
        self, stay: Stay, tasks: Sequence[Task], *, ahead: "_Ahead"
    ) -> Sequence[tuple[Task, SpoolFull]]:
        """Copy clips side by side and leave their reading back to a task of its own.

        Returns those that the spool has no room for.
        """
        await ahead.turns.acquire()
        pieces: list[Piece] = []
        try:
            to_copy = [now for task in tasks if (now := await self._as_it_is_now(task)) is not None]
            async with task_group() as copying:
                for number in range(min(_PIECES, len(to_copy))):
                    copying.start(self._copy(stay, to_copy[number::_PIECES], pieces))
            without_room = await self._settle(stay, pieces, troubles=ahead.troubles)
        except BaseException:
            for piece in pieces:
                piece.close()
            ahead.turns.release()
            raise
        copies = [copy for piece in pieces for copy in piece.copies]

        def given_back() -> None:
            for copy in copies:
                copy.lease.close()
            ahead.turns.release()

        ahead.group.start(self._prove(stay, copies, troubles=ahead.troubles), afterwards=given_back)
        return without_room

    async def _as_it_is_now(self, task: Task) -> Task | None:
        """Return the task, or None where its clip was proven after its camera had left."""
        if task.clip.spool_copy is not SpoolCopy.PARTIAL:
            # Nobody but this stay copies a clip of which there was nothing.
            return task
        await self._prover.left_alone(task.clip.number)
        clip = await self._ledger.clip(task.clip.number)
        return None if clip.spool_copy is SpoolCopy.PROVEN else Task(clip=clip, file=task.file)

    async def _copy(self, stay: Stay, tasks: Sequence[Task], pieces: list[Piece]) -> None:
        pieces.append(await self._copier.copy(stay, tasks))

    async def _settle(
        self, stay: Stay, pieces: Sequence[Piece], *, troubles: list[DockdError]
    ) -> Sequence[tuple[Task, SpoolFull]]:
        """Note what is wrong with single clips; return those that the spool has no room for."""
        without_room: list[tuple[Task, SpoolFull]] = []
        for task, error in (failed for piece in pieces for failed in piece.failed):
            if isinstance(error, SpoolFull):
                without_room.append((task, error))
            elif isinstance(error, ClipUnreadable | ClipChangedWhileRead):
                await self._note(task.clip, error)
                troubles.append(error)
                if isinstance(error, ClipUnreadable):
                    stay.unreadable.add(task.file.path)
            else:
                raise error
        return without_room

    async def _prove(
        self, stay: Stay, copies: Sequence[Unproven], *, troubles: list[DockdError]
    ) -> None:
        for clip, error in await self._prover.prove(copies, stop=stay.must_stop):
            await self._note(clip, error)
            troubles.append(error)

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


class _Ahead:
    """What one stay has copied and not read back yet: so much, and no more, may lie there."""

    def __init__(self, *, group: Group) -> None:
        self.group: Final = group
        self.troubles: Final[list[DockdError]] = []
        self.turns: Final = asyncio.Semaphore(_UNPROVEN_AT_ONCE)


def side_by_side(tasks: Sequence[Task]) -> Iterator[Sequence[Task]]:
    """Yield the tasks in their order: a large clip alone, small ones as many as go together."""
    together: list[Task] = []
    for task in tasks:
        if task.file.size_bytes > _SMALL_BYTES:
            if together:
                yield together
            together = []
            yield [task]
            continue
        together.append(task)
        if len(together) == _PIECES * _SMALL_IN_A_PIECE:
            yield together
            together = []
    if together:
        yield together
