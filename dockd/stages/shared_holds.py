"""Holds that were made at other stations: the list that all share, fetched, kept and gone by.

The list that was kept is verified again at every start. Until one is here and recent, nothing is
cleared and no spool copy makes room, and `holds-outdated` says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dockd.core import facts, shared_holds
from dockd.core.shared_holds import HoldList
from dockd.errors import DockdError, HoldsRefused
from dockd.ports.clock import Clock
from dockd.ports.holds import HoldsList, SignedList
from dockd.ports.ledger import Ledger
from dockd.stages.problems import ProblemBoard
from dockd.stages.threads import in_thread

_SUBJECT: Final = "holds"
_TROUBLES: Final = ("holds-unreachable", "holds-refused", "spool-full", "spool-read-only")
# Of this one core/explain knows that it keeps clips on their cameras.
_OUTDATED: Final = "holds-outdated"
_WIPING: Final = "wiping"
# Whether a list is old is looked at this often: no fact tells that somebody vouches for the time.
_SAY_EVERY_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What others have set aside, and how old that word is in seconds (None: nobody can tell)."""

    subjects: frozenset[str] = frozenset()
    age_s: float | None = 0.0


class SharedHolds:
    """Answers what is set aside elsewhere; without a list there is nothing, and it is never old."""

    def __init__(
        self,
        holds: HoldsList | None,
        *,
        ledger: Ledger,
        problems: ProblemBoard,
        clock: Clock,
        now: Callable[[], datetime | None],
        look_every_s: float = 300.0,
    ) -> None:
        """``holds`` is where the list comes from and is kept, None where none is configured.

        ``now`` is the time in UTC as far as somebody vouches for it, else None.
        """
        self._source = holds
        self._ledger = ledger
        self._problems = problems
        self._clock = clock
        self._now = now
        self._look_every_s = look_every_s
        self._held: HoldList | None = None
        self._subjects: frozenset[str] = frozenset()
        self._accepted_age_s: float | None = None
        self._accepted_s: float | None = None
        self._unkept = False
        self._unsaid = False

    async def settle(self) -> None:
        """Take up the list that an earlier run kept."""
        if self._source is None:
            await self._problems.clear_all(_TROUBLES, subject=_SUBJECT)
            await self._problems.clear(_OUTDATED, subject=_WIPING)
            return
        try:
            kept = await in_thread(self._source.kept)
        except HoldsRefused as error:
            await self._problems.open_or_reword(error.slug, subject=_SUBJECT, reason=error.reason)
            return
        if kept is not None:
            await self._go_by(kept.holds)
            # An earlier run may have ended between keeping it and having it on record.
            self._unsaid = True

    async def run(self) -> None:
        """Fetch the list from time to time until cancelled."""
        look_at_s = self._clock.monotonic_s()
        while self._source is not None:
            if self._clock.monotonic_s() >= look_at_s:
                await self._fetch(self._source)
                look_at_s = self._clock.monotonic_s() + self._look_every_s
            await self._say_whether_outdated()
            await self._clock.sleep(min(self._look_every_s, _SAY_EVERY_S))

    def standing(self) -> Standing:
        """Return what is set aside elsewhere, as of now."""
        if self._source is None:
            return Standing()
        if self._held is None:
            return Standing(age_s=None)
        return Standing(subjects=self._subjects, age_s=self._age_s(self._held))

    async def _go_by(self, held: HoldList) -> None:
        # Whoever held a docking of this station knew it from here: it is not unknown now and
        # known later.
        known = [
            docking
            for docking, _ in held.dockings
            if await self._ledger.docking(docking) is not None
        ]
        self._held, self._subjects = held, held.subjects(dockings_known=known)

    async def _fetch(self, source: HoldsList) -> None:
        try:
            offered = await source.fetch()
            refused = shared_holds.why_refused(offered.holds, held=self._held, now=self._now())
            if refused is not None:
                raise HoldsRefused(f"the list of holds is refused: {refused}")
            if offered.holds != self._held:
                await self._accept(offered)
            try:
                if self._unkept:
                    await in_thread(source.keep, offered)
                    self._unkept = False
            finally:
                if self._unsaid:
                    await self._say_listed(offered.holds)
        except DockdError as error:
            passed = [slug for slug in _TROUBLES if slug != error.slug]
            await self._problems.clear_all(passed, subject=_SUBJECT)
            await self._problems.open_or_reword(error.slug, subject=_SUBJECT, reason=error.reason)
        else:
            await self._problems.clear_all(_TROUBLES, subject=_SUBJECT)

    async def _accept(self, offered: SignedList) -> None:
        """Go by a list from now on, whether the spool keeps it or not: someone is held by it."""
        now = self._now()
        await self._go_by(offered.holds)
        self._accepted_s = self._clock.monotonic_s()
        self._accepted_age_s = None if now is None else (now - offered.holds.issued).total_seconds()
        # It counts already: what is full now must not keep it from being kept and said for ever.
        self._unkept = self._unsaid = True

    async def _say_listed(self, listed: HoldList) -> None:
        # Said to those who are deleting right now, too: what they have not deleted is decided anew.
        await self._ledger.record(
            facts.HoldsListed(issued=listed.issued.isoformat(), holds=listed.count)
        )
        self._unsaid = False

    async def _say_whether_outdated(self) -> None:
        age_s = None if self._held is None else self._age_s(self._held)
        if shared_holds.is_recent(age_s):
            await self._problems.clear(_OUTDATED, subject=_WIPING)
            return
        if self._held is None:
            reason = "no list of holds has come yet: nothing is cleared"
        elif age_s is None:
            reason = (
                f"nobody can tell how old the list of holds of {self._held.issued.isoformat()} is: "
                "the station's clock is not synchronised, and no store that is reached safely "
                "(https, or on this machine) has told the time: nothing is cleared"
            )
        else:
            reason = (
                f"the list of holds of {self._held.issued.isoformat()} is over 24 h old: "
                "nothing is cleared"
            )
        await self._problems.open_or_reword(_OUTDATED, subject=_WIPING, reason=reason)

    def _age_s(self, held: HoldList) -> float | None:
        since_s = self._accepted_s
        return shared_holds.age_s(
            held,
            now=self._now(),
            accepted_age_s=self._accepted_age_s,
            held_for_s=None if since_s is None else self._clock.monotonic_s() - since_s,
        )
