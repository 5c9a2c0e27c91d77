"""What each slot holds, judged from what the helper and the kernel say of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from dockd.cameras import stays
from dockd.cameras.mass_storage.camera import Bay
from dockd.cameras.quirks import Quirks
from dockd.cameras.stays import Content, Docked
from dockd.config import AcceptRule, CamerasConfig, SlotConfig
from dockd.core.permitting import rule_to_add, slot_to_add
from dockd.ports.camera import Refusal
from dockd.ports.helper import HelperSlot
from dockd.ports.usb import UsbDevice

FAMILY: Final = "mass-storage"


@dataclass(frozen=True, slots=True)
class View:
    """One look at the rack: what each slot holds, and the device behind each accepted camera."""

    contents: Mapping[str, Content]
    bays: Mapping[str, Bay]


class Judge:
    """Goes by the configuration: its slots, its rules for devices, and the models' quirks."""

    def __init__(
        self, cameras: CamerasConfig, slots: Sequence[SlotConfig], *, quirks: Quirks
    ) -> None:
        self._rules: Final = cameras.accept
        self._ports: Final = frozenset(slot.port for slot in slots)
        self._hubs: Final = frozenset(_hub_of(slot.port) for slot in slots if slot.port) - {""}
        self._quirks: Final = quirks

    def view(self, devices: Sequence[UsbDevice], rows: Sequence[HelperSlot]) -> View:
        """Return what the slots hold, and what is plugged in beside them.

        ``devices`` were looked at before ``rows``: what is in no row then was in no slot.

        The helper says which device is in which slot and whether its interfaces are a disk's;
        nothing that it refuses could be read. The rules are applied here as well, for the helper
        takes any family's.
        """
        there = {device.name: device for device in devices}
        contents: dict[str, Content] = {}
        bays: dict[str, Bay] = {}
        for row in rows:
            content = contents[row.slot] = self._content(row, there)
            device = there.get(row.device or "")
            if isinstance(content, Docked) and device is not None:
                bays[row.slot] = self._bay(row.slot, device, serial=content.serial)
        for device in self._strays(devices, taken={row.device for row in rows}):
            contents[device.port] = _stray(device)
        return View(stays.without_twins(contents), bays)

    def _content(self, row: HelperSlot, there: Mapping[str, UsbDevice]) -> Content:
        if row.device is None:
            return None
        device = there.get(row.device)
        if device is None:
            # It left since the helper looked, and that rings.
            return None
        if device.serial and (reason := stays.why_no_serial(device.serial)) is not None:
            return stays.unsupported(row.slot, name=device.serial, reason=reason)
        if row.serial not in {"", device.serial}:
            # It was exchanged since the helper looked, and that rings.
            return None
        rule = self._rule_for(device)
        if rule is not None and rule.family != FAMILY:
            return None
        if row.refused is not None:
            return Refusal(slot=row.slot, slug=row.refused.slug, reason=row.refused.reason)
        return _judged(row, device, rule=rule)

    def _rule_for(self, device: UsbDevice) -> AcceptRule | None:
        return next((rule for rule in self._rules if accepts(rule, device)), None)

    def _bay(self, slot: str, device: UsbDevice, *, serial: str) -> Bay:
        quirk = self._quirks.of(device.vendor_id, device.product_id)
        rule = self._rule_for(device)
        stated = rule.clearable if rule is not None else None
        clearable = quirk.clearable if stated is None else stated
        return Bay(slot=slot, serial=serial, device=device, quirk=quirk, clearable=clearable)

    def _strays(
        self, devices: Iterable[UsbDevice], *, taken: set[str | None]
    ) -> Sequence[UsbDevice]:
        """Return what is on a rack's hub or would be a camera, and is in no slot.

        Whatever else the machine has (its keyboard, its network) is none of dockd's business.
        """
        return [
            device
            for device in devices
            if device.name not in taken
            and not device.is_hub
            and self._ports.isdisjoint({device.name, device.port})
            and (_hub_of(device.port) in self._hubs or self._rule_for(device) is not None)
        ]


def accepts(rule: AcceptRule, device: UsbDevice) -> bool:
    """Return whether a rule is about a device."""
    return (
        rule.vendor_id in {None, device.vendor_id}
        and rule.product_id in {None, device.product_id}
        and fnmatchcase(device.serial, rule.serial)
    )


def _judged(row: HelperSlot, device: UsbDevice, *, rule: AcceptRule | None) -> Content:
    if not device.serial:
        return Refusal(
            slot=row.slot,
            slug="camera-without-serial",
            reason=f"The device in slot {row.slot} has no serial number.",
        )
    if rule is None:
        to_add = rule_to_add(
            vendor_id=device.vendor_id, product_id=device.product_id, serial=device.serial
        )
        return Refusal(
            slot=row.slot,
            slug="camera-not-allowed",
            reason=f"The device in slot {row.slot} matches no rule; to accept it add, {to_add}",
        )
    return Docked(serial=device.serial, place=device.entry, port=row.port)


def _stray(device: UsbDevice) -> Refusal:
    return Refusal(
        slot=device.port,
        slug="port-not-a-slot",
        reason=f"The device {device.vendor_id}:{device.product_id} at {device.port} is in no slot; "
        f"to make the port one add, {slot_to_add(port=device.port)}",
    )


def _hub_of(port: str) -> str:
    """Return the hub that a port is on, in the form of the port; "" for a controller's own."""
    return port.rpartition(".")[0] if "." in port.rpartition(":")[2] else ""
