"""The rack as it is now: its slots, what is in each, and which of that is a camera."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dockd.errors import CameraGone, NotFound, Refused
from dockd.helper.configuration import Watched
from dockd.helper.power import is_powered
from dockd.helper.rules import Identity, is_hub, judge
from dockd.helper.usb import Device, Usb, device_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Bay:
    """One slot: its port as configured, and the folders of that port and its peer."""

    slot: str
    port: str
    ports: tuple[Path, ...]


class Rack:
    """Slots by configuration, devices by sysfs."""

    def __init__(self, *, usb: Usb, configuration: Watched) -> None:
        self._usb = usb
        self._configuration = configuration

    def bays(self) -> list[Bay]:
        """Return all slots; raises Refused where the configuration cannot be used."""
        now = self._configuration.current()
        bays = [
            Bay(slot=slot, port=port, ports=self._usb.ports(port))
            for slot, port in now.slots.items()
        ]
        taken = [port for bay in bays for port in bay.ports]
        if len(set(taken)) != len(taken):
            raise Refused("two slots are one and the same port", slug="config-invalid")
        if now.auto_slots:
            bays += self._found_slots(taken=set(taken), named={bay.slot for bay in bays})
        return bays

    def _found_slots(self, *, taken: set[Path], named: set[str]) -> list[Bay]:
        found = []
        for name in self._usb.names():
            ports = self._usb.ports(name)
            if name in named or taken.intersection(ports):
                continue
            with suppress(Refused, CameraGone), self._usb.open(name) as device:
                judge(device.identity(), slot=name, rules=self._configuration.current().rules)
                found.append(Bay(slot=name, port=self._usb.stable(name), ports=ports))
                taken.update(ports)
        return found

    def bay(self, slot: str) -> Bay:
        """Return a slot; raises NotFound."""
        for bay in self.bays():
            if bay.slot == slot:
                return bay
        raise NotFound(f"There is no slot {slot} with a port in the configuration.")

    def device(self, bay: Bay) -> Device:
        """Return the device in a slot, for the caller to close.

        Raises:
            CameraGone: There is none.
            Refused: There are two, which one camera in one slot cannot be.
        """
        present = self._present(bay)
        if not present:
            raise CameraGone(f"There is no device in slot {bay.slot}.")
        if len(present) > 1:
            raise Refused(f"Slot {bay.slot} shows two devices.", slug="camera-not-storage")
        return self._usb.open(present[0])

    def _present(self, bay: Bay) -> list[str]:
        return [name for name in map(device_at, bay.ports) if self._usb.has(name)]

    def camera(self, bay: Bay) -> tuple[Device, Identity]:
        """Return the device in a slot and what it says, if that makes it a camera.

        Raises:
            CameraGone: There is no device.
            Refused: It is not one that a rule accepts, or its serial number is there twice.
        """
        device = self.device(bay)
        try:
            identity = device.identity()
            self._judge(bay, identity, everywhere=self._identities(self.bays()))
        except BaseException:
            device.close()
            raise
        return device, identity

    def _judge(self, bay: Bay, identity: Identity, *, everywhere: Mapping[str, Identity]) -> None:
        judge(identity, slot=bay.slot, rules=self._configuration.current().rules)
        same = [
            slot
            for slot, other in everywhere.items()
            if other.serial == identity.serial or slot == bay.slot
        ]
        if len(same) > 1:
            raise Refused(
                f"Serial {identity.serial} is in slots {', '.join(same)} at once.",
                slug="camera-duplicate-serial",
            )

    def _identities(self, bays: Sequence[Bay]) -> dict[str, Identity]:
        found = {}
        for bay in bays:
            with suppress(CameraGone, Refused), self.device(bay) as device:
                found[bay.slot] = device.identity()
        return found

    def rows(self) -> list[dict[str, object]]:
        """Return every slot in the shape of the answer to `slots`."""
        bays = self.bays()
        everywhere = self._identities(bays)
        return [self._row(bay, everywhere=everywhere) for bay in bays]

    def _row(self, bay: Bay, *, everywhere: Mapping[str, Identity]) -> dict[str, object]:
        row: dict[str, object] = {
            "slot": bay.slot,
            "port": bay.port,
            "device": None,
            "vendor_id": None,
            "product_id": None,
            "serial": None,
            "authorised": False,
            "powered": is_powered(bay.ports),
            "guarded": all(map(self._usb.is_guarded, _buses([bay]))) and bool(bay.ports),
            "refused": None,
        }
        try:
            with self.device(bay) as device:
                identity = device.identity()
                row |= {
                    "device": device.name,
                    "vendor_id": identity.vendor_id,
                    "product_id": identity.product_id,
                    "serial": identity.serial or None,
                    "authorised": device.is_authorised,
                }
            self._judge(bay, identity, everywhere=everywhere)
        except Refused as error:
            row["refused"] = {"slug": error.slug, "reason": error.reason}
        except CameraGone:
            pass
        return row

    def in_use(self) -> int:
        """Return how many slots have a device, which may draw what a camera draws at worst."""
        return sum(bool(self._present(bay)) for bay in self.bays())

    def has_room(self) -> bool:
        """Return whether one more camera may draw power within the budget."""
        try:
            now = self._configuration.current()
            return (self.in_use() + 1) * now.camera_w <= now.budget_w
        except Refused:
            # Nobody says what the budget is: a camera that charges late beats a tripped fuse.
            return False

    def guard(self) -> None:
        """Let nothing be bound by itself on the rack's buses, except hubs on the way to a slot."""
        with suppress(Refused, OSError):
            now = self._configuration.current()
            for bus in {bus for port in now.slots.values() for bus in self._usb.buses_of(port)}:
                # A station's keyboard must go on working after it was plugged out and in.
                if not self._usb.is_guarded(bus) and not self._usb.bus_has_input(bus):
                    self._usb.guard(bus)
            for port in now.slots.values():
                self._open_hubs(port)

    def _open_hubs(self, port: str) -> None:
        for name in self._usb.hubs_towards(port):
            with suppress(CameraGone), self._usb.open(name) as device:
                if not device.is_authorised and is_hub(device.identity().descriptors):
                    device.authorise(allowed=True)


def _buses(bays: Sequence[Bay]) -> set[str]:
    return {f"usb{device_at(port).partition('-')[0]}" for bay in bays for port in bay.ports}
