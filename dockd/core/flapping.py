"""Conditions that come and go: which of their beginnings and ends are worth a line.

One that is back within `AWAY_S` of its end, for the `OFTEN`-th time without a longer pause, is one
condition from then on: neither its ends nor its beginnings are said any more, until it has stayed
away for `AWAY_S`. A beginning is unsaid only where the end before it was: whoever reads takes the
condition to hold, and it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

OFTEN: Final = 3
AWAY_S: Final = 600.0

Key = tuple[str, str]
"""A problem's slug and subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A condition whose end is to be said now: it came ``times``, and went ``away_s`` ago."""

    key: Key
    times: int
    away_s: float


@dataclass(frozen=True, slots=True)
class _Gone:
    times: int
    ended_s: float


class Flapping:
    """Counts how often each condition came; what stayed away is forgotten."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._holding: dict[Key, int] = {}
        # Both in the order in which they ended. Of the first the end was said, of the second not.
        self._gone: dict[Key, _Gone] = {}
        self._unsaid: dict[Key, _Gone] = {}

    @property
    def remembered(self) -> int:
        """How many conditions that are over are remembered."""
        return len(self._gone) + len(self._unsaid)

    def times(self, key: Key) -> int:
        """Return how often a condition came that is told of as open; 0 when that is not known."""
        unsaid = self._unsaid.get(key)
        return self._holding.get(key, 0) if unsaid is None else unsaid.times

    def begins(self, key: Key, *, now_s: float) -> bool:
        """Take in that a condition began; return whether that is to be said."""
        self._forget(now_s)
        unsaid = self._unsaid.pop(key, None)
        before = unsaid or self._gone.pop(key, None)
        self._holding[key] = 1 if before is None else before.times + 1
        return unsaid is None

    def ends(self, key: Key, *, now_s: float) -> bool:
        """Take in that a condition ended; return whether that is to be said."""
        self._forget(now_s)
        gone = _Gone(self._holding.pop(key, 1), now_s)
        is_said = gone.times < OFTEN
        (self._gone if is_said else self._unsaid)[key] = gone
        return is_said

    def stayed_away(self, *, now_s: float, least_s: float = AWAY_S) -> Sequence[Away]:
        """Return, and forget, what ended ``least_s`` ago or earlier while nobody was told."""
        return [
            Away(key=key, times=gone.times, away_s=now_s - gone.ended_s)
            for key, gone in _taken(self._unsaid, latest_s=now_s - least_s)
        ]

    def _forget(self, now_s: float) -> None:
        _taken(self._gone, latest_s=now_s - AWAY_S)


def _taken(ended: dict[Key, _Gone], *, latest_s: float) -> Sequence[tuple[Key, _Gone]]:
    """Take out and return what ended by then; what ended first stands first."""
    over = list(takewhile(lambda item: item[1].ended_s <= latest_s, ended.items()))
    for key, _ in over:
        del ended[key]
    return over
