"""Tries again what went wrong in passing; what stays wrong goes up, still transient."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from dockd.core.backoff import Backoff, delay_s
from dockd.errors import StoreBusy, StoreUnreachable
from dockd.ports.clock import Clock
from dockd.ports.store import Store
from dockd.stores.wrapper import StoreWrapper

T = TypeVar("T")

TRIES: Final = 3
# Asked twice, these leave a second upload behind, or meet their own success as a refusal: after
# a lost reply the store is looked at before it is told again, and that is the transfer's business.
_ONCE: Final = frozenset({"create_upload", "complete"})


class RetryingStore(StoreWrapper):
    """Makes each call up to ``tries`` times, with full jitter and never before Retry-After.

    A store that asks for more than ``patience_s`` seconds is not waited for here: the error goes
    up at once, and the stage puts the clip back in its queue. So does silence, which has lasted
    long enough already: a dead link is to be noticed within two minutes, not in three times one.
    What the store asks of one call holds for all: the others wait as well, or each of them would
    have to be sent away by itself.
    """

    def __init__(
        self,
        inner: Store,
        *,
        clock: Clock,
        policy: Backoff | None = None,
        tries: int = TRIES,
        patience_s: float = 30.0,
    ) -> None:
        super().__init__(inner)
        self._clock = clock
        self._policy = policy or Backoff(base_s=1.0, cap_s=10.0)
        self._tries = tries
        self._patience_s = patience_s
        self._not_before_s = 0.0

    async def _call(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        attempt = 0
        while True:
            await self._leave_alone()
            try:
                return await call()
            except (StoreBusy, StoreUnreachable) as error:
                wait_s = delay_s(
                    self._policy,
                    attempt=attempt,
                    random_unit=self._clock.random(),
                    retry_after_s=error.retry_after_s,
                )
                too_long = (error.retry_after_s or 0.0) > self._patience_s
                if isinstance(error, StoreBusy) and not too_long:
                    until_s = self._clock.monotonic_s() + wait_s
                    self._not_before_s = max(self._not_before_s, until_s)
                silent = isinstance(error, StoreUnreachable) and error.after_silence
                attempt += 1
                if operation in _ONCE or too_long or silent or attempt >= self._tries:
                    raise
            await self._clock.sleep(wait_s)

    async def _leave_alone(self) -> None:
        """Wait for as long as the store asked another call to, and not all to one moment."""
        left_s = self._not_before_s - self._clock.monotonic_s()
        if left_s > 0:
            random_unit = self._clock.random()
            await self._clock.sleep(left_s + random_unit * self._policy.base_s)
