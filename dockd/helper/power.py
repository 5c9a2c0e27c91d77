"""Port power as leases: what the daemon cut comes back when the daemon is gone, within the budget.

A cut for the budget or a hold ends with its lease or with the connection that made it. A cut for
safety (a hot battery) ends only when a safety request says so. The record is written before the
port is switched, so that whoever kills the helper leaves no port off for ever.
Source: Documentation/ABI/testing/sysfs-bus-usb, <hub>/port<X>/disable (Linux 6.0 and later).
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from dockd.errors import Refused
from dockd.helper.memory import Memory
from dockd.helper.requests import CutKind
from dockd.helper.turns import Turns

GIVE_BACK_EVERY_S: Final = 2.0
_DAEMON_RETURNS_WITHIN_S: Final = 30.0
_NOBODY: Final = 0


@dataclass(slots=True, kw_only=True)
class Cut:
    """One port without power: `until` on the monotonic clock; of a safety cut it means nothing."""

    kind: CutKind
    ports: list[str]
    until: float
    owner: int


class Power:
    """The ports that are cut, by slot."""

    def __init__(self, *, memory: Memory, now: Callable[[], float]) -> None:
        """Take over what an earlier helper cut: the daemon has a moment to renew it."""
        self._memory = memory
        self._now = now
        self._saving = threading.Lock()
        self._turns = Turns()
        self._next_s = 0.0
        until = now() + _DAEMON_RETURNS_WITHIN_S
        self._cuts = {
            slot: Cut(kind=cut["kind"], ports=cut["ports"], until=until, owner=_NOBODY)
            for slot, cut in memory.load().items()
        }

    def is_cut(self, slot: str) -> bool:
        """Return whether a cut of the slot stands."""
        return slot in self._cuts

    def cut(
        self, slot: str, *, ports: Sequence[Path], kind: CutKind, lease_s: int, owner: int
    ) -> None:
        """Take the power from the slot's ports, or renew the lease of a cut that stands.

        Raises:
            Refused: `port-not-switchable`: a port did not follow; all are as they were.
        """
        with self._turns.of(slot):
            standing = self._cuts.get(slot)
            if standing is not None and standing.kind == "safety":
                return
            known = standing.ports if standing is not None else [str(port) for port in ports]
            until = self._now() + lease_s
            self._put(slot, Cut(kind=kind, ports=known, until=until, owner=owner))
            try:
                _switch(known, on=False)
            except Refused:
                self._give(slot)
                raise

    def restore(self, slot: str, *, ports: Sequence[Path], kind: CutKind) -> None:
        """Give the slot's ports power.

        Raises:
            Refused: The cut is one for safety and `kind` is not, or a port did not follow.
        """
        with self._turns.of(slot):
            standing = self._cuts.get(slot)
            if standing is None:
                _switch([str(port) for port in ports], on=True)
            elif standing.kind == "safety" and kind != "safety":
                raise Refused(f"The port of slot {slot} is cut for safety.")
            else:
                self._give(slot)

    def owner_is_gone(self, owner: int) -> None:
        """End the leases of a connection that ended."""
        for cut in list(self._cuts.values()):
            if cut.owner == owner:
                cut.until = min(cut.until, self._now())

    def give_back(self, *, has_room: Callable[[], bool]) -> float | None:
        """Give back one cut whose lease ended, if its time has come and the budget has room.

        Returns:
            In how many seconds there may be another; None when no lease runs.
        """
        leases = [
            (cut.until, slot) for slot, cut in list(self._cuts.items()) if cut.kind != "safety"
        ]
        if not leases:
            return None
        until, slot = min(leases)
        wait_s = max(until, self._next_s) - self._now()
        if wait_s > 0:
            return wait_s
        self._next_s = self._now() + GIVE_BACK_EVERY_S
        if has_room():
            self._give_if_due(slot)
        return GIVE_BACK_EVERY_S

    def _give_if_due(self, slot: str) -> None:
        with suppress(Refused), self._turns.of(slot):
            cut = self._cuts.get(slot)
            # It may have been renewed, or become one for safety, while we waited for its turn.
            if cut is not None and cut.kind != "safety" and cut.until <= self._now():
                # Behind the others from now on, should it not follow.
                cut.until = self._now()
                self._give(slot)

    def _give(self, slot: str) -> None:
        ports = [port for port in self._cuts[slot].ports if Path(port).exists()]
        if ports:
            _switch(ports, on=True)
        # Should /run be full, the next helper gives back once more what has power already.
        with suppress(OSError):
            self._put(slot, None)

    def _put(self, slot: str, cut: Cut | None) -> None:
        with self._saving:
            if cut is None:
                del self._cuts[slot]
            else:
                self._cuts[slot] = cut
            self._memory.save({slot: asdict(each) for slot, each in self._cuts.items()})


def is_powered(ports: Sequence[Path]) -> bool | None:
    """Return whether any of a slot's ports has power, or None where the kernel does not say."""
    states = [_state(str(port)) for port in ports]
    return None if not states or "" in states else "0" in states


def _switch(ports: Sequence[str], *, on: bool) -> None:
    wanted = "0" if on else "1"
    detail = "the kernel has no switch for it" if not ports else ""
    for port in ports:
        try:
            with (Path(port) / "disable").open("r+") as switch:
                switch.write(wanted)
        except OSError as error:
            detail = f"{Path(port).name}: {error.strerror}"
        else:
            if _state(port) != wanted:
                detail = f"{Path(port).name} stayed {'off' if on else 'on'}"
    if detail:
        raise Refused(f"The port did not follow: {detail}.", slug="port-not-switchable")


def _state(port: str) -> str:
    try:
        return (Path(port) / "disable").read_text().strip()
    except OSError:
        return ""
