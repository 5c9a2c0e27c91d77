"""When a clip's turn is, in words."""

from typing import Any

import pytest

from dockd.core.turn import Turn, duration, ordinal, sentence

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0


def turn(**changes: Any) -> Turn:  # noqa: ANN401 - any field of a turn
    """Return the turn of a clip in a line that moves by a megabyte a second."""
    plain: dict[str, Any] = {
        "store": "central", "before": 0, "ahead": (), "to_send_bytes": 840_000_000,
        "rate_bytes_s": 1e6,
    }  # fmt: skip
    return Turn(**(plain | changes))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (turn(), "The clip is first in line to store central, about 14 minutes."),
        (
            turn(before=1, ahead=("aa",), rate_bytes_s=None),
            "The clip is second in line to store central, behind aa.",
        ),
        (
            turn(before=2, ahead=("aa", "bb")),
            "The clip is third in line to store central, behind aa and bb, about 14 minutes.",
        ),
        (
            turn(before=3, ahead=("aa", "bb", "cc"), rate_bytes_s=0.0),
            "The clip is fourth in line to store central, behind aa, bb and cc.",
        ),
        (
            turn(store="x", before=20, ahead=("aa", "bb", "cc")),
            "The clip is 21st in line to store x, behind aa, bb and 18 others, about 14 minutes.",
        ),
        (turn(sending=True), "The clip is on its way to store central, about 14 minutes."),
        (
            turn(before=2000, ahead=("aa", "bb", "cc"), counted=False),
            "The clip has more than 2000 others before it to store central.",
        ),
    ],
)
def test_a_clip_is_told_its_place_and_its_time(found: Turn, said: str) -> None:
    """Whoever waits is told behind whom, and for about how long where that was measured."""
    assert sentence(found) == said


@pytest.mark.parametrize(
    "changes", [{"rate_bytes_s": None}, {"rate_bytes_s": 0}, {"counted": False}]
)
def test_what_nobody_can_tell_is_not_told(changes: dict[str, Any]) -> None:
    """Without a measured rate, or behind all that were counted, there is no time."""
    assert turn(**changes).eta_s is None


@pytest.mark.parametrize(
    ("place", "said"),
    [(1, "first"), (10, "tenth"), (11, "11th"), (13, "13th"), (21, "21st"), (22, "22nd"),
     (23, "23rd"), (24, "24th"), (111, "111th"), (121, "121st")],
)  # fmt: skip
def test_a_place_is_an_ordinal(place: int, said: str) -> None:
    """Up to ten in words, then in digits."""
    assert ordinal(place) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "less than a minute"),
        (59.9, "less than a minute"),
        (MINUTE_S, "about 1 minute"),
        (14.4 * MINUTE_S, "about 14 minutes"),
        (99 * MINUTE_S, "about 99 minutes"),
        (100 * MINUTE_S, "about 2 hours"),
        (35 * HOUR_S, "about 35 hours"),
        (36 * HOUR_S, "about 2 days"),
        (9 * DAY_S, "about 9 days"),
    ],
)
def test_a_time_is_told_as_people_tell_it(seconds: float, said: str) -> None:
    """Minutes up to a hundred, hours up to a day and a half, then days."""
    assert duration(seconds) == said
