"""What is happening right now, for whoever looks: one mutable record per slot, and the uplink's.

Nothing here is evidence; after a restart it is empty and fills again. The stages write, the
report reads. Methods called from copying threads say so; the others belong to the loop.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dockd.core import facts, slot
from dockd.core.slot import SlotEvent, SlotState
from dockd.ports.camera import Sighting
from dockd.ports.clock import Clock
from dockd.ports.station import StoreState, UplinkState

_RATE_OVER_S = 10.0


@dataclass(slots=True, kw_only=True)
class SlotRecord:
    """One slot now. ``bytes_total`` is what the camera lists, ``bytes_read`` what was read of it.

    ``battery_percent``, ``charging`` and ``power_w`` are None where nothing tells.
    """

    slot: str
    port: str | None = None
    state: SlotState = SlotState.EMPTY
    camera: str | None = None
    docking: str | None = None
    bytes_total: int = 0
    bytes_read: int = 0
    bytes_verified: int = 0
    battery_percent: int | None = None
    charging: bool | None = None
    power_w: float | None = None


class SlotBoard:
    """All slots: the configured ones from the start, others as cameras appear in them."""

    def __init__(self, slots: Mapping[str, str | None]) -> None:
        """Begin with ``slots``, names and their ports, all empty."""
        self._records = {name: SlotRecord(slot=name, port=port) for name, port in slots.items()}
        self._reading = threading.Lock()
        self._offloaded_bytes = 0

    @property
    def offloaded_bytes(self) -> int:
        """How many bytes were read from cameras since the start."""
        return self._offloaded_bytes

    def configure(self, slots: Mapping[str, str | None]) -> None:
        """Take in a changed configuration: new slots appear, empty ones that left it disappear."""
        for name, port in slots.items():
            self._record(name).port = port
        for name, record in list(self._records.items()):
            if name not in slots and record.state is SlotState.EMPTY:
                del self._records[name]

    def saw(self, sighting: Sighting) -> None:
        """Take in what a family saw in a slot."""
        if sighting.serial is None:
            self.left(sighting.slot)
            return
        record = self._record(sighting.slot)
        record.port = sighting.port or record.port
        record.camera = sighting.serial
        self.event(sighting.slot, SlotEvent.DOCKED)

    def docked(self, slot: str, *, camera: str, docking: str) -> None:
        """Say which docking began in a slot."""
        record = self._record(slot)
        record.camera, record.docking = camera, docking

    def listed(self, slot: str, *, bytes_total: int) -> None:
        """Say how much there is on the camera; what was read before counts no more."""
        record = self._record(slot)
        record.bytes_total, record.bytes_read, record.bytes_verified = bytes_total, 0, 0

    def read(self, slot: str, *, size_bytes: int) -> None:
        """Count bytes read from the camera. Called from copying threads."""
        with self._reading:
            self._record(slot).bytes_read += size_bytes
            self._offloaded_bytes += size_bytes

    def verified(self, slot: str, *, size_bytes: int) -> None:
        """Count the bytes of a clip whose copy was proven."""
        self._record(slot).bytes_verified += size_bytes

    def event(self, name: str, event: SlotEvent) -> None:
        """Move a slot as core/slot says."""
        record = self._record(name)
        record.state = slot.after(record.state, event)

    def left(self, name: str) -> None:
        """Say that the camera is no longer there."""
        self.event(name, SlotEvent.UNDOCKED)
        was = self._record(name)
        self._records[name] = SlotRecord(slot=name, port=was.port, state=was.state)

    def snapshot(self) -> Sequence[SlotRecord]:
        """Return a copy of every record, in the order of their names."""
        return [replace(self._records[name]) for name in sorted(self._records)]

    def _record(self, name: str) -> SlotRecord:
        return self._records.setdefault(name, SlotRecord(slot=name))


class UplinkBoard:
    """The stores as this run of the daemon finds them, and what goes over the link."""

    def __init__(
        self, stores: Sequence[str], *, clock: Clock, breakers: Mapping[str, Callable[[], str]]
    ) -> None:
        """``breakers`` tell the state of each store's breaker; a store without one is closed."""
        self._stores = tuple(stores)
        self._clock = clock
        self._breakers = breakers
        self._strength: dict[str, str] = {}
        self._last_receipt: dict[str, str] = {}
        self._sent_bytes = dict.fromkeys(stores, 0)
        self._recent: deque[tuple[float, int]] = deque()
        self.limit_bytes_s: int = 0

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Take in what was committed about stores."""
        for fact in committed:
            if isinstance(fact, facts.StoreProbed):
                self._strength[fact.store] = fact.strength
            elif isinstance(fact, facts.ReceiptAccepted):
                self._last_receipt[fact.store] = f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}"

    def sent(self, store: str, *, size_bytes: int) -> None:
        """Count bytes of clips that went out to a store."""
        self._sent_bytes[store] = self._sent_bytes.get(store, 0) + size_bytes
        self._recent.append((self._clock.monotonic_s(), size_bytes))
        self._forget_old()

    def stores(self) -> Sequence[StoreState]:
        """Return what is known of each store."""
        return [
            StoreState(
                name=name,
                breaker=self._breakers[name]() if name in self._breakers else "closed",
                strength=self._strength.get(name),
                last_receipt=self._last_receipt.get(name),
            )
            for name in self._stores
        ]

    def uplink(self) -> UplinkState:
        """Return the rate of the last ten seconds, and the limit that holds now."""
        self._forget_old()
        recent_bytes = sum(size_bytes for _, size_bytes in self._recent)
        return UplinkState(
            rate_bytes_s=round(recent_bytes / _RATE_OVER_S), limit_bytes_s=self.limit_bytes_s
        )

    def sent_bytes(self) -> Mapping[str, int]:
        """Return how many bytes went to each store since the start."""
        return dict(self._sent_bytes)

    def _forget_old(self) -> None:
        begins_s = self._clock.monotonic_s() - _RATE_OVER_S
        while self._recent and self._recent[0][0] < begins_s:
            self._recent.popleft()
