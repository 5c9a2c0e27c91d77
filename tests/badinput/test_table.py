"""The paragraph "What bad input gets" of the issue, held against the tests that there are."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.badinput.table import BETWEEN, PARAGRAPH, TABLE

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("badinput-table")]
ROOT = Path(__file__).parents[2]


@cache
def collected() -> frozenset[str]:
    """Return the node id of every test in the files that the table names, as pytest finds them."""
    files = sorted({node.partition("::")[0] for nodes in TABLE.values() for node in nodes})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    found = subprocess.run(
        [*command, "-o", "addopts=--import-mode=importlib", *files],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return frozenset(line for line in found.stdout.splitlines() if "::" in line)


def test_every_noun_of_the_paragraph_is_in_the_table() -> None:
    """The table's nouns, in order, are the whole paragraph: none is left out, none made up."""
    rest = PARAGRAPH
    for noun in TABLE:
        before, found, rest = rest.partition(noun)
        assert found, f"not in the paragraph, or not in its place: {noun}"
        assert set(re.findall(r"\w+", before)) <= BETWEEN, f"left out before {noun!r}: {before!r}"
    assert rest == "."


@pytest.mark.parametrize("noun", TABLE)
def test_every_noun_has_a_test_that_shows_it(noun: str) -> None:
    """Each noun names at least one test, and each test that it names is there to be run."""
    assert TABLE[noun], f"nothing shows {noun}"
    for node in TABLE[noun]:
        shown = [test for test in collected() if _is_one_of(test, node)]
        assert shown, f"there is no {node}, which is to show {noun}"


def test_every_test_here_shows_a_noun() -> None:
    """A test of this folder that no noun names is either of another folder or of a lost noun."""
    named = tuple({node for nodes in TABLE.values() for node in nodes})
    for test in collected():
        if test.startswith("tests/badinput/"):
            assert any(_is_one_of(test, node) for node in named) or test in _BEYOND, test


_BEYOND = {"tests/badinput/test_names.py::test_what_was_named_is_forgotten_once_it_is_gone"}


def _is_one_of(test: str, node: str) -> bool:
    """Return whether a test is the one named, or one of its parameters."""
    return test == node or test.startswith(f"{node}[") or ("[" in node and test.startswith(node))
