"""Port power as leases: what the daemon cut comes back when the daemon is gone, within the budget.

A cut for the budget or a hold ends with its lease or with the connection that made it. A cut for
safety (a hot battery) ends only when a safety request says so. While a cut stands, a port that has
power again, because its hub was reset, is cut again. A helper that follows knows all cuts.
Source: Documentation/ABI/testing/sysfs-bus-usb, <hub>/port<X>/disable (Linux 6.0 and later).
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from threading import Lock
from typing import Final

from dockd.errors import DockdError, Refused
from dockd.helper.device import is_cut, write
from dockd.helper.leases import Lease, Leases
from dockd.helper.rack import Rack
from dockd.helper.requests import Request

_GIVE_BACK_EVERY_S: Final = 2.0
_DAEMON_RETURNS_WITHIN_S: Final = 30.0
# A camera that has power again takes seconds to show itself, and draws from the first on.
_SHOWS_ITSELF_WITHIN_S: Final = 30.0


class Power:
    """The slots that are cut, remembered in `file` for as long as the machine runs."""

    def __init__(self, *, look: Callable[[], Rack], file: Path, now: Callable[[], float]) -> None:
        self._look, self._file, self._now = look, file, now
        self._saving = Lock()
        self._next_s = 0.0
        self._given_s: dict[str, float] = {}
        self.cuts = Leases(now)
        # What an earlier helper cut: the daemon has a moment to renew it.
        with suppress(OSError, ValueError):
            for slot, (ports, is_safety) in json.loads(file.read_bytes()).items():
                until = inf if is_safety else now() + _DAEMON_RETURNS_WITHIN_S
                self.cuts[slot] = Lease(until=until, ports=[Path(port) for port in ports])

    def obey(self, order: Request, *, writable: Collection[str]) -> None:
        """Take the power from a slot's ports, renew the lease of a cut, or give the power back.

        Raises Refused where it may not be, or a port does not follow; none stays cut by that.
        """
        slot = order.slot
        # A slot that has its name from its device has none while it is cut; and no lock is kept
        # for a name that somebody made up.
        cut = self.cuts.get(slot)
        ports = list(self._look().slot(slot).ports.values()) if cut is None else cut.ports
        with self.cuts.turn(slot):
            cut = self.cuts.get(slot)
            is_safety = cut is not None and cut.until == inf
            if order.on and is_safety and order.kind != "safety":
                raise Refused(f"The port of slot {slot} is cut for safety.", slug="cut-for-safety")
            if order.on and cut is not None:
                self._give(slot)
            elif order.on:
                _switch(ports, cut=False, slot=slot)
            elif slot in writable:
                raise Refused(f"The camera in slot {slot} is writable: its port is not cut.")
            elif not is_safety:
                until = inf if order.kind == "safety" else self._now() + order.lease_s
                self._cut(slot, Lease(until=until, owner=order.owner, ports=ports))

    def _cut(self, slot: str, cut: Lease) -> None:
        with self._saving:
            # Before the port is switched: whoever kills the helper leaves none off for ever.
            self._save(self.cuts | {slot: cut})
            self.cuts[slot] = cut
        try:
            _switch(cut.ports, cut=True, slot=slot)
        except DockdError:
            self._give(slot)
            raise

    def _give(self, slot: str) -> None:
        # Not what is there no more, nor what has no switch.
        if off := [port for port in self.cuts[slot].ports if is_cut(port)]:
            self._given_s[slot] = self._now()
            _switch(off, cut=False, slot=slot)
        with self._saving, suppress(OSError):
            # Should /run be full, as a client may see to, the next helper gives back once more.
            del self.cuts[slot]
            self._save(self.cuts)

    def _awaited(self) -> Collection[str]:
        """Return the slots that were given their power a moment ago, whoever is in them."""
        since_s = self._now() - _SHOWS_ITSELF_WITHIN_S
        return {slot for slot, at_s in list(self._given_s.items()) if at_s > since_s}

    def _save(self, cuts: Mapping[str, Lease]) -> None:
        beside = self._file.with_suffix(".new")
        known = {slot: (list(map(str, cut.ports)), cut.until == inf) for slot, cut in cuts.items()}
        beside.write_text(json.dumps(known))
        beside.replace(self._file)

    def keep(self) -> None:
        """Cut again what has power, and give one ended cut back: every 2 s, within the budget."""
        for slot in list(self.cuts):
            with suppress(DockdError), self.cuts.turn(slot):
                if slot in self.cuts:
                    _switch(self.cuts[slot].ports, cut=True, slot=slot)
        for slot in self.cuts.overdue()[:1] if self._next_s <= self._now() else ():
            self._next_s = self._now() + _GIVE_BACK_EVERY_S
            # Where nobody can say what the budget is: a camera that charges late beats a fuse.
            with suppress(DockdError, OSError), self.cuts.turn(slot):
                # It may have been renewed, or become one for safety, before its turn came.
                if slot in self.cuts.overdue() and self._look().has_room(self._awaited()):
                    # Behind the others from now on, should it not follow.
                    self.cuts[slot].until = self._now()
                    self._give(slot)


def _switch(ports: Sequence[Path], *, cut: bool, slot: str) -> None:
    why = "" if ports else "the kernel has no switch for it"
    for port in ports:
        if is_cut(port) is cut:
            continue
        with suppress(OSError):
            write(port / "disable", "1" if cut else "0")
        if is_cut(port) is not cut:
            why = f"{port.name} stayed {'on' if cut else 'off'}"
    if why:
        reason = f"The port of slot {slot} did not follow: {why}."
        raise Refused(reason, slug="port-not-switchable")
