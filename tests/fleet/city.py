"""The city: 700 stations, 23,000 cameras, one shift that ends.

Every number has a source or is said to be an assumption:

- 700 stations of 8 to 64 slots and 23,000 cameras, uplinks of 10 Mbit/s to 1 Gbit/s, a whole rack
  within minutes: DESIGN.md, its scale. All 23,000 dock at one change of shift, the worst case.
- Half a GB a camera. Assumed: half an hour of footage that is kept, at 1 GB an hour, which is what
  suffices (NetApp, "Three considerations for sizing your body-worn camera environment"; who films
  on has 1.75 to 3 hours a shift). With more of it the shift takes longer, optimum and all.
- Assumed: four clips a camera, of exponentially distributed length; 5 % of clips flagged; racks in
  equal numbers of 8, 16 and 32 slots and twice as many of 64; a link that grows with its rack.
- Cameras are read at 30 MB/s (FACTS.md 1, and the demo) until their station is at the 800 MB/s at
  which it copies and proves (README, offload.throughput).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dockd.core.transfer import part_size_bytes

GB: Final = 1_000_000_000
MBIT_S: Final = 1_000_000 / 8

_SLOTS: Final = (8, 16, 32, 64, 64)
_SLOWEST_MBIT_S: Final = 10
_FASTEST_MBIT_S: Final = 1000
_SMALLEST_BYTES: Final = 1_000_000
_FLAGGED: Final = 0.05
_READ_BYTES_S: Final = 30_000_000
_STATION_BYTES_S: Final = 800_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A clip that will have to be sent.

    Attributes:
        docked_s: When its camera was docked, seconds since the simulation began.
        ready_s: When its copy is proven, and it may be sent.
    """

    key: str
    size_bytes: int
    flagged: bool
    docked_s: float
    ready_s: float

    @property
    def parts(self) -> int:
        """In how many parts it is sent."""
        return max(1, -(-self.size_bytes // part_size_bytes(self.size_bytes)))

    @property
    def requests(self) -> int:
        """How many requests it takes if nothing goes wrong: look, send, prove.

        In several parts an upload is opened and completed as well (stages/transferring).
        """
        return 3 if self.parts == 1 else self.parts + 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One rack with its uplink, and its clips in the order in which they become ready."""

    name: str
    link_bytes_s: float
    clips: tuple[Clip, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large a city; the defaults are the one that dockd is for."""

    stations: int = 700
    cameras: int = 23_000
    clips_a_camera: int = 4
    camera_bytes: float = GB / 2
    arrival_s: float = 900.0


def city(scale: Scale, *, seed: int) -> Sequence[Station]:
    """Return the stations of a city; the same ones for the same seed."""
    chance = random.Random(seed)
    slots = [_SLOTS[number % len(_SLOTS)] for number in range(scale.stations)]
    occupied = _occupied(slots, cameras=scale.cameras)
    return [
        _station(f"station-{number:03}", slots[number], occupied[number], scale, chance)
        for number in range(scale.stations)
    ]


def _occupied(slots: Sequence[int], *, cameras: int) -> list[int]:
    """Share the cameras out so that every rack is as full as the others."""
    total = sum(slots)
    edges = [0]
    for count in slots:
        edges.append(edges[-1] + count)
    return [
        edges[number + 1] * cameras // total - edges[number] * cameras // total
        for number in range(len(slots))
    ]


def _station(name: str, slots: int, cameras: int, scale: Scale, chance: random.Random) -> Station:
    # From the slowest link at which a rack of this size makes sense, to ten times that; the
    # logarithm is what is evenly distributed.
    slowest = _SLOWEST_MBIT_S * slots / min(_SLOTS)
    mbit_s = min(_FASTEST_MBIT_S, slowest * 10 ** chance.random())
    clips = [
        clip
        for camera in range(cameras)
        for clip in _filmed(f"{name}-{camera:02}", cameras, scale, chance)
    ]
    return Station(
        name=name,
        link_bytes_s=mbit_s * MBIT_S,
        clips=tuple(sorted(clips, key=lambda clip: (clip.ready_s, clip.key))),
    )


def _filmed(camera: str, beside: int, scale: Scale, chance: random.Random) -> Iterator[Clip]:
    docked_s = chance.random() * scale.arrival_s
    read_bytes_s = min(_READ_BYTES_S, _STATION_BYTES_S / beside)
    ready_s = docked_s
    for number in range(scale.clips_a_camera):
        mean_bytes = scale.camera_bytes / scale.clips_a_camera
        size_bytes = max(_SMALLEST_BYTES, int(chance.expovariate(1 / mean_bytes)))
        ready_s += size_bytes / read_bytes_s
        yield Clip(
            key=f"{camera}/{number}",
            size_bytes=size_bytes,
            flagged=chance.random() < _FLAGGED,
            docked_s=docked_s,
            ready_s=ready_s,
        )
