"""Whose part flies next, where the parts of several clips wait for the same room.

A clip asks for all of its parts at once. First come, first served would send the whole of a large
clip before anything of the one beside it, so that two clips in parallel were one after another. So
each part gets a round when it asks, a round later than the part before it of the same clip, and the
earliest round is served first (start-time fair queueing; Goyal, Vin and Cheng, SIGCOMM 1996).
Nobody is overtaken for ever: whoever comes gets the next round at the earliest, as the next part of
a clip on its way does; of one round, who asked first is first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Rota:
    """The present round, and the rounds to come.

    Attributes:
        now: The round of the part that was served last.
        latest: The last round given to each clip, by the clip's number, if it is still to come.
    """

    now: int = 0
    latest: Mapping[int, int] = field(default_factory=dict)


def ask(rota: Rota, *, clip: int) -> tuple[Rota, int]:
    """Return the rota with one more part of a clip in it, and that part's round."""
    turn = rota.latest.get(clip, rota.now) + 1
    return Rota(now=rota.now, latest={**rota.latest, clip: turn}), turn


def serve(rota: Rota, *, turn: int) -> Rota:
    """Return the rota after a part of that round was served."""
    latest = {clip: last for clip, last in rota.latest.items() if last > turn}
    return Rota(now=turn, latest=latest)


def withdraw(rota: Rota, *, clip: int, turn: int) -> Rota:
    """Return the rota after a part that waited for that round was given up.

    A clip's parts are given up together: it has its next turn as if it had never asked for these.
    """
    last = min(rota.latest.get(clip, rota.now), turn - 1)
    latest = {**rota.latest, clip: last}
    return Rota(
        now=rota.now, latest={clip: last for clip, last in latest.items() if last > rota.now}
    )
