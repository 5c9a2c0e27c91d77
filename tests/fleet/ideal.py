"""What the links and the store would allow: the same city with fluid in place of requests.

Every station sends without a pause and without a word, as fast as its link brings and as the
store's ingest, shared out station by station, takes. Nobody who sends whole clips can be done
sooner with the last of them, so its end is the link-limited optimum.

It also says what is a clip's fair share of that. There are two fair orders: who was ready first
goes first, and who has the better claim by dockd's own order (`core.schedule`: what is flagged,
then what was docked first) goes first, whatever is under way. dockd follows the second and never
takes a lane from whom it was given to, so a clip may have to wait for either: the later counts.
"""

import heapq
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dockd.core import flow, schedule
from dockd.core.transfer import part_size_bytes
from tests.fleet.city import Clip, Station
from tests.fleet.store import ANSWER_S, HEADROOM, ROUND_TRIP_S, Phase, fair_share

_TICK_S: Final = 1.0
# Half a byte: sums of floats.
_NOTHING_BYTES: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """When the fluid of a clip is through.

    Attributes:
        through_s: When it is, in the later of the two fair orders.
        rate_bytes_s: The rate of its station's link then.
    """

    through_s: float
    rate_bytes_s: float

    def wait_s(self, clip: Clip, *, parallel_clips: int) -> float:
        """Return a clip's fair wait from being ready to being stored, in seconds.

        When its turn has come it has one lane of the link, for the other lanes carry others
        meanwhile. No part is faster than one body beside all the others that may fly: as many as
        the window lets, and what is sent in one request comes on top. And the clip asks what a
        clip has to ask, one answer after another, of a store that takes in all that it can.
        """
        largest_bytes = min(clip.size_bytes, part_size_bytes(clip.size_bytes))
        bodies_beside = flow.MOST_PARTS - (clip.parts > 1)
        beside_bytes = max(clip.size_bytes * (parallel_clips - 1), largest_bytes * bodies_beside)
        asking_s = clip.requests * (ROUND_TRIP_S + ANSWER_S / (1 - 1 / HEADROOM))
        return self.through_s - clip.ready_s + beside_bytes / self.rate_bytes_s + asking_s


def ranks(clips: Sequence[Clip]) -> Mapping[str, int]:
    """Return every clip's place in the order of `core.schedule`, by its key.

    All clips wait alike, so what the schedule says of two of them at one moment it says at any.
    """
    last_s = max((clip.docked_s for clip in clips), default=0.0)
    waiting = [
        schedule.Waiting(
            clip_id=clip.key,
            flagged=clip.flagged,
            size_bytes=clip.size_bytes,
            waiting_s=last_s - clip.docked_s,
            # As stages.upload: nobody asks a camera how full it is, yet.
            camera_fill_fraction=None,
            recorded_at_s=clip.docked_s,
        )
        for clip in clips
    ]
    return {one.clip_id: rank for rank, one in enumerate(schedule.order(waiting))}


class _Fluid:
    """One station: its clips as they become ready, the one with the least ``places`` first."""

    def __init__(self, station: Station, *, places: Mapping[str, int]) -> None:
        self.link_bytes_s: Final = station.link_bytes_s
        self._places = places
        self._coming = deque(station.clips)
        self._line: list[tuple[int, Clip]] = []
        self._left_bytes: dict[str, float] = {}

    def fill(self, *, until_s: float) -> bool:
        """Take in what is ready, and return whether there is anything to send."""
        while self._coming and self._coming[0].ready_s < until_s:
            clip = self._coming.popleft()
            self._left_bytes[clip.key] = clip.size_bytes
            heapq.heappush(self._line, (self._places[clip.key], clip))
        return bool(self._line)

    @property
    def has_more(self) -> bool:
        """Whether anything is still to come or to send."""
        return bool(self._coming or self._line)

    def drain(self, rate_bytes_s: float, *, from_s: float) -> Iterator[tuple[str, Share]]:
        """Send for one tick, and yield when which clips are through."""
        tick_bytes = rate_bytes_s * _TICK_S
        used_bytes = 0.0
        while self._line and used_bytes < tick_bytes:
            _, clip = self._line[0]
            served_bytes = min(self._left_bytes[clip.key], tick_bytes - used_bytes)
            used_bytes += served_bytes
            self._left_bytes[clip.key] -= served_bytes
            if self._left_bytes[clip.key] < _NOTHING_BYTES:
                heapq.heappop(self._line)
                # Within a tick one may be served a little before it is ready, but none is done.
                through_s = max(from_s + used_bytes / rate_bytes_s, clip.ready_s)
                yield clip.key, Share(through_s=through_s, rate_bytes_s=rate_bytes_s)


def _played(fluids: Sequence[_Fluid], *, phases: Sequence[Phase]) -> Mapping[str, Share]:
    shares: dict[str, Share] = {}
    now_s = 0.0
    while any(fluid.has_more for fluid in fluids):
        ingest_bytes_s = [phase.ingest_bytes_s for phase in phases if phase.from_s <= now_s][-1]
        active = [fluid for fluid in fluids if fluid.fill(until_s=now_s + _TICK_S)]
        if ingest_bytes_s and active:
            level_bytes_s = fair_share(
                [(fluid.link_bytes_s, 1) for fluid in active], total_bytes_s=ingest_bytes_s
            )
            for fluid in active:
                rate_bytes_s = min(fluid.link_bytes_s, level_bytes_s)
                shares.update(fluid.drain(rate_bytes_s, from_s=now_s))
        now_s += _TICK_S
    return shares


def ideal(stations: Sequence[Station], *, phases: Sequence[Phase]) -> Mapping[str, Share]:
    """Return every clip's fair share, by its key."""
    first_come = [
        _Fluid(one, places={clip.key: place for place, clip in enumerate(one.clips)})
        for one in stations
    ]
    claims = [_Fluid(one, places=ranks(one.clips)) for one in stations]
    by_time = _played(first_come, phases=phases)
    by_claim = _played(claims, phases=phases)
    return {
        key: max(share, by_claim[key], key=lambda share: share.through_s)
        for key, share in by_time.items()
    }
