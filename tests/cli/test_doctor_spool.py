"""What `dockd doctor` finds out about the spool."""

import json
from pathlib import Path

import pytest

from dockd.cli import doctor
from dockd.config import parse
from dockd.station.spool.witness import VARIABLE


def test_a_spool_that_is_not_mounted_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The box's own disk knows of another spool than is there, and nothing is tried on this one."""
    note, spool = tmp_path / "note", tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setenv(VARIABLE, str(note))
    config = parse({"spool": {"path": str(spool)}})
    assert "is not mounted" not in next(iter(doctor._spool(config))).sentence
    note.write_text(json.dumps({"path": str(spool), "spool_id": "an-other"}))
    (finding,) = doctor._spool(config)
    assert not finding.well
    assert "an-other" in finding.sentence
    assert "is not mounted" in finding.sentence
    assert not list(spool.iterdir())
