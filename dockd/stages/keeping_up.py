"""Watches that the ledger commits as fast as things happen: what waits for it stands still."""

from typing import Final

from dockd.core.catalogue import CATALOGUE
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.stages.problems import ProblemBoard

LOOK_S: Final = 5.0
BEHIND_S: Final = 5.0
_SLUG: Final = "ledger-behind"
_SUBJECT: Final = "ledger"


class KeepingUp:
    """Has the problem open while a submission waits longer than any sound disk takes."""

    def __init__(self, *, ledger: Ledger, problems: ProblemBoard, clock: Clock) -> None:
        """Nothing was looked at yet."""
        self._ledger = ledger
        self._problems = problems
        self._clock = clock

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once. The word of it waits for the same disk, and is on the board at once."""
        behind = self._ledger.backlog()
        if behind.waiting_s < BEHIND_S:
            await self._problems.clear(_SLUG, subject=_SUBJECT)
            return
        reason = CATALOGUE[_SLUG].reason.format(
            waiting=behind.waiting, waiting_s=int(behind.waiting_s)
        )
        await self._problems.open_or_reword(_SLUG, subject=_SUBJECT, reason=reason)
