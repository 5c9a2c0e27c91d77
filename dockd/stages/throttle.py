"""The uplink's limit, followed through the day: from one rate window into the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from dockd.core import schedule
from dockd.core.schedule import RateWindow
from dockd.ports.clock import Clock

# Nobody tells when the wall clock is set: until the next change it is looked at again and again.
_LOOK_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottlePolicy:
    """``windows`` in ``timezone``; ``default_bytes_s`` outside all of them, 0 for no limit."""

    windows: Sequence[RateWindow]
    default_bytes_s: float
    timezone: tzinfo


class Throttle:
    """Puts the limit of this time of day in force, on the very second that it changes."""

    def __init__(
        self, change: Callable[[float | None], None], *, clock: Clock, policy: ThrottlePolicy
    ) -> None:
        """``change`` is told the limit in bytes per second, None for none.

        ``policy`` may be replaced, and `apply` be called then.
        """
        self._change = change
        self._clock = clock
        self.policy = policy

    def apply(self) -> None:
        """Put the limit of now in force."""
        self._change(
            schedule.rate_at(
                self.policy.windows,
                default_bytes_s=self.policy.default_bytes_s,
                when=self._clock.now(),
                timezone=self.policy.timezone,
            )
            or None
        )

    async def run(self) -> None:
        """Follow the clock until cancelled."""
        while True:
            self.apply()
            await self._clock.sleep(min(_LOOK_S, self._until_change_s()))

    def _until_change_s(self) -> float:
        now = self._clock.now()
        change = schedule.next_change(
            self.policy.windows,
            default_bytes_s=self.policy.default_bytes_s,
            when=now,
            timezone=self.policy.timezone,
        )
        return _LOOK_S if change is None else (change - now).total_seconds()
