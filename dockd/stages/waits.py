"""When each clip may be tried again: a wait of its own, or one for the store to be back."""

from collections.abc import Callable
from dataclasses import dataclass

from dockd.core import backoff
from dockd.core.backoff import Backoff
from dockd.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wait:
    """``attempts`` that failed in a row; ``until_s`` on the monotonic clock."""

    attempts: int
    until_s: float
    for_store: bool


class Waits:
    """The waits of the clips to one store, by their numbers."""

    def __init__(self, *, clock: Clock, policy: Callable[[], Backoff]) -> None:
        """``policy`` is asked for each wait, so that it may change."""
        self._clock = clock
        self._policy = policy
        self._waits: dict[int, _Wait] = {}

    def begin(
        self, clip: int, *, for_store: bool = False, retry_after_s: float | None = None
    ) -> None:
        """Have a clip wait after one more failure; ``for_store``: it is not the clip's own."""
        before = self._waits.get(clip)
        attempts = before.attempts if before else 0
        wait_s = backoff.delay_s(
            self._policy(),
            attempt=attempts,
            retry_after_s=retry_after_s,
            random_unit=self._clock.random(),
        )
        self._waits[clip] = _Wait(
            attempts=attempts + 1,
            until_s=self._clock.monotonic_s() + wait_s,
            for_store=for_store,
        )

    def end(self, clip: int) -> None:
        """Let a clip be tried at once, and forget what failed before."""
        self._waits.pop(clip, None)

    def store_is_back(self) -> None:
        """End every wait that was for the store alone: it works for one, so it may for all."""
        for clip in [clip for clip, wait in self._waits.items() if wait.for_store]:
            del self._waits[clip]

    def is_due(self, clip: int) -> bool:
        """Return whether a clip may be tried now."""
        wait = self._waits.get(clip)
        return wait is None or wait.until_s <= self._clock.monotonic_s()

    def running_s(self) -> list[float]:
        """Return how long each wait still lasts, in seconds; those that are over are left out."""
        now_s = self._clock.monotonic_s()
        return [wait.until_s - now_s for wait in self._waits.values() if wait.until_s > now_s]
