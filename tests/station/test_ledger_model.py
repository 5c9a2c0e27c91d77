"""Whatever happens, in whatever order, the ledger says what the pure core says."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hypothesis import given
from hypothesis import strategies as some

from dockd.core import clip as clips
from dockd.core import facts
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

    def _happen(self, fact: facts.ClipFact) -> None:
        if isinstance(fact, facts.ClipSeen):
            self._refuse(fact.clip in self.clips)
            self.clips[fact.clip] = clips.born(fact)
            return
        self._refuse(fact.clip not in self.clips)
        clip = clips.apply(self.clips[fact.clip], fact)
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


numbers = some.integers(1, 4)
stores = some.sampled_from([parts.STORE, "second"])
dockings = some.sampled_from([parts.DOCKING, SECOND_DOCKING])
indices = some.integers(0, 2)
holds = some.sampled_from(["error", "legal"])
words = some.just("w")

single = some.one_of(
    some.builds(parts.seen, numbers, docking=dockings, flagged=some.booleans()),
    some.builds(
        facts.ClipSeenAgain,
        clip=numbers,
        docking=dockings,
        slot=words,
        mtime_ns=some.integers(0, 1),
        size_bytes=some.sampled_from([None, 100, 101]),
    ),
    some.builds(
        facts.ClipRehashed, clip=numbers, docking=dockings, sha256=numbers.map(parts.digest)
    ),
    some.builds(facts.ClipOverwritten, clip=numbers, docking=dockings, reason=words),
    some.builds(facts.ClipGone, clip=numbers, docking=dockings),
    some.builds(
        facts.WipeIntended, clip=numbers, docking=dockings, stores=some.just((parts.STORE,))
    ),
    some.builds(facts.ClipWiped, clip=numbers, docking=dockings),
    some.builds(facts.WipeFailed, clip=numbers, docking=dockings, reason=words),
    some.builds(parts.spooled_part, numbers, indices, docking=dockings),
    some.builds(parts.copied, numbers, docking=dockings),
    some.builds(parts.verified, numbers, parts=some.integers(0, 3)),
    some.builds(parts.verified, numbers, size_bytes=some.just(60), partial=some.just(True)),
    some.builds(facts.CopyDiscarded, clip=numbers, reason=words),
    some.builds(facts.ClipMerged, clip=numbers, into=numbers),
    some.builds(facts.SpoolPurged, clip=numbers, reason=words),
    some.builds(facts.SpoolCopyLost, clip=numbers, reason=words),
    some.builds(
        facts.ClipTroubled, clip=numbers, slug=words, reason=words, owner=words, next_step=words
    ),
    some.builds(facts.ClipHeld, clip=numbers, hold=holds, why=words, actor=words),
    some.builds(facts.ClipReleased, clip=numbers, hold=holds, why=words, actor=words),
    some.builds(facts.ClipRetried, clip=numbers, why=words, actor=words),
    some.builds(facts.TransferQueued, clip=numbers, store=stores),
    some.builds(facts.UploadCreating, clip=numbers, store=stores),
    some.builds(facts.UploadOpened, clip=numbers, store=stores, upload_id=words),
    some.builds(facts.PartSending, clip=numbers, store=stores, index=indices),
    some.builds(facts.PartStored, clip=numbers, store=stores, index=indices, etag=words),
    some.builds(facts.PartUnsent, clip=numbers, store=stores, index=indices),
    some.builds(facts.ObjectFinalizing, clip=numbers, store=stores),
    some.builds(facts.ObjectConfirming, clip=numbers, store=stores, version=words),
    some.builds(
        parts.receipt, numbers, store=stores, strength=some.sampled_from(["size", "digest"])
    ),
    some.builds(facts.ReceiptLost, clip=numbers, store=stores, reason=words),
    some.builds(facts.TransferRestarted, clip=numbers, store=stores, reason=words),
    some.builds(facts.TransferRefused, clip=numbers, store=stores, slug=words, reason=words),
).map(lambda fact: (fact,))


def _upload(clip: int, store: str) -> tuple[facts.Fact, ...]:
    """Return what begins an upload of two parts and sends the first."""
    return (
        facts.TransferQueued(clip=clip, store=store),
        facts.UploadCreating(clip=clip, store=store),
        facts.UploadOpened(clip=clip, store=store, upload_id="u"),
        facts.PartSending(clip=clip, store=store, index=0),
        facts.PartSending(clip=clip, store=store, index=1),
        facts.PartStored(clip=clip, store=store, index=0, etag="e"),
    )


# Longer ways, so that a history reaches the far states more often than by chance alone.
histories = some.lists(
    some.one_of(
        single,
        single,
        some.builds(parts.proven, numbers, flagged=some.booleans()),
        some.builds(lambda clip: (*parts.proven(clip), *parts.stored(clip)), numbers),
        some.builds(parts.stored, numbers, store=stores),
        some.builds(parts.wiped, numbers),
        some.builds(_upload, numbers, stores),
        some.builds(
            lambda clip: (parts.seen(clip), parts.copied(clip), parts.verified(clip, parts=2)),
            numbers,
        ),
    ),
    max_size=40,
)


@given(history=histories)
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
