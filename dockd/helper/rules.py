"""Which devices are cameras: pure judgements of what a device says before it is authorised.

Sources: USB 2.0 section 9.6 (descriptors); Mass Storage Class Specification Overview 1.4
(class 8, subclass 6 SCSI, protocols 0x50 bulk-only and 0x62 UAS).
"""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from dockd.core.permitting import rule_to_add
from dockd.errors import DockdError
from dockd.helper.refusals import refusal

_DEVICE, _CONFIGURATION, _INTERFACE = 1, 2, 4
_BYTES: Final = {_DEVICE: 18, _CONFIGURATION: 9, _INTERFACE: 9}
_HUB_CLASS: Final = 9
_STORAGE: Final = {(8, 6, 0x50), (8, 6, 0x62)}


class Interface(NamedTuple):
    """One alternate setting of one interface; `kind` is its class, subclass and protocol."""

    number: int
    kind: tuple[int, ...]


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


def judge(identity: Identity, *, slot: str, rules: Iterable[Rule]) -> DockdError | None:
    """Return why the device in `slot` is no camera, or None if it is one by any of `rules`."""
    if why := _why_not_storage(identity.descriptors):
        return refusal("not-storage", slot, why=why)
    if not identity.serial:
        return refusal("no-serial", slot)
    if any(_accepts(rule, identity) for rule in rules):
        return None
    vendor_id, product_id, serial, _ = identity
    rule = rule_to_add(vendor_id=vendor_id, product_id=product_id, serial=serial)
    return refusal("no-rule", slot, rule=rule)


def _accepts(rule: Rule, identity: Identity) -> bool:
    return (
        rule.family == "mass-storage"
        and rule.vendor_id in {None, identity.vendor_id}
        and rule.product_id in {None, identity.product_id}
        and fnmatchcase(identity.serial, rule.serial)
    )


def _why_not_storage(descriptors: bytes) -> str:
    """Return why it is not one storage interface and nothing else; "" if it is."""
    try:
        found = interfaces(descriptors)
    except ValueError as error:
        return f"its descriptors cannot be believed ({error})"
    if others := {interface.kind for interface in found} - _STORAGE:
        kinds = sorted("{:02x}:{:02x}:{:02x}".format(*kind) for kind in others)
        return f"it has interfaces {', '.join(kinds)}"
    is_one = len({interface.number for interface in found}) == 1
    return "" if is_one else "it has several storage interfaces"


def is_hub(descriptors: bytes) -> bool:
    """Return whether the device is a hub and nothing else."""
    try:
        return all(interface.kind[0] == _HUB_CLASS for interface in interfaces(descriptors))
    except ValueError:
        return False


def interfaces(descriptors: bytes) -> Sequence[Interface]:
    """Return all interfaces of all configurations in sysfs's `descriptors`.

    Raises ValueError where anything does not add up: the kernel would read on or stop in its own
    way, and what it then binds might be what is not seen here.
    """
    device, *others = _split(descriptors)
    configurations: list[list[bytes]] = []
    for one in others:
        if one[1] == _CONFIGURATION:
            configurations.append([])
        elif not configurations:
            raise ValueError("something stands before the first configuration")
        configurations[-1].append(one)
    found = [each for configuration in configurations for each in _interfaces_of(configuration)]
    if device[1] != _DEVICE or len(configurations) != device[17] or not found:
        raise ValueError("the device, configurations or interfaces are missing")
    return found


def _split(descriptors: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(descriptors):
        one = descriptors[at : at + descriptors[at]]
        # Each begins with its length and its type.
        if not 2 <= len(one) == descriptors[at] == _BYTES.get(one[1], len(one)):  # noqa: PLR2004 - those two
            raise ValueError("a descriptor's length is wrong")
        yield one
        at += len(one)


def _interfaces_of(configuration: Sequence[bytes]) -> Sequence[Interface]:
    head = configuration[0]
    found = [Interface(one[2], tuple(one[5:8])) for one in configuration if one[1] == _INTERFACE]
    if sum(map(len, configuration)) != int.from_bytes(head[2:4], "little"):
        raise ValueError("a configuration's length is wrong")
    if len({interface.number for interface in found}) != head[4]:
        raise ValueError("a configuration's number of interfaces is wrong")
    return found
