"""A pytest plugin: a run in which a test was skipped, expected to fail or left out is a failed run.

A test that did not run has shown nothing, and a real part that is missing is a fault of the set-up:
`make test` installs it, so nothing needs to be excused. Works under pytest-xdist too.
"""

from typing import Any

import pytest

_DESELECTED: pytest.StashKey[list[str]] = pytest.StashKey()
_EXCUSED: pytest.StashKey[list[str]] = pytest.StashKey()
_WORKER_KEY = "dockd_deselected"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says: this run is the whole suite."""
    parser.addoption(
        "--whole", action="store_true", help="fail when any collected test was deselected"
    )


def excuse_of(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Name the excuse that a report makes, if it makes one."""
    expected_to_fail = hasattr(report, "wasxfail")
    if report.skipped:
        return "expected to fail" if expected_to_fail else "skipped"
    return "passed although expected to fail" if report.passed and expected_to_fail else None


class NoExcuses:
    """Keeps the excuses of one run, and turns its exit status when there are any."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        config.stash[_EXCUSED] = []
        config.stash[_DESELECTED] = []

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        excuse = excuse_of(report)
        if excuse is not None:
            self._config.stash[_EXCUSED].append(f"{report.nodeid}: {excuse}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test's excuse."""
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a whole module's excuse."""
        self._note(report)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Note what was left out."""
        self._config.stash[_DESELECTED] += [item.nodeid for item in items]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401  (xdist has no types)
        """Take over what an xdist worker left out or excused while it collected."""
        output = getattr(node, "workeroutput", {})
        for key in (_DESELECTED, _EXCUSED):
            known = self._config.stash[key]
            known += [
                entry
                for entry in output.get(f"{_WORKER_KEY}_{key is _EXCUSED}", [])
                if entry not in known
            ]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the session, or, in a worker, hand the notes to the controller."""
        worker_output = getattr(self._config, "workeroutput", None)
        if worker_output is not None:
            for key in (_DESELECTED, _EXCUSED):
                worker_output[f"{_WORKER_KEY}_{key is _EXCUSED}"] = self._config.stash[key]
        elif self._complaints() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what the run is failed for."""
        complaints = self._complaints()
        if complaints:
            terminalreporter.section("no excuses", red=True)
            for complaint in complaints:
                terminalreporter.write_line(complaint)

    def _complaints(self) -> list[str]:
        left_out = self._config.stash[_DESELECTED] if self._config.getoption("--whole") else []
        return sorted(
            {*self._config.stash[_EXCUSED], *(f"{nodeid}: deselected" for nodeid in left_out)}
        )


def pytest_configure(config: pytest.Config) -> None:
    """Keep the excuses of this run."""
    config.pluginmanager.register(NoExcuses(config), "dockd-no-excuses")
