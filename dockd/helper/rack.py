"""The rack at one moment: its slots, what is in each, and which of that is a camera."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dockd.errors import DockdError
from dockd.helper.configuration import Configuration
from dockd.helper.refusals import refusal
from dockd.helper.rules import is_hub, judge
from dockd.helper.usb import Device, Usb, port_state, write


@dataclass(slots=True, kw_only=True)
class Slot:
    """One slot: the names of a device in it, the one that is there, and why that is no camera."""

    name: str
    port: str
    names: Sequence[str]
    device: Device | None = None
    refusal: DockdError | None = None

    @property
    def slug(self) -> str:
        """Why that is no camera, in a word; "" if it is one."""
        return "" if self.refusal is None else self.refusal.slug


class Rack:
    """Slots by configuration, devices by sysfs: one look, made anew for each request."""

    def __init__(self, now: Configuration, *, sysfs: Path = Path("/sys")) -> None:
        """Look; raises Refused where two slots are one port."""
        self._now = now
        self._usb = Usb(sysfs)
        self.slots: dict[str, Slot] = {}
        with ExitStack() as held:
            self._find_slots(held)
            self._refuse_twins()
            self._held = held.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def _find_slots(self, held: ExitStack) -> None:
        taken = set[str]()
        for name, port in self._now.slots.items():
            slot = Slot(name=name, port=port, names=self._usb.at(port))
            if not taken.isdisjoint(slot.names):
                raise refusal("unusable-configuration", why="two slots are one and the same port")
            self._look_into(slot, held)
            self.slots[name] = slot
            taken.update(slot.names)
        for name in self._usb.names() if self._now.auto_slots else ():
            slot = Slot(name=name, port=self._usb.stable(name), names=self._usb.at(name))
            self._look_into(slot, held)
            if slot.refusal is None and name not in self.slots and taken.isdisjoint(slot.names):
                self.slots[name] = slot
                taken.update(slot.names)

    def _look_into(self, slot: Slot, held: ExitStack) -> None:
        slot.refusal = refusal("no-device", slot.name)
        present = [name for name in slot.names if self._usb.has(name)]
        if not present:
            return
        # It may leave at any moment, and then there is none.
        with suppress(OSError):
            device = held.enter_context(self._usb.open(present[0], slot=slot.name))
            slot.refusal = judge(device.identity, slot=slot.name, rules=self._now.rules)
            slot.device = device
        if len(present) > 1:
            slot.refusal = refusal("two-devices", slot.name)

    def _refuse_twins(self) -> None:
        seen: defaultdict[str, list[Slot]] = defaultdict(list)
        for slot in self.slots.values():
            if slot.device is not None:
                seen[slot.device.identity.serial].append(slot)
        for serial, twins in seen.items():
            names = ", ".join(slot.name for slot in twins)
            for slot in twins if len(twins) > 1 else ():
                slot.refusal = slot.refusal or refusal("same-serial", serial=serial, slots=names)

    @property
    def cameras(self) -> list[Device]:
        """What is in the slots and is a camera, be there one of the same serial number or not."""
        good = {"", "camera-duplicate-serial"}
        return [slot.device for slot in self.slots.values() if slot.device and slot.slug in good]

    def ports(self, name: str) -> list[str]:
        """Return the folders of a slot's port and of its peer; raises NotFound."""
        return [str(self._usb.port(each)) for each in self._slot(name).names]

    def camera(self, name: str) -> Device:
        """Return the camera in a slot; raises NotFound, CameraGone or Refused."""
        slot = self._slot(name)
        if slot.device is None or slot.refusal is not None:
            raise slot.refusal or refusal("no-device", name)
        return slot.device

    def _slot(self, name: str) -> Slot:
        if name not in self.slots:
            raise refusal("no-slot", name)
        return self.slots[name]

    def rows(self) -> list[dict[str, object]]:
        """Return every slot in the shape of the answer to `slots`."""
        return [self._row(slot) for slot in self.slots.values()]

    def _row(self, slot: Slot) -> dict[str, object]:
        guards = self._usb.guards(slot.port)
        states = [port_state(port) for port in self.ports(slot.name)]
        row: dict[str, object] = {
            "slot": slot.name,
            "port": slot.port,
            "device": None,
            "serial": None,
            "powered": None if not states or "" in states else "0" in states,
            "guarded": bool(slot.names) and all(map(_is_closed, guards)),
            "refused": None,
        }
        if slot.device is not None:
            row |= {"device": slot.device.name, "serial": slot.device.identity.serial or None}
            if slot.refusal is not None:
                row["refused"] = {"slug": slot.slug, "reason": slot.refusal.reason}
        return row

    def has_room(self) -> bool:
        """Return whether one more camera may draw power within the budget."""
        in_use = sum(slot.device is not None for slot in self.slots.values())
        return (in_use + 1) * self._now.camera_w <= self._now.budget_w

    def guard(self) -> None:
        """Let nothing be bound by itself on the rack's buses, except hubs on the way to a slot."""
        ports = self._now.slots.values()
        hubs = {hub for port in ports for hub in self._usb.hubs_towards(port)}
        in_slots = [self.slots[name] for name in self._now.slots]
        within = {name for slot in in_slots for name in slot.names} - hubs
        # The station's keyboard must go on working after it was plugged out and in; what is in a
        # slot, or behind what is, is not that.
        behind = tuple(f"{name}." for name in within)
        keyboards = {name for name in self._usb.inputs() if not name.startswith(behind)} - within
        consoles = {f"usb{name.partition('-')[0]}" for name in keyboards}
        for guard in {guard for port in ports for guard in self._usb.guards(port)}:
            if guard.parent.name not in consoles:
                with suppress(OSError):
                    write(guard, "0")
        for name in hubs:
            with suppress(OSError), self._usb.open(name) as device:
                if not device.is_authorised and is_hub(device.identity.descriptors):
                    device.authorise(allowed=True)
        for slot in in_slots:
            # What was there before its bus was guarded has been bound by now.
            if slot.device and slot.device.name in within and slot.slug == "camera-not-storage":
                with suppress(OSError):
                    slot.device.authorise(allowed=False)


def _is_closed(guard: Path) -> bool:
    return guard.read_text().strip() == "0"
