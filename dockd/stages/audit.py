"""Holds the record against itself while the station runs: each event follows from the last.

`dockd verify` does so in one go, and against the copies; this never stops looking, and takes its
time: a few events at once, so that no one else waits for the ledger.
"""

from typing import Final

from dockd.core import custody
from dockd.core.custody import BrokenAt
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.stages.problems import ProblemBoard

_AT_ONCE: Final = 200
_REST_S: Final = 2.0
_BEGIN_AGAIN_S: Final = 86_400.0
_SLUG: Final = "ledger-broken"
_SUBJECT: Final = "ledger"


class Audit:
    """Walks from the genesis to the head, and begins again a day later."""

    def __init__(self, *, ledger: Ledger, problems: ProblemBoard, clock: Clock) -> None:
        """Nothing was looked at yet."""
        self._ledger = ledger
        self._problems = problems
        self._clock = clock

    async def run(self) -> None:
        """Walk, day after day, until cancelled."""
        while True:
            await self.walk()
            await self._clock.sleep(_BEGIN_AGAIN_S)

    async def walk(self) -> None:
        """Walk the whole record once, and say whether it holds."""
        link = custody.genesis((await self._ledger.head()).ledger_id)
        while True:
            found = await self._ledger.verify_after(link, limit=_AT_ONCE)
            if isinstance(found, BrokenAt):
                await self._problems.open(
                    _SLUG, subject=_SUBJECT, sequence=found.sequence, detail=found.reason
                )
                return
            if found.head == link:
                await self._problems.clear(_SLUG, subject=_SUBJECT)
                return
            link = found.head
            await self._clock.sleep(_REST_S)
