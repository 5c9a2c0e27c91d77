"""How long clips have been in a state, in uptime: a wrong clock must not delete anything."""

from dockd.core.clip import Clip
from dockd.ports.clock import Clock


class Ages:
    """When each clip was first noticed in this run; one object for one kind of notice."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._noticed_s: dict[int, float] = {}
        self._seen: set[int] = set()

    def of(self, clip: Clip) -> float:
        """Return how many seconds ago ``clip`` was first noticed: 0 when that is now."""
        now_s = self._clock.monotonic_s()
        self._seen.add(clip.number)
        return now_s - self._noticed_s.setdefault(clip.number, now_s)

    def end_of_pass(self) -> None:
        """Forget the clips that were not asked for since the last pass: they are elsewhere now."""
        self._noticed_s = {
            number: at_s for number, at_s in self._noticed_s.items() if number in self._seen
        }
        self._seen.clear()
