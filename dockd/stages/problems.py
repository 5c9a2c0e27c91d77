"""What is wrong now: each problem once, in the catalogue's words, until its cause is gone.

The journal has a line when one begins and one when it ends, and a summary of all in between. One
that comes and goes (`core/flapping`) is one problem for the journal, the record and whoever is told
of changes, until it has stayed away; whoever looks sees it as it is at the moment.
"""

import asyncio
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from dockd.core import facts, health
from dockd.core.flapping import AWAY_S, OFTEN, Flapping
from dockd.core.health import Problem
from dockd.errors import DockdError
from dockd.ports.clock import Clock
from dockd.ports.journal import Journal
from dockd.ports.ledger import Ledger

SUMMARY_EVERY_S: Final = 3600.0
_NAMED_AT_MOST: Final = 20
_LOOK_S: Final = 60.0


class ProblemBoard:
    """The open problems: one line in the journal when one begins, one when it ends."""

    def __init__(self, *, ledger: Ledger, journal: Journal, clock: Clock) -> None:
        """Begin with none; `restore` takes over those that a run before this one left."""
        self._ledger = ledger
        self._journal = journal
        self._clock = clock
        self._problems: dict[tuple[str, str], Problem] = {}
        self._flapping = Flapping()
        # Those that are over and of which the journal and the record have only the beginning.
        self._unsaid: dict[tuple[str, str], Problem] = {}
        self._some_unsaid = asyncio.Event()

    async def restore(self) -> None:
        """Take over the problems that were open when the daemon last stopped."""
        self._problems = {problem.key: problem for problem in await self._ledger.problems()}

    def current(self) -> Sequence[Problem]:
        """Return the open problems, the oldest first."""
        return _oldest_first(map(self._as_it_is, self._problems.values()))

    def of_subject(self, subject: str) -> Sequence[Problem]:
        """Return the open problems of one subject."""
        return [problem for problem in self.current() if problem.subject == subject]

    async def summarise(self) -> None:
        """Say each hour what has been open for the whole of it, in one line, until cancelled."""
        while True:
            before = {problem.key for problem in self._told_of()}
            await self._clock.sleep(SUMMARY_EVERY_S)
            lasting = [problem for problem in self._told_of() if problem.key in before]
            if lasting:
                shown = [self._summed_up(problem) for problem in lasting[:_NAMED_AT_MOST]]
                left_out = len(lasting) - len(shown)
                self._journal.say(
                    "problems-last",
                    "Problems that began long ago are open still.",
                    level="notice",
                    count=len(lasting),
                    problems="; ".join([*shown, *([f"{left_out} more"] if left_out else [])]),
                )

    async def settle(self) -> None:
        """Say the end of whatever came and went and has stayed away since, until cancelled."""
        while True:
            await self._some_unsaid.wait()
            await self._clock.sleep(_LOOK_S)
            await self.say_ends()

    async def say_ends(self, *, away_s: float = AWAY_S) -> None:
        """Say the ends that were not said, of what has been away for ``away_s``; 0 at a stop."""
        over = self._flapping.stayed_away(now_s=self._clock.monotonic_s(), least_s=away_s)
        ended = [(self._unsaid.pop(each.key), each) for each in over]
        if not self._unsaid:
            self._some_unsaid.clear()
        for problem, each in ended:
            await self._say_end(problem, times=each.times, away_s=each.away_s)

    def any_about(self, kind: str) -> bool:
        """Return whether anything is open of subjects of a kind, such as ``clip``."""
        return any(subject.startswith(f"{kind} ") for _, subject in self._problems)

    async def open(
        self, slug: str, *, subject: str, reason: str | None = None, **fields: object
    ) -> None:
        """Say that a condition holds; a condition that is known to hold is not said again."""
        key = slug, subject
        if key in self._problems:
            return
        since = self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        problem = health.problem(slug, subject=subject, since=since, reason=reason, **fields)
        if not self._flapping.begins(key, now_s=self._clock.monotonic_s()):
            # Nobody was told that it ended, so that for all who were told of it, it goes on.
            self._problems[key] = replace(problem, since=self._unsaid.pop(key).since)
            return
        self._problems[key] = problem
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
            times=self._often(key),
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
        if self._flapping.ends(problem.key, now_s=self._clock.monotonic_s()):
            await self._say_end(problem)
            return
        self._unsaid[problem.key] = problem
        self._some_unsaid.set()

    async def _say_end(self, problem: Problem, *, times: int = 1, away_s: float = 0) -> None:
        slug, subject = problem.key
        since_then = self._clock.now() - datetime.fromisoformat(problem.since)
        lasted_s = max(0, int(since_then.total_seconds() - away_s))
        self._journal.say(
            "problem-closed",
            facts.ProblemClosed.sentence,
            level="notice",
            **health.named_in(subject),
            slug=slug,
            subject=subject,
            lasted_s=lasted_s,
            times=times if times > 1 else None,
        )
        await self._record(
            facts.ProblemClosed(slug=slug, subject=subject, lasted_s=lasted_s, times=times)
        )

    async def clear_all(self, slugs: Iterable[str], *, subject: str) -> None:
        """Clear several conditions of one subject."""
        for slug in slugs:
            await self.clear(slug, subject=subject)

    async def clear_subject(self, subject: str) -> None:
        """Clear whatever is open of one subject."""
        for problem in self.of_subject(subject):
            await self.clear(problem.slug, subject=subject)

    def _told_of(self) -> Sequence[Problem]:
        """Return what the journal's reader takes to be open, the oldest first."""
        return _oldest_first([*self._problems.values(), *self._unsaid.values()])

    def _summed_up(self, problem: Problem) -> str:
        often = self._often(problem.key)
        times = "" if often is None else f", {often} times"
        return f"{problem.slug} ({problem.subject}) since {problem.since}{times}"

    def _as_it_is(self, problem: Problem) -> Problem:
        """Return an open problem in words for whoever looks now."""
        times = self._often(problem.key)
        if times is None:
            return problem
        said = f"{problem.reason} (It comes and goes: {times} times so far.)"
        return replace(problem, reason=said)

    def _often(self, key: tuple[str, str]) -> int | None:
        """Return how often a problem came, where it came again and again."""
        times = self._flapping.times(key)
        return times if times >= OFTEN else None

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


def _oldest_first(problems: Iterable[Problem]) -> Sequence[Problem]:
    return sorted(problems, key=lambda problem: (problem.since, problem.key))
