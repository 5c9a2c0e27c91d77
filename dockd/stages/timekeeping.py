"""Whether the station's clock is the stores' clock: said while it is not, and no longer."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

from dockd.core.catalogue import CATALOGUE
from dockd.core.vouching import vouched_now
from dockd.ports.clock import Clock
from dockd.stages.problems import ProblemBoard

_SLUG: Final = "clock-wrong"
_UNGUARDED: Final = "clock-unsynchronised"
_SUBJECT: Final = "clock"
# A station that has just started has not heard its time server yet.
_UNGUARDED_S: Final = 600.0
_LOOK_S: Final = 15.0
# A reply's Date counts whole seconds and is as old as its way here was long. Between the two
# bounds nothing changes, so that a clock on the edge is not said again and again.
_WRONG_S: Final = 60.0
_RIGHT_S: Final = 30.0


class Timekeeping:
    """Compares clocks for as long as the daemon runs."""

    def __init__(
        self,
        offsets_s: Mapping[str, Callable[[], float | None]],
        *,
        vouching: Collection[str] = (),
        problems: ProblemBoard,
        clock: Clock,
    ) -> None:
        """``offsets_s`` tell how far each store's clock is ahead of ours, by the store's name.

        ``vouching`` are the names of those whose word counts where it matters: nobody on the way
        to them can have changed it.
        """
        self._offsets_s = offsets_s
        self._vouching = vouching
        self._problems = problems
        self._clock = clock
        self._synchronised_s = clock.monotonic_s()

    async def look(self) -> None:
        """Say that the clock is wrong or unguarded, or that it is so no longer."""
        await self._compare()
        now_s = self._clock.monotonic_s()
        if self._clock.synchronisation().synchronised:
            self._synchronised_s = now_s
            await self._problems.clear(_UNGUARDED, subject=_SUBJECT)
        elif now_s - self._synchronised_s >= _UNGUARDED_S:
            minutes = int(now_s - self._synchronised_s) // 60
            reason = CATALOGUE[_UNGUARDED].reason.format(minutes=minutes)
            await self._problems.open_or_reword(_UNGUARDED, subject=_SUBJECT, reason=reason)

    async def _compare(self) -> None:
        """Say whether the clock is the stores'; of stores unheard say nothing."""
        offsets_s = self._known_s()
        if not offsets_s:
            return
        store = max(offsets_s, key=lambda name: abs(offsets_s[name]))
        if abs(offsets_s[store]) >= _WRONG_S:
            reason = self._reason(store, offset_s=offsets_s[store])
            await self._problems.open_or_reword(_SLUG, subject=_SUBJECT, reason=reason)
        elif abs(offsets_s[store]) <= _RIGHT_S:
            await self._problems.clear(_SLUG, subject=_SUBJECT)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(_LOOK_S)

    def vouched_now(self) -> datetime | None:
        """Return the time in UTC as far as somebody vouches for it now, else None."""
        return vouched_now(
            self._clock.now(),
            synchronised=self._clock.synchronisation().synchronised,
            stores_ahead_s=[
                offset_s for name, offset_s in self._known_s().items() if name in self._vouching
            ],
        )

    def _known_s(self) -> Mapping[str, float]:
        """Return the offsets of the stores that have answered."""
        asked = {name: ask() for name, ask in self._offsets_s.items()}
        return {name: offset_s for name, offset_s in asked.items() if offset_s is not None}

    def _reason(self, store: str, *, offset_s: float) -> str:
        way = "behind" if offset_s > 0 else "ahead of"
        said = "" if not self._clock.synchronisation().synchronised else ", although synchronised"
        return (
            f"This station's clock is {abs(offset_s):.0f} s {way} that of store {store}{said}. "
            "Requests are signed by the store's time; what is recorded has the station's."
        )
