"""What each slot shows now; in memory only, for everything durable is in the ledger."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dockd.core import slot as slots
from dockd.core.battery_word import BatteryWord
from dockd.core.slot import SlotEvent, SlotState
from dockd.ports.camera import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSnapshot:
    """One slot; ``bytes_read`` are those read from its camera so far in this docking.

    ``fill_fraction`` is how full its camera came, 0 to 1, None where nobody knows; ``battery`` what
    it said last of its battery, for the first time at ``battery_s`` (monotonic seconds), and
    ``battery_unseen_s`` how old that was then at the least, by what is on record.
    """

    slot: str
    port: str | None = None
    state: SlotState = SlotState.EMPTY
    camera: str | None = None
    docking: str | None = None
    bytes_read: int = 0
    fill_fraction: float | None = None
    battery: BatteryWord | None = None
    battery_s: float = 0.0
    battery_unseen_s: float = 0.0


class SlotBoard:
    """The rack as it stands. Readers get snapshots; copying threads count what they read."""

    def __init__(self, ports: Mapping[str, str | None]) -> None:
        """Begin with the configured slots, empty; ``ports`` is by slot name."""
        self._lock = threading.Lock()
        self._slots = {name: SlotSnapshot(slot=name, port=port) for name, port in ports.items()}
        self._read_ever = 0

    def snapshots(self) -> tuple[SlotSnapshot, ...]:
        """Return every slot, in the order of their names."""
        with self._lock:
            return tuple(self._slots[name] for name in sorted(self._slots))

    @property
    def bytes_read_ever(self) -> int:
        """How many bytes were read from cameras since the start."""
        return self._read_ever

    def saw(self, sighting: Sighting) -> None:
        """A camera is in a slot."""
        self._change(sighting.slot, event=SlotEvent.DOCKED, camera=sighting.serial)

    def docked(
        self, slot: str, *, camera: str, docking: str, fill_fraction: float | None = None
    ) -> None:
        """A stay began, or is there still in a slot that only seemed to be without power."""
        self._change(
            slot,
            event=SlotEvent.DOCKED,
            camera=camera,
            docking=docking,
            fill_fraction=fill_fraction,
        )

    def fullness(self) -> Mapping[str, float]:
        """Return how full each docked camera is of which that is known, by its serial number."""
        return {
            slot.camera: slot.fill_fraction
            for slot in self.snapshots()
            if slot.camera is not None and slot.fill_fraction is not None
        }

    def event(self, slot: str, event: SlotEvent) -> None:
        """Something happened to a slot."""
        self._change(slot, event=event)

    def read(self, slot: str, *, size_bytes: int) -> None:
        """Count bytes read; called from copying threads."""
        with self._lock:
            self._read_ever += size_bytes
            known = self._slots.get(slot)
            if known is not None:
                self._slots[slot] = replace(known, bytes_read=known.bytes_read + size_bytes)

    def heard(
        self, slot: str, battery: BatteryWord | None, *, now_s: float, unseen_s: float = 0.0
    ) -> None:
        """A camera said something of its battery, or nothing; what it said before is not new."""
        with self._lock:
            known = self._slots.get(slot, SlotSnapshot(slot=slot))
            if battery != known.battery:
                self._slots[slot] = replace(
                    known, battery=battery, battery_s=now_s, battery_unseen_s=unseen_s
                )

    def left(self, slot: str) -> None:
        """The camera left its slot."""
        with self._lock:
            port = self._slots[slot].port if slot in self._slots else None
            self._slots[slot] = SlotSnapshot(slot=slot, port=port)

    def cut(self, slot: str) -> None:
        """A slot was switched off; of the camera that may be in it nothing is shown."""
        self.left(slot)
        self._change(slot, event=SlotEvent.POWER_CUT)

    def has_power(self, slot: str) -> None:
        """A slot that was switched off has power, and nothing in it shows itself."""
        self._change(slot, event=SlotEvent.POWER_RESTORED)

    def _change(
        self,
        slot: str,
        *,
        event: SlotEvent | None = None,
        camera: str | None = None,
        docking: str | None = None,
        fill_fraction: float | None = None,
    ) -> None:
        with self._lock:
            known = self._slots.get(slot, SlotSnapshot(slot=slot))
            self._slots[slot] = replace(
                known,
                state=known.state if event is None else slots.after(known.state, event),
                camera=camera or known.camera,
                docking=docking or known.docking,
                fill_fraction=known.fill_fraction if fill_fraction is None else fill_fraction,
            )
