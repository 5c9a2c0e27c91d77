"""The problems board: each condition once, from its beginning to its end, across restarts.

A problem is a slug and a subject ("store central", "slot A1", "clip 0123456789abcdef"). Opening
one that is open, or clearing one that is not, changes nothing, so that a stage says what it
finds, as often as it finds it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from dockd.core import health
from dockd.core.facts import Fact, ProblemClosed, ProblemOpened
from dockd.core.health import Problem
from dockd.errors import DockdError, Owner
from dockd.ports.clock import Clock
from dockd.ports.journal import Journal, Level
from dockd.ports.ledger import Ledger

_FIELDS = ("slot", "camera", "clip", "docking", "store")


class ProblemBoard:
    """All open problems; the ledger has their beginnings and ends, the journal a line for each."""

    def __init__(self, *, ledger: Ledger, journal: Journal, clock: Clock) -> None:
        """Begin empty; `load` takes in what an earlier run left open."""
        self._ledger = ledger
        self._journal = journal
        self._clock = clock
        self._open: dict[tuple[str, str], Problem] = {}

    async def load(self) -> None:
        """Take in the problems that the record still has open."""
        for problem in await self._ledger.problems():
            self._open[problem.slug, problem.subject] = problem

    def all(self) -> Sequence[Problem]:
        """Return every open problem, the oldest first."""
        return sorted(self._open.values(), key=lambda problem: (problem.since, problem.slug))

    def about(self, *subjects: str) -> Sequence[Problem]:
        """Return the open problems of these subjects."""
        return [problem for problem in self.all() if problem.subject in subjects]

    async def open(
        self,
        slug: str,
        *,
        subject: str,
        reason: str,
        owner: Owner | None = None,
        next_step: str | None = None,
    ) -> None:
        """Begin a problem; owner and next step are the catalogue's unless given."""
        entry = health.CATALOGUE[slug]
        known = self._open.get((slug, subject))
        problem = Problem(
            slug=slug,
            subject=subject,
            severity=entry.severity,
            since=known.since if known else f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}",
            reason=reason,
            owner=owner or entry.owner,
            next_step=next_step or entry.next_step,
        )
        # Entered before the record is written: a second finder in between must not open it twice.
        self._open[slug, subject] = problem
        if known is None:
            self._say("problem-opened", "A problem began.", problem)
            await self._record(
                ProblemOpened(
                    slug=slug,
                    subject=subject,
                    severity=problem.severity,
                    reason=reason,
                    owner=problem.owner,
                    next_step=problem.next_step,
                )
            )

    async def clear(self, slug: str, *, subject: str) -> None:
        """End a problem, if it is open."""
        problem = self._open.pop((slug, subject), None)
        if problem is None:
            return
        self._say("problem-closed", "A problem ended.", problem)
        began = datetime.fromisoformat(problem.since)
        # The wall clock may have been set back in between.
        lasted_s = max(0, round((self._clock.now() - began).total_seconds()))
        await self._record(ProblemClosed(slug=slug, subject=subject, lasted_s=lasted_s))

    async def clear_all(self, slugs: Iterable[str], *, subject: str) -> None:
        """End several problems of one subject."""
        for slug in slugs:
            await self.clear(slug, subject=subject)

    async def clear_subject(self, subject: str) -> None:
        """End every problem of one subject."""
        await self.clear_all([problem.slug for problem in self.about(subject)], subject=subject)

    async def _record(self, fact: Fact) -> None:
        try:
            await self._ledger.record(fact)
        except DockdError as error:
            # The very problem may be that the ledger cannot be written: it is shown all the same.
            self._journal.say(error.slug, "A problem could not be recorded.", level="error")

    def _say(self, event: str, sentence: str, problem: Problem) -> None:
        kind, _, name = problem.subject.partition(" ")
        levels: dict[str, Level] = {"fail": "error", "warn": "warning"}
        ended = event == "problem-closed"
        self._journal.say(
            event,
            sentence,
            level="notice" if ended else levels.get(problem.severity, "notice"),
            slug=problem.slug,
            subject=problem.subject,
            reason=problem.reason,
            owner=problem.owner,
            next=None if ended else problem.next_step,
            **({kind: name} if kind in _FIELDS else {}),
        )
