"""Hostile names become harmless text, and stay different from one another."""

from hypothesis import given
from hypothesis import strategies as st

from dockd.core.printable import printable, quoted


@given(st.binary() | st.text())
def test_nothing_can_steer_a_terminal(value: bytes | str) -> None:
    """Whatever a name holds, its text is printable and on one line."""
    assert printable(value).isprintable()


@given(st.binary(), st.binary())
def test_different_names_stay_different(one: bytes, other: bytes) -> None:
    """No two names read the same."""
    assert (printable(one) == printable(other)) == (one == other)


def test_plain_names_stay_as_they_are() -> None:
    """A name that is printable is shown as it is; its backslashes are doubled."""
    assert printable("Überfall 1.mp4".encode()) == "Überfall 1.mp4"
    assert printable(b"a\\b") == "a\\\\b"
    assert printable(b"\x1b[31m\n\xff") == "\\x1b[31m\\x0a\\xff"
    assert printable("\x80\u2028\U000e0001") == "\\u0080\\u2028\\U000e0001"


def test_a_name_in_a_sentence_is_escaped_once() -> None:
    """What is done to a sentence where it is shown changes nothing of it any more."""
    assert quoted("BWC\u202e1") == printable(quoted("BWC\u202e1")) == "'BWC%E2%80%AE1'"
    assert quoted(b"\xffa\xc3\xa9\n") == quoted("\udcffa\xe9\n") == "'%FFa\xe9%0A'"


@given(st.binary())
def test_a_sentence_with_any_name_is_printable_text(name: bytes) -> None:
    """It can be kept, sent and shown, whatever bytes a camera has for a name."""
    assert quoted(name).isprintable()
    assert quoted(name).encode()
