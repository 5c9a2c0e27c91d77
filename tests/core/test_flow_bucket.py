"""The rate limit: several streams, one budget, never more than it allows."""

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.flow import Bucket, burst_bytes, portion_bytes, reserve, with_rate

RATES = st.floats(min_value=1e3, max_value=1e9)
BURSTS = st.integers(min_value=1, max_value=2**22)
CLOSE = 1 + 1e-6


@given(data=st.data(), rate_bytes_s=RATES, burst_bytes=BURSTS)
def test_no_stretch_of_time_grants_more_than_rate_and_burst(
    data: st.DataObject, rate_bytes_s: float, burst_bytes: int
) -> None:
    """Between any two grants, of whatever stream, lie at most rate x time + burst bytes."""
    asks = data.draw(
        st.lists(
            st.tuples(st.floats(0, 10 * burst_bytes / rate_bytes_s), st.integers(0, burst_bytes)),
            max_size=30,
        )
    )
    bucket = Bucket(rate_bytes_s=rate_bytes_s, burst_bytes=burst_bytes)
    times_s = accumulate(pause_s for pause_s, _ in asks)
    grants = []
    for now_s, (_, amount_bytes) in zip(times_s, asks, strict=True):
        bucket, wait_s = reserve(bucket, amount_bytes=amount_bytes, now_s=now_s)
        assert wait_s >= 0
        grants.append((now_s + wait_s, amount_bytes))
    for first, (from_s, _) in enumerate(grants):
        granted_bytes = 0
        for until_s, amount_bytes in grants[first:]:
            granted_bytes += amount_bytes
            allowed_bytes = rate_bytes_s * (until_s - from_s) + burst_bytes
            assert granted_bytes <= allowed_bytes * CLOSE + rate_bytes_s * 1e-9


@given(streams=st.integers(1, 8), rate_bytes_s=RATES)
def test_the_budget_is_used_up(streams: int, rate_bytes_s: float) -> None:
    """Streams that always have something to send get the whole rate between them."""
    chunk_bytes = 65536
    bucket = Bucket(rate_bytes_s=rate_bytes_s, burst_bytes=chunk_bytes)
    ready_s = [0.0] * streams
    sent_bytes = 0
    for _ in range(50):
        stream = ready_s.index(min(ready_s))
        now_s = ready_s[stream]
        bucket, wait_s = reserve(bucket, amount_bytes=chunk_bytes, now_s=now_s)
        ready_s[stream] = now_s + wait_s
        sent_bytes += chunk_bytes
    assert sent_bytes == pytest.approx(rate_bytes_s * max(ready_s), rel=1e-6)


@given(
    changes=st.lists(
        st.tuples(st.floats(0, 5), st.one_of(st.none(), st.floats(0, 1e6))), max_size=8
    )
)
def test_a_change_of_rate_never_opens_a_second_burst(
    changes: list[tuple[float, float | None]],
) -> None:
    """However often the limit is changed, no more than one burst may go at once."""
    bucket, now_s = Bucket(rate_bytes_s=1e3, burst_bytes=1000), 0.0
    for pause_s, rate_bytes_s in changes:
        now_s += pause_s
        bucket = with_rate(bucket, rate_bytes_s=rate_bytes_s, now_s=now_s)
    assert bucket.level_bytes <= bucket.burst_bytes


def test_a_new_rate_counts_from_the_moment_it_is_set() -> None:
    """What was earned before the change was earned at the old rate, debt is paid at the new."""
    bucket = Bucket(rate_bytes_s=100.0, burst_bytes=1000)
    bucket = with_rate(bucket, rate_bytes_s=50.0, now_s=4.0)
    assert bucket.level_bytes == 400
    bucket, wait_s = reserve(bucket, amount_bytes=500, now_s=4.0)
    assert wait_s == 2.0


@pytest.mark.parametrize("rate_bytes_s", [None, 0, 0.0])
def test_no_limit_means_no_wait(rate_bytes_s: float | None) -> None:
    """Without a limit nothing waits, and a limit that comes later starts with one burst."""
    bucket = Bucket(rate_bytes_s=rate_bytes_s, burst_bytes=10)
    for _ in range(3):
        bucket, wait_s = reserve(bucket, amount_bytes=10, now_s=1.0)
        assert wait_s == 0
    limited = with_rate(bucket, rate_bytes_s=1.0, now_s=1.0)
    limited, first_wait_s = reserve(limited, amount_bytes=10, now_s=1.0)
    limited, second_wait_s = reserve(limited, amount_bytes=10, now_s=1.0)
    assert (first_wait_s, second_wait_s) == (0, 10)
    assert portion_bytes(rate_bytes_s) == portion_bytes(math.inf)


def test_a_clock_that_steps_back_grants_nothing_twice() -> None:
    """Time that was already paid out is not paid out again."""
    bucket = Bucket(rate_bytes_s=1.0, burst_bytes=10)
    bucket, wait_s = reserve(bucket, amount_bytes=10, now_s=10.0)
    assert wait_s == 0
    bucket, wait_s = reserve(bucket, amount_bytes=1, now_s=5.0)
    assert wait_s == 6.0


@pytest.mark.parametrize("amount_bytes", [-1, 11])
def test_a_reservation_that_alone_would_break_the_limit_is_refused(amount_bytes: int) -> None:
    """More than one burst has to be asked for in pieces."""
    with pytest.raises(ValueError, match="amount_bytes"):
        reserve(Bucket(rate_bytes_s=1.0, burst_bytes=10), amount_bytes=amount_bytes, now_s=0)


@pytest.mark.parametrize(
    ("rate_bytes_s", "burst_bytes"), [(-1.0, 1), (math.inf, 1), (math.nan, 1), (1.0, 0)]
)
def test_a_bucket_that_makes_no_sense_is_refused(rate_bytes_s: float, burst_bytes: int) -> None:
    """A negative rate, a rate that is no number and a burst of nothing cannot be built."""
    with pytest.raises(ValueError, match="_bytes"):
        Bucket(rate_bytes_s=rate_bytes_s, burst_bytes=burst_bytes)


@given(rate_bytes_s=st.floats(min_value=1.0, max_value=1e12))
def test_what_is_granted_at_a_time_follows_the_limit(rate_bytes_s: float) -> None:
    """A portion is always one that may be granted, and a burst a few per mille of half a minute."""
    portion = portion_bytes(rate_bytes_s)
    burst = burst_bytes(rate_bytes_s)
    assert 4096 <= portion <= min(burst, 1024 * 1024)
    assert burst <= max(4096.0, 0.1 * rate_bytes_s)


def test_eight_streams_share_a_slow_link_without_long_pauses() -> None:
    """At 200 kbit/s each of eight streams has its turn within two seconds."""
    rate_bytes_s = 25_000.0
    bucket = Bucket(rate_bytes_s=rate_bytes_s, burst_bytes=burst_bytes(rate_bytes_s))
    waits_s = []
    for _ in range(9):
        bucket, wait_s = reserve(bucket, amount_bytes=portion_bytes(rate_bytes_s), now_s=0.0)
        waits_s.append(wait_s)
    assert waits_s[8] - waits_s[0] <= 2.0


def test_another_limit_brings_its_own_burst() -> None:
    """What a fast limit had saved up does not go at once under a slow one."""
    bucket = Bucket(rate_bytes_s=1e6, burst_bytes=100_000, level_bytes=100_000.0)
    slow = with_rate(bucket, rate_bytes_s=1e3, now_s=0.0, burst_bytes=4096)
    assert (slow.level_bytes, slow.burst_bytes) == (4096.0, 4096)
