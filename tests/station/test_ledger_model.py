"""Whatever happens, in whatever order, the ledger says what the pure core says."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dockd.core import clip as clips
from dockd.core import clip_life, facts
from dockd.core import transfer as transfers
from dockd.core.clip import Clip
from dockd.core.transfer import Transfer
from dockd.errors import IllegalFact
from dockd.station.ledger import SqliteLedger, verify_chain
from dockd.station.ledger.deriving import Policy
from dockd.station.ledger.tallying import recount
from tests.station import ledger_parts as parts

SECOND_DOCKING: Final = "20261123T030000Z-00000002"
POLICY: Final = Policy(1, frozenset({parts.STORE, "second"}))
History = list[tuple[facts.Fact, ...]]


@dataclass
class Model:
    """The clips and transfers that the core alone leads to."""

    clips: dict[int, Clip] = field(default_factory=dict)
    transfers: dict[tuple[int, str], Transfer] = field(default_factory=dict)

    def after(self, submission: Sequence[facts.Fact]) -> "Model":
        """Return the model after facts that stand or fall together; raises IllegalFact."""
        then = Model(dict(self.clips), dict(self.transfers))
        for fact in submission:
            if isinstance(fact, facts.ClipFact):
                then._happen(fact)
        return then

    def permits(self, fact: facts.Fact) -> bool:
        """Return whether ``fact`` may happen now."""
        try:
            self.after((fact,))
        except IllegalFact:
            return False
        return True

    def _happen(self, fact: facts.ClipFact) -> None:
        if isinstance(fact, facts.ClipSeen):
            self._refuse(fact.clip in self.clips)
            self.clips[fact.clip] = clip_life.born(fact)
            return
        self._refuse(fact.clip not in self.clips)
        clip = clip_life.apply(self.clips[fact.clip], fact)
        if isinstance(fact, facts.ClipMerged):
            self._refuse(fact.into not in self.clips)
        if isinstance(fact, facts.ClipVerified):
            others = (each for each in self.clips.values() if each.number != fact.clip)
            self._refuse(any(each.key == fact.key and not each.merged_into for each in others))
        if isinstance(fact, facts.TransferFact):
            before = self.transfers.get((fact.clip, fact.store)) or self._begun(fact, clip=clip)
            self.transfers[fact.clip, fact.store] = transfers.apply(before, fact)
        self.clips[fact.clip] = clip

    def _begun(self, fact: facts.TransferFact, *, clip: Clip) -> Transfer:
        self._refuse(not isinstance(fact, facts.TransferQueued))
        self._refuse(clip.key is None or clip.sha256 is None)
        assert clip.key is not None
        assert clip.sha256 is not None
        return Transfer(
            clip=clip.number,
            store=fact.store,
            key=clip.key,
            size_bytes=clip.stored_size_bytes,
            sha256=clip.sha256,
            parts=len(clip.part_sha256),
        )

    def _refuse(self, illegal: bool) -> None:
        if illegal:
            raise IllegalFact("the model says no")


DOCKINGS: Final = (parts.DOCKING, SECOND_DOCKING)
STORES: Final = (parts.STORE, "second")
PARTS: Final = (0, 1)


def _everything_about(clip: int) -> Iterator[facts.Fact]:
    """Yield every fact there is about a clip, with each of a few values in its fields."""
    yield parts.seen(clip, flagged=clip == 1)
    for docking in DOCKINGS:
        yield parts.copied(clip, docking=docking)
        yield facts.ClipRehashed(clip=clip, docking=docking, sha256=parts.digest(clip))
        yield facts.ClipOverwritten(clip=clip, docking=docking, reason="r")
        yield facts.ClipGone(clip=clip, docking=docking)
        yield facts.ClipElsewhere(clip=clip, station="B", docking=docking, store=parts.STORE)
        yield facts.WipeIntended(clip=clip, docking=docking, stores=(parts.STORE,))
        yield facts.ClipWiped(clip=clip, docking=docking)
        yield facts.WipeFailed(clip=clip, docking=docking, reason="r")
        for size_bytes in (None, 60, 101):
            yield facts.ClipSeenAgain(
                clip=clip, docking=docking, slot="A2", mtime_ns=7, size_bytes=size_bytes
            )
        for part in PARTS:
            yield parts.spooled_part(clip, part, docking=docking)
    for count in (0, 1, 2):
        yield parts.verified(clip, parts=count)
    yield parts.verified(clip, size_bytes=60, partial=True)
    yield facts.CopyDiscarded(clip=clip, reason="r")
    yield facts.ClipMerged(clip=clip, into=1)
    yield facts.SpoolPurged(clip=clip, reason="r")
    yield facts.SpoolCopyLost(clip=clip, reason="r")
    yield facts.ClipTroubled(clip=clip, slug="s", reason="r", owner="o", next_step="n")
    yield facts.ClipRetried(clip=clip, why="w", actor="a")
    holds: tuple[facts.HoldKind, ...] = ("error", "legal")
    for hold in holds:
        yield facts.ClipHeld(clip=clip, hold=hold, why="w", actor="a")
        yield facts.ClipReleased(clip=clip, hold=hold, why="w", actor="a")
    for store in STORES:
        yield from _everything_about_transfer(clip, store)


def _everything_about_transfer(clip: int, store: str) -> Iterator[facts.Fact]:
    yield facts.TransferQueued(clip=clip, store=store)
    yield facts.UploadCreating(clip=clip, store=store)
    yield facts.UploadOpened(clip=clip, store=store, upload_id="u")
    for part in PARTS:
        yield facts.PartSending(clip=clip, store=store, index=part)
        yield facts.PartStored(clip=clip, store=store, index=part, etag="e")
        yield facts.PartUnsent(clip=clip, store=store, index=part)
    yield facts.ObjectFinalizing(clip=clip, store=store)
    yield facts.ObjectConfirming(clip=clip, store=store, version="v")
    yield parts.receipt(clip, store=store)
    yield parts.receipt(clip, store=store, strength="size")
    yield facts.ReceiptLost(clip=clip, store=store, reason="r")
    yield facts.TransferRestarted(clip=clip, store=store, reason="r")
    yield facts.TransferRefused(clip=clip, store=store, slug="s", reason="r")


EVERYTHING: Final = tuple(fact for clip in (1, 2) for fact in _everything_about(clip))
# What leads onwards; without a leaning towards it, chance would go in circles near the beginning.
ONWARDS: Final = (
    facts.ClipSeen,
    facts.PartSpooled,
    facts.ClipCopied,
    facts.ClipVerified,
    facts.ClipRehashed,
    facts.TransferQueued,
    facts.UploadCreating,
    facts.UploadOpened,
    facts.PartSending,
    facts.PartStored,
    facts.ObjectFinalizing,
    facts.ObjectConfirming,
    facts.ReceiptAccepted,
    facts.WipeIntended,
    facts.ClipWiped,
)


def _chosen(legal: Sequence[facts.Fact], *, dice: int) -> facts.Fact:
    """Return one of ``legal``: its kind first, so that each kind has its turn."""
    onwards = [fact for fact in legal if isinstance(fact, ONWARDS)]
    choice = onwards if onwards and dice % 10 < 7 else legal
    kinds = sorted({fact.kind for fact in choice})
    kind = kinds[dice // 10 % len(kinds)]
    same = [fact for fact in choice if fact.kind == kind]
    return same[dice // 1000 % len(same)]


@some.composite
def histories(draw: some.DrawFn) -> History:
    """Draw a history that is legal for the most part, so that it gets far."""
    model = Model()
    history: History = []
    for dice in draw(some.lists(some.integers(0, 10**6), min_size=30, max_size=70)):
        legal = [fact for fact in EVERYTHING if model.permits(fact)]
        submission: tuple[facts.Fact, ...] = (_chosen(legal, dice=dice),)
        if dice % 7 == 0:
            submission = (*submission, EVERYTHING[dice % len(EVERYTHING)])
        history.append(submission)
        try:
            model = model.after(submission)
        except IllegalFact:
            continue
    return history


@pytest.mark.slow
# Only a failure takes long: Hypothesis looks up to five minutes for the shortest history.
@pytest.mark.timeout(600)
@given(history=histories())
def test_the_ledger_says_what_the_core_says(history: History) -> None:
    """Any history leads to the clips and transfers of the pure model, and breaks no chain."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite3"
        with parts.ledger_at(path) as ledger:
            model = asyncio.run(_lived_through(ledger, history))
            asyncio.run(_compare(ledger, model))
        assert verify_chain(path) == "intact"
        _compare_with_recount(path)


