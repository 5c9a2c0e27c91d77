"""Every rule of the core is taken away in turn, and the world notices every one of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from dockd.core import clearance, clip_rules, transfer
from tests.core.machine import fact_scenes, wiping_scenes
from tests.core.machine.box import Rules
from tests.core.machine.wiping_scenes import Scene


def _without(table: Mapping[str, Any], *names: str) -> dict[str, Any]:
    assert set(names) <= set(table)
    return {name: rule for name, rule in table.items() if name not in names}


def _conditions(*names: str) -> Rules:
    return Rules(conditions=_without(clearance.CONDITIONS, *names))


def _receipt_conditions(*names: str) -> Rules:
    conditions = _without(clearance.RECEIPT_CONDITIONS, *names)
    enough = {
        "enough stores have proven that they hold it": lambda evidence: (
            len(clearance.binding_stores(evidence, conditions=conditions)) >= evidence.required
        )
    }
    return Rules(conditions={**clearance.CONDITIONS, **enough})


def _intent(*names: str) -> Rules:
    return Rules(intent=_without(clearance.INTENT_CONDITIONS, *names))


def _clip_guards(*names: str) -> Rules:
    return Rules(clip_guards=_without(clip_rules.GUARDS, *names))


def _transfer_guards(*names: str) -> Rules:
    return Rules(transfer_guards=_without(transfer.GUARDS, *names))


Tables = tuple[str, Mapping[str, Any], Mapping[str, tuple[Scene, str]], Callable[..., Rules]]
TABLES: tuple[Tables, ...] = (
    ("may_wipe", clearance.CONDITIONS, wiping_scenes.CONDITIONS, _conditions),
    (
        "receipt",
        clearance.RECEIPT_CONDITIONS,
        wiping_scenes.RECEIPT_CONDITIONS,
        _receipt_conditions,
    ),
    ("may_erase", clearance.INTENT_CONDITIONS, wiping_scenes.INTENT_CONDITIONS, _intent),
    ("clip", clip_rules.GUARDS, fact_scenes.CLIP_GUARDS, _clip_guards),
    ("transfer", transfer.GUARDS, fact_scenes.TRANSFER_GUARDS, _transfer_guards),
)


@dataclass(frozen=True)
class Case:
    """A rule by its name, the history that shows it, and how to take rules of its table away."""

    name: str
    scene: Scene
    rules: Callable[..., Rules]


CASES = [
    pytest.param(Case(name=name, scene=scene, rules=rules), id=f"{table}: {name}")
    for table, _, told, rules in TABLES
    for name, (scene, _) in told.items()
]


@pytest.mark.parametrize(("table", "told"), [(rules, told) for _, rules, told, _ in TABLES])
def test_no_rule_is_without_a_scene(
    table: Mapping[str, Any], told: Mapping[str, tuple[Scene, str]]
) -> None:
    """Every entry of every table has a history that shows what it is for."""
    assert set(table) == set(told)


@pytest.mark.parametrize("case", CASES)
def test_the_core_as_it_is_keeps_every_promise(case: Case) -> None:
    """Each of these histories ends well with every rule in place."""
    case.scene(case.rules())


@pytest.mark.parametrize("case", CASES)
def test_without_any_one_rule_a_promise_breaks(case: Case) -> None:
    """The world notices the absence of each single rule."""
    with pytest.raises(AssertionError):
        case.scene(case.rules(case.name))


def test_the_findings_can_be_read(request: pytest.FixtureRequest) -> None:
    """The table of what found each missing rule has a line for each, and -v prints it."""
    lines = [
        f"{table:9} {name:70} {how}"
        for table, _, told, _ in TABLES
        for name, (_, how) in told.items()
    ]
    assert len(lines) == sum(len(rules) for _, rules, _, _ in TABLES)
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and request.config.get_verbosity() > 0:
        for line in lines:
            reporter.write_line(line)
