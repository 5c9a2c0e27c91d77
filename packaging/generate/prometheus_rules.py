"""Prints the Prometheus rules problems.yml: an alert for every kind of problem."""

import json
import sys
from typing import Final

from dockd.core.catalogue import CATALOGUE, ProblemKind, Severity

_HEAD: Final = """\
# Generated from dockd's table of problems: what stations say of themselves.
groups:
  - name: dockd problems
    rules:
"""
# A problem that ends by itself within this time is nobody's errand.
_LASTING: Final[dict[Severity, str]] = {"fail": "2m", "warn": "1h"}


def alert(kind: ProblemKind) -> str:
    """Return the alert of one kind of problem; what JSON says is YAML as well."""
    labels = {"slug": kind.slug, "severity": kind.severity, "owner": kind.owner}
    words = {
        "summary": f"{{{{ $labels.station }}}}: {kind.sentence}",
        "description": kind.next_step,
    }
    return _alert(
        f'dockd_problems{{slug="{kind.slug}", severity="{kind.severity}"}} > 0',
        lasting=_LASTING[kind.severity],
        labels=labels,
        annotations=words,
    )


def unknown() -> str:
    """Return the alert of problems that a newer dockd has and these rules do not."""
    return _alert(
        f'dockd_problems{{slug!~"{"|".join(sorted(CATALOGUE))}"}} > 0',
        lasting=_LASTING["fail"],
        labels={"owner": "operations"},
        annotations={
            "summary": "{{ $labels.station }} has the problem {{ $labels.slug }}, which is newer "
            "than these rules.",
            "description": "Read `dockd status` on the station, and take the rules of its dockd.",
        },
    )


def _alert(
    expression: str, *, lasting: str, labels: dict[str, str], annotations: dict[str, str]
) -> str:
    lines = [
        "- alert: DockdProblem",
        f"  expr: {json.dumps(expression)}",
        f"  for: {lasting}",
        f"  labels: {json.dumps(labels)}",
        "  annotations:",
        *(f"    {name}: {json.dumps(text)}" for name, text in annotations.items()),
    ]
    return "\n".join(f"      {line}" for line in lines)


if __name__ == "__main__":
    rules = [alert(kind) for _, kind in sorted(CATALOGUE.items())]
    sys.stdout.write(_HEAD + "\n\n".join([*rules, unknown()]) + "\n")
