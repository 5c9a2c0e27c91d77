"""Whether uploads are paused, and by whom; what is under way ends with the part that is being sent.

A pause is a fact and outlives the daemon. While it lasts it is a problem, so that nobody has to ask
why nothing moves.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from dockd.core import facts
from dockd.ports.ledger import Ledger
from dockd.stages.problems import ProblemBoard

SLUG: Final = "uploads-paused"
SUBJECT: Final = "uplink"


class UplinkPause:
    """Answers whether anything may be sent, from what was committed."""

    def __init__(self, *, ledger: Ledger, problems: ProblemBoard) -> None:
        """Listens through `heard`; until `settle` nothing is paused."""
        self._ledger = ledger
        self._problems = problems
        self._pause: facts.UploadsPaused | None = None
        self._over = asyncio.Event()
        self._over.set()
        self._changed = asyncio.Event()

    @property
    def is_on(self) -> bool:
        """Whether uploads are paused."""
        return self._pause is not None

    async def over(self) -> None:
        """Wait until nothing is paused."""
        await self._over.wait()

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Take in what was committed."""
        for fact in committed:
            if isinstance(fact, facts.UploadsPaused):
                self._turn_to(fact)
            elif isinstance(fact, facts.UploadsResumed):
                self._turn_to(None)

    async def settle(self) -> None:
        """Take up what an earlier run left; to be done before anything is sent."""
        self._turn_to(await self._ledger.uploads_paused())
        await self._say()

    async def run(self) -> None:
        """Say each pause and its end until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._say()

    def _turn_to(self, pause: facts.UploadsPaused | None) -> None:
        self._pause = pause
        if pause is None:
            self._over.set()
        else:
            self._over.clear()
        self._changed.set()

    async def _say(self) -> None:
        if self._pause is None:
            await self._problems.clear(SLUG, subject=SUBJECT)
        else:
            why, actor = self._pause.why, self._pause.actor
            reason = f"They were paused by {actor}: {why}"
            await self._problems.open_or_reword(SLUG, subject=SUBJECT, reason=reason)
