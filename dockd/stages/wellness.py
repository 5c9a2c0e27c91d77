"""Whether the daemon is alive and the station able, asked of each part (draft-inadarei-06)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from dockd.core import health
from dockd.core.health import Check, Health
from dockd.errors import DockdError
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Spool
from dockd.ports.station import HealthDocument
from dockd.stages.problems import ProblemBoard
from dockd.stages.threads import in_thread

_PATIENCE_S: Final = 5.0
_LATE_AFTER_S: Final = 10.0
_DEAD_AFTER_S: Final = 60.0
_Answer = tuple[Health, str]
_WELL: Final[_Answer] = ("pass", "")
# Whatever the cause: a rack of cameras of which nothing is copied is not seen.
_BLIND: Final = frozenset({"detection-failed", "station-silent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WellnessPolicy:
    """Who answers: the station's name and dockd's version; whether any store is configured."""

    station: str
    version: str
    has_stores: bool


class Wellness:
    """Asks the parts of the station how they are."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        problems: ProblemBoard,
        clock: Clock,
        policy: WellnessPolicy,
        watchdog_fed_ago_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``watchdog_fed_ago_s`` tells how long ago the loop last came round to feeding it."""
        self._ledger = ledger
        self._spool = spool
        self._problems = problems
        self._clock = clock
        self.policy = policy
        self._watchdog_fed_ago_s = watchdog_fed_ago_s

    async def healthz(self) -> HealthDocument:
        """Return whether the daemon is alive: the loop turns and the watchdog is fed."""
        return await self._document({"loop": self._loop})

    async def readyz(self) -> HealthDocument:
        """Return whether the station can take footage in.

        Stores and clock can make it warn but not fail: without them it still copies and proves.
        """
        return await self._document(
            {
                "ledger": self._ledger_answers,
                "spool": self._spool_takes,
                "detection": self._detection_works,
                "stores": self._stores_are_reached,
                "clock": self._clock_is_right,
            }
        )

    async def _document(
        self, questions: Mapping[str, Callable[[], Awaitable[_Answer]]]
    ) -> HealthDocument:
        checks = []
        for name, ask in questions.items():
            status, output = await ask()
            time = f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}"
            checks.append(Check(name=name, status=status, time=time, output=output))
        return health.document(
            release=self.policy.version, station=self.policy.station, checks=checks
        )

    async def _loop(self) -> _Answer:
        ago_s = self._watchdog_fed_ago_s()
        if ago_s < _LATE_AFTER_S:
            return _WELL
        sentence = f"the watchdog was last fed {ago_s:.0f} s ago"
        return ("fail" if ago_s >= _DEAD_AFTER_S else "warn"), sentence

    async def _ledger_answers(self) -> _Answer:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._ledger.head()
        except DockdError as error:
            return "fail", error.reason
        except TimeoutError:
            return "fail", f"no answer within {_PATIENCE_S:.0f} s"
        # It may answer from memory long after its disk has ceased to take anything.
        trouble = self._ledger.write_trouble()
        return ("fail", trouble.reason) if trouble is not None else self._worst_about("ledger")

    async def _spool_takes(self) -> _Answer:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                space = await in_thread(self._spool.space)
        except (DockdError, OSError) as error:
            return "fail", error.reason if isinstance(error, DockdError) else str(error)
        except TimeoutError:
            return "fail", f"no answer within {_PATIENCE_S:.0f} s"
        if not space.accepting:
            return "fail", "no new clip is accepted: free space is below the reserve"
        return self._worst_about("spool")

    async def _detection_works(self) -> _Answer:
        for problem in self._problems.current():
            if problem.slug in _BLIND:
                return "fail", problem.reason
        return _WELL

    async def _stores_are_reached(self) -> _Answer:
        if not self.policy.has_stores:
            return "warn", "no store is configured"
        for problem in self._problems.current():
            if problem.subject.startswith("store "):
                return "warn", f"{problem.subject}: {problem.reason}"
        return _WELL

    async def _clock_is_right(self) -> _Answer:
        if not self._clock.synchronisation().synchronised:
            return "warn", "the clock is not synchronised"
        return self._worst_about("clock")

    def _worst_about(self, subject: str) -> _Answer:
        found = self._problems.of_subject(subject)
        status = health.health_of(problems=found)
        return status, next((one.reason for one in found if one.severity == status), "")
