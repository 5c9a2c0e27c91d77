"""What is known of the stores and the link in this run of the daemon; nothing here is evidence."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from dockd.core import facts
from dockd.ports.clock import Clock
from dockd.ports.ledger import StoreMemory
from dockd.ports.station import StoreState, UplinkState

_RATE_OVER_S = 10.0


class UplinkBoard:
    """Listens to what is committed about stores, and asks the wrappers around them the rest."""

    def __init__(
        self,
        *,
        clock: Clock,
        breakers: Mapping[str, Callable[[], str]],
        sent_bytes: Callable[[], Mapping[str, int]],
        limit_bytes_s: Callable[[], float | None],
    ) -> None:
        """Ask these when somebody looks.

        ``breakers`` has the configured stores and tells the state of each one's breaker;
        ``sent_bytes`` tells how much went to each since the start, ``limit_bytes_s`` the limit now.
        """
        self._clock = clock
        self._breakers = breakers
        self._sent_bytes = sent_bytes
        self._limit_bytes_s = limit_bytes_s
        self._strength: dict[str, str] = {}
        self._last_receipt: dict[str, str] = {}
        self._samples: deque[tuple[float, int]] = deque()

    def recall(self, store: str, memory: StoreMemory) -> None:
        """Begin with what was known of a store before this run."""
        if memory.strength is not None:
            self._strength[store] = memory.strength
        if memory.last_receipt_at is not None:
            at = datetime.fromisoformat(memory.last_receipt_at)
            self._last_receipt[store] = f"{at:%Y-%m-%dT%H:%M:%SZ}"

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Take in what was committed about stores."""
        for fact in committed:
            if isinstance(fact, facts.StoreProbed):
                self._strength[fact.store] = fact.strength
            elif isinstance(fact, facts.ReceiptAccepted):
                self._last_receipt[fact.store] = f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}"

    def stores(self) -> Sequence[StoreState]:
        """Return what is known of each configured store."""
        return [
            StoreState(
                name=name,
                breaker=state(),
                strength=self._strength.get(name),
                last_receipt=self._last_receipt.get(name),
            )
            for name, state in self._breakers.items()
        ]

    def uplink(self) -> UplinkState:
        """Return the rate since about ten seconds ago (or since the last look), and the limit."""
        now_s, total = self._clock.monotonic_s(), sum(self._sent_bytes().values())
        # The newest sample that is old enough is what the rate is taken from.
        while len(self._samples) > 1 and self._samples[1][0] <= now_s - _RATE_OVER_S:
            self._samples.popleft()
        began_s, began = self._samples[0] if self._samples else (now_s, total)
        self._samples.append((now_s, total))
        passed_s = now_s - began_s
        return UplinkState(
            rate_bytes_s=round((total - began) / passed_s) if passed_s > 0 else 0,
            limit_bytes_s=round(self._limit_bytes_s() or 0),
        )

    def sent_bytes(self) -> Mapping[str, int]:
        """Return how many bytes went to each store since the start."""
        return self._sent_bytes()
