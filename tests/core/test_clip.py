"""Clips: three independent facts, and what may happen to each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core import clip_life, facts
from dockd.core.clip import CameraCopy, Clip, Place, SpoolCopy, StoreCopy, has_known_copy, place
from dockd.errors import IllegalFact
from tests.core.clip_facts import (
    DISCARDED,
    ELSEWHERE,
    GONE,
    HELD,
    INTENDED,
    LOST,
    OTHER_SHA,
    OVERWRITTEN,
    PROVEN,
    PURGED,
    QUEUED,
    RECEIPT_LOST,
    RELEASED,
    SHA,
    STORED,
    WIPED,
    after,
    copied,
    part,
    receipted,
    seen_again,
    verified,
)

TROUBLED = facts.ClipTroubled(clip=1, slug="s", reason="r", owner="o", next_step="n")
RETRIED = facts.ClipRetried(clip=1, why="", actor="")
REHASHED = facts.ClipRehashed(clip=1, docking="d1", sha256=SHA)
FAILED = facts.WipeFailed(clip=1, docking="d1", reason="still there")
MERGED = facts.ClipMerged(clip=1, into=2)
ANY = st.sampled_from(
    [
        seen_again(),
        seen_again(docking="d1"),
        seen_again(mtime_ns=2),
        seen_again(size_bytes=5),
        part(0),
        part(1),
        part(0, docking="d2"),
        part(1, docking="d2"),
        copied(),
        copied(docking="d2"),
        copied(sha256=OTHER_SHA),
        verified(),
        verified(size_bytes=2),
        verified(sha256=OTHER_SHA),
        QUEUED,
        receipted(),
        receipted(strength="size"),
        RECEIPT_LOST,
        HELD,
        RELEASED,
        INTENDED,
        WIPED,
        FAILED,
        GONE,
        ELSEWHERE,
        OVERWRITTEN,
        REHASHED,
        PURGED,
        LOST,
        DISCARDED,
        TROUBLED,
        RETRIED,
        MERGED,
    ]
)


def legal(happened: list[facts.ClipFact]) -> list[tuple[Clip, facts.ClipFact, Clip]]:
    """Return the steps of a history, leaving out the facts that the core refuses."""
    steps = []
    clip = after()
    for fact in happened:
        try:
            now = clip_life.apply(clip, fact)
        except IllegalFact:
            continue
        steps.append((clip, fact, now))
        clip = now
    return steps


@given(happened=st.lists(ANY, max_size=40))
def test_no_history_wipes_without_both_keys(happened: list[facts.ClipFact]) -> None:
    """However facts are mixed, an intent finds a proven copy, a receipt and no hold."""
    for before, fact, _ in legal(happened):
        if isinstance(fact, facts.WipeIntended):
            assert before.spool_copy is SpoolCopy.PROVEN
            assert before.proven_by
            assert not before.holds
            assert before.hashed_in == before.docking == fact.docking
        if isinstance(fact, facts.ClipWiped):
            assert before.camera_copy is CameraCopy.WIPING


@given(happened=st.lists(ANY, max_size=40))
def test_an_identity_once_known_never_changes(happened: list[facts.ClipFact]) -> None:
    """The digest, the key and the id of a verified clip are its own for ever."""
    for before, _, now in legal(happened):
        if before.sha256 is not None:
            assert (now.sha256, now.key, now.id) == (before.sha256, before.key, before.id)


@given(happened=st.lists(ANY, max_size=40))
def test_only_a_receipt_or_a_loss_changes_who_has_proven_it(
    happened: list[facts.ClipFact],
) -> None:
    """``proven_by`` moves with the store's own words and with nothing else."""
    for before, fact, now in legal(happened):
        if not isinstance(fact, facts.ReceiptAccepted | facts.ReceiptLost):
            assert now.proven_by == before.proven_by


@given(happened=st.lists(ANY, max_size=40))
def test_a_break_forgets_that_the_file_was_hashed(happened: list[facts.ClipFact]) -> None:
    """After another docking, or after the file was away, no earlier hashing counts."""
    for before, fact, now in legal(happened):
        if isinstance(fact, facts.ClipSeenAgain) and (
            before.docking != fact.docking or before.camera_copy is not CameraCopy.PRESENT
        ):
            assert now.hashed_in is None
            assert not now.rehashed


