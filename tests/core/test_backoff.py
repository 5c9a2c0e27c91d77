"""Backoff: patient with the other side, never in step with the other stations."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.backoff import Backoff, ceiling_s, delay_s, next_attempt

POLICIES = st.builds(
    lambda base_s, factor: Backoff(base_s=base_s, cap_s=base_s * factor),
    st.floats(min_value=1e-3, max_value=1e3),
    st.floats(min_value=1, max_value=1e6),
)
ATTEMPTS = st.integers(min_value=0, max_value=10**30)
UNITS = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(policy=POLICIES, attempt=ATTEMPTS, random_unit=UNITS)
def test_a_wait_stays_between_nothing_and_the_cap(
    policy: Backoff, attempt: int, random_unit: float
) -> None:
    """However often something failed, the wait is finite and never beyond the cap."""
    assert 0 <= delay_s(policy, attempt=attempt, random_unit=random_unit) <= policy.cap_s


@given(
    policy=POLICIES,
    attempt=ATTEMPTS,
    random_unit=UNITS,
    retry_after_s=st.floats(min_value=0, max_value=1e7),
)
def test_a_wait_is_never_shorter_than_the_other_side_asked(
    policy: Backoff, attempt: int, random_unit: float, retry_after_s: float
) -> None:
    """Retry-After is a floor, and the jitter above it never more than the policy's cap."""
    wait_s = delay_s(policy, attempt=attempt, random_unit=random_unit, retry_after_s=retry_after_s)
    assert retry_after_s <= wait_s <= retry_after_s + policy.cap_s


@given(policy=POLICIES, attempt=ATTEMPTS, retry_after_s=st.floats(min_value=0, max_value=1e7))
def test_who_was_sent_away_together_does_not_come_back_together(
    policy: Backoff, attempt: int, retry_after_s: float
) -> None:
    """The waits of a crowd reach over as long as it was told to wait, or as the cap."""
    waits_s = [
        delay_s(policy, attempt=attempt, random_unit=random_unit, retry_after_s=retry_after_s)
        for random_unit in (0.0, 1.0)
    ]
    spread_s = waits_s[1] - waits_s[0]
    assert spread_s >= min(retry_after_s, policy.cap_s) * (1 - 1e-6)
    assert spread_s >= ceiling_s(policy, attempt=attempt) * (1 - 1e-6)


@given(policy=POLICIES, attempt=ATTEMPTS)
def test_patience_never_shrinks_while_failures_go_on(policy: Backoff, attempt: int) -> None:
    """One more failure in a row never makes the longest wait shorter."""
    assert ceiling_s(policy, attempt=attempt) <= ceiling_s(policy, attempt=attempt + 1)


def test_the_defaults_double_from_one_second_to_fifteen_minutes() -> None:
    """The longest waits are 1, 2, 4 ... 512 and then 900 seconds for ever."""
    ceilings = [ceiling_s(Backoff(), attempt=attempt) for attempt in range(12)]
    assert ceilings == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_the_jitter_covers_the_whole_interval() -> None:
    """Half the dice gives half the ceiling: the jitter is full, not a trimming."""
    assert delay_s(Backoff(), attempt=3, random_unit=0.0) == 0
    assert delay_s(Backoff(), attempt=3, random_unit=0.5) == 4
    assert delay_s(Backoff(), attempt=3, random_unit=0.5, retry_after_s=2) == 6
    assert delay_s(Backoff(), attempt=3, random_unit=0.5, retry_after_s=30) == 45


def test_nothing_overflows() -> None:
    """The largest base and the largest count that exist still give the cap."""
    policy = Backoff(base_s=1e308, cap_s=1.5e308)
    assert ceiling_s(policy, attempt=10**400) == 1.5e308


def test_progress_resets_the_count() -> None:
    """An attempt that moved bytes starts the count over; one that did not adds to it."""
    assert next_attempt(7, progressed=True) == 0
    assert next_attempt(7, progressed=False) == 8


@pytest.mark.parametrize(
    ("base_s", "cap_s"), [(0, 1), (-1, 1), (2, 1), (1, math.inf), (math.nan, 1), (1, math.nan)]
)
def test_a_policy_that_makes_no_sense_is_refused(base_s: float, cap_s: float) -> None:
    """A policy without a first wait, or with a cap below it, cannot be built."""
    with pytest.raises(ValueError, match="base_s"):
        Backoff(base_s=base_s, cap_s=cap_s)


@pytest.mark.parametrize(
    ("attempt", "random_unit", "retry_after_s"),
    [(-1, 0.5, None), (0, -0.1, None), (0, 1.1, None), (0, 0.5, -1), (0, 0.5, math.nan)],
)
def test_an_impossible_question_is_refused(
    attempt: int, random_unit: float, retry_after_s: float | None
) -> None:
    """Negative counts, dice outside the unit and absurd Retry-After values are errors."""
    with pytest.raises(ValueError, match=r"attempt|random_unit|retry_after_s"):
        delay_s(
            Backoff(),
            attempt=attempt,
            random_unit=random_unit,
            retry_after_s=retry_after_s,
        )
