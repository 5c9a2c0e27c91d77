import pytest

from tests.tooling import diagrams


def test_the_diagrams_are_drawn_from_the_tables_as_they_are() -> None:
    """ARCHITECTURE.md shows the machines the code runs by (python -m tests.tooling.diagrams)."""
    text = diagrams.ARCHITECTURE.read_text()
    assert diagrams.drawn(text) == text


def test_a_stale_diagram_is_noticed() -> None:
    """A diagram that misses an edge is drawn anew."""
    text = diagrams.ARCHITECTURE.read_text()
    stale = text.replace("    [*] --> present\n", "")
    assert stale != text
    assert diagrams.drawn(stale) == text


def test_a_table_without_a_place_is_an_error() -> None:
    """No machine is left out of the document."""
    with pytest.raises(ValueError, match="0 places"):
        diagrams.drawn("")
