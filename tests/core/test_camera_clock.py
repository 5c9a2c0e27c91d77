"""What new files say of their camera's clock: bounds that always hold, and no guesses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.camera_clock import CameraClock, ClockSource, measured

DAY_S = 24 * 3600
MONDAY_S = 1_790_000_000
LONG_AGO_S = 315_532_800
"""1980-01-01: what a FAT camera shows whose battery was empty."""
UTC = ClockSource.MTIME_UTC


@given(
    offset_s=st.integers(-40 * 365 * DAY_S, 80 * 365 * DAY_S),
    away_s=st.integers(1, 60 * DAY_S),
    at=st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_the_true_offset_is_always_within_the_bounds(
    offset_s: int, away_s: int, at: list[float]
) -> None:
    """Whatever was recorded while the camera was away, rounded down as a FAT does."""
    recorded = [MONDAY_S + int(away_s * part) for part in at]
    written = [(when + offset_s) // 2 * 2 for when in recorded]
    found = measured(UTC, written, since_s=MONDAY_S, until_s=MONDAY_S + away_s)
    assert found.offset_s is not None
    assert found.uncertainty_s is not None
    assert abs(found.offset_s - offset_s) <= found.uncertainty_s
    assert found.wrong_by_s == 0 or found.wrong_by_s * offset_s > 0
    assert abs(found.wrong_by_s) <= abs(offset_s)


def test_footage_of_the_whole_time_away_tells_the_offset_to_seconds() -> None:
    """An hour fast, and filming from undocking to docking."""
    written = [MONDAY_S + 3600, MONDAY_S + 3600 + DAY_S]
    found = measured(UTC, written, since_s=MONDAY_S, until_s=MONDAY_S + DAY_S)
    assert found == CameraClock(source=UTC, offset_s=3600, uncertainty_s=2)
    assert found.is_known
    assert found.wrong_by_s == 3598


@pytest.mark.parametrize("since_s", [None, MONDAY_S - DAY_S])
def test_a_clock_in_the_future_is_wrong_at_first_sight(since_s: int | None) -> None:
    """Nobody records what is still to come."""
    found = measured(UTC, [MONDAY_S + 80 * DAY_S], since_s=since_s, until_s=MONDAY_S)
    assert found.wrong_by_s == 80 * DAY_S - 2
    assert found.is_known == (since_s is not None)


@pytest.mark.parametrize("since_s", [None, MONDAY_S - DAY_S])
def test_a_clock_that_was_reset_is_wrong_at_first_sight(since_s: int | None) -> None:
    """Nobody filmed with such a camera in 1980."""
    found = measured(UTC, [LONG_AGO_S], since_s=since_s, until_s=MONDAY_S)
    assert found.wrong_by_s < -20 * 365 * DAY_S


def test_an_ordinary_first_docking_proves_nothing() -> None:
    """Footage of last week on a camera that was never here: the clock may be right, or not."""
    found = measured(UTC, [MONDAY_S - 7 * DAY_S], since_s=None, until_s=MONDAY_S)
    assert not found.is_known
    assert found.wrong_by_s == 0


@pytest.mark.parametrize(
    ("source", "written_s"),
    [
        (ClockSource.NONE, [MONDAY_S]),
        (UTC, []),
        # Both cannot have been written within one day away by one clock.
        (UTC, [MONDAY_S, MONDAY_S + 7 * DAY_S]),
    ],
)
def test_what_no_single_offset_explains_says_nothing(
    source: ClockSource, written_s: list[int]
) -> None:
    """No source, no new file, or a clock that was set in between: nothing is guessed."""
    found = measured(source, written_s, since_s=MONDAY_S, until_s=MONDAY_S + DAY_S)
    assert found == CameraClock(source=source)
    assert found.wrong_by_s == 0
    assert not found.is_known
