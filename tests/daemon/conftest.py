"""One real S3 server for a whole run, and the table of how often each fact was a fault."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockd.core.facts import FACTS
from tests.conformance.far_sides import new_bucket
from tests.daemon.rooms import Bucket
from tests.fakes.servers import S3Server, seaweedfs

FIRED = "dockd-faults-fired"
HAPPENED = "dockd-facts"


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A running SeaweedFS."""
    with seaweedfs(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture(scope="session")
def versioned_bucket(weed: S3Server) -> str:
    """A bucket that keeps every version, so that nothing sent twice can hide."""
    return new_bucket(weed, versioned=True)


@pytest.fixture
def bucket(weed: S3Server, versioned_bucket: str, tmp_path: Path) -> Bucket:
    """The far side of one test."""
    return Bucket(weed, bucket=versioned_bucket, credentials=weed.credentials_file(tmp_path))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how often each fact happened, and how often it was what killed the daemon."""
    fired: Counter[str] = Counter()
    happened: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in _properties(report):
                if name == FIRED:
                    fired.update(value)
                elif name == HAPPENED:
                    happened.update(value)
    if not fired:
        return
    terminalreporter.section("killed at every fact")
    terminalreporter.write_line(f"{'fact':<20} {'killed before':>13} {'after':>6} {'durable':>8}")
    for kind in sorted(FACTS):
        before, after = fired[f"{kind} kill-before"], fired[f"{kind} kill"]
        terminalreporter.write_line(f"{kind:<20} {before:>13} {after:>6} {happened[kind]:>8}")


def _properties(report: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - pytest's report has no public type
    """Return what a test recorded; its report of the call has it, and so has that of its end."""
    return report.user_properties if getattr(report, "when", None) == "call" else []
