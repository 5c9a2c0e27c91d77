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

    async def _call(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        for attempt in range(self._tries - 1):
            try:
                return await call()
            except (StoreBusy, StoreUnreachable) as error:
                too_long = (error.retry_after_s or 0.0) > self._patience_s
                silent = isinstance(error, StoreUnreachable) and error.after_silence
                if operation in _ONCE or too_long or silent:
                    raise
                wait_s = delay_s(
                    self._policy,
                    attempt=attempt,
                    random_unit=self._clock.random(),
                    retry_after_s=error.retry_after_s,
                )
            await self._clock.sleep(wait_s)
        return await call()
