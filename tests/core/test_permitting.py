"""What an admin is told to write is what the configuration understands."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from dockd.config import parse
from dockd.core.permitting import rule_to_add, slot_to_add

PORT = "pci-0000:00:14.0-usb-0:1.7"


def _line(told: str) -> str:
    place, _, line = told.partition(": ")
    assert place == "in a file of its own in dockd.d"
    return line


@given(serial=st.text(st.characters().filter(str.isprintable), min_size=1))
def test_a_rule_to_add_is_a_rule(serial: str) -> None:
    """The line is TOML on one line, and the daemon reads it as the rule for this device alone."""
    line = _line(rule_to_add(vendor_id="46f4", product_id="0001", serial=serial))
    assert line.isprintable()
    (rule,) = parse(tomllib.loads(line)).cameras.accept
    assert (rule.family, rule.vendor_id, rule.product_id) == ("mass-storage", "46f4", "0001")


def test_a_slot_to_add_is_a_slot() -> None:
    """The line is TOML, and once it has a name the port that it names is a slot."""
    line = _line(slot_to_add(port=PORT)).replace("...", "A9")
    (slot,) = parse(tomllib.loads(line)).slots
    assert (slot.name, slot.port) == ("A9", PORT)
