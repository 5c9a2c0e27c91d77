"""Racks for tests: each goes on from a guest that was booted once."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.rack.dock import Dock
from tests.rack.machine import Machine
from tests.rack.rack import Rack
from tests.rack.saved import bare_guest, resumed, some_ports
from tests.rack.station import built_package, running_station

POWER_CUT = "dockd-power-cut"
"""What a test records of each power cut: its stage, and what was in flight."""

_LONGEST = ("test_power_replayed", "test_power_in_flight", "test_journal", "test_service")
_MEANWHILE = ("badinput", "conformance")
_TURNS = {name: turn for turn, name in enumerate(_LONGEST)}
# One of them makes the image and boots it first, on a machine that runs other tests meanwhile.
_TIMEOUT_S = 1200
_CONSOLE_LINES = 80
_JOURNAL_LINES = "200"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the rack's tests, and begin with them.

    A guest waits at times: the Makefile has one more of them at once than there are cores.
    """
    here = Path(__file__).parent
    ours = [item for item in items if item.path.is_relative_to(here)]
    # The longest begin, so that at the end no worker has much to do alone.
    ours.sort(key=lambda item: _TURNS.get(item.path.stem, len(_TURNS)))
    for item in ours:
        item.add_marker(pytest.mark.rack)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_TIMEOUT_S))
    others = [item for item in items if not item.path.is_relative_to(here)]
    # One makes the image and boots it, for minutes, and any second one would only wait for that.
    meanwhile = [item for item in others if item.path.parent.name in _MEANWHILE]
    rest = [item for item in others if item.path.parent.name not in _MEANWHILE]
    # The rack's take longest: begun before the rest, they end with it.
    items[:] = [*ours[:1], *meanwhile, *ours[1:], *rest]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of a failed test's console and journal, while its guest is still there."""
    report = yield
    racks = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Rack)]
    if report.when == "call" and report.failed:
        for rack in racks:
            report.sections.append(("the guest's console", _console(rack.machine)))
            report.sections.append(("the guest's journal", _journal(rack.machine)))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each power cut came in the middle of."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    cuts = [
        str(value)
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == POWER_CUT
    ]
    if cuts:
        terminalreporter.section("power cuts")
        for cut in cuts:
            terminalreporter.write_line(cut)


def _console(machine: Machine) -> str:
    lines = machine.console.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_CONSOLE_LINES:])


def _journal(machine: Machine) -> str:
    if not machine.is_on:
        return "(it is off)"
    command = ("journalctl", "--no-pager", "--output=short-precise", "--lines", _JOURNAL_LINES)
    try:
        return machine.agent.run(*command, check=False, timeout_s=30).text
    except (OSError, TimeoutError) as error:
        return f"(it does not answer: {error})"


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Rack]:
    """Give a booted Debian with a rack of eight slots and no dockd."""
    with resumed(bare_guest(), tmp_path, ports=some_ports()) as machine:
        yield Rack(machine, Dock(machine))


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Rack]:
    """Give a station that runs the built package, ready for cameras, and its empty store."""
    with running_station(built_package(), tmp_path) as rack:
        yield rack
