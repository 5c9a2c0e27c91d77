"""DOCKD_FAULT says what it understands, and what it does not."""

from pathlib import Path

import pytest

from dockd.core.facts import FACTS
from dockd.errors import ConfigInvalid
from dockd.station.faults import faults_from


@pytest.mark.parametrize(
    "wanted",
    ["clip-sene:1:kill", "clip-seen", "clip-seen:0:kill", "clip-seen:x:kill", "clip-seen:1:hang"],
)
def test_a_fault_that_makes_no_sense_is_refused(wanted: str) -> None:
    """A misspelt fault is an error of configuration that says what would be right."""
    with pytest.raises(ConfigInvalid, match="DOCKD_FAULT"):
        faults_from({"DOCKD_FAULT": wanted})


def test_an_unknown_fact_is_answered_with_all_that_are_known() -> None:
    """Whoever misspells a fact is shown every fact there is."""
    with pytest.raises(ConfigInvalid) as raised:
        faults_from({"DOCKD_FAULT": "clip-sene:1:kill"})
    assert all(kind in str(raised.value) for kind in FACTS)


def test_without_a_fault_nothing_is_watched(tmp_path: Path) -> None:
    """An environment without faults asks for none; a log alone only notes facts."""
    assert faults_from({}) is None
    log = tmp_path / "log"
    faults = faults_from({"DOCKD_FAULT_LOG": str(log)})
    assert faults is not None
    faults("clip-seen", "before")
    faults("clip-seen", "after")
    assert log.read_text() == "clip-seen\n"
