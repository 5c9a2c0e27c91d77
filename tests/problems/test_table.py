"""Every problem of the catalogue, held against the tests that there are."""

import pytest

from dockd.core.catalogue import CATALOGUE
from tests.problems import table
from tests.tooling.collected import functions_in


@pytest.mark.parametrize("slug", CATALOGUE)
def test_every_problem_has_a_test_that_raises_it_and_one_that_sees_it_end(slug: str) -> None:
    """And each test that the table names is there."""
    shown = table.shown(slug)
    assert shown.raised
    assert shown.ended
    for node in (*shown.raised, *shown.ended):
        file, _, name = node.partition("::")
        assert name in functions_in(file), node


def test_the_table_has_problems_of_the_catalogue_only() -> None:
    """What leaves the catalogue leaves the table, and no problem has two kinds of end."""
    of_mechanisms = {slug for slugs in table.OF_A_MECHANISM.values() for slug in slugs}
    of_their_own = table.ON_ITS_OWN.keys() | table.APART.keys()
    assert of_mechanisms | of_their_own == CATALOGUE.keys()
    assert not of_mechanisms & of_their_own
    assert table.RAISED.keys() <= of_mechanisms
