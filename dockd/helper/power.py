"""Port power as leases: what the daemon cut comes back when the daemon is gone, within the budget.

A cut for the budget or a hold ends with its lease or with the connection that made it. A cut for
safety (a hot battery) ends only when a safety request says so. While a cut stands, a port that has
power again, because its hub was reset, is cut again. A helper that follows knows all cuts.
Source: Documentation/ABI/testing/sysfs-bus-usb, <hub>/port<X>/disable (Linux 6.0 and later).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from threading import Lock
from typing import Final

from dockd.errors import DockdError
from dockd.helper.rack import Rack
from dockd.helper.refusals import refusal
from dockd.helper.requests import Request
from dockd.helper.turns import Turns
from dockd.helper.usb import port_state, write

_GIVE_BACK_EVERY_S: Final = 2.0
_DAEMON_RETURNS_WITHIN_S: Final = 30.0


@dataclass(slots=True, kw_only=True)
class Cut:
    """Ports without power, until when (monotonic seconds; a safety cut: inf), and whose cut."""

    ports: Sequence[str]
    until: float
    owner: object = None


@dataclass(kw_only=True)
class Power:
    """The slots that are cut, remembered in `file` for as long as the machine runs."""

    look: Callable[[], Rack]
    file: Path
    now: Callable[[], float]
    _cuts: dict[str, Cut] = field(default_factory=dict)
    _turns: Turns = field(default_factory=Turns)
    _saving: Lock = field(default_factory=Lock)
    _next_s: float = 0.0

    def __post_init__(self) -> None:
        """Take over what an earlier helper cut: the daemon has a moment to renew it."""
        lease = self.now() + _DAEMON_RETURNS_WITHIN_S
        with suppress(OSError, ValueError):
            for slot, (ports, is_safety) in json.loads(self.file.read_bytes()).items():
                self._cuts[slot] = Cut(ports=ports, until=inf if is_safety else lease)

    @contextmanager
    def kept_on(self, slot: str) -> Iterator[None]:
        """Let the slot not be cut meanwhile; raises Refused where it is."""
        with self._turns.of(slot):
            if slot in self._cuts:
                raise refusal("is-cut", slot)
            yield

    def obey(self, order: Request, *, is_lent: Callable[[], bool]) -> None:
        """Take the power from a slot's ports, renew the lease of a cut, or give the power back.

        Raises Refused where it may not be, or a port does not follow; none stays cut by that.
        """
        slot = order.slot
        # No lock is kept for a name that somebody made up.
        self._ports(slot)
        with self._turns.of(slot):
            ports = self._ports(slot)
            if order.on:
                self._restore(order, ports)
            elif is_lent():
                raise refusal("is-writable", slot)
            else:
                self._cut(order, ports)

    def _ports(self, slot: str) -> Sequence[str]:
        cut = self._cuts.get(slot)
        if cut is not None:
            # A slot that has its name from its device has none meanwhile.
            return cut.ports
        with self.look() as rack:
            return rack.ports(slot)

    def _cut(self, order: Request, ports: Sequence[str]) -> None:
        slot = order.slot
        if slot in self._cuts and self._cuts[slot].until == inf:
            return
        until = inf if order.kind == "safety" else self.now() + order.lease_s
        cut = Cut(ports=ports, until=until, owner=order.owner)
        with self._saving:
            # Before the port is switched: whoever kills the helper leaves none off for ever.
            self._save(self._cuts | {slot: cut})
            self._cuts[slot] = cut
        try:
            _switch(ports, on=False, slot=slot)
        except DockdError:
            self._give(slot)
            raise

    def _restore(self, order: Request, ports: Sequence[str]) -> None:
        cut = self._cuts.get(order.slot)
        if cut is None:
            _switch(ports, on=True, slot=order.slot)
        elif cut.until == inf and order.kind != "safety":
            raise refusal("cut-for-safety", order.slot)
        else:
            self._give(order.slot)

    def _give(self, slot: str) -> None:
        # Not what is there no more, nor what has no switch.
        off = [port for port in self._cuts[slot].ports if port_state(port) == "1"]
        if off:
            _switch(off, on=True, slot=slot)
        with self._saving, suppress(OSError):
            # Should /run be full, as a client may see to, the next helper gives back once more.
            del self._cuts[slot]
            self._save(self._cuts)

    def _save(self, cuts: Mapping[str, Cut]) -> None:
        beside = self.file.with_suffix(".new")
        known = {slot: (list(cut.ports), cut.until == inf) for slot, cut in cuts.items()}
        beside.write_text(json.dumps(known))
        beside.replace(self.file)

    def connection_ended(self, owner: object) -> None:
        """End the leases of a connection; a cut for safety is none."""
        for cut in list(self._cuts.values()):
            if cut.owner == owner and cut.until < inf:
                cut.until = self.now()

    def keep(self) -> None:
        """Cut again what has power, and give one ended cut back: every 2 s, within the budget."""
        for slot in list(self._cuts):
            with suppress(DockdError), self._turns.of(slot):
                if slot in self._cuts:
                    _switch(self._cuts[slot].ports, on=False, slot=slot)
        standing = [(cut.until, slot) for slot, cut in list(self._cuts.items())]
        until, slot = min(standing, default=(inf, ""))
        if max(until, self._next_s) <= self.now():
            self._next_s = self.now() + _GIVE_BACK_EVERY_S
            # Where nobody can say what the budget is: a camera that charges late beats a fuse.
            with suppress(DockdError, OSError), self.look() as rack, self._turns.of(slot):
                cut = self._cuts.get(slot)
                # It may have been renewed, or become one for safety, before its turn came.
                if rack.has_room() and cut is not None and cut.until <= self.now():
                    # Behind the others from now on, should it not follow.
                    cut.until = self.now()
                    self._give(slot)


def _switch(ports: Sequence[str], *, on: bool, slot: str) -> None:
    wanted = "0" if on else "1"
    why = "" if ports else "the kernel has no switch for it"
    for port in ports:
        if port_state(port) == wanted:
            continue
        with suppress(OSError):
            write(Path(port) / "disable", wanted)
        if port_state(port) != wanted:
            why = f"{Path(port).name} stayed {'off' if on else 'on'}"
    if why:
        raise refusal("port-stayed", slot, why=why)
