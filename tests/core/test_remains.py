"""What is left of a copy that failed: what still holds, and nothing that nobody can rely on."""

from hypothesis import given
from hypothesis import strategies as st

from dockd.core import facts, remains
from dockd.core.clip import SpoolCopy
from tests.core.clip_facts import PROVEN, after, copied, part, verified

BEGUN = after(part(0), part(1))


def test_what_still_holds_is_all_that_is_relied_on() -> None:
    """The part behind the last good one is forgotten, and a copy goes on from there."""
    (fact,) = remains.shortened(BEGUN, parts=1, reason="a bad block")
    left = after(fact, clip=BEGUN)
    assert left.spool_parts == BEGUN.spool_parts[:1]
    assert (left.spool_copy, left.copied_in) == (SpoolCopy.PARTIAL, ("d1",))
    assert after(part(1), clip=left) == BEGUN


def test_a_copy_of_which_nothing_holds_is_discarded() -> None:
    """It is begun anew, by whichever camera has the clip."""
    (fact,) = remains.shortened(BEGUN, parts=0, reason="a bad block")
    assert fact == facts.CopyDiscarded(clip=1, reason="a bad block")


def test_a_copy_that_holds_is_left_as_it_is() -> None:
    """Also one of which nothing was ever recorded, and one that is proven."""
    assert remains.shortened(BEGUN, parts=2, reason="") == ()
    assert remains.shortened(after(), parts=0, reason="") == ()
    assert remains.shortened(after(*PROVEN), parts=0, reason="") == ()


def test_a_whole_copy_that_is_not_what_was_read_is_whole_no_more() -> None:
    """Although each of its parts holds: nothing of its reading clears the clip from its camera."""
    whole = after(part(0), copied())
    assert whole.hashed_in == "d1"
    (fact,) = remains.shortened(whole, parts=1, reason="not what was read")
    left = after(fact, clip=whole)
    assert (left.copied, left.copied_sha256, left.hashed_in) == (False, None, None)
    assert after(verified(size_bytes=2), clip=left).partial


@given(st.lists(st.booleans(), max_size=4), st.integers(0, 4))
def test_parts_are_in_common_up_to_the_first_that_differs(same: list[bool], more: int) -> None:
    """What was copied anew since, and what came behind, was not there before."""
    before = [part(index) for index in range(len(same))]
    now = [part(i) if is_same else part(i, docking="d2") for i, is_same in enumerate(same)]
    now += [part(len(same) + index) for index in range(more)]
    common = remains.in_common(before, now)  # type: ignore[arg-type]  # only compared
    assert common == (same.index(False) if False in same else len(same))
