"""The issue's words on charging, held against the tests that there are."""

import pytest

from tests.chargers.table import TABLE
from tests.tooling.collected import files_of, is_one_of, nodes_in

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("chargers-table")]


@pytest.mark.parametrize("noun", TABLE)
def test_every_noun_has_a_test_that_shows_it(noun: str) -> None:
    """Each noun names at least one test, and each test that it names is there to be run."""
    there = nodes_in(files_of(node for nodes in TABLE.values() for node in nodes))
    assert TABLE[noun]
    for node in TABLE[noun]:
        assert any(is_one_of(test, node) for test in there), node
