"""Says where copies cannot be read back from the disk itself, but only with the cache dropped.

The file system is tried at the start, before there is any copy; after that the copies tell: also
on the best disk the pages of one can be held in memory by somebody else.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from dockd.core import facts
from dockd.errors import DockdError
from dockd.ports.clock import Clock
from dockd.ports.spool import DIRECT, Spool
from dockd.stages.problems import ProblemBoard
from dockd.stages.threads import in_thread

LOOK_S: Final = 30.0
_SLUG: Final = "spool-unproven"
_SUBJECT: Final = "spool"


class ReadBacks:
    """Has the problem open for as long as the newest copies were proven less strictly."""

    def __init__(self, spool: Spool, *, problems: ProblemBoard, clock: Clock) -> None:
        """Listens through `heard` and speaks in `run`, so that a burst of copies is one line."""
        self._spool = spool
        self._problems = problems
        self._clock = clock
        self._methods: set[str] = set()

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Note how copies were proven."""
        self._methods.update(
            fact.proof for fact in committed if isinstance(fact, facts.ClipVerified)
        )

    async def run(self) -> None:
        """Look until cancelled."""
        # A spool that cannot be tried has problems of its own.
        with suppress(DockdError):
            await self._say(await in_thread(self._spool.why_unproven))
        while True:
            await self._clock.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Judge by the copies that were proven since the last look; none tell nothing."""
        methods, self._methods = self._methods, set()
        if methods:
            await self._say("; ".join(sorted(methods - {DIRECT})) or None)

    async def _say(self, why_not: str | None) -> None:
        if why_not is None:
            await self._problems.clear(_SLUG, subject=_SUBJECT)
        else:
            await self._problems.open(_SLUG, subject=_SUBJECT, detail=why_not)
