"""What `dockd doctor` says of ports that the kernel switches."""

from dataclasses import replace

from dockd.cli import doctor
from dockd.cli.exits import Exit
from dockd.config import parse
from dockd.ports.helper import HelperSlot
from tests.cli.test_doctor_slots import ROW, STABLE, Helper

CONFIG = parse({"slots": [STABLE], "power": {"driver": "usb-port"}})


def findings(*rows: HelperSlot) -> list[doctor.Finding]:
    """Return what is found with the helper saying `rows`."""
    return list(doctor._power(CONFIG, Helper(list(rows))))


def test_a_port_with_a_switch_is_well() -> None:
    """A rack whose ports the kernel has a switch for has nothing to be changed."""
    (found,) = findings(ROW)
    assert found.well


def test_a_port_without_a_switch_and_a_slot_without_a_port_are_named() -> None:
    """The slot is named, and the exit status is that of the power."""
    found = findings(replace(ROW, powered=None))
    assert "A1" in found[0].sentence
    assert doctor.verdict(found) is Exit.POWER
    missing = findings(replace(ROW, slot="elsewhere"))[0]
    assert not missing.well
    assert "A1" in missing.sentence


def test_a_helper_that_is_gone_is_said() -> None:
    """Without it nothing is switched, and nobody can tell."""
    (found,) = findings()
    assert not found.well
