"""What the links and the store would allow: the same city with fluid in place of requests.

Every station sends without a pause and without a word, as fast as its link brings and as the
store's ingest, shared out station by station, takes. Nobody who sends whole clips can be done
sooner with the last of them, so its end is the link-limited optimum.

It also says what is a clip's fair share of that: whoever was ready before it goes first, and
so does whoever has a claim by dockd's own order (`core.schedule`) and was docked no later. What is
flagged and docked later goes ahead too, but at the cost of this measure.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dockd.core import flow, schedule
from tests.fleet.city import Clip, Station
from tests.fleet.store import ANSWER_S, HEADROOM, ROUND_TRIP_S, Phase, fair_share

_TICK_S: Final = 1.0
# Half a byte: sums of floats.
_NOTHING_BYTES: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """When the fluid of a clip is through, and of all that may go before it.

    Attributes:
        sent_s: When its own is through, those that were ready before it being sent first.
        through_s: When that of all with a better claim is through as well.
        rate_bytes_s: The rate of its station's link then.
    """

    sent_s: float
    through_s: float
    rate_bytes_s: float

    def wait_s(self, clip: Clip, *, parallel_clips: int) -> float:
        """Return a clip's fair wait from being ready to being stored, in seconds.

        When its turn has come it has one lane of the link, for the other lanes carry others
        meanwhile; a clip of one request is one body beside as many parts as may fly. And it asks
        what a clip has to ask, one answer after another, of a store that takes in all that it can.
        """
        beside = parallel_clips - 1 if clip.parts > 1 else flow.Window().largest
        beside_s = clip.size_bytes * beside / self.rate_bytes_s
        asking_s = clip.requests * (ROUND_TRIP_S + ANSWER_S / (1 - 1 / HEADROOM))
        return self.through_s - clip.ready_s + beside_s + asking_s


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
    """One station: its clips as they become ready, first come, first served."""

    def __init__(self, station: Station) -> None:
        self.link_bytes_s: Final = station.link_bytes_s
        self._coming = deque(station.clips)
        self._line: deque[Clip] = deque()
        self._left_bytes = 0.0

    def fill(self, *, until_s: float) -> bool:
        """Take in what is ready, and return whether there is anything to send."""
        while self._coming and self._coming[0].ready_s < until_s:
            self._line.append(self._coming.popleft())
        return bool(self._line)

    def drain(self, rate_bytes_s: float, *, from_s: float) -> Iterator[tuple[str, Share]]:
        """Send for one tick, and yield when which clips are through."""
        tick_bytes = rate_bytes_s * _TICK_S
        used_bytes = 0.0
        while self._line and used_bytes < tick_bytes:
            clip = self._line[0]
            left_bytes = self._left_bytes or clip.size_bytes
            served_bytes = min(left_bytes, tick_bytes - used_bytes)
            used_bytes += served_bytes
            self._left_bytes = left_bytes - served_bytes
            if self._left_bytes < _NOTHING_BYTES:
                self._left_bytes = 0.0
                self._line.popleft()
                # Within a tick one may be served a little before it is ready, but none is done.
                sent_s = max(from_s + used_bytes / rate_bytes_s, clip.ready_s)
                share = Share(sent_s=sent_s, through_s=sent_s, rate_bytes_s=rate_bytes_s)
                yield clip.key, share


def _claimed(station: Station, *, sent: Mapping[str, Share]) -> Iterator[tuple[str, Share]]:
    """Yield every clip's share with the claims of those docked before it, by the schedule."""
    places = ranks(station.clips)
    claims: list[tuple[int, float]] = []
    for clip in sorted(station.clips, key=lambda clip: (clip.docked_s, places[clip.key])):
        share = sent[clip.key]
        claims.append((places[clip.key], share.sent_s))
        through_s = max(when_s for place, when_s in claims if place <= places[clip.key])
        yield clip.key, replace(share, through_s=through_s)


def ideal(stations: Sequence[Station], *, phases: Sequence[Phase]) -> Mapping[str, Share]:
    """Return every clip's fair share, by its key."""
    shares: dict[str, Share] = {}
    fluids = [_Fluid(station) for station in stations]
    wanted = sum(len(station.clips) for station in stations)
    now_s = 0.0
    while len(shares) < wanted:
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
    return {key: share for one in stations for key, share in _claimed(one, sent=shares)}
