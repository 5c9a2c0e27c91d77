"""The list of holds that stations share: what it says, which one counts, and how old it is."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.shared_holds import (
    AHEAD_S,
    OLD_AFTER_S,
    HoldList,
    age_s,
    is_recent,
    parse,
    why_refused,
)

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
SHA = "ab" * 32
LIST = HoldList(issued=NOW)


def document(*holds: Any, **changes: Any) -> bytes:  # noqa: ANN401 - any JSON, right or wrong
    """Return a document with these holds."""
    words = {"format": "dockd-shared-holds/1", "issued": "2026-11-23T02:00:00Z"}
    return json.dumps({**words, "holds": list(holds), **changes}).encode()


def test_a_list_sets_aside_what_it_names() -> None:
    """Cameras by serial number, clips by content, dockings by name and, elsewhere, by camera."""
    found = parse(
        document(
            {"kind": "camera", "camera": "BWC-1", "why": "case 7"},
            {"kind": "clip", "key": f"BWC-2/{SHA}/DCIM/1.MP4"},
            {"kind": "docking", "docking": "d1", "camera": "BWC-3"},
        )
    )
    assert (found.issued, found.count) == (NOW, 3)
    assert found.subjects(dockings_known=["d1"]) == {"BWC-1", SHA, "d1"}
    assert found.subjects(dockings_known=[]) == {"BWC-1", SHA, "d1", "BWC-3"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        document(format="dockd-shared-holds/2"),
        document(issued="yesterday"),
        document(issued="2026-13-23T02:00:00Z"),
        document(issued="2026-11-23T02:00:00+01:00"),
        document("BWC-1"),
        document({"kind": "camera"}),
        document({"kind": "camera", "camera": ""}),
        document({"kind": "camera", "camera": 1}),
        document({"kind": "docking", "docking": "d1"}),
        document({"kind": "clip", "key": "BWC-1/nothing/DCIM/1.MP4"}),
        document({"kind": "clip", "key": SHA}),
        document({"kind": "slot", "slot": "A1"}),
        document({"kind": "camera", "camera": "BWC-1"}, {"kind": "from tomorrow's dockd"}),
    ],
)
def test_a_list_that_is_half_understood_is_none(content: bytes) -> None:
    """One hold that is not understood refuses the list: it would set too little aside."""
    with pytest.raises(ValueError, match=r"."):
        parse(content)


@given(
    content=st.binary()
    | st.recursive(
        st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    ).map(document)
)
def test_nothing_else_ever_comes_of_a_document(content: bytes) -> None:
    """Whatever was signed, it is a list or a ValueError."""
    try:
        assert isinstance(parse(content), HoldList)
    except ValueError:
        return


AGES = st.integers(-10 * 24 * 3600, 10 * 24 * 3600)


@given(offered_s=AGES, held_s=st.none() | AGES, synchronised=st.booleans())
def test_no_older_list_is_ever_taken(
    offered_s: int, held_s: int | None, synchronised: bool
) -> None:
    """A list takes the place of an older one or of itself, and never comes from the future."""
    offered = replace(LIST, issued=NOW + timedelta(seconds=offered_s))
    held = None if held_s is None else replace(LIST, issued=NOW + timedelta(seconds=held_s))
    now = NOW if synchronised else None
    taken = why_refused(offered, held=held, now=now) is None
    assert taken == (
        (held_s is None or offered_s >= held_s) and not (synchronised and offered_s > AHEAD_S)
    )


def test_two_lists_of_one_second_are_not_exchanged() -> None:
    """Of two different lists of the same second nobody can say which one came later."""
    other = replace(LIST, cameras=frozenset({"BWC-1"}))
    assert why_refused(other, held=LIST, now=NOW) is not None
    assert why_refused(LIST, held=LIST, now=NOW) is None


@given(
    issued_ago_s=AGES,
    accepted_age_s=st.none() | st.floats(0, 2 * OLD_AFTER_S),
    held_for_s=st.none() | st.floats(0, 2 * OLD_AFTER_S),
    synchronised=st.booleans(),
)
def test_a_list_is_recent_only_where_that_is_known(
    issued_ago_s: int, accepted_age_s: float | None, held_for_s: float | None, synchronised: bool
) -> None:
    """By the clock where it can be trusted, and by uptime in any case, a day at most."""
    age = age_s(
        replace(LIST, issued=NOW - timedelta(seconds=issued_ago_s)),
        now=NOW if synchronised else None,
        accepted_age_s=accepted_age_s,
        held_for_s=held_for_s,
    )
    uptime_s = None
    if accepted_age_s is not None and held_for_s is not None:
        uptime_s = accepted_age_s + held_for_s
    if synchronised:
        recent = -AHEAD_S <= issued_ago_s <= OLD_AFTER_S and (uptime_s or 0) <= OLD_AFTER_S
    else:
        recent = uptime_s is not None and uptime_s <= OLD_AFTER_S
    assert is_recent(age) == recent


@pytest.mark.parametrize("age", [None, float("nan"), float("inf"), -1.0, OLD_AFTER_S + 1])
def test_an_age_that_is_none_is_not_recent(age: float | None) -> None:
    """What is no age, or too much of one, is not recent."""
    assert not is_recent(age)
    assert is_recent(0.0)
