"""What `dockd doctor` finds out about the spool."""

import json
import os
from pathlib import Path

import pytest

from dockd.cli import doctor
from dockd.cli.spool_flush import flushes
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


def test_a_flush_is_tried(tmp_path: Path) -> None:
    """How long one takes is told, and nothing of the trial is left."""
    findings = list(doctor._spool(parse({"spool": {"path": str(tmp_path)}})))
    assert any("a flush takes " in finding.sentence for finding in findings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["nobarrier", "barrier=0"])
def test_a_disk_that_only_says_that_it_flushed_is_found(tmp_path: Path, option: str) -> None:
    """The mount options say so, of the spool's own file system and of no other."""
    device = tmp_path.stat().st_dev
    own = f"{os.major(device)}:{os.minor(device)}"
    line = "36 35 {} / /mnt rw,noatime shared:1 - ext4 /dev/sdb1 rw,{}"
    well, sentence, step = flushes(tmp_path, mounts=line.format(own, option))
    assert (well, bool(step)) == (False, True)
    assert option in sentence
    well, sentence, _ = flushes(tmp_path, mounts=line.format("7:77", option))
    assert sentence.startswith("a flush takes ")
