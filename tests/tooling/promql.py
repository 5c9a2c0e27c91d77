"""What a query, a rule or a legend names, held against what a station exports."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace
from types import NoneType
from typing import Any, Final, get_args

from prometheus_client.parser import text_string_to_metric_families

from dockd.core.catalogue import CATALOGUE
from dockd.core.clip import Place
from dockd.core.slot import SlotState
from dockd.ports.station import Measurements
from dockd.station import metrics

# What file discovery and Prometheus itself add to every series, and what Prometheus itself writes.
TARGET_LABELS: Final = frozenset({"job", "instance", "site", "station"})
OWN_METRICS: Final = {"up": frozenset[str]()}
_METRIC: Final = re.compile(r"\b((?:dockd|process)_\w+|up)\b(?:\s*\{([^{}]*)\})?")
_MATCHER: Final = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING: Final = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SHOWN: Final = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)\s*(?:\|[^}]*)?\}\}")
_SEVERITIES: Final = frozenset({"warn", "fail"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a station exports: the labels of each metric, and the values that some labels have."""

    labels: Mapping[str, AbstractSet[str]]
    values: Mapping[str, AbstractSet[str]]


def exported(measured: Measurements | None = None) -> Exported:
    """Return what a station exports; that has something of everything unless it is given."""
    text = metrics.exposition(measured or everything()).decode()
    found = {
        sample.name: frozenset(sample.labels) | TARGET_LABELS
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return Exported(
        labels=OWN_METRICS | found,
        values={
            "slug": CATALOGUE.keys(),
            "severity": _SEVERITIES,
            "place": frozenset(Place),
            "state": frozenset(SlotState) | frozenset(metrics.BREAKER_STATES),
            "job": frozenset({"dockd"}),
        },
    )


def everything() -> Measurements:
    """Return the measurements of a station that has something of everything."""
    named: dict[str, Any] = {
        "version": "1",
        "clips": {},
        "clip_bytes": {},
        "slots": {},
        "problems": {("store-unreachable", "warn"): 1},
        "uploaded_bytes": {"central": 1},
        "breakers": {"central": "closed"},
    }
    # The others are numbers.
    return Measurements(**{each.name: named.get(each.name, 1) for each in fields(Measurements)})


def nothing_optional() -> Measurements:
    """Return the same of a station that measures only what every station measures."""
    optional = (each.name for each in fields(Measurements) if NoneType in get_args(each.type))
    return replace(everything(), **dict.fromkeys(optional))  # type: ignore[arg-type]  # they may


def strangers(text: str, *, known: Exported) -> Iterator[str]:
    """Yield what a text names as a metric, a label or a label's value and no station exports."""
    everywhere = frozenset[str]().union(*known.labels.values()) | TARGET_LABELS
    for name, matchers in _METRIC.findall(text):
        if name not in known.labels:
            yield name
            continue
        for label, value in _MATCHER.findall(matchers):
            if label not in known.labels[name] | TARGET_LABELS:
                yield f"{name}: {label}"
            yield from _unknown_values(label, value, known=known)
    for labels in _GROUPING.findall(text):
        yield from {label.strip() for label in labels.split(",")} - everywhere - {""}
    yield from set(_SHOWN.findall(text)) - everywhere


def _unknown_values(label: str, value: str, *, known: Exported) -> Iterator[str]:
    # What begins with a dollar is chosen in Grafana, from what there is.
    if label in known.values and not value.startswith("$"):
        yield from (one for one in value.split("|") if one not in known.values[label])
