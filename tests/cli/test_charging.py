"""What the command line says of charging: which camera to take first, and what wears."""

import asyncio
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from dockd.cli import showing
from dockd.cli.charging_ports import worn
from dockd.config import parse
from tests.station.answering_parts import answering, camera_in


@pytest.mark.asyncio
async def test_status_says_which_camera_to_take_first(tmp_path: Path) -> None:
    """The slot's row has the camera's place in the order, and its charge with its error."""
    async with answering(tmp_path) as station:
        camera_in(station.board)
        answer = await station.ask("/v1/status")
    first, *others = answer["slots"]
    first |= {"issue": 1, "battery_percent": 97, "battery_error_percent": 3}
    console = Console(file=StringIO(), width=200)
    console.print(showing.status(answer | {"slots": [first, *others]}))
    assert isinstance(console.file, StringIO)
    rows = [line.split() for line in console.file.getvalue().splitlines()]
    (row,) = (row for row in rows if row and row[0] == first["slot"])
    assert row[3:7] == ["1.", "97", "±3", "%"]
    assert not any("1." in row for row in rows if others and row[:1] == [others[0]["slot"]])


@pytest.mark.asyncio
async def test_doctor_names_what_wears_with_its_evidence(tmp_path: Path) -> None:
    """A camera and a slot that stand out are findings, with what was measured; nothing else is."""
    config = parse({"spool": {"path": str(tmp_path)}, "http": {"socket": f"{tmp_path}/api.sock"}})
    async with answering(tmp_path) as station:
        for slug, subject, reason in (
            ("camera-worn", "camera BWC-1", "0.09 Wh per per cent, once 0.15"),
            ("slot-worn", "port A1", "7 of 10 dockings lost contact"),
            ("camera-dirty", "camera BWC-2", "vfat"),
        ):
            await station.problems.open(slug, subject=subject, reason=reason)
        found = await asyncio.to_thread(lambda: list(worn(config)))
    assert [(well, said) for well, said, _ in found] == [
        (False, "camera BWC-1 wears: 0.09 Wh per per cent, once 0.15"),
        (False, "port A1 wears: 7 of 10 dockings lost contact"),
    ]
    assert all(step for _, _, step in found)
