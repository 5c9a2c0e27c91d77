"""The issue's list of what the virtual rack shows, held against the tests that there are."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.rack.table import BETWEEN, LIST, OWED, TABLE

ROOT = Path(__file__).parents[2]
# Counted in the list: what has no test stands in `OWED`, and nowhere else.
NOUNS = 62


@cache
def _tests(file: str) -> frozenset[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_"
    )


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
    for node in TABLE[noun]:
        file, _, name = node.partition("::")
        assert name.partition("[")[0] in _tests(file), f"there is no {node}"
