"""What time it is, as far as anybody vouches for it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dockd.core.vouching import vouched_now

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
WEEK_S = 7 * 24 * 3600.0
AHEAD_S = st.lists(st.floats(-WEEK_S, WEEK_S), max_size=4)


def test_nobody_vouches_for_a_clock_that_no_one_disciplines() -> None:
    """Without a synchronised clock and a word from a store there is no time at all."""
    assert vouched_now(NOW, synchronised=False, stores_ahead_s=[]) is None
    assert vouched_now(NOW, synchronised=True, stores_ahead_s=[]) == NOW


@given(true_s=st.floats(-WEEK_S, WEEK_S), lies_s=AHEAD_S, synchronised=st.booleans())
def test_one_who_is_right_is_enough(true_s: float, lies_s: list[float], synchronised: bool) -> None:
    """Whoever else lies or is wrong, the time is never earlier than one honest clock has it."""
    found = vouched_now(NOW, synchronised=synchronised, stores_ahead_s=[*lies_s, true_s])
    assert found is not None
    assert found >= NOW + timedelta(seconds=true_s)
    assert not synchronised or found >= NOW


@given(ahead_s=AHEAD_S.filter(bool), synchronised=st.booleans())
def test_it_is_nobody_s_invention(ahead_s: list[float], synchronised: bool) -> None:
    """The time is always that of one of those who vouch."""
    found = vouched_now(NOW, synchronised=synchronised, stores_ahead_s=ahead_s)
    own = {NOW} if synchronised else set()
    assert found in own | {NOW + timedelta(seconds=each) for each in ahead_s}
