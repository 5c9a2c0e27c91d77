"""Which devices are cameras: pure judgements of what a device says before it is authorised.

Sources: USB 2.0 section 9.6 (descriptors); Mass Storage Class Specification Overview 1.4
(class 8, subclass 6 SCSI, protocols 0x50 bulk-only and 0x62 UAS).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from dockd.core.permitting import rule_to_add
from dockd.errors import Refused

_DEVICE, _CONFIGURATION, _INTERFACE = 1, 2, 4
_DEVICE_BYTES, _CONFIGURATION_BYTES, _INTERFACE_BYTES = 18, 9, 9
_HUB_CLASS: Final = 9
_STORAGE: Final = {(8, 6, 0x50), (8, 6, 0x62)}


@dataclass(frozen=True, slots=True)
class Interface:
    """One alternate setting of one interface, as its descriptor says."""

    number: int
    kind: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One `[[cameras.accept]]`; an id of None accepts any."""

    family: str
    vendor_id: str | None
    product_id: str | None
    serial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a device says of itself; `serial` is empty when it has none that can be printed."""

    vendor_id: str
    product_id: str
    serial: str
    descriptors: bytes


def interfaces(descriptors: bytes) -> Sequence[Interface]:
    """Return all interfaces of all configurations in sysfs's `descriptors`.

    Raises:
        ValueError: A length does not fit. The kernel would read on or stop in its own way, and
            what it then binds might be what is not seen here.
    """
    if len(descriptors) < _DEVICE_BYTES or descriptors[:2] != bytes((_DEVICE_BYTES, _DEVICE)):
        raise ValueError("no device descriptor")
    found: list[Interface] = []
    at, configurations = _DEVICE_BYTES, 0
    while at < len(descriptors):
        head = descriptors[at : at + _CONFIGURATION_BYTES]
        if len(head) < _CONFIGURATION_BYTES or head[1] != _CONFIGURATION:
            raise ValueError("no configuration descriptor")
        end = at + int.from_bytes(head[2:4], "little")
        if end < at + _CONFIGURATION_BYTES or end > len(descriptors):
            raise ValueError("a configuration's length is wrong")
        there = list(_interfaces_of(descriptors[at:end]))
        if len({interface.number for interface in there}) != head[4]:
            raise ValueError("a configuration's number of interfaces is wrong")
        found += there
        at, configurations = end, configurations + 1
    if configurations != descriptors[17] or not found:
        raise ValueError("configurations or interfaces are missing")
    return found


def _interfaces_of(configuration: bytes) -> Iterator[Interface]:
    at = 0
    while at < len(configuration):
        length = configuration[at]
        if length < 2 or at + length > len(configuration):  # noqa: PLR2004 - length and type
            raise ValueError("a descriptor's length is wrong")
        if configuration[at + 1] == _INTERFACE:
            if length != _INTERFACE_BYTES:
                raise ValueError("an interface descriptor's length is wrong")
            number, kind = configuration[at + 2], configuration[at + 5 : at + 8]
            yield Interface(number, (kind[0], kind[1], kind[2]))
        at += length


def is_hub(descriptors: bytes) -> bool:
    """Return whether the device is a hub and nothing else."""
    try:
        found = interfaces(descriptors)
    except ValueError:
        return False
    return all(interface.kind[0] == _HUB_CLASS for interface in found)


def judge(identity: Identity, *, slot: str, rules: Iterable[Rule]) -> None:
    """Return if the device in `slot` is a camera by one of `rules`.

    Raises:
        Refused: It is none, with the slug and the words that an admin needs.
    """
    _judge_interfaces(identity.descriptors, slot=slot)
    if not identity.serial:
        raise Refused(
            f"The device in slot {slot} has no serial number.", slug="camera-without-serial"
        )
    if not any(_accepts(rule, identity) for rule in rules):
        raise Refused(
            f"The device in slot {slot} matches no rule; to accept it add, {_rule_for(identity)}",
            slug="camera-not-allowed",
        )


def _judge_interfaces(descriptors: bytes, *, slot: str) -> None:
    try:
        found = interfaces(descriptors)
    except ValueError as error:
        detail = f"its descriptors cannot be believed ({error})"
    else:
        others = {interface.kind for interface in found} - _STORAGE
        if not others and len({interface.number for interface in found}) == 1:
            return
        kinds = ", ".join(sorted({"{:02x}:{:02x}:{:02x}".format(*kind) for kind in others}))
        detail = f"it has interfaces {kinds}" if others else "it has several storage interfaces"
    raise Refused(
        f"The device in slot {slot} is not a storage device and nothing else: {detail}.",
        slug="camera-not-storage",
    )


def _rule_for(identity: Identity) -> str:
    return rule_to_add(
        vendor_id=identity.vendor_id, product_id=identity.product_id, serial=identity.serial
    )


def _accepts(rule: Rule, identity: Identity) -> bool:
    return (
        rule.family == "mass-storage"
        and rule.vendor_id in {None, identity.vendor_id}
        and rule.product_id in {None, identity.product_id}
        and fnmatchcase(identity.serial, rule.serial)
    )
