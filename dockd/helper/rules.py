"""Which devices are cameras: pure judgements of what a device says before it is authorised.

Sources: USB 2.0 section 9.6 (descriptors); Mass Storage Class Specification Overview 1.4
(class 8, subclass 6 SCSI, protocols 0x50 bulk-only and 0x62 UAS).
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from dockd.core.permitting import rule_to_add
from dockd.errors import Refused

_DEVICE, _CONFIGURATION, _INTERFACE = 1, 2, 4
_BYTES: Final = {_DEVICE: 18, _CONFIGURATION: 9, _INTERFACE: 9}
_HUB_CLASS, _VENDORS_OWN_CLASS = 9, 0xFF
# FTDI's own chips, which nothing but ftdi_sio binds. By other products of this vendor Debian's 6.1
# knows a USB controller, a touch screen, an I2C bus and a sound card (its modules.alias).
_FTDI_CHIPS: Final = {("0403", f"60{chip}") for chip in ("01", "06", "10", "11", "14", "15")}
_STORAGE: Final = {(8, 6, 0x50), (8, 6, 0x62)}
_MOST_NAMED: Final = 8

# One alternate setting of one interface: its number, and its class, subclass and protocol.
Interface = tuple[int, tuple[int, ...]]


class Rule(NamedTuple):
    """One `[[cameras.accept]]`; an id of None accepts any."""

    family: str
    vendor_id: str | None
    product_id: str | None
    serial: str


class Identity(NamedTuple):
    """What a device says of itself; `serial` is empty when it has none that can be printed."""

    vendor_id: str
    product_id: str
    serial: str
    descriptors: bytes


def judge(identity: Identity, *, slot: str, rules: Iterable[Rule]) -> Refused | None:
    """Return why the device in `slot` is no camera, or None if it is one by any of `rules`."""
    device = f"The device in slot {slot}"
    vendor_id, product_id, serial, descriptors = identity
    if why := _why_not_storage(descriptors):
        reason = f"{device} is not a storage device and nothing else: {why}."
        return Refused(reason, slug="camera-not-storage")
    if not serial:
        return Refused(f"{device} has no serial number.", slug="camera-without-serial")
    for rule in rules:
        fits = rule.vendor_id in {None, vendor_id} and rule.product_id in {None, product_id}
        if fits and rule.family == "mass-storage" and fnmatchcase(serial, rule.serial):
            return None
    to_add = rule_to_add(vendor_id=vendor_id, product_id=product_id, serial=serial)
    reason = f"{device} matches no rule; to accept it add, {to_add}"
    return Refused(reason, slug="camera-not-allowed")


def _why_not_storage(descriptors: bytes) -> str:
    """Return why it is not one storage interface and nothing else; "" if it is."""
    try:
        found = interfaces(descriptors)
    except ValueError as error:
        return f"its descriptors cannot be believed ({error})"
    if others := {kind for _, kind in found} - _STORAGE:
        kinds = sorted("{:02x}:{:02x}:{:02x}".format(*kind) for kind in others)
        # Thousands fit into its descriptors, and one answer has to hold what is said of all slots.
        more = f" and {len(kinds) - _MOST_NAMED} more" if len(kinds) > _MOST_NAMED else ""
        return f"it has interfaces {', '.join(kinds[:_MOST_NAMED])}{more}"
    return "" if len(dict(found)) == 1 else "it has several storage interfaces"


def is_hub(descriptors: bytes) -> bool:
    """Return whether the device is a hub and nothing else."""
    return _classes(descriptors) == {_HUB_CLASS}


def is_serial_adapter(identity: Identity) -> bool:
    """Return whether the device is the kind of serial port that a charging hub is spoken to by."""
    is_chip = (identity.vendor_id, identity.product_id) in _FTDI_CHIPS
    return is_chip and _classes(identity.descriptors) == {_VENDORS_OWN_CLASS}


def _classes(descriptors: bytes) -> set[int]:
    try:
        return {kind[0] for _, kind in interfaces(descriptors)}
    except ValueError:
        return set()


def interfaces(descriptors: bytes) -> Sequence[Interface]:
    """Return all interfaces of all configurations in sysfs's `descriptors`.

    Raises ValueError where anything does not add up: the kernel would read on or stop in its own
    way, and what it then binds might be what is not seen here.
    """
    device, rest = descriptors[:18], descriptors[18:]
    if device[:2] != bytes((18, _DEVICE)) or not rest:
        raise ValueError("the device or its configurations are missing")
    found: list[Interface] = []
    for _ in range(device[17]):
        size = int.from_bytes(rest[2:4], "little")
        found += _interfaces_of(rest[:size], size=size)
        rest = rest[size:]
    if rest or not found:
        raise ValueError("configurations or interfaces are missing, or are too many")
    return found


def _interfaces_of(configuration: bytes, *, size: int) -> Sequence[Interface]:
    found: list[Interface] = []
    at = 0
    while at < len(configuration):
        one = configuration[at : at + configuration[at]]
        # Each begins with its length and its type.
        if not 2 <= len(one) == configuration[at] == _BYTES.get(one[1], len(one)):  # noqa: PLR2004 - those two
            raise ValueError("a descriptor's length is wrong")
        if one[1] == _DEVICE or (one[1] == _CONFIGURATION) != (at == 0):
            raise ValueError("a device or a configuration does not begin where it should")
        if one[1] == _INTERFACE:
            found.append((one[2], tuple(one[5:8])))
        at += len(one)
    # An interface counts once, however many settings it has.
    if len(configuration) != size or configuration[4:5] != bytes([len(dict(found))]):
        raise ValueError("a configuration's length or number of interfaces is wrong")
    return found
