"""Who may do what, and when: each request's answer, and what falls due without one.

A slot has one mount at a time. What was made writable is on loan to the connection that asked:
it goes back at its deadline or when that connection ends, and a port is never cut meanwhile.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock

from dockd.errors import DockdError
from dockd.helper.mounts import FileSystems, Mount, reclaim
from dockd.helper.power import Power
from dockd.helper.rack import Rack
from dockd.helper.refusals import refusal
from dockd.helper.requests import Request, Verb
from dockd.helper.turns import Turns

# What is answered, and the descriptor of a mount that goes beside it, the caller's own.
Answer = tuple[Mapping[str, object], int | None]


@dataclass(slots=True, kw_only=True)
class Loan:
    """A writable mount: until when (monotonic seconds), whose, and whether its end is under way."""

    until: float
    owner: object
    is_ending: bool = False


@dataclass(kw_only=True)
class Service:
    """The helper's state and its verbs; `look` shows the rack as it is, `now` is monotonic.

    What cannot be done raises a DockdError, which says why.
    """

    look: Callable[[], Rack]
    file_systems: FileSystems
    power: Power
    now: Callable[[], float]
    _turns: Turns = field(default_factory=Turns)
    _mounts: dict[str, Mount] = field(default_factory=dict)
    _loans: dict[str, Loan] = field(default_factory=dict)
    _first_look: Lock = field(default_factory=Lock)

    def answer(self, request: Request) -> Answer:
        """Do what is asked."""
        verbs: Mapping[Verb, Callable[[Request], Answer]] = {
            "slots": self._slots,
            "authorise": self._authorise,
            "mount": self._mount,
            "make-writable": self._make_writable,
            "make-read-only": self._make_read_only,
            "unmount": self._unmount,
            "port-power": self._port_power,
        }
        return verbs[request.verb](request)

    def take_over(self) -> None:
        """Close the rack's buses to strange devices before anybody asks, if the rack is known."""
        with suppress(DockdError, OSError), self._look() as rack:
            rack.guard()

    def _look(self) -> Rack:
        rack = self.look()
        if self._first_look.acquire(blocking=False):
            # What an earlier helper left writable is writable no longer.
            for device in rack.cameras:
                with suppress(DockdError, OSError):
                    reclaim(device)
        return rack

    @contextmanager
    def _turn(self, slot: str, *, patience_s: float = 2.0) -> Iterator[None]:
        """Have a slot to oneself; what is overdue there goes back before anything else."""
        if slot not in self._mounts:
            # No lock is kept for a name that somebody made up.
            with self._look() as rack:
                rack.ports(slot)
        with self._turns.of(slot, patience_s=patience_s):
            if slot in self._loans and self._loans[slot].until <= self.now():
                self._take_back(slot)
            yield

    def _slots(self, _: Request) -> Answer:
        with self._look() as rack:
            rack.guard()
        with self._look() as rack:
            return {"slots": rack.rows()}, None

    def _authorise(self, request: Request) -> Answer:
        with self._turn(request.slot), self._look() as rack:
            device = rack.camera(request.slot)
            if not device.is_authorised:
                device.authorise(allowed=True)
            return {"device": device.name, "serial": device.identity.serial}, None

    def _mount(self, request: Request) -> Answer:
        with self._turn(request.slot), self._look() as rack:
            self._forget(request.slot)
            device = rack.camera(request.slot)
            mount = Mount(device, file_systems=self.file_systems)
            self._mounts[request.slot] = mount
            return {
                "serial": device.identity.serial,
                "file_system": mount.volume.file_system,
                "uuid": mount.volume.uuid,
                "dirty": mount.was_dirty,
                "diskseq": mount.diskseq,
            }, os.dup(mount.descriptor)

    def _handed_out(self, request: Request) -> Mount:
        mount = self._mounts.get(request.slot)
        if mount is None:
            raise refusal("not-mounted", request.slot)
        if request.descriptor is None or not mount.is_handed_out(request.descriptor):
            raise refusal("foreign-descriptor", request.slot)
        return mount

    def _make_writable(self, request: Request) -> Answer:
        slot = request.slot
        with self._turn(slot):
            mount = self._handed_out(request)
            mount.check()
            with self.power.kept_on(slot):
                until = self.now() + request.deadline_s
                self._loans[slot] = Loan(until=until, owner=request.owner)
            try:
                mount.make_writable()
            except OSError as error:
                self._take_back(slot)
                raise refusal("not-made-writable", slot, why=error.strerror) from error
        return {"deadline_s": request.deadline_s}, None

    def _make_read_only(self, request: Request) -> Answer:
        slot = request.slot
        with self._turn(slot):
            mount = self._handed_out(request)
            try:
                mount.make_read_only()
                is_clean = not mount.is_dirty()
            except OSError as error:
                mount.check()
                raise refusal("not-made-read-only", slot, why=error.strerror) from error
            self._loans.pop(slot, None)
        return {"clean": is_clean}, None

    def _unmount(self, request: Request) -> Answer:
        with self._turn(request.slot):
            self._forget(request.slot)
        return {}, None

    def _port_power(self, request: Request) -> Answer:
        self.power.obey(request, is_lent=lambda: request.slot in self._loans)
        return {"powered": request.on}, None

    def _take_back(self, slot: str) -> None:
        self._mounts[slot].take_back()
        del self._loans[slot]

    def _forget(self, slot: str) -> None:
        if slot in self._loans:
            self._take_back(slot)
        if slot in self._mounts:
            self._mounts.pop(slot).close()

    def connection_ended(self, owner: object) -> None:
        """Let what a connection had on loan fall due."""
        for loan in list(self._loans.values()):
            if loan.owner == owner:
                loan.until = self.now()
        self.power.connection_ended(owner)

    def overdue(self) -> Iterator[str]:
        """Yield the slots whose writable mounts have to go back now, each only once."""
        for slot, loan in list(self._loans.items()):
            if loan.until <= self.now() and not loan.is_ending:
                loan.is_ending = True
                yield slot

    def take_back(self, slot: str) -> None:
        """Take a writable mount back if it is still overdue, however long the device takes."""
        with suppress(DockdError), self._turn(slot, patience_s=-1):
            # Whoever has the turn has done it.
            pass

    def close(self) -> None:
        """Take every writable mount back, before the process ends."""
        for slot in list(self._mounts):
            with suppress(DockdError), self._turn(slot):
                self._forget(slot)
