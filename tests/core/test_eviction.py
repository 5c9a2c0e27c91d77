"""What makes room in the spool: nothing that a store, a wipe or a person still needs."""

from dataclasses import replace

import pytest

from dockd.core import eviction, facts
from dockd.core.clip import CameraCopy, Clip, SpoolCopy, StoreCopy
from dockd.core.eviction import Evidence, holders, may_evict

RECEIPT = facts.ReceiptAccepted(
    clip=1,
    store="central",
    strength="digest",
    key="k",
    version="v",
    size_bytes=9,
    sha256="a",
    how="checksum",
    epoch=2,
)
CLIP = Clip(
    number=1,
    camera="BWC-1",
    docking="d2",
    slot="A1",
    path=b"clip",
    size_bytes=9,
    mtime_ns=0,
    birth_docking="d1",
    seen_in=("d1", "d2"),
    camera_copy=CameraCopy.WIPED,
    spool_copy=SpoolCopy.PROVEN,
    sha256="a",
    key="k",
    stored_size_bytes=9,
    proven_by=("central", "second"),
)
GOOD = Evidence(
    clip=CLIP,
    receipts=(RECEIPT, replace(RECEIPT, store="second")),
    configured_stores=frozenset({"central", "second"}),
    required=1,
    epoch=2,
    set_aside=frozenset(),
    docked=frozenset({"d2"}),
)


def test_what_every_store_has_proven_may_go() -> None:
    """A stored copy of a cleared clip makes room, also while its camera is docked."""
    assert may_evict(GOOD)
    # Of one that is away nothing is copied again.
    away = replace(CLIP, camera_copy=CameraCopy.PRESENT)
    assert may_evict(replace(GOOD, clip=away, docked=frozenset({"d3"})))


def test_what_is_flagged_stays_until_the_store_for_it_has_it_too() -> None:
    """A store that takes flagged clips is waited for by those, and by no others."""
    extra = replace(GOOD, extra_stores=frozenset({"court"}))
    assert may_evict(extra)
    flagged = replace(extra, clip=replace(CLIP, flagged=True))
    assert not may_evict(flagged)
    proven = replace(flagged.clip, proven_by=("central", "court", "second"))
    receipts = (*GOOD.receipts, replace(RECEIPT, store="court"))
    assert may_evict(replace(flagged, clip=proven, receipts=receipts))


def test_a_store_for_flagged_clips_is_none_of_those_that_count() -> None:
    """However many extra stores have a clip, it stays until enough of the others do."""
    clip = replace(CLIP, flagged=True, proven_by=("court",))
    only_extra = replace(
        GOOD,
        clip=clip,
        receipts=(replace(RECEIPT, store="court"),),
        configured_stores=frozenset(),
        extra_stores=frozenset({"court"}),
    )
    assert not may_evict(only_extra)


def of_clip(clip: Clip) -> Evidence:
    """Return good evidence but for the clip."""
    return replace(GOOD, clip=clip)


BAD = (
    ("the spool's copy is proven", of_clip(replace(CLIP, spool_copy=SpoolCopy.PURGED))),
    ("the clip is not held", of_clip(replace(CLIP, holds=("legal",)))),
    (
        "its camera and no docking it was seen in are held",
        replace(GOOD, set_aside=frozenset({"d1"})),
    ),
    ("no wipe rests on it", of_clip(replace(CLIP, camera_copy=CameraCopy.WIPING, docking="d3"))),
    ("its camera does not bring it again", of_clip(replace(CLIP, camera_copy=CameraCopy.PRESENT))),
    ("at least one store is required", replace(GOOD, required=0)),
    ("enough stores have proven that they hold it", replace(GOOD, required=3)),
    ("no store is still to have it", replace(GOOD, receipts=(RECEIPT,))),
    (
        "no store is still to have it",
        of_clip(replace(CLIP, store_copies={"second": StoreCopy.DOUBTED})),
    ),
)


@pytest.mark.parametrize(("name", "evidence"), BAD, ids=[name for name, _ in BAD])
def test_each_condition_alone_keeps_a_copy(name: str, evidence: Evidence) -> None:
    """With all else in order, any one condition that is not met keeps the spool's copy."""
    unmet = [rule for rule, holds in eviction.CONDITIONS.items() if not holds(evidence)]
    assert unmet == [name]
    assert not may_evict(evidence)


def test_each_condition_is_tried() -> None:
    """No condition is without a case above."""
    assert list(dict.fromkeys(name for name, _ in BAD)) == list(eviction.CONDITIONS)


@pytest.mark.parametrize(
    "change",
    [
        {"strength": "size"},
        {"epoch": 1},
        {"clip": 2},
        {"key": "other"},
        {"sha256": "b"},
        {"size_bytes": 8},
        {"store": "third"},
    ],
)
def test_a_receipt_counts_only_for_exactly_this_clip(change: dict[str, object]) -> None:
    """A receipt that is weaker, older than the epoch, or of anything else is nobody's proof."""
    assert holders(CLIP, (RECEIPT,), epoch=2) == {"central"}
    changed = replace(RECEIPT, **change)  # type: ignore[arg-type]  # one field at a time
    assert holders(CLIP, (changed,), epoch=2) == frozenset()


@pytest.mark.parametrize("store", ["central", "second"])
def test_nothing_goes_on_the_word_of_a_store_that_has_yet_to_tell_of_a_restore(store: str) -> None:
    """It may have lost since the backup what the ledger says of it."""
    assert not may_evict(replace(GOOD, unasked=frozenset({store})))
    assert may_evict(replace(GOOD, unasked=frozenset({"former"})))
