"""What happens to the store while the city sends, and what is measured of it."""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from tests.fleet.city import Clip, Scale, Station, city
from tests.fleet.ideal import Share, ideal
from tests.fleet.kernel import Kernel
from tests.fleet.station import PARALLEL_CLIPS, Transfer
from tests.fleet.station import Station as Sending
from tests.fleet.store import HEADROOM, CentralStore, Phase

HOUR_S: Final = 3600.0
# 40 Gbit/s: what the city films in a shift goes in within the time that the slowest links need
# anyway; more would stand idle. Smaller cities have as much less as they have fewer cameras.
INGEST_BYTES_S: Final = 5e9
# What MinIO asks for with its 503 SlowDown is as long as this or longer; HAProxy's and nginx's
# own 503 say nothing, as `retry_after_s=None`.
RETRY_AFTER_S: Final = 10.0
OUTAGE_S: Final = 2 * HOUR_S
OUTAGE_FROM_S: Final = 600.0
COLD_S: Final = 1800.0
_PATIENCE_S: Final = 48 * HOUR_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One fate of the store.

    Attributes:
        strength: What part of its capacity it has from which second on, in requests and in
            ingest; no requests are an outage.
        retry_after_s: What it asks for when it sheds; None: it says nothing.
    """

    name: str
    strength: tuple[tuple[float, float, float], ...] = ((0.0, 1.0, 1.0),)
    retry_after_s: float | None = RETRY_AFTER_S

    @property
    def outages(self) -> list[tuple[float, float]]:
        """From when to when it is down."""
        return [
            (begin_s, end_s)
            for (begin_s, requests, _), (end_s, _, _) in pairwise(self.strength)
            if requests == 0
        ]

    @property
    def back_s(self) -> float:
        """When its last outage ends; 0 if there is none."""
        return max((end_s for _, end_s in self.outages), default=0.0)


_BACK_S: Final = OUTAGE_FROM_S + OUTAGE_S
HEALTHY: Final = Scenario(name="healthy")
OUTAGE: Final = Scenario(
    name="outage",
    strength=((0.0, 1.0, 1.0), (OUTAGE_FROM_S, 0.0, 0.0), (_BACK_S, 1.0, 1.0)),
)
COLD: Final = Scenario(
    name="cold",
    # Back with half of it for half an hour: caches are cold, and it has its own work to catch up
    # with. It takes bytes as ever, so that it is requests that it sheds.
    strength=(
        (0.0, 1.0, 1.0),
        (OUTAGE_FROM_S, 0.0, 0.0),
        (_BACK_S, 0.5, 1.0),
        (_BACK_S + COLD_S, 1.0, 1.0),
    ),
)
SHORT: Final = Scenario(name="short", strength=((0.0, 0.5, 1.0),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one scenario came to.

    Attributes:
        asked: Requests in each second; ``shed`` those of them that were answered 503.
        made: How often an object was made at each key.
        stored_s: When each clip was stored, by its key; ``shares`` what would have been fair.
        first_success_s: When each station first stored a clip after the outage.
    """

    scenario: Scenario
    stations: Sequence[Station]
    phases: Sequence[Phase]
    asked: Counter[int]
    shed: Counter[int]
    made: Counter[str]
    stored_s: Mapping[str, float]
    shares: Mapping[str, Share]
    first_success_s: Sequence[float]
    events: int

    @property
    def makespan_s(self) -> float:
        """When the last clip was stored."""
        return max(self.stored_s.values())

    @property
    def optimum_s(self) -> float:
        """When the last of the fluid was through."""
        return max(share.through_s for share in self.shares.values())

    def capacity(self, second: int) -> float:
        """Return how many requests the store could take in a second; 0 in an outage."""
        return [phase.requests_s for phase in self.phases if phase.from_s <= second][-1]

    def peak(self, *, over_s: int = 1) -> float:
        """Return the most that was asked of the store, while it was up, by its capacity.

        Over each stretch of so many seconds that lies within one phase, from its return on.
        """
        worst = 0.0
        for phase, until_s in self._after_return():
            for begin in range(math.ceil(phase.from_s), int(until_s) - over_s + 1):
                asked = sum(self.asked[second] for second in range(begin, begin + over_s))
                worst = max(worst, asked / (over_s * phase.requests_s))
        return worst

    def peak_by_chance(self, *, over_s: int = 10) -> float:
        """Return the peak in one second if each ten seconds' requests came at any of them.

        The median of a hundred throws. Where the peak is no higher, nobody moved together: it is
        the few requests that a small store can answer in a second, and how they happen to fall.
        """
        chance = random.Random(0)
        asked = [
            (sum(self.asked[begin + second] for second in range(over_s)), phase.requests_s)
            for phase, until_s in self._after_return()
            for begin in range(math.ceil(phase.from_s), int(until_s) - over_s + 1, over_s)
        ]
        return median(
            max(
                _most_in_one(requests, over_s, chance) / requests_s
                for requests, requests_s in asked
            )
            for _ in range(100)
        )

    def _after_return(self) -> list[tuple[Phase, float]]:
        ends = [phase.from_s for phase in self.phases[1:]] + [self.makespan_s + 1]
        return [
            (phase, end)
            for phase, end in zip(self.phases, ends, strict=True)
            if not phase.is_down and phase.from_s >= self.scenario.back_s
        ]

    def starvation(self) -> float:
        """Return the longest wait by what would have been fair, of all clips."""
        return max(self.waits())

    def waits(self) -> list[float]:
        """Return every clip's wait by what would have been fair."""
        return [
            (self.stored_s[clip.key] - clip.ready_s) / self._fair_wait_s(clip)
            for station in self.stations
            for clip in station.clips
        ]

    def _fair_wait_s(self, clip: Clip) -> float:
        """Return a clip's fair wait; an outage that it waited through is nobody's unfairness."""
        fair_s = self.shares[clip.key].wait_s(clip, parallel_clips=PARALLEL_CLIPS)
        through_s = self.shares[clip.key].through_s
        return fair_s + sum(
            end - begin
            for begin, end in self.scenario.outages
            # One that was to be through before, and was not by a little.
            if through_s < begin < self.stored_s[clip.key]
        )


