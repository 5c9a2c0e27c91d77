"""How many cameras any way of charging could have ready: a bound that knows nothing of the plan.

Ports are machines and cameras are jobs that may be interrupted: each is there from a moment on,
takes its time on a port, never on two at once, and is wanted at one moment for all. Some set of
them can be ready if and only if no part of it needs more than the ports have for it: the least cut
of the network of Horn ("Some simple scheduling algorithms", 1974) from cameras to stretches of
time. Whoever decides in there knows every battery, and switches as often as it likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One camera: from when on it is there, and how long it takes on a port; in seconds."""

    from_s: float
    takes_s: float


def most_ready(needs: Sequence[Need], *, ports: int, until_s: float) -> int:
    """Return how many cameras can be ready at ``until_s``, at the very most."""
    jobs = range(len(needs))
    too_much: list[frozenset[int]] = []
    for size in range(1, len(needs) + 1):
        too_much += [
            frozenset(some)
            for some in combinations(jobs, size)
            if _takes_more([needs[job] for job in some], ports=ports, until_s=until_s)
        ]
    for size in range(len(needs), 0, -1):
        for some in combinations(jobs, size):
            if not any(bad <= set(some) for bad in too_much):
                return size
    return 0


def _takes_more(needs: Sequence[Need], *, ports: int, until_s: float) -> bool:
    """Return whether these need more than the ports have for them."""
    moments = sorted({until_s, *(need.from_s for need in needs if need.from_s < until_s)})
    has_s = sum(
        (end - begin) * min(ports, sum(need.from_s <= begin for need in needs))
        for begin, end in pairwise(moments)
    )
    return sum(need.takes_s for need in needs) > has_s
