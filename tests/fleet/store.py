"""The central store: it slows, sheds load and fails.

- **Slows.** All bodies share its ingest evenly where the links would bring more (TCP's fairness
  between connections), worked out anew every second; and the busier it is, the longer it takes
  to answer (a queue's 1 / (1 - load), up to ten times its idle time).
- **Sheds.** More requests in one second than its capacity: 503 with Retry-After, before the body.
- **Fails.** While it is down, connections are refused and those under way are broken. What it
  acted on just before is done, though nobody hears of it.

Left out: what a request costs beyond its bytes, replication behind the front, manifests and
checkpoints (one small object a docking: one request in eighty), and losses of packets.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dockd.core.receipt import Judgement
from dockd.errors import StoreBusy, StoreUnreachable
from dockd.ports.store import Outgoing, Proven
from tests.fakes.memory_store import MemoryStore
from tests.fleet.kernel import Kernel
from tests.fleet.link import Link

# Assumed: a metropolitan network, and a store that answers an idle request within its disks' time.
ROUND_TRIP_S: Final = 0.02
ANSWER_S: Final = 0.03
# Assumed: nobody runs a store at its limit. It can do this much more than its ingest implies.
HEADROOM: Final = 1.25
_SLOWEST: Final = 10.0
# A second's worth, but no less than this: small cities have small stores, and a clip asks several
# times in a row.
_BURST: Final = 10.0
_TICK_S: Final = 1.0
# How far back what was asked counts as load: queues do not fill and empty within a second.
_REMEMBERED_S: Final = 5.0
# A share that moved by less than this is not worth telling 700 links.
_WORTH_TELLING: Final = 0.02
_RECEIPT: Final = Judgement(outcome="receipt", strength="digest", how="checksum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """How the store is from a moment on: what it takes in, or nothing while it is down."""

    from_s: float
    requests_s: float
    ingest_bytes_s: float

    @property
    def is_down(self) -> bool:
        """Whether it answers nobody."""
        return self.requests_s == 0


class CentralStore:
    """The one store that all stations share.

    Attributes:
        asked: Requests by second and by whether the store was up, those that were shed included.
        shed: Requests that got a 503, by second.
        made: How often each key was made an object of; once, if all is well.
    """

    def __init__(
        self, kernel: Kernel, *, phases: Sequence[Phase], retry_after_s: float | None
    ) -> None:
        self.asked: Counter[int] = Counter()
        self.shed: Counter[int] = Counter()
        self.made: Counter[str] = Counter()
        self.phase = phases[0]
        self._kernel = kernel
        self._retry_after_s = retry_after_s
        self._links: list[Link] = []
        self._share_bytes_s = math.inf
        self._tokens = self.phase.requests_s
        self._refilled_s = 0.0
        self._rate_s = 0.0
        self._rated_s = 0.0
        for phase in phases[1:]:
            kernel.at(phase.from_s, self._enter, phase)
        kernel.at(_TICK_S, self._tick)

    def link(self, *, rate_bytes_s: float) -> Link:
        """Return the link of one more station."""
        link = Link(self._kernel, rate_bytes_s=rate_bytes_s)
        self._links.append(link)
        return link

    async def take(
        self, link: Link, *, body_bytes: int = 0, act: Callable[[], None] = lambda: None
    ) -> None:
        """Take one request, and act on it.

        Raises:
            StoreUnreachable: it is down, or went down before the answer was out.
            StoreBusy: it has more to do than it can.
        """
        self._count()
        await self._kernel.sleep(ROUND_TRIP_S)
        self._check_up()
        if not self._admit():
            self.shed[int(self._kernel.now_s)] += 1
            raise StoreBusy("503 Slow Down", retry_after_s=self._retry_after_s)
        if body_bytes:
            await link.send(body_bytes)
        await self._kernel.sleep(ANSWER_S * self._slowness())
        act()
        self._check_up()

    def _count(self) -> None:
        now_s = self._kernel.now_s
        self.asked[int(now_s)] += 1
        self._rate_s *= math.exp((self._rated_s - now_s) / _REMEMBERED_S)
        self._rate_s += 1 / _REMEMBERED_S
        self._rated_s = now_s

    def _check_up(self) -> None:
        if self.phase.is_down:
            raise StoreUnreachable("connection refused")

    def _admit(self) -> bool:
        """Count what was asked in the last second against the capacity (a token bucket)."""
        now_s = self._kernel.now_s
        earned = self.phase.requests_s * (now_s - self._refilled_s)
        self._tokens = min(max(_BURST, self.phase.requests_s), self._tokens + earned)
        self._refilled_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _slowness(self) -> float:
        if self.phase.is_down:
            return 1.0
        return 1 / max(1 / _SLOWEST, 1 - self._rate_s / self.phase.requests_s)

    def _enter(self, phase: object) -> None:
        assert isinstance(phase, Phase)
        self.phase = phase
        self._tokens = phase.requests_s
        self._refilled_s = self._kernel.now_s
        if phase.is_down:
            for link in self._links:
                link.break_all(StoreUnreachable("connection reset"))

    def _tick(self, _: object) -> None:
        self._kernel.at(self._kernel.now_s + _TICK_S, self._tick)
        if self.phase.is_down:
            return
        share_bytes_s = fair_share(
            [(link.rate_bytes_s, link.flows) for link in self._links if link.flows],
            total_bytes_s=self.phase.ingest_bytes_s,
        )
        if math.isclose(share_bytes_s, self._share_bytes_s, rel_tol=_WORTH_TELLING):
            return
        self._share_bytes_s = share_bytes_s
        for link in self._links:
            link.limit_each(share_bytes_s)


def fair_share(links: Sequence[tuple[float, int]], *, total_bytes_s: float) -> float:
    """Return how much of each body is taken per second; infinite where the links bring less.

    Each link is its rate and how many bodies it carries. Water-filling: a link that cannot use
    its share leaves it to the others.
    """
    left_bytes_s = total_bytes_s
    bodies = sum(flows for _, flows in links)
    for rate_bytes_s, flows in sorted(links, key=lambda link: link[0] / link[1]):
        if rate_bytes_s / flows > left_bytes_s / bodies:
            return left_bytes_s / bodies
        left_bytes_s -= rate_bytes_s
        bodies -= flows
    return math.inf


class StationStore(MemoryStore):
    """One station's client of the central store: each call takes its time, none has content."""

    def __init__(self, central: CentralStore, *, link: Link) -> None:
        super().__init__(name="central")
        self._central = central
        self._link = link
        self._arrived: dict[str, dict[int, str]] = {}

    async def find_object(self, outgoing: Outgoing) -> str | None:
        await self._central.take(self._link)
        return "" if self._central.made[outgoing.expected.key] else None

    async def find_upload(self, outgoing: Outgoing) -> str | None:
        await self._central.take(self._link)
        key = outgoing.expected.key
        return key if self._arrived.get(key) == {} else None

    async def create_upload(self, outgoing: Outgoing) -> str:
        key = outgoing.expected.key
        await self._central.take(self._link, act=lambda: self._arrived.update({key: {}}))
        return key

    async def arrived_parts(self, outgoing: Outgoing, *, upload_id: str) -> Mapping[int, str]:
        await self._central.take(self._link)
        return dict(self._arrived[upload_id])

    async def send_part(self, outgoing: Outgoing, *, upload_id: str, index: int) -> str:
        arrived = self._arrived[upload_id]
        _, size_bytes = outgoing.extent(index)
        await self._send(size_bytes, act=lambda: arrived.update({index: ""}))
        return ""

    async def complete(
        self, outgoing: Outgoing, *, upload_id: str, etags: Mapping[int, str]
    ) -> str:
        assert etags.keys() == self._arrived[upload_id].keys(), "completed without all its parts"
        await self._central.take(self._link, act=lambda: self._make(outgoing))
        return ""

    async def put_whole(self, outgoing: Outgoing) -> str:
        await self._send(outgoing.expected.size_bytes, act=lambda: self._make(outgoing))
        return ""

    async def prove(self, outgoing: Outgoing, *, version: str) -> Proven:
        await self._central.take(self._link)
        assert self._central.made[outgoing.expected.key], "proved what is not there"
        return Proven(judgement=_RECEIPT, version=version, size_bytes=outgoing.expected.size_bytes)

    async def _send(self, size_bytes: int, *, act: Callable[[], None]) -> None:
        try:
            await self._central.take(self._link, body_bytes=size_bytes, act=act)
        except StoreUnreachable:
            # As the S3 store does: an answer may have been lost with the body (FACTS.md 4).
            await self._central.take(self._link)
            raise

    def _make(self, outgoing: Outgoing) -> None:
        self._central.made[outgoing.expected.key] += 1
