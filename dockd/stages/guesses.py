"""Wrong tokens that somebody shows: one problem while they come, however many there are."""

import asyncio
from typing import Final

from dockd.core.catalogue import CATALOGUE
from dockd.ports.clock import Clock
from dockd.stages.problems import ProblemBoard

SLUG: Final = "token-guessed"
SUBJECT: Final = "listener"
# A slip of the hand is worth no line; whoever asks twice a minute with an old token is.
FEW: Final = 3
QUIET_S: Final = 600.0


class Guesses:
    """Counts them as they come; `run` says so, and again when ten minutes had none."""

    def __init__(self, *, problems: ProblemBoard, clock: Clock) -> None:
        """Nobody has guessed yet."""
        self._problems = problems
        self._clock = clock
        self._count = 0
        self._peer = ""
        self._last_s = clock.monotonic_s()
        self._many = asyncio.Event()

    def noted(self, peer: str) -> None:
        """Take note of a wrong token that was shown from an address."""
        now_s = self._clock.monotonic_s()
        if now_s - self._last_s > QUIET_S:
            self._count = 0
        self._last_s = now_s
        self._count += 1
        self._peer = peer
        if self._count >= FEW:
            self._many.set()

    async def run(self) -> None:
        """Tell of them until cancelled."""
        # What a run before this one left open nobody else would end.
        await self._problems.clear(SLUG, subject=SUBJECT)
        while True:
            await self._many.wait()
            while self._many.is_set():
                self._many.clear()
                reason = CATALOGUE[SLUG].reason.format(count=self._count, peer=self._peer)
                await self._problems.open_or_reword(SLUG, subject=SUBJECT, reason=reason)
                await self._clock.sleep(QUIET_S)
            await self._problems.clear(SLUG, subject=SUBJECT)
