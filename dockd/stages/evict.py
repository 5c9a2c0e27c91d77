"""Room in the spool: which stored copies go, what is left of those that went, and what stays why.

Whether one may go is decided by core/eviction; this pages through those that might.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from dockd.core import eviction, facts
from dockd.core.clip import CameraCopy, Clip, Place, SpoolCopy
from dockd.core.sidecar import Sidecar
from dockd.errors import SpoolFull
from dockd.ports.ledger import Ledger, PurgePlace
from dockd.ports.spool import Spool
from dockd.stages.ages import Ages
from dockd.stages.problems import ProblemBoard
from dockd.stages.shared_holds import SharedHolds
from dockd.stages.threads import in_thread

_AT_ONCE: Final = 64
# So many pages are looked at in one round, and the next round goes on behind them: a spool may
# hold tens of thousands of copies, and what has to stay at the front must not hide the rest.
_PAGES: Final = 4
_PAGES_WHEN_SHORT: Final = 32
# Room is short a little above the reserve already, so that no camera has to wait for it.
_COMFORT: Final = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictPolicy:
    """``required`` of ``stores`` have to hold a clip, and the others must not wait for it.

    ``extra`` stores get flagged clips, too, and must not wait for them either.
    ``keep_stored_s`` are seconds of this run's uptime: a wrong clock must not delete anything.
    """

    keep_stored_s: float
    required: int
    stores: frozenset[str]
    extra: frozenset[str] = frozenset()


class Evict:
    """Makes room; part of the housekeeping."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        shared_holds: SharedHolds,
        problems: ProblemBoard,
        ages: Ages,
        unasked: Callable[[], frozenset[str]],
    ) -> None:
        """``ages`` tells how long ago a copy was first noticed here.

        ``unasked`` are the stores that did not tell yet whether the ledger was restored.
        """
        self._ledger = ledger
        self._spool = spool
        self._shared_holds = shared_holds
        self._problems = problems
        self._ages = ages
        self._unasked = unasked
        self._behind: PurgePlace | None = None
        self._leftovers_removed = False

    async def make_room(self, policy: EvictPolicy) -> None:
        """Let go of stored copies that are old, or of the oldest ones when room is short."""
        short = await self._is_short()
        for _ in range(_PAGES_WHEN_SHORT if short else _PAGES):
            page = await self._ledger.purgeable(after=self._behind, limit=_AT_ONCE)
            old = {clip.number for clip in page.clips if self._is_old(clip, policy)}
            wanted = [clip for clip in page.clips if short or clip.number in old]
            for clip in await self._evictable(wanted, policy):
                if clip.number in old:
                    reason = "it was kept for as long as the configuration says"
                elif await self._is_short():
                    reason = "room is short, and the stores hold it"
                else:
                    continue
                # Once more: a page takes seconds, and meanwhile somebody may hold it or dock it.
                now = await self._ledger.clip(clip.number)
                if await self._evictable([now], policy):
                    await self._purge(now, reason)
            self._behind = page.next
            if self._behind is None:
                self._ages.end_of_pass()
                return

    async def _is_short(self) -> bool:
        """Return whether free space is at the reserve or close to it."""
        space = await in_thread(self._spool.space)
        return not space.accepting or space.free_bytes < space.reserve_bytes * _COMFORT

    def _is_old(self, clip: Clip, policy: EvictPolicy) -> bool:
        age_s = self._ages.of(clip)
        return age_s >= policy.keep_stored_s and clip.camera_copy is not CameraCopy.PRESENT

    async def _evictable(self, clips: Sequence[Clip], policy: EvictPolicy) -> Sequence[Clip]:
        """Return the clips whose copies may go."""
        # Before the epoch: a store that tells in between may begin another.
        unasked = self._unasked()
        # However old the list is: what it names stays. A copy that every store has proven is not
        # the last one, so a list that does not come must not fill the spool.
        elsewhere = self._shared_holds.standing()
        set_aside = await self._ledger.set_aside() | elsewhere.subjects
        docked = frozenset(row.docking for row in await self._ledger.open_dockings())
        epoch = (await self._ledger.head()).epoch
        evidence = [
            eviction.Evidence(
                clip=clip,
                receipts=tuple(await self._ledger.receipts(clip.number)),
                configured_stores=policy.stores,
                extra_stores=policy.extra,
                required=policy.required,
                epoch=epoch,
                set_aside=set_aside,
                docked=docked,
                unasked=unasked,
            )
            for clip in clips
        ]
        return [each.clip for each in evidence if eviction.may_evict(each)]

    async def _purge(self, clip: Clip, reason: str) -> None:
        # The fact first: a copy that is gone while it is called proven would be a lie.
        await self._ledger.record(facts.SpoolPurged(clip=clip.number, reason=reason))
        await in_thread(self._spool.purge, clip)

    async def remove_leftovers(self, policy: EvictPolicy) -> None:
        """Once a start: remove the copies whose purge was recorded right before a crash."""
        if self._leftovers_removed or self._unasked() & policy.stores:
            return
        kept = await in_thread(self._spool.sidecars)
        while found := await in_thread(lambda: [*islice(kept, _AT_ONCE)]):
            for sidecar in found:
                # One that cannot be believed is for `verify` to report.
                if isinstance(sidecar, Sidecar) and await self._is_left_over(sidecar.clip, policy):
                    await in_thread(self._spool.purge, sidecar.clip)
        self._leftovers_removed = True

    async def _is_left_over(self, kept: Clip, policy: EvictPolicy) -> bool:
        """Return whether a kept copy is of a clip that was purged, and that stores still hold.

        A restored ledger may have forgotten that the copy was made anew: there a store has to
        repeat its receipt before what it says is worth more than what lies here.
        """
        clip = None if kept.key is None else await self._ledger.by_key(kept.key)
        if clip is None or clip.spool_copy is not SpoolCopy.PURGED or clip.holds:
            return False
        receipts = tuple(await self._ledger.receipts(clip.number))
        epoch = (await self._ledger.head()).epoch
        held_by = policy.stores & eviction.holders(clip, receipts, epoch=epoch)
        if len(held_by) < policy.required:
            return False
        # One that is being made anew is kept a moment before the ledger says so.
        read_in = [await self._ledger.docking(docking) for docking in kept.copied_in]
        return all(row is None or row.ended_at is not None for row in read_in)

    async def say_whether_full(self, policy: EvictPolicy) -> None:
        """Keep the word on room true, also when no camera is there that waits for some."""
        space = await in_thread(self._spool.space)
        if not space.accepting:
            reason = (
                f"{space.free_bytes} bytes are free and {space.reserve_bytes} are kept in reserve"
            )
            kept_for = await self._kept_for(policy)
            await self._problems.open_or_reword(
                SpoolFull.slug, subject="spool", reason="; ".join([reason, *kept_for])
            )
        elif space.free_bytes >= space.reserve_bytes * _COMFORT:
            await self._problems.clear(SpoolFull.slug, subject="spool")

    async def _kept_for(self, policy: EvictPolicy) -> Sequence[str]:
        """Return for whom the spool keeps what it cannot let go, in words for people."""
        waits: Mapping[str, int] = {
            f"store {name} is still to have": (await self._ledger.queue(name)).size_bytes
            for name in sorted(policy.stores | policy.extra)
        }
        held = (await self._ledger.tally()).size_bytes[Place.HELD]
        said = [f"{words} {size} bytes" for words, size in waits.items() if size]
        if held:
            said.append(f"{held} bytes are of clips on hold")
        said += [
            f"store {name} is first to tell what it was last told of the ledger"
            for name in sorted(self._unasked() & (policy.stores | policy.extra))
        ]
        if any(problem.slug == "ledger-restored" for problem in self._problems.current()):
            said.append("after the ledger's restore each store first repeats its receipts")
        return said
