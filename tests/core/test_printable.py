"""Hostile names become harmless text, and stay different from one another."""

from hypothesis import given
from hypothesis import strategies as st

from dockd.core.printable import printable


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
