"""The rack at one moment: its slots, what is in each, and which of that is a camera.

A slot's port is written as udev's ID_PATH begins (`pci-0000:00:14.0-usb-0:1.2`) or short
(`1-1.2`, which is also the name of a device in it). A USB 3 port and its USB 2 `peer` are one slot.
Sources: Documentation/ABI/testing/sysfs-bus-usb, systemd's udev-builtin-path_id.c.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dockd.errors import CameraGone, NotFound, Refused
from dockd.helper.configuration import Configuration
from dockd.helper.device import Device, is_cut, read, write
from dockd.helper.rules import is_hub, is_serial_adapter, judge

_NOT_STORAGE = "camera-not-storage"


@dataclass(slots=True)
class Slot:
    """One slot: the device in it, why that is no camera, and its ports by the device's name there.

    A device is on one half of a USB 3 port, and has another name on the other.
    """

    name: str
    port: str
    ports: Mapping[str, Path]
    device: Device | None = None
    refusal: Refused | None = None


class Rack:
    """Slots by configuration, devices by sysfs: one look, made anew for each request.

    Raises Refused where two slots are one port.
    """

    def __init__(self, now: Configuration, *, sysfs: Path = Path("/sys")) -> None:
        self._now, self._devices = now, sysfs / "bus/usb/devices"
        buses = [bus.resolve() for bus in self._devices.glob("usb*")]
        # The slower first: a port is found on the bus for USB 2, and its peer from there.
        buses.sort(key=lambda bus: (float(read(bus / "speed")), bus.name))
        self._controllers = {bus.name.removeprefix("usb"): _path_id(bus.parent) for bus in buses}
        # By the name that a device in it has.
        self._ports = {_name_in(port): port for port in self._devices.glob("*:*/*-port*")}
        self._names = sorted(
            each.name for each in self._devices.glob("*-*") if ":" not in each.name
        )
        self.slots = {name: self._slot(name, port) for name, port in now.slots.items()}
        taken = [name for slot in self.slots.values() for name in slot.ports]
        if len(set(taken)) < len(taken):
            reason = "dockd-helper cannot use the configuration: two slots are the same port."
            raise Refused(reason, slug="config-invalid")
        for name in self._names if now.auto_slots else ():
            slot = self._slot(name, name)
            bus, _, chain = name.partition("-")
            slot.port = f"{self._controllers.get(bus)}-usb-0:{chain}"
            if slot.device and not slot.refusal and not slot.ports.keys() & taken:
                self.slots.setdefault(name, slot)
        self._refuse_twins()

    def _slot(self, name: str, port: str) -> Slot:
        slot = Slot(name, port, self._halves(port))
        present = [device for each in slot.ports if (device := self._device(each, slot=name))]
        if present:
            slot.device = present[0]
            slot.refusal = judge(slot.device.identity, slot=name, rules=self._now.rules)
        if len(present) > 1:
            slot.refusal = Refused(f"Slot {name} shows two devices.", slug=_NOT_STORAGE)
        return slot

    def _device(self, name: str, *, slot: str = "") -> Device | None:
        # It may leave at any moment.
        with suppress(OSError):
            return Device(self._devices / name, slot=slot)
        return None

    def _halves(self, port: str) -> Mapping[str, Path]:
        for name in self._candidates(port):
            if folder := self._ports.get(name):
                halves = (folder, (folder / "peer").resolve())
                return {_name_in(half): half for half in halves if half.exists()}
        return {}

    def _candidates(self, port: str) -> Sequence[str]:
        """Return the names that a device in this port may have: there is one port per bus."""
        controller, is_stable, chain = port.partition("-usb-0:")
        if not is_stable:
            return [port]
        return [f"{bus}-{chain}" for bus, of in self._controllers.items() if of == controller]

    def _refuse_twins(self) -> None:
        there = [(slot, slot.device.identity.serial) for slot in self.slots.values() if slot.device]
        for slot, serial in there:
            twins = [other.name for other, its_serial in there if its_serial == serial]
            if len(twins) > 1 and slot.refusal is None:
                reason = f"Serial {serial} is in slots {', '.join(twins)} at once."
                slot.refusal = Refused(reason, slug="camera-duplicate-serial")

    def slot(self, name: str) -> Slot:
        """Return a slot; raises NotFound."""
        if name not in self.slots:
            raise NotFound(f"There is no slot {name} with a port in the configuration.")
        return self.slots[name]

    def camera(self, name: str) -> Device:
        """Return the camera in a slot; raises NotFound, CameraGone or Refused."""
        slot = self.slot(name)
        if slot.refusal is not None:
            raise slot.refusal
        if slot.device is None:
            raise CameraGone(f"There is no device in slot {name}.")
        return slot.device

    def rows(self) -> list[dict[str, object]]:
        """Return every slot in the shape of the answer to `slots`."""
        return [self._row(slot) for slot in self.slots.values()]

    def _row(self, slot: Slot) -> dict[str, object]:
        cuts = [is_cut(port) for port in slot.ports.values()]
        guards = self._guards(slot.port)
        refusal = slot.refusal
        return {
            "slot": slot.name,
            "port": slot.port,
            "device": slot.device and slot.device.name,
            "serial": (slot.device and slot.device.identity.serial) or None,
            "powered": None if not cuts or None in cuts else False in cuts,
            "guarded": bool(slot.ports) and all(read(guard) == "0" for guard in guards),
            "refused": refusal and {"slug": refusal.slug, "reason": refusal.reason},
        }

    def has_room(self, awaited: Collection[str]) -> bool:
        """Return whether one more camera may draw power, beside those that are ``awaited``."""
        seen = {name for name, slot in self.slots.items() if slot.device is not None}
        return (len(seen.union(awaited)) + 1) * self._now.camera_w <= self._now.budget_w

    def guard(self) -> None:
        """Let nothing be bound by itself on the rack's buses, except hubs on the way to a slot.

        A charging hub that is spoken to by a serial port of its own has that bound, outside slots.
        """
        slots = [self.slots[name] for name in self._now.slots]
        hubs = {hub for slot in slots for hub in self._hubs_towards(slot.port)}
        within = {name for slot in slots for name in slot.ports} - hubs
        inside = tuple(f"{name}." for name in within)
        outside = {name for name in self._names if not f"{name}.".startswith(inside)}
        # The station's keyboard must go on working: a bus stays open while one is on it. What is in
        # a slot, or behind what is, is not that.
        consoles = {f"usb{name.partition('-')[0]}" for name in self._inputs() & outside}
        for guard in {guard for slot in slots for guard in self._guards(slot.port)}:
            if guard.parent.name not in consoles:
                with suppress(OSError):
                    write(guard, "0")
        for name in outside if self._now.has_serial_hub else outside & hubs:
            self._let_in(name, is_way=name in hubs)
        for slot in slots:
            # What was there before its bus was guarded has been bound by now.
            is_stray = slot.refusal is not None and slot.refusal.slug == _NOT_STORAGE
            if slot.device and is_stray and slot.device.name in within:
                with suppress(OSError):
                    slot.device.authorise(allowed=False)

    def _hubs_towards(self, port: str) -> set[str]:
        """Return the names of the devices that have to be hubs for `port` to be there."""
        chains = [name.split(".") for name in self._candidates(port)]
        return {".".join(steps[:upto]) for steps in chains for upto in range(1, len(steps))}

    def _inputs(self) -> set[str]:
        """Return the names of the devices in use as a keyboard, a mouse or the like."""
        kinds = self._devices.glob("*-*:*/bInterfaceClass")
        return {kind.parent.name.partition(":")[0] for kind in kinds if read(kind) == "03"}

    def _guards(self, port: str) -> Sequence[Path]:
        """Return, per bus of the controller of `port`, what says whether it binds by itself.

        What is faster than a rack's hub shows itself on the controller's other bus.
        """
        own = {self._controllers.get(name.partition("-")[0]) for name in self._candidates(port)}
        buses = [bus for bus, controller in self._controllers.items() if controller in own]
        return [self._devices / f"usb{bus}" / "authorized_default" for bus in buses]

    def _let_in(self, name: str, *, is_way: bool) -> None:
        device = self._device(name)
        is_hub_s_own = self._now.has_serial_hub and device and is_serial_adapter(device.identity)
        if device and (is_hub_s_own or (is_way and is_hub(device.identity.descriptors))):
            with suppress(OSError):
                device.authorise(allowed=True)


def _name_in(port: Path) -> str:
    """Return the name of a device in the port `1-1-port2` of a hub, or `usb1-port2` of a bus."""
    owner, _, number = port.name.rpartition("-port")
    return f"{owner}.{number}" if "-" in owner else f"{owner.removeprefix('usb')}-{number}"


def _path_id(folder: Path) -> str:
    """Return what udev's path_id says of a controller: `pci-0000:00:14.0`."""
    parts: list[str] = []
    last = ""
    while (folder / "subsystem").exists():
        subsystem = (folder / "subsystem").resolve().name
        # Of several in a row (bridges, buses within buses) the lowest alone is named.
        if subsystem != last and subsystem in {"pci", "platform"}:
            parts.insert(0, f"{subsystem}-{folder.name}")
        folder, last = folder.parent, subsystem
    return "-".join(parts)