async def _lived_through(ledger: SqliteLedger, history: History) -> Model:
    """Record ``history`` and return the model; both call the same facts illegal."""
    await ledger.set_policy(required=POLICY.required, stores=POLICY.stores)
    await ledger.record(parts.docked(), parts.docked(SECOND_DOCKING))
    futures = [ledger.record_from_thread(*submission) for submission in history]
    model = Model()
    for submission, future in zip(history, futures, strict=True):
        error = await asyncio.to_thread(future.exception)
        try:
            model = model.after(submission)
        except IllegalFact:
            assert isinstance(error, IllegalFact), submission
        else:
            assert error is None, submission
    return model


async def _compare(ledger: SqliteLedger, model: Model) -> None:
    for number, clip in model.clips.items():
        assert await ledger.clip(number) == clip
    for (number, store), transfer in model.transfers.items():
        assert await ledger.transfer(number, store=store) == transfer
        receipts = {receipt.store: receipt for receipt in await ledger.receipts(number)}
        assert receipts.get(store) == transfer.receipt
    alive = [clip for clip in model.clips.values() if clip.merged_into is None]
    tally = await ledger.tally()
    for place in clips.Place:
        here = [
            clip
            for clip in alive
            if clips.place(clip, required=POLICY.required, stores=POLICY.stores) is place
        ]
        assert tally.clips[place] == len(here)
        assert tally.size_bytes[place] == sum(clip.size_bytes for clip in here)
    complete = await ledger.completeness()
    assert complete.seen == len(alive) == sum(complete.at.values()) + complete.gone


def _compare_with_recount(path: Path) -> None:
    with parts.writable(path) as connection:
        kept = [connection.execute(sql).fetchall() for sql in COUNTS]
        recount(connection, policy=POLICY)
        counted = [connection.execute(sql).fetchall() for sql in COUNTS]
    assert [list(map(tuple, rows)) for rows in kept] == [list(map(tuple, rows)) for rows in counted]


COUNTS: Final = (
    "SELECT * FROM tallies WHERE clips <> 0 OR size_bytes <> 0 ORDER BY scope, place, known",
    "SELECT * FROM originals WHERE clips <> 0 ORDER BY scope",
    "SELECT * FROM queue ORDER BY store, clip",
    "SELECT * FROM queue_tallies WHERE clips <> 0 OR size_bytes <> 0 ORDER BY store",
    "SELECT number, place, known, purge_rank FROM clips ORDER BY number",
)
