"""Asking the stores again, just before a wipe, for the very version they gave a receipt for."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final

from dockd.core import facts, receipt
from dockd.core.clip import Clip, SpoolCopy, StoreCopy
from dockd.errors import DockdError, StoreConflict, StoreLostObject
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Spool
from dockd.ports.store import Proven, Store
from dockd.stages.dating import clock_behind
from dockd.stages.groups import task_group
from dockd.stages.outgoing import outgoing
from dockd.stages.problems import ProblemBoard
from dockd.stages.threads import obtained

_AT_ONCE: Final = 8
REACHING: Final = (
    "store-unreachable",
    "store-busy",
    "store-refused-credentials",
    "store-bucket-missing",
    "store-receipt-pending",
)
"""The problems of a store that any answer to a question about a clip disproves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A receipt that its store repeated, and when it was asked, on the monotonic clock."""

    receipt: facts.ReceiptAccepted
    asked_s: float


class Confirming:
    """Has receipts repeated; what a store repeats is recorded, and so is what it lost."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        stores: Mapping[str, Store],
        problems: ProblemBoard,
        clock: Clock,
        station: str,
    ) -> None:
        """``stores`` are those configured now."""
        self._ledger = ledger
        self._spool = spool
        self._stores = stores
        self._problems = problems
        self._clock = clock
        self._station = station
        self._turns = asyncio.Semaphore(_AT_ONCE)
        # By itself: what is about to be wiped does not wait for whole clips to be read.
        self._reading = asyncio.Semaphore(1)
        self._asking: set[tuple[int, str]] = set()

    def is_asked(self, fact: facts.Fact) -> bool:
        """Return whether a fact is the answer to what was asked by `confirm`, for a wipe."""
        return isinstance(fact, facts.TransferFact) and (fact.clip, fact.store) in self._asking

    async def confirm(self, clips: Sequence[Clip], *, epoch: int) -> Mapping[int, list[Confirmed]]:
        """Return, by clip number, the receipts that were repeated just now; none in doubt is."""
        confirmed: dict[int, list[Confirmed]] = {clip.number: [] for clip in clips}
        async with task_group() as group:
            for clip in clips:
                group.start(self._confirm(clip, confirmed[clip.number], epoch=epoch))
        return confirmed

    async def repeat(self, receipts: Sequence[facts.ReceiptAccepted], *, epoch: int) -> None:
        """Have each of these receipts repeated in ``epoch``, as far as its store can be asked.

        Whoever doubts one may have seen that the store says of it what is not so. So one in doubt
        counts again only when the clip was read back as well, where that can be done; what reads
        otherwise is held, and not read again before a person has let go of it.
        """
        async with task_group() as group:
            for given in receipts:
                group.start(self._repeat_in_turn(given, epoch=epoch))

    async def _repeat_in_turn(self, given: facts.ReceiptAccepted, *, epoch: int) -> None:
        clip = await self._ledger.clip(given.clip)
        doubted = _is_in_doubt(clip, given)
        async with self._reading if doubted else self._turns:
            if not doubted or "error" not in clip.holds:
                await self._repeat(clip, given, epoch=epoch)

    async def _confirm(self, clip: Clip, confirmed: list[Confirmed], *, epoch: int) -> None:
        async with self._turns:
            now = await self._ledger.clip(clip.number)
            for given in await self._ledger.receipts(clip.number):
                if _is_in_doubt(now, given):
                    continue
                self._asking.add((clip.number, given.store))
                try:
                    again = await self._repeat(now, given, epoch=epoch)
                finally:
                    self._asking.discard((clip.number, given.store))
                if again is not None:
                    confirmed.append(again)

    async def _repeat(
        self, clip: Clip, given: facts.ReceiptAccepted, *, epoch: int
    ) -> Confirmed | None:
        store = self._stores.get(given.store)
        if store is None:
            return None
        asked_s = self._clock.monotonic_s()
        again = await self._ask(store, clip, given, epoch=epoch)
        return None if again is None else Confirmed(receipt=again, asked_s=asked_s)

    async def _ask(
        self, store: Store, clip: Clip, given: facts.ReceiptAccepted, *, epoch: int
    ) -> facts.ReceiptAccepted | None:
        """Return the repeated receipt, or None where there is nothing to rely on now."""
        try:
            digest = await self._digest(store, clip, given)
            proven = await self._prove(store, clip, version=given.version)
        except StoreLostObject as error:
            await self._lost(store, clip, error.reason)
            return None
        except FileNotFoundError:
            await self._ledger.record(
                facts.SpoolCopyLost(clip=clip.number, reason="the spool's file is missing")
            )
            return None
        except DockdError as error:
            subject = f"store {store.name}" if error.slug.startswith("store-") else "spool"
            await self._problems.open(error.slug, subject=subject, reason=error.reason)
            return None
        # It answered: what is said of its being out of reach is no longer true.
        await self._problems.clear_all(REACHING, subject=f"store {store.name}")
        if proven.judgement.outcome != "receipt":
            await self._lost(store, clip, "the store now holds other content in its place")
            return None
        if digest != clip.sha256:
            await self._set_aside(store, clip, digest)
            return None
        again = accepted(
            clip,
            store=store.name,
            proven_version=proven.version,
            judgement=proven.judgement,
            epoch=epoch,
        )
        await self._ledger.record(again)
        if _is_in_doubt(clip, given):
            await self._problems.clear(StoreConflict.slug, subject=f"clip {clip.id}")
        return again

    async def _prove(self, store: Store, clip: Clip, *, version: str) -> Proven:
        opened = obtained(lambda: self._content(clip), give_back=lambda file: file.close())
        with await opened as content:
            clock = await clock_behind(clip, ledger=self._ledger)
            sent = outgoing(clip, clock=clock, content=content, station=self._station)
            return await store.prove(sent, version=version)

    async def _digest(self, store: Store, clip: Clip, given: facts.ReceiptAccepted) -> str | None:
        """Return the SHA-256 of what a store gives back of a clip in doubt; None: it gives nothing.

        Of a clip that nobody doubts, or that cannot be read back, its own: nothing speaks against.
        """
        if not _is_in_doubt(clip, given) or not store.readable:
            return clip.sha256
        hasher = hashlib.sha256()
        try:
            async with aclosing(store.read_back(given.key, version=given.version)) as content:
                async for piece in content:
                    hasher.update(piece)
        except StoreLostObject:
            # If it says so when it is asked as well, the clip is lost; else it contradicts itself.
            return None
        return hasher.hexdigest()

    async def _set_aside(self, store: Store, clip: Clip, digest: str | None) -> None:
        """Hold a clip of which a store says one thing and gives another: a person has to look."""
        found = "nothing" if digest is None else f"content with the SHA-256 {digest}"
        error = StoreConflict(
            f"{store.name} says that it holds the clip, and gives {found} when it is read back"
        )
        await self._ledger.record(
            facts.ClipTroubled(
                clip=clip.number,
                slug=error.slug,
                reason=error.reason,
                owner=error.owner,
                next_step=error.next_step,
            ),
            facts.ClipHeld(clip=clip.number, hold="error", why=error.reason, actor="dockd"),
        )
        await self._problems.open(error.slug, subject=f"clip {clip.id}", reason=error.reason)

    def _content(self, clip: Clip) -> BinaryIO:
        # A store proves what it holds without ours; a copy that made room is not missed here.
        return self._spool.open(clip) if clip.spool_copy is SpoolCopy.PROVEN else BytesIO()

    async def _lost(self, store: Store, clip: Clip, reason: str) -> None:
        await self._ledger.record(
            facts.ReceiptLost(clip=clip.number, store=store.name, reason=reason)
        )
        await self._problems.open("store-lost-object", subject=f"clip {clip.id}", reason=reason)


def _is_in_doubt(clip: Clip, given: facts.ReceiptAccepted) -> bool:
    return clip.store_copies.get(given.store) is StoreCopy.DOUBTED


def accepted(
    clip: Clip,
    *,
    store: str,
    proven_version: str,
    judgement: receipt.Judgement,
    epoch: int,
) -> facts.ReceiptAccepted:
    """Return the receipt that a store's proof amounts to."""
    return facts.ReceiptAccepted(
        clip=clip.number,
        store=store,
        strength=judgement.strength,
        key=clip.key or "",
        version=proven_version,
        size_bytes=clip.stored_size_bytes,
        sha256=clip.sha256 or "",
        how=judgement.how,
        epoch=epoch,
    )
