"""Who may do what, and when: each request's answer, and what falls due without one.

A slot has one mount at a time. What was made writable is on lease to the connection that asked:
it goes back at its deadline or when that connection ends, and a port is never cut meanwhile.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from dockd.errors import DockdError, Refused
from dockd.helper.leases import Lease, Leases
from dockd.helper.mounts import FileSystems, Mount, reclaim
from dockd.helper.power import Power
from dockd.helper.rack import Rack
from dockd.helper.requests import Request

# What is answered, and the mount whose descriptor goes beside it.
Answer = tuple[dict[str, object], Mount | None]


class Service:
    """The helper's state and its verbs; what cannot be done raises a DockdError, which says why.

    `look` shows the rack as it is, `now` is monotonic, and `cuts` is where it is kept which ports
    are cut.
    """

    def __init__(
        self,
        *,
        look: Callable[[], Rack],
        file_systems: FileSystems,
        cuts: Path,
        now: Callable[[], float],
    ) -> None:
        self.power = Power(look=look, file=cuts, now=now)
        self._look_now, self._file_systems, self._now = look, file_systems, now
        self._writable = Leases(now)
        self._mounts: dict[str, Mount] = {}
        self._first_look = Lock()
        # Close the rack's buses to strange devices before anybody asks, if the rack is known.
        with suppress(DockdError, OSError):
            self._look().guard()

    def _look(self) -> Rack:
        rack = self._look_now()
        if self._first_look.acquire(blocking=False):
            # What an earlier helper left writable is writable no longer, whatever it is called now.
            for slot in rack.slots.values():
                with suppress(DockdError, OSError):
                    if slot.device:
                        reclaim(slot.device)
        return rack

    def answer(self, request: Request) -> Answer:
        """Do what is asked."""
        slot = request.slot
        if request.verb == "slots":
            rack = self._look()
            rack.guard()
            return {"slots": rack.rows()}, None
        if request.verb == "port-power":
            self.power.obey(request, writable=self._writable)
            return {"powered": request.on}, None
        with self._turn(slot):
            match request.verb:
                case "authorise":
                    device = self._look().camera(slot)
                    device.authorise(allowed=True)
                    return {"device": device.name, "serial": device.identity.serial}, None
                case "mount":
                    return self._mount(slot)
                case "make-writable":
                    return self._make_writable(request), None
                case "make-read-only":
                    return self._make_read_only(request), None
                case _:  # unmount
                    self._forget(slot)
                    return {}, None

    @contextmanager
    def _turn(self, slot: str, *, patience_s: float = 2.0) -> Iterator[None]:
        """Have a slot to oneself; what is overdue there goes back before anything else."""
        if slot not in self._mounts:
            # No lock is kept for a name that somebody made up.
            self._look().slot(slot)
        with self._writable.turn(slot, patience_s=patience_s):
            if slot in self._writable.overdue():
                self._take_back(slot)
            yield

    def _mount(self, slot: str) -> Answer:
        self._forget(slot)
        device = self._look().camera(slot)
        mount = self._mounts[slot] = Mount(device, file_systems=self._file_systems)
        return {
            "serial": device.identity.serial,
            "file_system": mount.volume.file_system,
            "uuid": mount.volume.uuid,
            "dirty": mount.was_dirty,
            "diskseq": mount.diskseq,
        }, mount

    def _handed_out(self, request: Request) -> Mount:
        mount = self._mounts.get(request.slot)
        if mount is None:
            raise Refused(f"Nothing of slot {request.slot} is mounted.")
        if request.descriptor is None or not mount.is_handed_out(request.descriptor):
            reason = f"The descriptor is not the mount that was handed out for slot {request.slot}."
            raise Refused(reason)
        return mount

    def _make_writable(self, request: Request) -> dict[str, object]:
        slot, mount = request.slot, self._handed_out(request)
        # It may be no camera any more: its rule or its slot went, or its twin came.
        self._look().camera(slot)
        mount.check()
        with self.power.cuts.turn(slot):
            if slot in self.power.cuts:
                raise Refused(f"The port of slot {slot} is cut.")
            until = self._now() + request.deadline_s
            self._writable[slot] = Lease(until=until, owner=request.owner)
        try:
            mount.set_read_only(read_only=False)
        except OSError as error:
            self._take_back(slot)
            reason = f"The medium in slot {slot} cannot be made writable ({error.strerror})."
            raise Refused(reason) from error
        return {"deadline_s": request.deadline_s}

    def _make_read_only(self, request: Request) -> dict[str, object]:
        slot, mount = request.slot, self._handed_out(request)
        try:
            mount.set_read_only(read_only=True)
            is_clean = not mount.is_dirty()
        except OSError as error:
            mount.check()
            reason = f"What is in slot {slot} cannot go back to read-only ({error.strerror})"
            raise Refused(f"{reason}; is a file open for writing?") from error
        self._writable.pop(slot, None)
        return {"clean": is_clean}

    def _take_back(self, slot: str) -> None:
        self._mounts[slot].take_back()
        del self._writable[slot]

    def _forget(self, slot: str) -> None:
        if slot in self._writable:
            self._take_back(slot)
        self._mounts.pop(slot, None)

    def connection_ended(self, owner: object) -> None:
        """Let what a connection had on lease fall due."""
        self._writable.connection_ended(owner)
        self.power.cuts.connection_ended(owner)

    def overdue(self) -> Sequence[str]:
        """Return the slots whose writable mounts have to go back now."""
        return self._writable.overdue()

    def take_back(self, slot: str) -> None:
        """Take a writable mount back if it is still overdue, however long the device takes."""
        # Nobody queues behind a device that hangs; what is still overdue is tried again.
        with suppress(DockdError), self._turn(slot, patience_s=0.0):
            # Whoever has the turn has done it.
            pass

    def close(self) -> None:
        """Take every writable mount back, before the process ends."""
        for slot in list(self._mounts):
            with suppress(DockdError), self._turn(slot):
                self._forget(slot)
