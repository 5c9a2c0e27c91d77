"""Holds beside the ledger: what is written is what is read, and nothing else is believed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core import hold
from dockd.core.hold import Hold

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
HOLDS = st.builds(
    Hold,
    kind=st.sampled_from(["clip", "docking", "camera"]),
    hold=st.sampled_from(["error", "legal"]),
    camera=WORDS,
    docking=WORDS,
    path=st.binary(max_size=40),
    key=WORDS,
    why=WORDS,
    actor=WORDS,
    waiting=st.booleans(),
)
WHOLE = {
    "kind": "clip",
    "hold": "legal",
    "camera": "C",
    "docking": "D",
    "path": "YQ==",
    "key": "",
    "why": "w",
    "actor": "a",
    "waiting": False,
}


@given(st.lists(HOLDS, max_size=5))
def test_holds_come_back_as_they_were(holds: list[Hold]) -> None:
    """Whatever the holds, they are read as they were written, in an order of their own."""
    assert list(hold.decode(hold.encode(holds))) == sorted(holds, key=lambda one: one.identity)


def test_each_hold_has_one_subject() -> None:
    """A clip is known by what outlives a ledger, a docking and a camera by their names."""
    clip = Hold(kind="clip", hold="legal", camera="C", docking="D", path=b"p", why="", actor="")
    assert clip.subject.startswith("clip ")
    docking = Hold(kind="docking", hold="legal", camera="C", docking="D", why="", actor="")
    camera = Hold(kind="camera", hold="error", camera="C", why="", actor="")
    assert (docking.subject, camera.identity) == ("docking D", ("camera C", "error"))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"format": "dockd-holds/2", "holds": []},
        {"format": hold.FORMAT, "holds": ["x"]},
        {"format": hold.FORMAT, "holds": [{**WHOLE, "hold": "other"}]},
        {"format": hold.FORMAT, "holds": [{**WHOLE, "path": "a"}]},
        {"format": hold.FORMAT, "holds": [{**WHOLE, "waiting": "yes"}]},
    ],
)
def test_what_was_not_written_is_not_believed(document: object) -> None:
    """A list that is not whole is refused, for half of it would forget the other half."""
    with pytest.raises(ValueError, match=r"hold"):
        hold.decode(json.dumps(document).encode())


def test_a_nested_document_is_refused() -> None:
    """A document without end is no list of holds either."""
    with pytest.raises(ValueError, match="nested"):
        hold.decode(b"[" * 100_000)
    assert hold.decode(json.dumps({"format": hold.FORMAT, "holds": [WHOLE]}).encode())