@given(happened=st.lists(ANY, max_size=40))
def test_every_docking_is_remembered(happened: list[facts.ClipFact]) -> None:
    """A docking a clip was seen in is never forgotten, so that setting it aside binds."""
    for before, _, now in legal(happened):
        assert set(before.seen_in) <= set(now.seen_in)
        assert now.docking in now.seen_in


def test_the_whole_way_of_a_clip() -> None:
    """A clip walks through every place, and its id changes once, when its digest is known."""
    required = {"required": 1, "stores": frozenset({"s1"})}
    clip = after()
    walked = [place(clip, **required)]  # type: ignore[arg-type]  # fields chosen at run time
    for fact in (*STORED, INTENDED, WIPED):
        clip = clip_life.apply(clip, fact)
        walked.append(place(clip, **required))  # type: ignore[arg-type]  # fields chosen at run time
    assert list(dict.fromkeys(walked)) == [
        Place.SEEN,
        Place.SPOOLED,
        Place.VERIFIED,
        Place.STORED,
        Place.WIPED,
    ]
    assert clip.id != after().id


def test_a_held_clip_is_held_wherever_it_is() -> None:
    """A hold shows before anything else, and releasing one kind leaves the other."""
    both = after(HELD, facts.ClipHeld(clip=1, hold="error", why="", actor=""))
    assert place(both, required=1, stores=frozenset()) is Place.HELD
    assert after(RELEASED, clip=both).holds == ("error",)


def test_stored_is_counted_by_the_stores_configured_now() -> None:
    """A receipt of a store that is not configured any more makes nothing stored."""
    stored = after(*STORED)
    assert place(stored, required=1, stores=frozenset({"s2"})) is Place.VERIFIED
    assert place(stored, required=0, stores=frozenset({"s1"})) is Place.VERIFIED


def test_a_copy_spliced_from_two_dockings_is_not_hashed() -> None:
    """Parts from two dockings make a whole whose camera file nobody has read in one go."""
    spliced = after(part(0), seen_again(), part(1, docking="d2"), copied(docking="d2"))
    assert spliced.spliced
    assert spliced.hashed_in is None
    assert after(part(0), part(1), copied()).hashed_in == "d1"
    assert after(copied(spliced=True)).hashed_in is None


def test_a_part_again_begins_the_copy_anew_from_there() -> None:
    """A part that is spooled again drops those behind it."""
    clip = after(part(0), part(1), part(0))
    assert [known.index for known in clip.spool_parts] == [0]
    assert clip.spooled_bytes == 2
    assert after(*PROVEN).spooled_bytes == 4


@pytest.mark.parametrize(
    ("happened", "refused"),
    [
        ((), INTENDED),
        (PROVEN, INTENDED),
        ((*STORED, HELD), INTENDED),
        ((*STORED, LOST), INTENDED),
        ((*STORED, seen_again()), INTENDED),
        ((*STORED, INTENDED), PURGED),
        ((*STORED, HELD), PURGED),
        (PROVEN, PURGED),
        (PROVEN, MERGED),
        ((copied(), HELD), MERGED),
        ((), verified()),
        ((copied(),), verified(sha256=OTHER_SHA)),
        ((*PROVEN, LOST, copied(sha256=OTHER_SHA)), verified(sha256=OTHER_SHA)),
        ((), part(1)),
        ((part(0),), part(1, offset=3)),
        (PROVEN, seen_again(size_bytes=9)),
        (PROVEN, facts.ClipRehashed(clip=1, docking="d2", sha256=SHA)),
        (PROVEN, facts.ClipRehashed(clip=1, docking="d1", sha256=OTHER_SHA)),
        ((), WIPED),
        ((), receipted()),
        ((copied(), MERGED), QUEUED),
        ((), facts.ClipMerged(clip=1, into=1)),
    ],
)
def test_what_must_not_happen_is_refused(
    happened: tuple[facts.ClipFact, ...], refused: facts.ClipFact
) -> None:
    """A fact that the clip's state does not permit raises, and says why."""
    clip = after(*happened)
    with pytest.raises(IllegalFact, match=refused.kind):
        clip_life.apply(clip, refused)


def test_a_file_that_failed_to_go_is_hashed_before_the_next_attempt() -> None:
    """Why a deletion failed may be that the file is another one now."""
    failed = after(*STORED, INTENDED, FAILED)
    assert failed.camera_copy is CameraCopy.PRESENT
    assert failed.hashed_in is None


