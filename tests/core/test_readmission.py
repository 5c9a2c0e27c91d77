"""What a sidecar vouches for, as the facts that lead to it."""

from dataclasses import replace

import pytest

from dockd.core import clip_life, facts, readmission
from dockd.core.clip import Clip, SpoolCopy
from tests.core.clip_facts import PROVEN, after, copied, part, seen_again, verified

WHOLE = after(*PROVEN)
CAME_BACK = after(seen_again(docking="d2"), copied(docking="d2"), verified())
PARTIAL = after(part(0), verified(size_bytes=2))


def led_to(clip: Clip, *, begun: Clip | None = None) -> Clip:
    """Return the clip that the facts of ``clip`` lead to."""
    first, *others = readmission.clip_facts(clip, number=clip.number, begun=begun)
    if begun is not None:
        return after(first, *others, clip=begun)
    assert isinstance(first, facts.ClipSeen)
    return after(*others, clip=clip_life.born(first))


@pytest.mark.parametrize("clip", [WHOLE, CAME_BACK, replace(PARTIAL, copied_in=())])
def test_a_clip_comes_back_as_it_was(clip: Clip) -> None:
    """Its origin, its identity and its copy, which no camera may clear it for before a hash."""
    found = led_to(clip)
    assert (found.spool_copy, found.partial) == (SpoolCopy.PROVEN, clip.partial)
    assert (found.key, found.sha256, found.seen_in) == (clip.key, clip.sha256, clip.seen_in)


@pytest.mark.parametrize("begun", [after(), after(part(0))])
def test_a_clip_that_was_begun_gets_the_copy_that_is_kept(begun: Clip) -> None:
    """Also where a part of another copy is on record, and a later docking is not."""
    found = led_to(CAME_BACK, begun=begun)
    assert (found.spool_copy, found.spool_parts) == (SpoolCopy.PROVEN, ())
    assert (found.key, found.seen_in) == (CAME_BACK.key, ("d1", "d2"))


def test_what_has_no_digests_is_of_no_sidecar() -> None:
    """Nothing of it is recorded."""
    with pytest.raises(TypeError, match="digests"):
        list(readmission.clip_facts(after(), number=1))


def test_every_docking_of_a_clip_began_once() -> None:
    """The slot is known of the last one alone: that is where a sidecar says that it was."""
    began = readmission.dockings([CAME_BACK, WHOLE])
    assert {docking: fact.slot for docking, fact in began.items()} == {"d1": "A1", "d2": "A2"}
    (earlier, _) = readmission.dockings([CAME_BACK]).values()
    assert (earlier.docking, earlier.slot) == ("d1", readmission.UNKNOWN)
