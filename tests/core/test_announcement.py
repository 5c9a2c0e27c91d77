"""Topics and payloads: nothing that a camera or a person calls something gets out of its place."""

import json
import re

from hypothesis import given
from hypothesis import strategies as some

from dockd.core.announcement import OFFLINE, Topics, encoded

ANY_NAME = some.text(some.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(site=ANY_NAME, station=ANY_NAME, slot=ANY_NAME)
def test_a_name_stays_one_level_of_its_topic(site: str, station: str, slot: str) -> None:
    """Wildcards, separators and control characters in names are escaped, whatever they are."""
    topic = Topics(site, station).slot(slot)
    assert topic.count("/") == 4
    assert re.fullmatch(r"dockd/[\w.%~-]+/[\w.%~-]+/slots/[\w.%~-]+", topic, re.ASCII)


def test_names_with_wildcards_are_told_apart() -> None:
    """Two slots whose names differ in what is escaped have two topics."""
    topics = Topics("a+b", "#")
    assert topics.state == "dockd/a%2Bb/%23/state"
    assert len({topics.slot(name) for name in ("+", "#", "/", "%2B", "a", "A")}) == 6


def test_topics_are_where_they_are_described() -> None:
    """They are those of DESIGN.md section 6."""
    topics = Topics("north", "dock-7")
    assert topics.state == "dockd/north/dock-7/state"
    assert topics.events == "dockd/north/dock-7/events"
    assert topics.problems == "dockd/north/dock-7/problems"
    assert topics.commands == "dockd/north/dock-7/commands"
    assert topics.slot("A1") == "dockd/north/dock-7/slots/A1"


@given(some.dictionaries(some.text(), some.recursive(some.text() | some.integers(), some.lists)))
def test_a_payload_is_ascii_and_means_what_it_did(document: dict[str, object]) -> None:
    """Markup, control characters and direction marks are escapes, and read back as they were."""
    payload = encoded(document)
    assert payload.isascii()
    assert not set(payload) & set(b"<>&\x00\x07\x1b\x7f\n")
    assert json.loads(payload) == document


def test_the_last_will_says_that_the_station_is_gone() -> None:
    """It is exactly what DESIGN.md section 9 says."""
    assert json.loads(OFFLINE) == {"online": False}
