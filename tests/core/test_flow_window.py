"""The window of parts in flight: it grows patiently and gives way at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.flow import Window, after_congestion, after_success


@given(outcomes=st.lists(st.booleans()), largest=st.integers(1, 8))
def test_the_window_stays_within_its_limits(outcomes: list[bool], largest: int) -> None:
    """Whatever arrives or fails, at least one and at most `largest` parts are in flight."""
    window = Window(largest=largest)
    for arrived in outcomes:
        window = after_success(window) if arrived else after_congestion(window)
        assert 1 <= window.parts <= largest


def test_a_window_full_of_successes_adds_one_part() -> None:
    """From 1 it takes 1, 2 and 3 successes to reach 2, 3 and 4, and there it stays."""
    window, sizes = Window(), []
    for _ in range(12):
        window = after_success(window)
        sizes.append(window.parts)
    assert sizes == [2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4]


def test_congestion_halves_the_window_and_forgets_what_arrived() -> None:
    """4 becomes 2 and 2 becomes 1, and the increase begins over."""
    window = after_congestion(Window(parts=4, successes=3))
    assert (window.parts, window.successes) == (2, 0)
    assert after_congestion(after_congestion(window)).parts == 1


def test_what_failed_together_counts_once() -> None:
    """A part that set out before the window was halved says nothing about the window of now."""
    window = Window(parts=4)
    halved = after_congestion(window, era=window.era)
    assert halved.parts == 2
    assert after_congestion(halved, era=window.era) == halved
    assert after_congestion(halved, era=halved.era).parts == 1


@pytest.mark.parametrize(("parts", "smallest", "largest"), [(1, 0, 4), (1, 2, 4), (5, 1, 4)])
def test_a_window_that_contradicts_itself_is_refused(
    parts: int, smallest: int, largest: int
) -> None:
    """A window of no parts, or outside its own limits, cannot be built."""
    with pytest.raises(ValueError, match="smallest"):
        Window(parts=parts, smallest=smallest, largest=largest)