def _most_in_one(requests: int, seconds: int, chance: random.Random) -> int:
    return max(Counter(chance.choices(range(seconds), k=requests)).values(), default=0)


def sized(stations: Sequence[Station], *, scale: Scale, scenario: Scenario) -> list[Phase]:
    """Return the store's phases: its capacity is what its ingest implies, and some headroom."""
    clips = [clip for station in stations for clip in station.clips]
    ingest_bytes_s = INGEST_BYTES_S * scale.cameras / Scale().cameras
    requests_a_byte = sum(clip.requests for clip in clips) / sum(clip.size_bytes for clip in clips)
    requests_s = HEADROOM * ingest_bytes_s * requests_a_byte
    return [
        Phase(
            from_s=from_s,
            requests_s=requests * requests_s,
            ingest_bytes_s=ingest * ingest_bytes_s,
        )
        for from_s, requests, ingest in scenario.strength
    ]


def play(scenario: Scenario, *, scale: Scale, seed: int) -> Result:
    """Let a city send until its last clip is stored.

    Raises:
        AssertionError: something was still not stored after two days.
    """
    stations = city(scale, seed=seed)
    phases = sized(stations, scale=scale, scenario=scenario)
    kernel = Kernel()
    central = CentralStore(kernel, phases=phases, retry_after_s=scenario.retry_after_s)
    sending = [Sending(kernel, built, central=central, seed=seed) for built in stations]
    while not all(map(_is_done, sending)):
        assert kernel.now_s < _PATIENCE_S, "it comes to no end"
        kernel.run(until_s=kernel.now_s + 60)
    transfers: list[Transfer] = [one for station in sending for one in station.transfers]
    return Result(
        scenario=scenario,
        stations=stations,
        phases=phases,
        asked=central.asked,
        shed=central.shed,
        made=central.made,
        stored_s={one.clip.key: one.stored_s or math.inf for one in transfers},
        shares=ideal(stations, phases=phases),
        first_success_s=sorted(_first_success_s(one, after_s=scenario.back_s) for one in sending),
        events=kernel.events,
    )


def _is_done(station: Sending) -> bool:
    return all(transfer.stored_s is not None for transfer in station.transfers)


def _first_success_s(station: Sending, *, after_s: float) -> float:
    stored_s = [one.stored_s for one in station.transfers if one.stored_s is not None]
    return min((when_s for when_s in stored_s if when_s > after_s), default=after_s)
