"""The circuit breaker that stands before one store.

Closed, everything passes. After `failures_to_open` failures in a row it opens and nothing
passes until the backoff has run out; then exactly one request, the probe, goes through
(half-open). The probe's success closes the breaker, its failure opens it for longer.

A request takes a ticket when it is admitted and hands it back with its outcome. Every change
of state makes the older tickets stale: the answer to a request from before the breaker opened
says nothing about the store of now, and can neither close it nor open it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from dockd.core.backoff import Backoff, delay_s


class BreakerState(StrEnum):
    """Whether requests pass; the values are those of `/v1/status`."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class BreakerEvent(StrEnum):
    """What moves the breaker."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAILED_TOO_OFTEN = "failed-too-often"
    ABANDONED = "abandoned"
    PROBED = "probed"


class Outcome(StrEnum):
    """What became of an admitted request."""

    SUCCEEDED = "succeeded"
    """The store answered like a working store, be it with a refusal."""
    FAILED = "failed"
    """No answer, or one that says that the store cannot work now."""
    ABANDONED = "abandoned"
    """Cancelled on our side before there was an answer."""


TRANSITIONS: Final[Mapping[tuple[BreakerState, BreakerEvent], BreakerState]] = {
    (BreakerState.CLOSED, BreakerEvent.SUCCEEDED): BreakerState.CLOSED,
    (BreakerState.CLOSED, BreakerEvent.FAILED): BreakerState.CLOSED,
    (BreakerState.CLOSED, BreakerEvent.ABANDONED): BreakerState.CLOSED,
    (BreakerState.CLOSED, BreakerEvent.FAILED_TOO_OFTEN): BreakerState.OPEN,
    (BreakerState.OPEN, BreakerEvent.PROBED): BreakerState.HALF_OPEN,
    (BreakerState.HALF_OPEN, BreakerEvent.SUCCEEDED): BreakerState.CLOSED,
    # For a probe, once is too often.
    (BreakerState.HALF_OPEN, BreakerEvent.FAILED_TOO_OFTEN): BreakerState.OPEN,
    # The probe told us nothing, and without it half-open would last for ever.
    (BreakerState.HALF_OPEN, BreakerEvent.ABANDONED): BreakerState.OPEN,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakerPolicy:
    """When the breaker opens, and for how long.

    Attributes:
        failures_to_open: Failures in a row that open it; at least 1.
        backoff: How long it stays open, by openings in a row.
    """

    failures_to_open: int = 5
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        """Refuse a breaker that opens without a failure.

        Raises:
            ValueError: `failures_to_open` is below 1.
        """
        if self.failures_to_open < 1:
            message = f"failures_to_open must be at least 1, got {self.failures_to_open}"
            raise ValueError(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """The breaker's whole state.

    Attributes:
        state: Whether requests pass.
        failures_in_row: Failures since the last success, while closed.
        openings_in_row: Openings since the last success.
        open_until_s: While open, the monotonic time at which a probe may go.
        era: Counts the changes of state; a ticket of an older era is stale.
    """

    state: BreakerState = BreakerState.CLOSED
    failures_in_row: int = 0
    openings_in_row: int = 0
    open_until_s: float = 0.0
    era: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to make one request, to be handed back with its outcome."""

    era: int


def admit(breaker: Breaker, *, now_s: float) -> tuple[Breaker, Ticket | None]:
    """Ask to make a request at monotonic time `now_s`; no ticket means not now."""
    if breaker.state is BreakerState.CLOSED:
        return breaker, Ticket(breaker.era)
    if breaker.state is BreakerState.HALF_OPEN or now_s < breaker.open_until_s:
        return breaker, None
    probing = _moved(breaker, event=BreakerEvent.PROBED)
    return probing, Ticket(probing.era)


def settle(
    breaker: Breaker,
    *,
    ticket: Ticket,
    outcome: Outcome,
    policy: BreakerPolicy,
    now_s: float,
    random_unit: float,
    retry_after_s: float | None = None,
) -> Breaker:
    """Hand a ticket back and return the breaker after it.

    Args:
        breaker: The present state.
        ticket: What `admit` gave for the request.
        outcome: What became of the request.
        policy: When to open, and for how long.
        now_s: The monotonic time, in seconds.
        random_unit: A uniform random number in [0, 1) for the backoff's jitter.
        retry_after_s: The least wait that the store asked for, if it did.
    """
    if ticket.era != breaker.era:
        return breaker
    if outcome is Outcome.ABANDONED:
        return _moved(breaker, event=BreakerEvent.ABANDONED)
    if outcome is Outcome.SUCCEEDED:
        closed = _moved(breaker, event=BreakerEvent.SUCCEEDED)
        return replace(closed, failures_in_row=0, openings_in_row=0)
    failures_in_row = breaker.failures_in_row + 1
    if breaker.state is BreakerState.CLOSED and failures_in_row < policy.failures_to_open:
        failed = _moved(breaker, event=BreakerEvent.FAILED)
        return replace(failed, failures_in_row=failures_in_row)
    open_s = delay_s(
        policy.backoff,
        attempt=breaker.openings_in_row,
        random_unit=random_unit,
        retry_after_s=retry_after_s,
    )
    return replace(
        _moved(breaker, event=BreakerEvent.FAILED_TOO_OFTEN),
        failures_in_row=0,
        openings_in_row=breaker.openings_in_row + 1,
        open_until_s=now_s + open_s,
    )


def time_to_probe_s(breaker: Breaker, *, now_s: float) -> float | None:
    """Return the seconds until a request may pass: 0 when it may now.

    None means that a probe is under way, and its outcome decides.
    """
    if breaker.state is BreakerState.HALF_OPEN:
        return None
    if breaker.state is BreakerState.CLOSED:
        return 0.0
    return max(0.0, breaker.open_until_s - now_s)


def _moved(breaker: Breaker, *, event: BreakerEvent) -> Breaker:
    state = TRANSITIONS[breaker.state, event]
    if state is breaker.state:
        return breaker
    return replace(breaker, state=state, era=breaker.era + 1)
