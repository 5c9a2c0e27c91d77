"""Redocking: what a listing means for the clips that are known."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core import clip_life, facts, redock
from dockd.core.clip import CameraCopy, Clip, SpoolCopy
from dockd.core.redock import Adopt, CopyAgain, CopyNew, Decision, Found, Gone, Resume, Wiped
from tests.core.clip_facts import (
    GONE,
    HELD,
    INTENDED,
    LOST,
    OTHER_SHA,
    PATH,
    PROVEN,
    PURGED,
    SHA,
    STORED,
    WIPED,
    after,
    copied,
    part,
    seen,
    verified,
)

FILE = Found(path=PATH, size_bytes=4, mtime_ns=1, flagged=False)
OTHER_SIZE = replace(FILE, size_bytes=5)
OTHER_MTIME = replace(FILE, mtime_ns=2)
NEW = after()
BEGUN = after(part(0))
VERIFIED = after(*PROVEN)
OTHER = verified(2, sha256=OTHER_SHA)
PARTIAL = after(part(0), verified(size_bytes=2))
WIPING = after(*STORED, INTENDED)
CLEARED = after(*STORED, INTENDED, WIPED)


def numbered(clip: Clip, number: int) -> Clip:
    """Return a clip under another number."""
    return replace(clip, number=number)


@pytest.mark.parametrize(
    ("clip", "docking", "file", "expected"),
    [
        # Back after a break.
        (VERIFIED, "d2", FILE, Adopt(clip=VERIFIED, found=FILE)),
        (CLEARED, "d2", FILE, Adopt(clip=CLEARED, found=FILE)),
        (WIPING, "d2", FILE, Adopt(clip=WIPING, found=FILE)),
        (NEW, "d2", FILE, Resume(clip=NEW, found=FILE, seen_again=True)),
        (BEGUN, "d2", FILE, Resume(clip=BEGUN, found=FILE, seen_again=True)),
        # Listed again in the same stay.
        (BEGUN, "d1", FILE, Resume(clip=BEGUN, found=FILE, seen_again=False)),
        (CLEARED, "d1", FILE, Adopt(clip=CLEARED, found=FILE)),
        (NEW, "d1", OTHER_SIZE, Resume(clip=NEW, found=OTHER_SIZE, seen_again=True)),
        # Not that file any more.
        (NEW, "d2", OTHER_SIZE, CopyNew(found=OTHER_SIZE, overwritten=(NEW,))),
        (BEGUN, "d1", OTHER_SIZE, CopyNew(found=OTHER_SIZE, overwritten=(BEGUN,))),
        (VERIFIED, "d2", OTHER_MTIME, CopyNew(found=OTHER_MTIME, overwritten=(VERIFIED,))),
        (CLEARED, "d2", OTHER_SIZE, CopyNew(found=OTHER_SIZE, overwritten=())),
        (PARTIAL, "d2", FILE, CopyNew(found=FILE, overwritten=(PARTIAL,))),
    ],
)
def test_a_file_is_taken_for_what_it_may_be(
    clip: Clip, docking: str, file: Found, expected: Decision
) -> None:
    """Path, size and mtime decide what a file is taken for, and nothing more than that."""
    assert list(redock.plan(docking, [file], [clip])) == [expected]


@pytest.mark.parametrize("lost", [PURGED, LOST])
def test_a_clip_without_its_spool_copy_is_copied_again(lost: facts.ClipFact) -> None:
    """What made room or was lost is proven anew, as the very same clip."""
    clip = after(*STORED, lost)
    again = CopyAgain(clip=clip, found=FILE, seen_again=True)
    assert list(redock.plan("d2", [FILE], [clip])) == [again]


def test_nothing_is_news_within_a_stay() -> None:
    """A proven clip that is listed again in its docking asks for nothing."""
    assert redock.plan("d1", [FILE], [VERIFIED]) == []


def test_what_is_absent_was_wiped_only_if_dockd_meant_to() -> None:
    """Without an intent an absent clip is gone, with one it is wiped; a cleared one is no news."""
    known = [numbered(VERIFIED, 1), numbered(WIPING, 2), numbered(CLEARED, 3)]
    known = [replace(clip, path=bytes([clip.number])) for clip in known]
    assert list(redock.plan("d2", [], known)) == [Gone(clip=known[0]), Wiped(clip=known[1])]


def test_a_name_used_again_after_a_wipe_does_not_make_its_clip_gone() -> None:
    """A camera that counts its names from one again is no loss of what was cleared."""
    new = CopyNew(found=OTHER_SIZE, overwritten=())
    assert list(redock.plan("d2", [OTHER_SIZE], [WIPING])) == [Wiped(clip=WIPING), new]


def test_of_several_clips_at_a_path_the_one_on_the_camera_counts_then_the_newest() -> None:
    """An older clip there is not mistaken for the file, and one thought present is gone."""
    older, newer = VERIFIED, numbered(VERIFIED, 2)
    left = replace(newer, camera_copy=CameraCopy.GONE)
    assert list(redock.plan("d2", [FILE], [newer, older])) == [
        Gone(clip=older),
        Adopt(clip=newer, found=FILE),
    ]
    assert list(redock.plan("d2", [FILE], [left, older])) == [Adopt(clip=older, found=FILE)]


def test_merged_clips_and_doubled_names_are_taken_once() -> None:
    """A merged clip is no clip, and a path listed twice is one file."""
    merged = after(copied(), facts.ClipMerged(clip=1, into=2))
    assert list(redock.plan("d2", [FILE, OTHER_SIZE], [merged])) == [
        CopyNew(found=FILE, overwritten=())
    ]


files = st.lists(st.sampled_from([FILE, OTHER_SIZE, OTHER_MTIME, replace(FILE, path=b"x")]))
knowns = st.lists(
    st.sampled_from([NEW, BEGUN, VERIFIED, PARTIAL, WIPING, CLEARED, after(GONE)]), max_size=4
).map(lambda known: [numbered(clip, number) for number, clip in enumerate(known, start=1)])


@given(found=files, known=knowns, docking=st.sampled_from(["d1", "d2"]))
def test_every_file_and_every_clip_is_accounted_for(
    found: list[Found], known: list[Clip], docking: str
) -> None:
    """Each path gets one answer, each clip at most one, and none is left thought present."""
    decisions = redock.plan(docking, found, known)
    clips_of = [d.clip.number for d in decisions if not isinstance(d, CopyNew)]
    clips_of += [c.number for d in decisions if isinstance(d, CopyNew) for c in d.overwritten]
    assert len(clips_of) == len(set(clips_of))
    paths = [d.found.path for d in decisions if not isinstance(d, Gone | Wiped)]
    assert len(paths) == len(set(paths))
    listed = {file.path for file in found}
    absent = {c.number for c in known if c.camera_copy in redock._ON_CAMERA} - set(clips_of)
    assert all(clip.path in listed for clip in known if clip.number in absent)


def twin(*happened: facts.ClipFact) -> Clip:
    """Return clip 2, seen in another docking under another mtime, after some facts."""
    return after(*happened, clip=clip_life.born(seen(2, docking="d2", mtime_ns=2)))


def merged(clip: Clip, into: Clip, proof: facts.ClipVerified) -> tuple[redock.Merge, Clip, Clip]:
    """Return a merge, and both clips after it."""
    merge = redock.merge(clip, into=into, verified=proof)
    ours = [fact for fact in merge.recorded if fact.clip == clip.number]
    theirs = [fact for fact in merge.recorded if fact.clip == into.number]
    return merge, after(*ours, clip=clip), after(*theirs, clip=into)


def test_a_merge_sees_the_clip_on_its_camera_and_hashed() -> None:
    """The content was read in one go in this docking: that speaks for the clip it is."""
    merge, gone, stays = merged(twin(copied(2, docking="d2")), CLEARED, verified(2))
    assert not merge.hand_over
    assert gone.merged_into == 1
    assert (stays.camera_copy, stays.docking, stays.mtime_ns) == (CameraCopy.PRESENT, "d2", 2)
    assert (stays.hashed_in, stays.rehashed) == ("d2", True)


def test_a_merge_of_a_spliced_copy_leaves_the_hashing_to_do() -> None:
    """What nobody read in one go is not hashed by being recognised."""
    spliced = twin(copied(2, docking="d2", spliced=True))
    _, _, stays = merged(spliced, VERIFIED, verified(2))
    assert stays.hashed_in is None


@pytest.mark.parametrize("lost", [(PURGED,), (LOST,), (PURGED, part(0))])
def test_a_merge_hands_the_copy_over_where_there_is_no_other(
    lost: tuple[facts.ClipFact, ...],
) -> None:
    """The copy just made may be all there is: it becomes the known clip's proven copy."""
    merge, _, stays = merged(twin(copied(2, docking="d2")), after(*STORED, *lost), verified(2))
    assert merge.hand_over
    assert (stays.spool_copy, stays.hashed_in) == (SpoolCopy.PROVEN, "d2")


