"""Who is let in beside the clips that are being sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.flow import is_free

SMALL, ONE_PART = 256 * 1024, 16 * 1024 * 1024
LARGE = ONE_PART + 1
SIZES = st.integers(min_value=0, max_value=10**10)


@pytest.mark.parametrize(
    ("under_way_bytes", "large", "one_part"),
    [
        ([], True, True),
        ([LARGE], True, True),
        ([LARGE, LARGE], False, True),
        ([LARGE, ONE_PART], False, True),
        # There is one lane more and not two.
        ([LARGE, LARGE, ONE_PART], False, False),
        ([LARGE, *[SMALL] * 7], True, True),
        ([LARGE, *[SMALL] * 8], False, True),
        ([LARGE, LARGE, *[SMALL] * 7], False, True),
        ([LARGE, LARGE, *[SMALL] * 8], False, False),
    ],
)
def test_one_lane_more_is_for_clips_of_one_part(
    under_way_bytes: list[int], large: bool, one_part: bool
) -> None:
    """Of two lanes small clips take an eighth each; a clip of one part finds a third."""
    assert is_free(LARGE, under_way_bytes=under_way_bytes, lanes=2) is large
    assert is_free(ONE_PART, under_way_bytes=under_way_bytes, lanes=2) is one_part
    assert is_free(0, under_way_bytes=under_way_bytes, lanes=2) is one_part


@given(st.lists(SIZES, max_size=60), st.integers(min_value=1, max_value=16))
def test_no_more_large_clips_than_lanes_are_ever_under_way(sizes: list[int], lanes: int) -> None:
    """Whoever comes in whatever order, the lane more carries no clip of several parts."""
    under_way: list[int] = []
    for size_bytes in sizes:
        if is_free(size_bytes, under_way_bytes=under_way, lanes=lanes):
            under_way.append(size_bytes)
    assert sum(size_bytes > ONE_PART for size_bytes in under_way) <= lanes
    assert sum(size_bytes > SMALL for size_bytes in under_way) <= lanes + 1
