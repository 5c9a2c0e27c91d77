"""What is wrong now: each problem once, in the catalogue's words, until its cause is gone.

The journal has a line when one begins and one when it ends, and a summary of all in between.
"""

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from dockd.core import facts, health
from dockd.core.health import Problem
from dockd.errors import DockdError
from dockd.ports.clock import Clock
from dockd.ports.journal import Journal
from dockd.ports.ledger import Ledger

SUMMARY_EVERY_S: Final = 3600.0
_NAMED_AT_MOST: Final = 20


class ProblemBoard:
    """The open problems: one line in the journal when one begins, one when it ends."""

    def __init__(self, *, ledger: Ledger, journal: Journal, clock: Clock) -> None:
        """Begin with none; `restore` takes over those that a run before this one left."""
        self._ledger = ledger
        self._journal = journal
        self._clock = clock
        self._problems: dict[tuple[str, str], Problem] = {}

    async def restore(self) -> None:
        """Take over the problems that were open when the daemon last stopped."""
        self._problems = {problem.key: problem for problem in await self._ledger.problems()}

    def current(self) -> Sequence[Problem]:
        """Return the open problems, the oldest first."""
        return sorted(self._problems.values(), key=lambda problem: (problem.since, problem.key))

    def of_subject(self, subject: str) -> Sequence[Problem]:
        """Return the open problems of one subject."""
        return [problem for problem in self.current() if problem.subject == subject]

    async def summarise(self) -> None:
        """Say each hour what has been open for the whole of it, in one line, until cancelled."""
        while True:
            before = set(self._problems)
            await self._clock.sleep(SUMMARY_EVERY_S)
            lasting = [problem for problem in self.current() if problem.key in before]
            if lasting:
                shown = [
                    f"{problem.slug} ({problem.subject}) since {problem.since}"
                    for problem in lasting[:_NAMED_AT_MOST]
                ]
                left_out = len(lasting) - len(shown)
                self._journal.say(
                    "problems-last",
                    "Problems that began long ago are open still.",
                    level="notice",
                    count=len(lasting),
                    problems="; ".join([*shown, *([f"{left_out} more"] if left_out else [])]),
                )

    def any_about(self, kind: str) -> bool:
        """Return whether anything is open of subjects of a kind, such as ``clip``."""
        return any(subject.startswith(f"{kind} ") for _, subject in self._problems)

    async def open(
        self, slug: str, *, subject: str, reason: str | None = None, **fields: object
    ) -> None:
        """Say that a condition holds; a condition that is known to hold is not said again."""
        if (slug, subject) in self._problems:
            return
        since = self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        problem = health.problem(slug, subject=subject, since=since, reason=reason, **fields)
        self._problems[problem.key] = problem
        self._journal.say(
            "problem-opened",
            facts.ProblemOpened.sentence,
            level="error" if problem.severity == "fail" else "warning",
            **health.named_in(subject),
            slug=slug,
            subject=subject,
            reason=problem.reason,
            owner=problem.owner,
            next=problem.next_step,
        )
        await self._record(
            facts.ProblemOpened(
                slug=slug,
                subject=subject,
                severity=problem.severity,
                reason=problem.reason,
                owner=problem.owner,
                next_step=problem.next_step,
            )
        )

    async def open_or_reword(self, slug: str, *, subject: str, reason: str) -> None:
        """Say that a condition holds, and of one that is known why it does so now.

        Newer words are for those who look; the record and the journal have the first ones.
        """
        known = self._problems.get((slug, subject))
        if known is None:
            await self.open(slug, subject=subject, reason=reason)
        else:
            self._problems[known.key] = replace(known, reason=reason)

    async def mistake(self, slug: str, *, subject: str, error: Exception) -> None:
        """Say that dockd itself did something wrong; the journal has where, for its makers."""
        self._journal.say(
            slug,
            "Something happened that dockd did not expect.",
            level="error",
            **health.named_in(subject),
            subject=subject,
            traceback="".join(traceback.format_exception(error)),
        )
        await self.open(slug, subject=subject, reason=f"{type(error).__name__}: {error}")

    async def clear(self, slug: str, *, subject: str) -> None:
        """Say that a condition holds no longer, and how long it did."""
        problem = self._problems.pop((slug, subject), None)
        if problem is None:
            return
        began = datetime.fromisoformat(problem.since)
        lasted_s = max(0, int((self._clock.now() - began).total_seconds()))
        self._journal.say(
            "problem-closed",
            facts.ProblemClosed.sentence,
            level="notice",
            **health.named_in(subject),
            slug=slug,
            subject=subject,
            lasted_s=lasted_s,
        )
        await self._record(facts.ProblemClosed(slug=slug, subject=subject, lasted_s=lasted_s))

    async def clear_all(self, slugs: Iterable[str], *, subject: str) -> None:
        """Clear several conditions of one subject."""
        for slug in slugs:
            await self.clear(slug, subject=subject)

    async def clear_subject(self, subject: str) -> None:
        """Clear whatever is open of one subject."""
        for problem in self.of_subject(subject):
            await self.clear(problem.slug, subject=subject)

    async def _record(self, fact: facts.Fact) -> None:
        """Record a problem; a ledger that cannot take it must not hide it from the people."""
        try:
            await self._ledger.record(fact)
        except DockdError as error:
            self._journal.say(
                "ledger-unwritable",
                "A problem could not be recorded in the ledger.",
                level="error",
                reason=error.reason,
            )
