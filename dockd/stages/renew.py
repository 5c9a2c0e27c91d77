"""Receipts that are to be repeated by their stores, or found to be lost.

After a restore that is every receipt, in the new epoch; and at any time those of a clip that is to
be tried again: whoever ordered that may have seen that a store lost it (``dockd verify --store``).
The ledger knows which are in doubt, so that neither a store that was away nor a restart ends that.

Nothing is wiped and nothing makes room on a receipt of before the restore, or on one in doubt, so
that none of this is in a hurry: a few receipts at a time, for as long as it takes.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from dockd.core import facts
from dockd.errors import LedgerRestored
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.stages.confirming import REACHING, Confirming
from dockd.stages.problems import ProblemBoard

_AT_ONCE: Final = 32
_PAUSE_S: Final = 1.0
_SUBJECT: Final = "ledger"
_REASON: Final = "receipts of before the ledger's restore are still to be repeated by their stores"


class Renew:
    """Keeps the problem `ledger-restored` open for as long as a receipt is of an older epoch."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        confirming: Confirming,
        problems: ProblemBoard,
        clock: Clock,
        stores: Iterable[str],
        look_again_s: float = 60.0,
    ) -> None:
        """``stores`` are those configured now: nobody can ask the others, and they do not count."""
        self._ledger = ledger
        self._confirming = confirming
        self._problems = problems
        self._clock = clock
        self._stores = tuple(stores)
        self._look_again_s = look_again_s
        self._wake = asyncio.Event()

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Look at once when an epoch began, when that was said, and when a store is back.

        And when a clip is to be tried again, or is held no longer.
        """
        if any(map(_is_news, committed)):
            self._wake.set()

    async def run(self) -> None:
        """Have receipts repeated until cancelled; at the start also what a run before this left."""
        while True:
            self._wake.clear()
            await self._ask_again()
            await self._look()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_again_s):
                    await self._wake.wait()

    async def _ask_again(self) -> None:
        """Ask each store for what is in doubt there, unless it is out of reach."""
        epoch = (await self._ledger.head()).epoch
        for store in self._stores:
            last = 0
            while page := await self._ledger.doubted(store, after=last, limit=_AT_ONCE):
                await self._confirming.repeat(page, epoch=epoch)
                if self._is_away(store):
                    break
                last = page[-1].clip

    async def _look(self) -> None:
        epoch = (await self._ledger.head()).epoch
        if await self._is_done(epoch):
            await self._problems.clear(LedgerRestored.slug, subject=_SUBJECT)
            return
        # The daemon may have been killed between the new epoch and the word of it.
        await self._problems.open(LedgerRestored.slug, subject=_SUBJECT, reason=_REASON)
        for store in self._stores:
            await self._renew(store, epoch=epoch)
        if await self._is_done(epoch):
            await self._problems.clear(LedgerRestored.slug, subject=_SUBJECT)

    async def _is_done(self, epoch: int) -> bool:
        for store in self._stores:
            if await self._ledger.unrepeated(store, epoch=epoch, after=None, limit=1):
                return False
        return True

    async def _renew(self, store: str, *, epoch: int) -> None:
        """Ask ``store`` for one receipt after the other, unless it is out of reach."""
        last: facts.ReceiptAccepted | None = None
        while page := await self._ledger.unrepeated(store, epoch=epoch, after=last, limit=_AT_ONCE):
            await self._confirming.repeat(page, epoch=epoch)
            if self._is_away(store):
                return
            last = page[-1]
            await self._clock.sleep(_PAUSE_S)

    def _is_away(self, store: str) -> bool:
        return any(each.slug in REACHING for each in self._problems.of_subject(f"store {store}"))


def _is_news(fact: facts.Fact) -> bool:
    match fact:
        case facts.EpochBegun() | facts.ClipRetried() | facts.ClipReleased():
            return True
        case facts.ProblemOpened():
            return fact.slug == LedgerRestored.slug
        case facts.ProblemClosed():
            return fact.slug in REACHING
        case _:
            return False
