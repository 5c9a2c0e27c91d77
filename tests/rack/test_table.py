"""The issue's list of what the virtual rack shows, held against the tests that there are."""

import re

import pytest

from tests.rack.table import BETWEEN, LIST, OWED, TABLE
from tests.tooling.collected import files_of, is_one_of, nodes_in

# Counted in the list: what has no test stands in `OWED`, and nowhere else.
NOUNS = 62


def _in_order() -> list[str]:
    """Return every noun, in the order of the list."""
    rest, found = LIST, []
    left = set(TABLE) | set(OWED)
    while left:
        # Of two that begin at one place the longer is meant.
        nexts = [(rest.index(noun), -len(noun), noun) for noun in left if noun in rest]
        assert nexts, f"not in the list, or in two places: {left}"
        at, _, noun = min(nexts)
        before, rest = rest[:at], rest[at + len(noun) :]
        strange = set(re.findall(r"[\w.]+", before)) - BETWEEN
        assert not strange, f"left out before {noun!r}: {before!r}"
        left.remove(noun)
        found.append(noun)
    assert not re.findall(r"\w+", rest)
    return found


def test_every_noun_of_the_list_is_in_the_table_or_owed() -> None:
    """The nouns, in order, are the whole list: none is left out, none made up, none in both."""
    assert len(_in_order()) == len(TABLE) + len(OWED) == NOUNS


def test_what_is_owed_is_owed_once() -> None:
    """What has no test yet is said in one place, and a noun with a test is not owed any more."""
    assert len(set(OWED)) == len(OWED)
    assert not set(OWED) & set(TABLE)


@pytest.mark.parametrize("noun", TABLE)
def test_every_noun_has_a_test_that_shows_it(noun: str) -> None:
    """Each noun names at least one test, and each test that it names is there to be run."""
    assert TABLE[noun], f"nothing shows {noun}"
    there = nodes_in(files_of(node for nodes in TABLE.values() for node in nodes))
    for node in TABLE[noun]:
        assert any(is_one_of(test, node) for test in there), f"there is no {node}"
