"""What time it is, as far as anybody vouches for it (DESIGN.md section 4, "Clock").

A station's own clock is as good as whoever disciplines it. Where nobody does, a store that has
answered can still tell the time. Of several that vouch the latest counts: what time is asked for
here is whether something is too old, and only a time that is too early makes an old thing look new.
So whoever lies forwards stops work, which is said, and whoever lies backwards changes nothing, as
long as one of the others is right.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta


def vouched_now(
    now: datetime, *, synchronised: bool, stores_ahead_s: Iterable[float]
) -> datetime | None:
    """Return the time in UTC by the latest clock that somebody vouches for; None without any.

    ``now`` is the station's clock, which counts itself while it is ``synchronised``.
    ``stores_ahead_s`` is how far the clock of each store whose word counts is ahead of it.
    """
    ahead_s = [*stores_ahead_s, *([0.0] if synchronised else [])]
    return now + timedelta(seconds=max(ahead_s)) if ahead_s else None
