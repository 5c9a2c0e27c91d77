"""How long to wait before the next attempt: exponential backoff with full jitter.

The wait is `U(0, min(cap, base * 2**n))`, which spreads the stations that lost the same
store evenly over the whole interval (Brooker, "Exponential Backoff And Jitter", AWS
Architecture Blog, 2015). When the other side said how long to wait, the jitter comes on top
of that, so that nobody is early, and reaches at least as far again, up to the cap: all who were
sent away within a second would else be back within one, and most of them be sent away again.
"""

import math
from dataclasses import dataclass
from typing import Final

# The largest power of two that a float holds; a product beyond it is inf, which the cap tames.
_LARGEST_EXPONENT: Final = 1023


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """How patient one kind of attempt is.

    Attributes:
        base_s: The ceiling of the first wait, in seconds; above 0.
        cap_s: The ceiling of every wait, in seconds; at least `base_s`. What the other side
            asks for with Retry-After is honoured beyond it.
    """

    base_s: float = 1.0
    cap_s: float = 900.0

    def __post_init__(self) -> None:
        """Refuse a policy that would never wait or that is no number.

        Raises:
            ValueError: `0 < base_s <= cap_s < infinity` does not hold.
        """
        if not 0 < self.base_s <= self.cap_s < math.inf:
            message = f"need 0 < base_s <= cap_s < inf, got {self.base_s} and {self.cap_s}"
            raise ValueError(message)


def ceiling_s(policy: Backoff, *, attempt: int) -> float:
    """Return the longest jitter, in seconds, after `attempt` earlier failures in a row.

    Raises:
        ValueError: `attempt` is negative.
    """
    if attempt < 0:
        message = f"attempt counts earlier failures and cannot be {attempt}"
        raise ValueError(message)
    return min(policy.cap_s, policy.base_s * 2.0 ** min(attempt, _LARGEST_EXPONENT))


def delay_s(
    policy: Backoff,
    *,
    attempt: int,
    random_unit: float,
    retry_after_s: float | None = None,
) -> float:
    """Return how long to wait, in seconds, before the next attempt.

    Args:
        policy: How patient to be.
        attempt: Failures in a row before this one, from 0; progress sets it back to 0.
        random_unit: A uniform random number in [0, 1).
        retry_after_s: The least wait that the other side asked for, if it did.

    Raises:
        ValueError: `attempt` or `retry_after_s` is negative or no number, or `random_unit`
            lies outside [0, 1].
    """
    if not 0 <= random_unit <= 1:
        message = f"random_unit must lie in [0, 1], got {random_unit}"
        raise ValueError(message)
    asked_s = 0.0 if retry_after_s is None else retry_after_s
    if not 0 <= asked_s < math.inf:
        message = f"retry_after_s must be 0 or more seconds, got {asked_s}"
        raise ValueError(message)
    spread_s = max(ceiling_s(policy, attempt=attempt), min(asked_s, policy.cap_s))
    return asked_s + random_unit * spread_s


def next_attempt(attempt: int, *, progressed: bool) -> int:
    """Return the failures in a row once another attempt has failed.

    An attempt that moved bytes before it failed shows that the way is open, so the count
    starts over: a link that drops once an hour is never treated like a dead one.
    """
    return 0 if progressed else attempt + 1
