"""What the station does for itself: copies left by a crash, partials, room, checkpoints."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from dockd.core import naming
from dockd.core.clip import Clip
from dockd.errors import (
    DigestMismatch,
    DockdError,
    NotFound,
    SpoolFull,
)
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Spool
from dockd.stages.ages import Ages
from dockd.stages.evict import Evict, EvictPolicy
from dockd.stages.problems import ProblemBoard
from dockd.stages.proving import Prover
from dockd.stages.readmit import Readmit
from dockd.stages.shared_holds import SharedHolds
from dockd.stages.threads import in_thread

# What is said of the spool by rules of their own; all else a later round disproves.
_FOR_A_PERSON: Final = frozenset({"spool-orphans", "holds-unreadable"})
_OF_OTHERS: Final = _FOR_A_PERSON | {SpoolFull.slug, "spool-unproven"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HousekeepingPolicy:
    """Ages are counted in seconds of this run's uptime: a wrong clock must not delete anything.

    ``required`` of ``stores`` have to hold a clip whose copy makes room; ``extra`` stores get
    flagged clips, too.
    """

    keep_stored_s: float
    partial_after_s: float
    required: int
    stores: frozenset[str]
    extra: frozenset[str] = frozenset()
    every_s: float = 30.0
    checkpoint_every_s: float = 300.0


_PARTIAL: Final = "clip-partial"

WriteCheckpoint = Callable[[], Awaitable[None]]


class Housekeeping:
    """Runs beside everything else, and never in its way."""

    def __init__(  # noqa: PLR0913  what looks after everything is told of everything
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        prover: Prover,
        shared_holds: SharedHolds,
        problems: ProblemBoard,
        checkpoint: WriteCheckpoint,
        clock: Clock,
        policy: HousekeepingPolicy,
        unasked: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        """``checkpoint`` writes the head of the record to the spool and the stores.

        ``unasked`` are the stores that did not tell yet what they were last told of the ledger.
        """
        self._ledger = ledger
        self._spool = spool
        self._prover = prover
        self._problems = problems
        self._checkpoint = checkpoint
        self._clock = clock
        self.policy = policy
        self._evict = Evict(
            ledger=ledger,
            spool=spool,
            shared_holds=shared_holds,
            problems=problems,
            ages=Ages(clock),
            unasked=unasked,
        )
        self._readmit = Readmit(ledger=ledger, spool=spool, problems=problems)
        self._partial_ages = Ages(clock)
        self._checkpointed_s = float("-inf")
        self._duties: Final[Sequence[Callable[[], Awaitable[object]]]] = (
            self.recover,
            self._keep_partials,
            self._make_room,
            self._checkpoint_when_due,
            self._say_whether_full,
            self._remove_leftovers,
            self._see_what_was_taken_away,
            self._hold_the_books,
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
            said = {problem.slug for problem in self._problems.of_subject("spool")}
            await self._problems.clear_all(said - troubles - _OF_OTHERS, subject="spool")
            await self._clock.sleep(self.policy.every_s)

    async def begin(self) -> None:
        """Settle what is in the spool before any camera is read: it may be what one would resume.

        A spool that is not the ledger's, or fails, is a problem to report and not the daemon's end.
        """
        try:
            await self.set_orphans_aside()
            await self.recover()
            await self._take_in_what_was_forgotten()
        except DockdError as error:
            await self._problems.open(error.slug, subject="spool", reason=error.reason)

    async def _take_in_what_was_forgotten(self) -> None:
        """Look for copies that the ledger forgot, where it was ever restored.

        At each start from then on: one may end before all are taken in.
        """
        if (await self._ledger.head()).epoch > 1:
            await self._readmit.run()

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

    async def _see_what_was_taken_away(self) -> None:
        """Let go of what a person has looked at, and taken out of the spool."""
        left = await in_thread(self._spool.left_for_a_person)
        await self._problems.clear_all(_FOR_A_PERSON - left, subject="spool")

    async def _keep_partials(self) -> None:
        """Make evidence of what there is of clips whose cameras do not come back."""
        left = [
            clip
            for clip in await self._ledger.partials_left()
            if clip.spool_parts and not clip.copied
        ]
        due = [c for c in left if self._partial_ages.of(c) >= self.policy.partial_after_s]
        self._partial_ages.end_of_pass()
        for clip in due:
            # Said first: whoever dies in between has said it, and the next run sees to the copy.
            await self._problems.open(
                _PARTIAL,
                subject=_as_evidence(clip),
                have_bytes=clip.spooled_bytes,
                size_bytes=clip.size_bytes,
                path=naming.safe_path(clip.path),
            )
            subject = f"clip {clip.id}"
            try:
                await self._prover.accept_partial(clip)
            except DigestMismatch as error:
                await self._problems.open(error.slug, subject=subject, reason=error.reason)
            except OSError as error:
                await self._problems.mistake("internal-error", subject=subject, error=error)
            now = await self._ledger.clip(clip.number)
            if not now.partial or now.merged_into is not None:
                # Its camera came back, or what there was did not read as it had.
                await self._problems.clear(_PARTIAL, subject=_as_evidence(clip))

    async def _make_room(self) -> None:
        await self._evict.make_room(self._eviction)

    async def _say_whether_full(self) -> None:
        await self._evict.say_whether_full(self._eviction)

    async def _remove_leftovers(self) -> None:
        await self._evict.remove_leftovers(self._eviction)

    async def _hold_the_books(self) -> None:
        """Say whether every original ever seen is at some place, or known to be gone."""
        books = await self._ledger.completeness()
        accounted = sum(books.at.values()) + books.gone
        if books.seen == accounted:
            await self._problems.clear("books-open", subject="ledger")
        else:
            await self._problems.open(
                "books-open", subject="ledger", seen=books.seen, accounted=accounted
            )

    @property
    def _eviction(self) -> EvictPolicy:
        return EvictPolicy(
            keep_stored_s=self.policy.keep_stored_s,
            required=self.policy.required,
            stores=self.policy.stores,
            extra=self.policy.extra,
        )

    async def _checkpoint_when_due(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._checkpointed_s >= self.policy.checkpoint_every_s:
            # One that fails is due again with the next round.
            await self._checkpoint()
            self._checkpointed_s = now_s


def _as_evidence(clip: Clip) -> str:
    """Return a clip by the id that what is proven of it will have."""
    sha256 = clip.spool_parts[-1].sha256
    return f"clip {naming.clip_id(naming.store_key(clip.camera, sha256=sha256, path=clip.path))}"
