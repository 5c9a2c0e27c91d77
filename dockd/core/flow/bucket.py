"""The station's rate limit: a token bucket that several streams share.

A reservation is taken at once and paid for by waiting: the level may go below zero, and
whoever reserves next waits behind that debt. Streams are so served in the order in which they
asked, without a queue and without a lock. Over any stretch of time the bytes granted are at
most rate times time plus the burst.
"""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """The bucket's whole state.

    Attributes:
        rate_bytes_s: The limit in bytes per second; None or 0 is no limit.
        burst_bytes: What may go at once after a pause, and the largest single reservation.
        level_bytes: What may go right now; below 0 it is already promised.
        updated_s: The monotonic time at which `level_bytes` was true.
    """

    rate_bytes_s: float | None
    burst_bytes: int
    level_bytes: float = 0.0
    updated_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a bucket that could never grant anything.

        Raises:
            ValueError: The rate is negative or no number, or the burst below 1.
        """
        _check_rate(self.rate_bytes_s)
        if self.burst_bytes < 1:
            message = f"burst_bytes must be at least 1, got {self.burst_bytes}"
            raise ValueError(message)


def reserve(bucket: Bucket, *, amount_bytes: int, now_s: float) -> tuple[Bucket, float]:
    """Take `amount_bytes` and return the bucket and how many seconds to wait before sending.

    The reservation stands whether the caller sends or not; what a cancelled stream reserved
    is at most one burst of unused budget.

    Raises:
        ValueError: The amount is negative, or larger than the burst: split it, or one
            reservation alone would break the limit that it asks for.
    """
    if not 0 <= amount_bytes <= bucket.burst_bytes:
        message = f"amount_bytes must be 0 to {bucket.burst_bytes}, got {amount_bytes}"
        raise ValueError(message)
    filled = _filled(bucket, now_s=now_s)
    if not filled.rate_bytes_s:
        return filled, 0.0
    level_bytes = filled.level_bytes - amount_bytes
    # From `updated_s`, not from `now_s`: a clock that stood still must not shorten the wait.
    due_s = filled.updated_s + max(0.0, -level_bytes / filled.rate_bytes_s)
    return replace(filled, level_bytes=level_bytes), due_s - now_s


def with_rate(bucket: Bucket, *, rate_bytes_s: float | None, now_s: float) -> Bucket:
    """Return the bucket with another limit from `now_s` on.

    Waits already handed out stand as promised. What they owe is paid at the new rate before
    anything further is granted, so a change never opens a second burst.

    Raises:
        ValueError: The rate is negative or no number.
    """
    return replace(_filled(bucket, now_s=now_s), rate_bytes_s=rate_bytes_s)


def _filled(bucket: Bucket, *, now_s: float) -> Bucket:
    updated_s = max(bucket.updated_s, now_s)
    if not bucket.rate_bytes_s:
        return replace(bucket, level_bytes=float(bucket.burst_bytes), updated_s=updated_s)
    earned_bytes = bucket.rate_bytes_s * (updated_s - bucket.updated_s)
    level_bytes = min(float(bucket.burst_bytes), bucket.level_bytes + earned_bytes)
    return replace(bucket, level_bytes=level_bytes, updated_s=updated_s)


def _check_rate(rate_bytes_s: float | None) -> None:
    if rate_bytes_s is not None and not 0 <= rate_bytes_s < math.inf:
        message = f"rate_bytes_s must be 0 or more, or None, got {rate_bytes_s}"
        raise ValueError(message)
