"""What `dockd doctor` finds out about USB slots."""

from dataclasses import replace
from pathlib import Path

from dockd.cli import doctor
from dockd.config import parse
from dockd.errors import HelperUnreachable
from dockd.ports.helper import HelperSlot
from dockd.station.helper_client import HelperClient

STABLE = {"name": "A1", "port": "pci-0000:00:14.0-usb-0:1.1"}
SHORT = {"name": "A2", "port": "1-1.2"}
ROW = HelperSlot(
    slot="A1", port="", device=None, serial="", powered=True, guarded=True, refused=None
)


class Helper(HelperClient):
    """Says the same of the slots each time; the rest is the real client's."""

    def __init__(self, rows: list[HelperSlot]) -> None:
        super().__init__()
        self._rows = rows

    def slots(self) -> list[HelperSlot]:
        if not self._rows:
            raise HelperUnreachable("there is none")
        return self._rows


def findings(*slots: dict[str, str], rows: list[HelperSlot]) -> list[tuple[bool, str]]:
    """Return how well it is, and what is said."""
    found = doctor._slots(parse({"slots": list(slots)}), Helper(rows))
    return [(finding.well, finding.sentence) for finding in found]


def test_a_guarded_rack_is_well() -> None:
    """Ports in their stable form, on buses on which the kernel binds nothing, are well."""
    ((well, sentence),) = findings(STABLE, rows=[ROW])
    assert well
    assert sentence.startswith("1 USB slots")


def test_what_is_wrong_with_slots_is_named() -> None:
    """A short port, a bus that carries the keyboard and a helper that is gone are each said."""
    short, keyboard = findings(STABLE, SHORT, rows=[ROW, replace(ROW, slot="A2", guarded=False)])
    assert (short[0], keyboard[0]) == (False, False)
    assert "A2" in short[1]
    assert "A1" not in short[1]
    assert "A2" in keyboard[1]
    ((well, sentence),) = findings(STABLE, rows=[])
    assert not well
    assert "there is none" in sentence


def test_a_station_without_usb_slots_has_nothing_to_look_at() -> None:
    """Directory cameras need no helper."""
    assert not findings({"name": "A1"}, rows=[])


def test_a_rule_by_serial_number_alone_is_doubted() -> None:
    """A pattern of serial numbers and no ids would take a stick that claims one for a camera."""
    rules = [
        {"family": "mass-storage", "serial": "BWC-*"},
        {"family": "mass-storage", "vendor_id": "46f4"},
        {"family": "mtp"},
    ]
    (finding,) = doctor._doubts(parse({"cameras": {"accept": rules}}))
    assert not finding.well
    assert finding.sentence.startswith("cameras.accept[0] ")
    assert "vendor_id" in finding.next_step
    assert not list(doctor._doubts(parse({"cameras": {"accept": rules[1:]}})))


def test_the_rules_of_udev_are_looked_for(tmp_path: Path) -> None:
    """Where USB cameras are docked; rules that somebody masked are as good as none."""
    above, below = tmp_path / "etc", tmp_path / "lib"
    config = parse({"slots": [STABLE]})

    def is_well() -> bool:
        (finding,) = doctor._udev_rules(config, (above, below))
        return finding.well

    for folder in (above, below):
        folder.mkdir()
    assert not is_well()
    (below / "90-dockd.rules").write_text("# rules\n")
    assert is_well()
    (above / "90-dockd.rules").symlink_to("/dev/null")
    assert not is_well()
    assert not list(doctor._udev_rules(parse({"slots": [{"name": "A1"}]}), (above, below)))
