"""Who may do what, and when: each request's answer, and what falls due without one.

A slot has one mount at a time. What was made writable is on loan to the connection that asked:
it goes back at its deadline or when that connection ends, and a port is never cut meanwhile.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from dockd.errors import DockdError, Refused
from dockd.helper.memory import Memory
from dockd.helper.mounts import Mount, Mounting, take_from
from dockd.helper.power import Power
from dockd.helper.rack import Rack
from dockd.helper.requests import Request
from dockd.helper.turns import Turns
from dockd.helper.usb import Usb

Answer = dict[str, object]
_FOR_EVER: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """A writable mount: until when (monotonic seconds), and whose."""

    until: float
    owner: int


class Service:
    """The helper's state and its verbs."""

    def __init__(
        self,
        rack: Rack,
        *,
        usb: Usb,
        mounting: Mounting,
        power: Power,
        memory: Memory,
        now: Callable[[], float],
    ) -> None:
        """Take over from an earlier helper: what it left writable is writable no longer."""
        for trace in memory.load().values():
            take_from(trace, usb=usb, nodes=mounting.nodes)
        self._rack = rack
        self._mounting = mounting
        self._power = power
        self._memory = memory
        self._now = now
        self._turns = Turns()
        self._mounts: dict[str, Mount] = {}
        self._loans: dict[str, Loan] = {}
        # Held only for a moment: whether a slot is writable or cut, of which it is never both.
        self._deciding = threading.Lock()
        self._being_cut: set[str] = set()
        self._being_taken: set[str] = set()

    def answer(
        self, request: Request, *, descriptor: int | None, owner: int
    ) -> tuple[Answer, int | None]:
        """Do what is asked for the connection `owner`; return the answer, and a mount's fd or None.

        Raises:
            DockdError: It was not done, and why.
        """
        slot = request.slot
        match request.verb:
            case "slots":
                self._rack.guard()
                return {"slots": self._rack.rows()}, None
            case "authorise":
                return self._authorise(slot), None
            case "mount":
                return self._mount(slot)
            case "make-writable":
                return self._make_writable(request, descriptor=descriptor, owner=owner), None
            case "make-read-only":
                return self._make_read_only(slot, descriptor=descriptor), None
            case "unmount":
                self._unmount(slot)
                return {}, None
            case "port-power":
                return self._port_power(request, owner=owner), None

    def _authorise(self, slot: str) -> Answer:
        bay = self._rack.bay(slot)
        with self._turns.of(slot):
            device, identity = self._rack.camera(bay)
            with device:
                if not device.is_authorised:
                    device.authorise(allowed=True)
                return {
                    "device": device.name,
                    "vendor_id": identity.vendor_id,
                    "product_id": identity.product_id,
                    "serial": identity.serial,
                }

    def _mount(self, slot: str) -> tuple[Answer, int]:
        bay = self._rack.bay(slot)
        with self._turns.of(slot):
            self._forget(slot)
            device, identity = self._rack.camera(bay)
            try:
                if not device.is_authorised:
                    raise Refused(f"The camera in slot {slot} is not authorised yet.")
                mount = Mount(device, how=self._mounting)
            except DockdError as error:
                device.close()
                if error.slug in {"camera-media-refused", "slot-settling"}:
                    reason = f"The camera in slot {slot} cannot be used: {error.reason}."
                    raise Refused(reason, slug=error.slug) from error
                raise
            self._mounts[slot] = mount
            return {
                "serial": identity.serial,
                "vendor_id": identity.vendor_id,
                "product_id": identity.product_id,
                "file_system": mount.volume.file_system,
                "dirty": mount.dirty,
                "diskseq": mount.diskseq,
                "label": mount.volume.label,
                "uuid": mount.volume.uuid,
                # The caller's own: ours may be closed, and its number another's, before it is sent.
            }, os.dup(mount.descriptor)

    def _handed_out(self, slot: str, *, descriptor: int | None) -> Mount:
        mount = self._mounts.get(slot)
        if mount is None:
            raise Refused(f"Nothing of slot {slot} is mounted.")
        if descriptor is None or not mount.is_handed_out(descriptor):
            raise Refused(f"The descriptor is not the mount that was handed out for slot {slot}.")
        return mount

    def _make_writable(self, request: Request, *, descriptor: int | None, owner: int) -> Answer:
        slot = request.slot
        with self._turns.of(slot):
            mount = self._handed_out(slot, descriptor=descriptor)
            mount.check()
            with self._deciding:
                if slot in self._being_cut or self._power.is_cut(slot):
                    raise Refused(f"The port of slot {slot} is cut.")
                self._loans[slot] = Loan(until=self._now() + request.deadline_s, owner=owner)
            try:
                self._remember()
                mount.make_writable()
            except OSError as error:
                mount.take_back()
                self._end_loan(slot)
                raise Refused(
                    f"The medium in slot {slot} cannot be made writable ({error.strerror})."
                ) from error
        return {"deadline_s": request.deadline_s}

    def _make_read_only(self, slot: str, *, descriptor: int | None) -> Answer:
        with self._turns.of(slot):
            mount = self._handed_out(slot, descriptor=descriptor)
            try:
                mount.make_read_only()
                clean = not mount.is_dirty()
            except OSError as error:
                mount.check()
                raise Refused(
                    f"The medium in slot {slot} cannot go back to read-only ({error.strerror}): "
                    "a file may still be open for writing."
                ) from error
            self._end_loan(slot)
        return {"clean": clean}

    def _unmount(self, slot: str) -> None:
        if slot in self._mounts:
            with self._turns.of(slot):
                self._forget(slot)

    def _forget(self, slot: str) -> None:
        mount = self._mounts.get(slot)
        if mount is not None:
            if slot in self._loans:
                mount.take_back()
                self._end_loan(slot)
            del self._mounts[slot]
            mount.close()

    def _port_power(self, request: Request, *, owner: int) -> Answer:
        slot = request.slot
        # A slot that has its name from its device has none while the port is cut.
        ports = () if self._power.is_cut(slot) else self._rack.bay(slot).ports
        if request.on:
            self._power.restore(slot, ports=ports, kind=request.kind)
            return {"powered": True}
        with self._deciding:
            if slot in self._loans:
                raise Refused(f"The camera in slot {slot} is writable: its port is not cut.")
            self._being_cut.add(slot)
        try:
            self._power.cut(
                slot, ports=ports, kind=request.kind, lease_s=request.lease_s, owner=owner
            )
        finally:
            self._being_cut.discard(slot)
        return {"powered": False}

    def _end_loan(self, slot: str) -> None:
        with self._deciding:
            self._loans.pop(slot, None)
        # Should /run be full, as who wants a camera writable could see to: it is not remembered
        # that nothing is writable, at worst, and what is due now is done all the same.
        with suppress(OSError):
            self._remember()

    def _remember(self) -> None:
        with self._deciding:
            self._memory.save({slot: self._mounts[slot].trace for slot in self._loans})

    def connection_ended(self, owner: int) -> None:
        """Let what a connection had on loan fall due."""
        with self._deciding:
            for slot, loan in self._loans.items():
                if loan.owner == owner:
                    self._loans[slot] = Loan(until=self._now(), owner=owner)
        self._power.owner_is_gone(owner)

    def overdue(self) -> list[str]:
        """Return the slots whose writable mounts have to go back now, each only once."""
        with self._deciding:
            found = [
                slot
                for slot, loan in self._loans.items()
                if loan.until <= self._now() and slot not in self._being_taken
            ]
            self._being_taken.update(found)
        return found

    def take_back(self, slot: str) -> None:
        """Take a writable mount back if it is still overdue, however long the device takes."""
        try:
            with self._turns.of(slot, patience_s=_FOR_EVER):
                loan = self._loans.get(slot)
                if loan is not None and loan.until <= self._now():
                    self._mounts[slot].take_back()
                    self._end_loan(slot)
        finally:
            self._being_taken.discard(slot)

    def give_back(self) -> float | None:
        """Give back what falls due of the power; return seconds until there is more to do."""
        power_s = self._power.give_back(has_room=self._rack.has_room)
        with self._deciding:
            waits_s = [
                loan.until - self._now()
                for slot, loan in self._loans.items()
                if slot not in self._being_taken
            ]
        waits_s += [] if power_s is None else [power_s]
        return max(0.0, min(waits_s)) if waits_s else None

    def close(self) -> None:
        """Take every writable mount back, before the process ends."""
        for slot in list(self._mounts):
            with suppress(DockdError), self._turns.of(slot):
                self._forget(slot)