def test_a_merge_takes_its_holds_along() -> None:
    """A person's hold binds the content, under whichever number it is kept."""
    held = twin(copied(2, docking="d2"), replace(HELD, clip=2))
    _, gone, stays = merged(held, VERIFIED, verified(2))
    assert (gone.holds, stays.holds) == ((), ("legal",))


def test_a_merge_after_the_camera_left_puts_nothing_on_it() -> None:
    """A copy recognised when its camera copy is gone says nothing about the camera."""
    gone = twin(copied(2, docking="d2"), replace(GONE, clip=2))
    _, _, stays = merged(gone, CLEARED, verified(2))
    assert stays.camera_copy is CameraCopy.WIPED


def test_a_partial_copy_merged_says_nothing_about_the_camera() -> None:
    """The beginning of a file may be another clip's content; the file itself is not that clip."""
    short = after(copied(), verified(), clip=clip_life.born(seen()))
    proof = replace(verified(2), size_bytes=4, partial=True)
    longer = replace(twin(part_of_two()), size_bytes=9)
    _, _, stays = merged(longer, short, proof)
    assert stays.docking == "d1"


def part_of_two() -> facts.PartSpooled:
    """Return a part of clip 2."""
    return replace(part(0, docking="d2"), clip=2)


def test_a_partial_without_copy_gets_its_copy_and_the_record_of_who_read_it() -> None:
    """A partial copy that is handed over stays partial, and its digest is the same."""
    lost = after(part(0), verified(size_bytes=2), LOST)
    again = replace(twin(part_of_two()), copied_in=())
    proof = replace(verified(2, size_bytes=2))
    merge, _, stays = merged(again, lost, proof)
    assert merge.hand_over
    assert (stays.spool_copy, stays.partial, stays.sha256) == (SpoolCopy.PROVEN, True, SHA)


