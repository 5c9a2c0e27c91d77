"""Camera to spool: plan, copy, read back, record. Every clip of one camera, in one stay."""

import asyncio
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
