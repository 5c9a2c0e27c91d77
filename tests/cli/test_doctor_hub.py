"""What `dockd doctor` says of a charging hub."""

import pty
from os import close, ttyname
from pathlib import Path

from dockd.cli import doctor
from dockd.config import parse

SLOTS = [{"name": "A1"}, {"name": "unused"}, {"name": "A2"}]


def test_a_hub_s_slots_are_shown_by_its_ports() -> None:
    """An admin reads from doctor which port of the hub each slot is taken for."""
    master, slave = pty.openpty()
    try:
        power = {"driver": "cambrionix", "device": ttyname(slave)}
        tty, places = doctor._power(parse({"slots": SLOTS, "power": power}))
    finally:
        close(slave)
        close(master)
    assert (tty.well, places.well) == (True, True)
    assert places.sentence.endswith("A1 = 1, unused = 2, A2 = 3")


def test_a_hub_that_is_not_there_is_said(tmp_path: Path) -> None:
    """No tty, or a file in its place, and no slot at all, are each a finding."""
    (tmp_path / "hub").touch()
    power = {"driver": "cambrionix", "device": str(tmp_path / "hub")}
    tty, places = doctor._power(parse({"power": power}))
    assert (tty.well, places.well) == (False, False)
    assert "by-id" in tty.next_step
