"""Facts: every kind has a name, a sentence and exactly one canonical form."""

import json
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

import pytest

from dockd.core import facts

SAMPLES: dict[Any, Any] = {
    str: "x",
    int: 1,
    bool: True,
    bytes: b"\xff/\x00",
    tuple[str, ...]: ("a", "b"),
    int | None: None,
}


def sample(kind: type[facts.Fact]) -> facts.Fact:
    """Return a fact of some kind with made-up fields."""
    hints = get_type_hints(kind)
    values = {field.name: SAMPLES.get(hints[field.name], "digest") for field in fields(kind)}
    return kind(**values)


@pytest.mark.parametrize("kind", facts.FACTS.values(), ids=lambda kind: kind.kind)
def test_every_fact_can_be_recorded(kind: type[facts.Fact]) -> None:
    """A fact's fields survive JSON, hold no floats, and name nothing twice."""
    plain = sample(kind).fields()
    assert json.loads(json.dumps(plain)) == plain
    assert "float" not in str(get_type_hints(kind).values())


@pytest.mark.parametrize("kind", facts.FACTS.values(), ids=lambda kind: kind.kind)
def test_every_fact_says_in_one_sentence_what_happened(kind: type[facts.Fact]) -> None:
    """The journal and the catalog need a whole sentence for each kind."""
    assert kind.sentence[0].isupper()
    assert kind.sentence.endswith(".")
    assert facts.FACTS[kind.kind] is kind


def test_every_fact_has_a_subject() -> None:
    """A fact is about the station, a docking or a clip, and nothing else."""
    bases = (facts.StationFact, facts.DockingFact, facts.ClipFact)
    assert all(issubclass(kind, bases) for kind in facts.FACTS.values())


def test_a_raw_path_is_recorded_to_the_byte() -> None:
    """Path bytes that are no text stand in the record as base64url."""
    assert sample(facts.ClipSeen).fields()["path"] == "_y8A"


def test_a_float_is_no_field() -> None:
    """A fact that smuggles in a float is refused, for it has no one canonical form."""

    @dataclass(frozen=True, kw_only=True)
    class Warm(facts.StationFact):
        degrees: float

    with pytest.raises(TypeError, match="float"):
        Warm(degrees=0.1).fields()
