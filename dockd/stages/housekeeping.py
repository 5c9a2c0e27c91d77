"""What the station does for itself: copies left by a crash, partials, room, checkpoints."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from dockd.core import facts
from dockd.core.clip import CameraCopy, Clip
from dockd.errors import (
    DigestMismatch,
    DockdError,
    FsyncFailed,
    NotFound,
    SpoolChanged,
    SpoolFull,
    SpoolReadOnly,
)
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Spool
from dockd.stages.problems import ProblemBoard
from dockd.stages.proving import Prover
from dockd.stages.threads import in_thread

_PURGED_AT_ONCE: Final = 64
_NOTICED_AT_MOST: Final = 10_000
# Room is short a little above the reserve already, so that no camera has to wait for it.
_COMFORT: Final = 1.1
# What a later round that goes well disproves. A full spool has a rule of its own.
_PASSING: Final = (SpoolChanged.slug, SpoolReadOnly.slug, FsyncFailed.slug)


@dataclass(frozen=True, slots=True, kw_only=True)
class HousekeepingPolicy:
    """Ages are counted in seconds of this run's uptime: a wrong clock must not delete anything."""

    keep_stored_s: float
    partial_after_s: float
    every_s: float = 30.0
    checkpoint_every_s: float = 300.0


WriteCheckpoint = Callable[[], Awaitable[None]]


class Housekeeping:
    """Runs beside everything else, and never in its way."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        prover: Prover,
        problems: ProblemBoard,
        checkpoint: WriteCheckpoint,
        clock: Clock,
        policy: HousekeepingPolicy,
    ) -> None:
        """``checkpoint`` writes the head of the record to the spool and the stores."""
        self._ledger = ledger
        self._spool = spool
        self._prover = prover
        self._problems = problems
        self._checkpoint = checkpoint
        self._clock = clock
        self.policy = policy
        self._noticed_s: dict[int, float] = {}
        self._checkpointed_s = float("-inf")
        self._duties: Final[Sequence[Callable[[], Awaitable[object]]]] = (
            self.recover,
            self._keep_partials,
            self._make_room,
            self._checkpoint_when_due,
            self._say_whether_full,
        )

    async def run(self) -> None:
        """Look round from time to time until cancelled."""
        while True:
            troubles: set[str] = set()
            for duty in self._duties:
                try:
                    await duty()
                except DockdError as error:
                    troubles.add(error.slug)
                    await self._problems.open(error.slug, subject="spool", reason=error.reason)
            # Whoever found it, also in a run before this one: a round without it is its end.
            passed = [slug for slug in _PASSING if slug not in troubles]
            await self._problems.clear_all(passed, subject="spool")
            await self._clock.sleep(self.policy.every_s)

    async def begin(self) -> None:
        """Settle what is in the spool before any camera is read: it may be what one would resume.

        A spool that is not the ledger's, or fails, is a problem to report and not the daemon's end.
        """
        try:
            await self.set_orphans_aside()
            await self.recover()
        except DockdError as error:
            await self._problems.open(error.slug, subject="spool", reason=error.reason)

    async def _say_whether_full(self) -> None:
        """Keep the word on room true, also when no camera is there that waits for some."""
        space = await in_thread(self._spool.space)
        if not space.accepting:
            reason = (
                f"{space.free_bytes} bytes are free and {space.reserve_bytes} are kept in reserve"
            )
            await self._problems.open(SpoolFull.slug, subject="spool", reason=reason)
        elif space.free_bytes >= space.reserve_bytes * _COMFORT:
            await self._problems.clear(SpoolFull.slug, subject="spool")

    async def recover(self) -> int:
        """Prove the whole copies that a crash left before their read-back; return how many.

        Their cameras may have left long ago: what is in the spool may be all there is. One that
        cannot be recovered now is tried again later, and never keeps the others waiting.
        """
        recovered = 0
        for clip in await self._ledger.partials_left():
            if not clip.copied:
                continue
            subject = f"clip {clip.id}"
            try:
                recovered += await self._prover.recover(clip)
            except DockdError as error:
                await self._problems.open(error.slug, subject=subject, reason=error.reason)
            except OSError as error:
                await self._problems.mistake("internal-error", subject=subject, error=error)
        return recovered

    async def set_orphans_aside(self) -> Sequence[str]:
        """Set aside copies of clips that this ledger does not know, and say that there are some.

        After a restored ledger they may be all there is of what was offloaded in between.
        """
        known: list[Clip] = []
        for number in await in_thread(self._spool.incoming_numbers):
            with suppress(NotFound):
                known.append(await self._ledger.clip(number))
        orphans = await in_thread(self._spool.orphans, known)
        if orphans:
            reason = f"{len(orphans)} copies belong to no clip in the ledger: {orphans[0]}, ..."
            await self._problems.open("spool-orphans", subject="spool", reason=reason)
        else:
            await self._problems.clear("spool-orphans", subject="spool")
        return orphans

    async def _keep_partials(self) -> None:
        """Make evidence of what there is of clips whose cameras do not come back."""
        left = [
            clip
            for clip in await self._ledger.partials_left()
            if clip.spool_parts and not clip.copied
        ]
        for clip in self._older_than(left, self.policy.partial_after_s):
            subject = f"clip {clip.id}"
            try:
                await self._prover.accept_partial(clip)
            except DigestMismatch as error:
                await self._problems.open(error.slug, subject=subject, reason=error.reason)
            except OSError as error:
                await self._problems.mistake("internal-error", subject=subject, error=error)

    async def _make_room(self) -> None:
        """Let go of stored copies that are old, or of the oldest ones when room is short."""
        docked = {row.docking for row in await self._ledger.open_dockings()}
        # The copy of a clip that is in the rack would only be made again.
        candidates = [
            clip
            for clip in await self._ledger.purgeable(limit=_PURGED_AT_ONCE)
            if clip.docking not in docked or clip.camera_copy is CameraCopy.WIPED
        ]
        old = self._older_than(candidates, self.policy.keep_stored_s)
        for clip in candidates:
            if clip in old and clip.camera_copy is not CameraCopy.PRESENT:
                await self._purge(clip, "it was kept for as long as the configuration says")
            elif await self._is_short():
                await self._purge(clip, "room is short, and the stores hold it")

    async def _is_short(self) -> bool:
        """Return whether free space is at the reserve or close to it."""
        space = await in_thread(self._spool.space)
        return not space.accepting or space.free_bytes < space.reserve_bytes * _COMFORT

    async def _purge(self, clip: Clip, reason: str) -> None:
        # The fact first: a copy that is gone while it is called proven would be a lie.
        await self._ledger.record(facts.SpoolPurged(clip=clip.number, reason=reason))
        await in_thread(self._spool.purge, clip)

    async def _checkpoint_when_due(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._checkpointed_s >= self.policy.checkpoint_every_s:
            # One that fails is due again with the next round.
            await self._checkpoint()
            self._checkpointed_s = now_s

    def _older_than(self, clips: Sequence[Clip], age_s: float) -> Sequence[Clip]:
        """Return the clips first noticed more than ``age_s`` of uptime ago."""
        now_s = self._clock.monotonic_s()
        for clip in clips:
            self._noticed_s.setdefault(clip.number, now_s)
        if len(self._noticed_s) > _NOTICED_AT_MOST:
            # What went elsewhere meanwhile is noticed again if it comes back.
            self._noticed_s = {clip.number: self._noticed_s[clip.number] for clip in clips}
        return [clip for clip in clips if now_s - self._noticed_s[clip.number] >= age_s]
