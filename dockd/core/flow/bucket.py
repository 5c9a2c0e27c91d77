"""The station's rate limit: a token bucket that several streams share.

A reservation is taken at once and paid for by waiting: the level may go below zero, and
whoever reserves next waits behind that debt. Streams are so served in the order in which they
asked, without a queue and without a lock. Over any stretch of time the bytes granted are at
most rate times time plus the burst.

How much is granted at a time follows the limit. A fast one is not asked for so often that asking
costs more than sending, and what a busy loop grants late is caught up with; at a slow one each of
many streams still has its turn within seconds, or its server would hang up.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

SMALLEST_PORTION_BYTES: Final = 4 * 1024
LARGEST_PORTION_BYTES: Final = 1024 * 1024
_PORTION_S: Final = 0.05
# A three-hundredth of half a minute, within which the limit is to be kept to a few per cent.
_BURST_S: Final = 0.1


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


def portion_bytes(rate_bytes_s: float | None) -> int:
    """Return how many bytes a stream asks for at a time under a limit; the most without one."""
    if not rate_bytes_s:
        return LARGEST_PORTION_BYTES
    # A limit may be absurd; an overflow must not be what it comes to.
    portion = min(rate_bytes_s * _PORTION_S, LARGEST_PORTION_BYTES)
    return max(SMALLEST_PORTION_BYTES, int(portion))


def burst_bytes(rate_bytes_s: float | None) -> int:
    """Return what may go at once after a pause under a limit: never less than a portion."""
    return max(portion_bytes(rate_bytes_s), int((rate_bytes_s or 0.0) * _BURST_S))


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


def with_rate(
    bucket: Bucket, *, rate_bytes_s: float | None, now_s: float, burst_bytes: int | None = None
) -> Bucket:
    """Return the bucket with another limit from `now_s` on, and another burst where one is given.

    Waits already handed out stand as promised. What they owe is paid at the new rate before
    anything further is granted, so a change never opens a second burst.

    Raises:
        ValueError: The rate is negative or no number.
    """
    filled = _filled(bucket, now_s=now_s)
    burst = bucket.burst_bytes if burst_bytes is None else burst_bytes
    return replace(
        filled,
        rate_bytes_s=rate_bytes_s,
        burst_bytes=burst,
        level_bytes=min(filled.level_bytes, float(burst)),
    )


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
