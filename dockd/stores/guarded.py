"""The breaker before a store: while it is down, nothing waits for it and one request asks."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from dockd.core.flow import (
    Breaker,
    BreakerPolicy,
    BreakerState,
    Outcome,
    Ticket,
    admit,
    settle,
    time_to_probe_s,
)
from dockd.errors import DockdError, StoreBusy, StoreUnreachable
from dockd.ports.clock import Clock
from dockd.ports.store import Store
from dockd.stores.wrapper import StoreWrapper

T = TypeVar("T")


class GuardedStore(StoreWrapper):
    """Lets nothing through while the breaker is open, and one request while it is half open.

    A refusal is an answer: only StoreUnreachable and StoreBusy speak against a store.
    """

    def __init__(self, inner: Store, *, clock: Clock, policy: BreakerPolicy | None = None) -> None:
        super().__init__(inner)
        self._clock = clock
        self._policy = policy or BreakerPolicy()
        self._breaker = Breaker()
        self._reason = ""

    @property
    def breaker(self) -> BreakerState:
        """What the breaker is, in the words of the status report."""
        return self._breaker.state

    @property
    def reason(self) -> str:
        """The last error that spoke against the store, or "" when it works."""
        return self._reason

    async def _call(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        del operation
        ticket = self._admitted()
        try:
            answer = await call()
        except BaseException as error:
            self._settled(ticket, error)
            raise
        self._settled(ticket, None)
        return answer

    async def read_back(self, key: str, *, version: str) -> AsyncGenerator[bytes, None]:
        """See `Store.read_back`."""
        ticket = self._admitted()
        try:
            async for chunk in self.inner.read_back(key, version=version):
                yield chunk
        except BaseException as error:
            self._settled(ticket, error)
            raise
        self._settled(ticket, None)

    def _admitted(self) -> Ticket:
        now_s = self._clock.monotonic_s()
        self._breaker, ticket = admit(self._breaker, now_s=now_s)
        if ticket is None:
            raise StoreUnreachable(
                f"the store {self.name} is left alone for now: {self._reason}",
                retry_after_s=time_to_probe_s(self._breaker, now_s=now_s),
            )
        return ticket

    def _settled(self, ticket: Ticket, error: BaseException | None) -> None:
        outcome = _outcome(error)
        if outcome is Outcome.FAILED:
            self._reason = str(error)
        elif outcome is Outcome.SUCCEEDED:
            self._reason = ""
        retry_after_s = error.retry_after_s if isinstance(error, StoreBusy) else None
        self._breaker = settle(
            self._breaker,
            ticket=ticket,
            outcome=outcome,
            policy=self._policy,
            now_s=self._clock.monotonic_s(),
            random_unit=self._clock.random(),
            retry_after_s=retry_after_s,
        )


def _outcome(error: BaseException | None) -> Outcome:
    if isinstance(error, StoreUnreachable | StoreBusy):
        return Outcome.FAILED
    if error is None or isinstance(error, DockdError):
        return Outcome.SUCCEEDED
    return Outcome.ABANDONED
