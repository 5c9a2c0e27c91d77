"""How many cameras any way of charging could have ready: a bound that knows nothing of the plan.

Ports are machines and cameras are jobs that may be interrupted: each is there from a moment on,
takes its time on a port, never on two at once, and is wanted at one moment for all. Those that are
to be ready take as long as charging does, or as copying does if that is longer; from the others
their footage is copied all the same, which is what a dock is for. That can be done if and only if
no part of the jobs needs more than the ports have for it: the least cut of the network of Horn
("Some simple scheduling algorithms", 1974) from jobs to stretches of time. Whoever decides in there
knows every battery, and switches as often as it likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One camera: from when on it is there, and how long it takes on a port; in seconds."""

    from_s: float
    takes_s: float
    copies_s: float = 0.0


def most_ready(needs: Sequence[Need], *, ports: int, until_s: float) -> int:
    """Return how many cameras can be ready at ``until_s``, at the very most."""
    # A set of cameras is a number, in which each of them is a bit.
    sets = range(1 << len(needs))
    rooms_s = [_room_s(_members(needs, some), ports=ports, until_s=until_s) for some in sets]
    return max(
        (some.bit_count() for some in sets if _fits(needs, ready=some, rooms_s=rooms_s)), default=0
    )


def _members(needs: Sequence[Need], some: int) -> list[Need]:
    return [need for bit, need in enumerate(needs) if some >> bit & 1]


def _room_s(needs: Sequence[Need], *, ports: int, until_s: float) -> float:
    """Return the time that the ports have for these, each of them on one at a time."""
    moments = sorted({until_s, *(need.from_s for need in needs if need.from_s < until_s)})
    return sum(
        (end - begin) * min(ports, sum(need.from_s <= begin for need in needs))
        for begin, end in pairwise(moments)
    )


def _fits(needs: Sequence[Need], *, ready: int, rooms_s: Sequence[float]) -> bool:
    """Return whether the ports have time for all, those of the set ``ready`` fully charged."""
    loads_s = [0.0]
    for bit, need in enumerate(needs):
        is_ready = ready >> bit & 1
        takes_s = max(need.takes_s, need.copies_s) if is_ready else need.copies_s
        loads_s += [load_s + takes_s for load_s in loads_s]
    return all(load_s <= room_s for load_s, room_s in zip(loads_s, rooms_s, strict=True))
