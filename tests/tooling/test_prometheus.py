"""The rules, the scrape configuration and the dashboard that central operations are given."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockd.core.catalogue import CATALOGUE
from dockd.station import metrics
from tests.fakes.prometheus import OPS, promtool, set_up
from tests.tooling.promql import everything, exported, nothing_optional, strangers

RULES = ("problems.yml", "station.yml")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Prometheus's folder with all that its configuration names."""
    home = set_up(tmp_path_factory.mktemp("ops"))
    (home / "dockd.token").touch()
    (home / "dockd-ca.pem").touch()
    return home


def queries(dashboard: dict[str, Any]) -> Iterator[str]:
    """Yield every query of the dashboard, with the words that it is shown under."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield f"{target['expr']} {target['legendFormat']}"
    for variable in dashboard["templating"]["list"]:
        yield json.dumps(variable["query"]).replace('\\"', '"')


@pytest.mark.real
@pytest.mark.parametrize(
    "checked",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "--lint-fatal", *(f"rules/{name}" for name in RULES)),
        ("test", "rules", *(f"tests/{name}" for name in RULES)),
    ],
    ids=["configuration", "rules", "alerts"],
)
def test_promtool_agrees(home: Path, checked: tuple[str, ...]) -> None:
    """The configuration can be read, the rules are sound, and each alert comes when it is due."""
    judged = promtool(*checked, within=home)
    assert judged.returncode == 0, (judged.stdout + judged.stderr).decode()


@pytest.mark.real
def test_promtool_finds_nothing_to_say_of_the_metrics(home: Path) -> None:
    """Names, types and explanations are as Prometheus wants them."""
    judged = promtool("check", "metrics", within=home, stdin=metrics.exposition(everything()))
    said = (judged.stdout + judged.stderr).decode()
    assert not [line for line in said.splitlines() if line.startswith("dockd_")], said


def test_every_alert_is_tried_both_ways() -> None:
    """Of each alert there is a moment at which it is due, and one at which it is not."""
    for name in RULES:
        tried = (OPS / "tests" / name).read_text()
        moments = re.findall(r"alertname: (\w+)\n\s+eval_time: \w+\n\s+exp_alerts:( \[\])?", tried)
        alerts = {"DockdProblem"} if name == "problems.yml" else _alerts(OPS / "rules" / name)
        assert {alert for alert, none in moments if none} == alerts
        assert {alert for alert, none in moments if not none} == alerts


def _alerts(rules: Path) -> set[str]:
    return set(re.findall(r"- alert: (\w+)", rules.read_text()))


@pytest.mark.parametrize("name", RULES)
def test_rules_name_what_is_exported(home: Path, name: str) -> None:
    """No alert waits for a metric, a label or a problem that no station has."""
    text = (home / "rules" / name).read_text().replace('\\"', '"')
    assert list(strangers(text, known=exported())) == []


def test_every_problem_has_its_alert(home: Path) -> None:
    """Every kind of problem of the table has an alert with its owner, and no other has one."""
    text = (home / "rules/problems.yml").read_text()
    labelled = re.findall(r"^ +labels: (.*)$", text, flags=re.MULTILINE)
    owners = {each.get("slug"): each["owner"] for each in map(json.loads, labelled)}
    assert owners == {slug: kind.owner for slug, kind in CATALOGUE.items()} | {None: "operations"}


def test_the_dashboard_names_what_is_exported() -> None:
    """No panel is empty because nothing of its name is there."""
    dashboard = json.loads((OPS / "grafana-dashboard.json").read_text())
    known = exported()
    assert {query: list(strangers(query, known=known)) for query in queries(dashboard)} == {
        query: [] for query in queries(dashboard)
    }
    shown = " ".join(queries(dashboard))
    # What only some stations measure has no panel, which would often be empty.
    always = exported(nothing_optional()).labels
    assert {name for name in always if name.startswith("dockd_")} - set(
        re.findall(r"\w+", shown)
    ) == set()


@pytest.mark.parametrize(
    ("text", "stranger"),
    [
        ("dockd_clip", "dockd_clip"),
        ('dockd_clips{camera="BWC-1"}', "dockd_clips: camera"),
        ('dockd_clips{place="lost"}', "lost"),
        ('dockd_problems{slug=~"spool-full|spool-ful"}', "spool-ful"),
        ("sum by (site, camera) (dockd_clips)", "camera"),
        ("up on (serial) dockd_clips", "serial"),
        ("{{slot}}", "slot"),
        ("of {{ $labels.clip | humanize }}", "clip"),
    ],
)
def test_what_is_not_exported_is_noticed(text: str, stranger: str) -> None:
    """A slip in a metric, a label, a value, a grouping or a legend is found."""
    assert list(strangers(text, known=exported())) == [stranger]
