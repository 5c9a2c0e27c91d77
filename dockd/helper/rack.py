"""The rack at one moment: its slots, what is in each, and which of that is a camera."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dockd.errors import CameraGone, NotFound, Refused
from dockd.helper.configuration import Configuration
from dockd.helper.rules import Refusal, is_hub, is_serial_adapter, judge
from dockd.helper.usb import Device, Usb, is_cut, read, write

_NOT_STORAGE = "camera-not-storage"


@dataclass(slots=True)
class Slot:
    """One slot: the device in it, why that is no camera, and its ports by the device's name there.

    A device is on one half of a USB 3 port, and has another name on the other.
    """

    name: str
    port: str
    ports: Mapping[str, Path]
    device: Device | None
    refusal: Refusal | None


class Rack:
    """Slots by configuration, devices by sysfs: one look, made anew for each request."""

    def __init__(self, now: Configuration, *, sysfs: Path = Path("/sys")) -> None:
        """Look; raises Refused where two slots are one port."""
        self._now = now
        self._usb = Usb(sysfs)
        self.slots = {name: self._slot(name, port) for name, port in now.slots.items()}
        taken = [name for slot in self.slots.values() for name in slot.ports]
        if len(set(taken)) < len(taken):
            reason = "dockd-helper cannot use the configuration: two slots are the same port."
            raise Refused(reason, slug="config-invalid")
        for name in self._usb.names() if now.auto_slots else ():
            slot = self._slot(name, name)
            slot.port = self._usb.stable(name)
            if slot.device and not slot.refusal and not slot.ports.keys() & taken:
                self.slots.setdefault(name, slot)
        self._refuse_twins()

    def _slot(self, name: str, port: str) -> Slot:
        ports = self._usb.at(port)
        present = [device for each in ports if (device := self._usb.device(each, slot=name))]
        if not present:
            return Slot(name, port, ports, None, None)
        refusal = judge(present[0].identity, slot=name, rules=self._now.rules)
        if len(present) > 1:
            refusal = Refusal(_NOT_STORAGE, f"Slot {name} shows two devices.")
        return Slot(name, port, ports, present[0], refusal)

    def _refuse_twins(self) -> None:
        there = [(slot, slot.device.identity.serial) for slot in self.slots.values() if slot.device]
        for slot, serial in there:
            twins = [other.name for other, its_serial in there if its_serial == serial]
            if len(twins) > 1 and slot.refusal is None:
                reason = f"Serial {serial} is in slots {', '.join(twins)} at once."
                slot.refusal = Refusal("camera-duplicate-serial", reason)

    def slot(self, name: str) -> Slot:
        """Return a slot; raises NotFound."""
        if name not in self.slots:
            raise NotFound(f"There is no slot {name} with a port in the configuration.")
        return self.slots[name]

    def camera(self, name: str) -> Device:
        """Return the camera in a slot; raises NotFound, CameraGone or Refused."""
        slot = self.slot(name)
        if slot.refusal is not None:
            raise Refused(slot.refusal.reason, slug=slot.refusal.slug)
        if slot.device is None:
            raise CameraGone(f"There is no device in slot {name}.")
        return slot.device

    def rows(self) -> list[dict[str, object]]:
        """Return every slot in the shape of the answer to `slots`."""
        return [self._row(slot) for slot in self.slots.values()]

    def _row(self, slot: Slot) -> dict[str, object]:
        cuts = [is_cut(port) for port in slot.ports.values()]
        guards = self._usb.guards(slot.port)
        return {
            "slot": slot.name,
            "port": slot.port,
            "device": slot.device and slot.device.name,
            "serial": (slot.device and slot.device.identity.serial) or None,
            "powered": None if not cuts or None in cuts else False in cuts,
            "guarded": bool(slot.ports) and all(read(guard) == "0" for guard in guards),
            "refused": slot.refusal and slot.refusal._asdict(),
        }

    def has_room(self) -> bool:
        """Return whether one more camera may draw power within the budget."""
        in_use = sum(slot.device is not None for slot in self.slots.values())
        return (in_use + 1) * self._now.camera_w <= self._now.budget_w

    def _let_in(self, hubs: Collection[str], *, outside: tuple[str, ...]) -> None:
        names = self._usb.names() if self._now.has_serial_hub else hubs
        for name in names:
            device = self._usb.device(name)
            if device is None:
                continue
            leads_to_slot = name in hubs and is_hub(device.identity.descriptors)
            is_ours = self._now.has_serial_hub and not f"{name}.".startswith(outside)
            if leads_to_slot or (is_ours and is_serial_adapter(device.identity)):
                with suppress(OSError):
                    device.authorise(allowed=True)

    def guard(self) -> None:
        """Let nothing be bound by itself on the rack's buses, except hubs on the way to a slot.

        A charging hub that is spoken to by a serial port of its own has that bound, outside slots.
        """
        slots = [self.slots[name] for name in self._now.slots]
        hubs = {hub for slot in slots for hub in self._usb.hubs_towards(slot.port)}
        within = {name for slot in slots for name in slot.ports} - hubs
        # The station's keyboard must go on working: a bus stays open while one is on it. What is in
        # a slot, or behind what is, is not that.
        places = tuple(f"{name}." for name in within)
        keyboards = {name for name in self._usb.inputs() if not f"{name}.".startswith(places)}
        consoles = {f"usb{name.partition('-')[0]}" for name in keyboards}
        for guard in {guard for slot in slots for guard in self._usb.guards(slot.port)}:
            if guard.parent.name not in consoles:
                with suppress(OSError):
                    write(guard, "0")
        self._let_in(hubs, outside=places)
        for device, refusal in ((slot.device, slot.refusal) for slot in slots):
            # What was there before its bus was guarded has been bound by now.
            if device and refusal and refusal.slug == _NOT_STORAGE and device.name in within:
                with suppress(OSError):
                    device.authorise(allowed=False)
