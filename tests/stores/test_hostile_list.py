"""The issue's list of what a store may do, held against the cases and the tests that there are."""

import re

import pytest

from tests.stores.hostile_list import (
    ALSO,
    BETWEEN,
    CASES,
    LIST,
    PROTOCOLS,
    TEST,
    Case,
    Ending,
    cell,
)
from tests.tooling.collected import files_of, nodes_in

# Counted in the list.
NOUNS = 19
WAYS = ("plain", "tls")


def test_every_noun_of_the_list_is_a_case() -> None:
    """The nouns, in their order, are the whole list: none is left out and none made up."""
    rest = LIST
    for noun in CASES:
        before, found, rest = rest.partition(noun)
        assert found, f"not in the list, or not in this place: {noun}"
        assert set(re.findall(r"\w+", before)) <= BETWEEN, f"left out before {noun}: {before}"
    assert not re.findall(r"\w+", rest)
    assert len(CASES) == NOUNS


@pytest.mark.parametrize("noun", CASES)
def test_every_noun_has_a_test_in_each_protocol_and_way_or_a_reason(noun: str) -> None:
    """What a protocol cannot do has a reason in the list; all else is run, plain and over TLS."""
    there = nodes_in(files_of([TEST]))
    by_protocol = CASES[noun]
    assert set(by_protocol) == set(PROTOCOLS)
    assert any(isinstance(case, Case) for case in by_protocol.values())
    for protocol, case in by_protocol.items():
        if isinstance(case, str):
            assert len(case.split()) > 3, f"{protocol} gives no reason for {noun}"
            continue
        for way in WAYS:
            assert cell(noun, protocol, way) in there, f"nothing runs {noun}, {protocol}, {way}"


@pytest.mark.parametrize("noun", ALSO)
def test_what_a_daemon_shows_is_there(noun: str) -> None:
    """A noun that says more than what a store does names the test that shows the rest."""
    assert noun in CASES
    assert ALSO[noun] in nodes_in(files_of([ALSO[noun]]))


def test_every_test_is_of_a_noun() -> None:
    """Nothing is run that the list does not have."""
    run = {node for node in nodes_in(files_of([TEST])) if node.startswith(f"{TEST}[")}
    listed = {
        cell(noun, protocol, way)
        for noun, by_protocol in CASES.items()
        for protocol, case in by_protocol.items()
        for way in WAYS
        if isinstance(case, Case)
    }
    assert run == listed


def test_every_ending_but_the_good_one_is_said() -> None:
    """Whatever is not stored and cleared by itself has a problem that tells of it."""
    good = {Ending.ONCE, Ending.AGAIN}
    cases = [case for each in CASES.values() for case in each.values() if isinstance(case, Case)]
    assert all(bool(case.says) is (case.ending not in good) for case in cases)