def test_a_whole_file_that_equals_a_partial_copy_makes_it_whole() -> None:
    """The camera's file now ends where the partial copy does: nothing is missing from it."""
    whole = after(
        copied(2, docking="d2"),
        clip=clip_life.born(seen(2, docking="d2", mtime_ns=2, size_bytes=2)),
    )
    _, _, stays = merged(whole, PARTIAL, replace(verified(2, size_bytes=2), partial=False))
    assert not stays.partial
    assert (stays.size_bytes, stays.hashed_in) == (2, "d2")


@pytest.mark.parametrize("left", [(), (GONE,)])
def test_a_copy_that_is_other_content_becomes_a_clip_of_its_own(
    left: tuple[facts.ClipFact, ...],
) -> None:
    """What was copied for a purged clip and is not it is kept: it may be all there is."""
    clip = after(*STORED, PURGED, copied(sha256=OTHER_SHA), *left)
    assert clip.hashed_in is None
    first, *others = (
        [fact for fact in redock.split(clip, number=2, verified=OTHER) if fact.clip == number]
        for number in (1, 2)
    )
    was = after(*first, clip=clip)
    assert (was.camera_copy, was.spool_copy, was.sha256) == (CameraCopy.GONE, SpoolCopy.NONE, SHA)
    seen_first, *then = others[0]
    assert isinstance(seen_first, facts.ClipSeen)
    now = after(*then, OTHER, clip=clip_life.born(seen_first))
    assert (now.spool_copy, now.sha256, now.hashed_in) == (SpoolCopy.PROVEN, OTHER_SHA, None)
    assert (now.camera_copy is CameraCopy.GONE) == bool(left)
