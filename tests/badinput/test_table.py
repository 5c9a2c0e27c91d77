"""The paragraph "What bad input gets" of the issue, held against the tests that there are."""

import re

import pytest

from tests.badinput.table import BETWEEN, PARAGRAPH, TABLE
from tests.tooling.collected import files_of, is_one_of, nodes_in

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("badinput-table")]


def collected() -> frozenset[str]:
    """Return the node id of every test in the files that the table names."""
    return nodes_in(files_of(node for nodes in TABLE.values() for node in nodes))


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
        shown = [test for test in collected() if is_one_of(test, node)]
        assert shown, f"there is no {node}, which is to show {noun}"


def test_every_test_here_shows_a_noun() -> None:
    """A test of this folder that no noun names is either of another folder or of a lost noun."""
    named = tuple({node for nodes in TABLE.values() for node in nodes})
    for test in collected():
        if test.startswith("tests/badinput/"):
            assert any(is_one_of(test, node) for node in named) or test in _BEYOND, test


_LYING = "tests/badinput/test_stores.py::test_a_store_that_gives_other_content_than_it_says"
_BEYOND = {
    "tests/badinput/test_names.py::test_what_was_named_is_forgotten_once_it_is_gone",
    # Of a later list: the same key with other content, and an object that vanished.
    f"{_LYING}_clears_no_camera[other]",
    f"{_LYING}_clears_no_camera[nothing]",
}
