"""Who waits to be sent to one store, in the order of their turns."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from dockd.core import naming, schedule
from dockd.core.clip import Clip

# How long a line that was drawn up is kept to: to ask who waits costs more than to send a small
# clip, and who comes meanwhile, flagged or not, waits no longer than this.
_LINE_GOOD_S: Final = 1.0


class Line:
    """Who waits, in the order of their turns, as it was at one moment of the monotonic clock."""

    def __init__(self, clips: Sequence[Clip], *, drawn_up_s: float) -> None:
        self._clips = deque(clips)
        self._drawn_up_s = drawn_up_s

    def is_good(self, now_s: float) -> bool:
        """Return whether it has anybody left and is not out of date."""
        return bool(self._clips) and self.good_for_s(now_s) > 0

    def good_for_s(self, now_s: float) -> float:
        """Return how many seconds it is kept to yet, if it has anybody left."""
        return max(0.0, self._drawn_up_s + _LINE_GOOD_S - now_s)

    def take(self, fits: Callable[[Clip], bool]) -> Clip | None:
        """Take out the first one that may go now, None while there is none."""
        for clip in self._clips:
            if fits(clip):
                self._clips.remove(clip)
                return clip
        return None

    def go_stale(self) -> None:
        """Forget everybody: something happened that no order of before knows of."""
        self._clips.clear()


def as_waiting(clip: Clip, *, now: datetime, fullness: Mapping[str, float]) -> schedule.Waiting:
    """Return a clip as the schedule sees it; ``fullness`` is of the cameras that are docked now."""
    recorded_at_s = clip.mtime_ns / 1e9
    return schedule.Waiting(
        clip_id=str(clip.number),
        flagged=clip.flagged,
        prioritised=clip.prioritised,
        size_bytes=clip.stored_size_bytes,
        waiting_s=max(0.0, (now - naming.docked_at(clip.birth_docking)).total_seconds()),
        camera_fill_fraction=fullness.get(clip.camera),
        recorded_at_s=recorded_at_s,
    )