def test_a_file_that_came_back_after_its_wipe_is_hashed_even_in_the_same_docking() -> None:
    """A name cleared and used again holds other content, whatever its size and mtime say."""
    back = after(*STORED, INTENDED, WIPED, seen_again(docking="d1"))
    assert back.camera_copy is CameraCopy.PRESENT
    assert back.hashed_in is None


def test_a_growing_file_takes_the_size_it_has_when_it_is_read() -> None:
    """Nothing was read yet: the file is simply the size that it is now."""
    assert after(seen_again(docking="d1", size_bytes=9)).size_bytes == 9


def test_a_partial_copy_is_whole_when_the_camera_has_no_more() -> None:
    """The camera's file turns out to be exactly what the partial copy holds."""
    partial = after(part(0), verified(size_bytes=2))
    assert partial.partial
    assert not after(seen_again(mtime_ns=2, size_bytes=2), clip=partial).partial


def test_a_purged_clip_that_comes_back_is_proven_anew() -> None:
    """Its camera brought it again: it is copied and verified as the very same clip."""
    again = after(*STORED, PURGED, seen_again(), copied(docking="d2"), verified())
    assert again.spool_copy is SpoolCopy.PROVEN
    assert again.hashed_in == "d2"


def test_a_lost_object_that_is_found_again_is_receipted() -> None:
    """A store that was restored, or another station, may bring it back without our sending it."""
    lost = after(*STORED, RECEIPT_LOST)
    assert (lost.store_copies["s1"], lost.proven_by) == (StoreCopy.LOST, ())
    found = after(receipted(), clip=lost)
    assert (found.store_copies["s1"], found.proven_by) == (StoreCopy.RECEIPTED, ("s1",))


def test_a_receipt_that_is_doubted_counts_again_once_it_is_repeated() -> None:
    """A clip that is tried again is vouched for by nobody until a store answers; it stays known."""
    doubted = after(*STORED, RETRIED)
    assert (doubted.store_copies["s1"], doubted.proven_by) == (StoreCopy.DOUBTED, ("s1",))
    assert doubted.vouched_by == frozenset()
    with pytest.raises(IllegalFact):
        after(PURGED, clip=doubted)
    with pytest.raises(IllegalFact):
        after(INTENDED, clip=doubted)
    assert after(RETRIED, clip=doubted) == doubted
    assert after(receipted(), clip=doubted).vouched_by == {"s1"}
    assert after(RECEIPT_LOST, clip=doubted).store_copies["s1"] is StoreCopy.LOST


def test_what_was_held_is_asked_for_before_anything_rests_on_it() -> None:
    """A loss that was found during a hold is not on record: with its release comes the doubt."""
    released = facts.ClipReleased(clip=1, hold="legal", why="", actor="")
    held = after(*STORED, facts.ClipHeld(clip=1, hold="legal", why="", actor=""))
    assert held.vouched_by == {"s1"}
    assert after(released, clip=held).store_copies["s1"] is StoreCopy.DOUBTED


def test_a_weaker_receipt_takes_the_stronger_ones_place() -> None:
    """A store that can prove less than it could has proven nothing."""
    assert after(*STORED, receipted(strength="size")).proven_by == ()


@pytest.mark.parametrize(
    ("happened", "known"),
    [
        ((), True),
        ((OVERWRITTEN,), False),
        ((*PROVEN, GONE), True),
        ((*PROVEN, GONE, LOST), False),
        ((*STORED, INTENDED, WIPED, PURGED), True),
        ((*STORED, INTENDED, WIPED, PURGED, RECEIPT_LOST), False),
        ((part(0), GONE), False),
    ],
)
def test_a_clip_with_no_copy_anywhere_is_noticed(
    happened: tuple[facts.ClipFact, ...], known: bool
) -> None:
    """``no-known-copy`` is exactly the clip of which nothing proven is left."""
    assert has_known_copy(after(*happened)) == known


def test_trouble_passes_when_a_person_retries_or_the_copy_is_proven() -> None:
    """A reason stays until it is settled."""
    troubled = after(TROUBLED)
    assert troubled.trouble is not None
    assert after(RETRIED, clip=troubled).trouble is None
    assert after(*PROVEN, clip=troubled).trouble is None
