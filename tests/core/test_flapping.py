"""Which comings and goings of a condition are worth a line."""

from typing import Final

from hypothesis import example, given
from hypothesis import strategies as some

from dockd.core.flapping import AWAY_S, OFTEN, Flapping, Key

KEY: Final = ("slot-fault", "slot A1")
OTHER: Final = ("slot-fault", "slot A2")


def test_what_comes_again_and_again_is_said_three_times_and_then_once_more_at_its_end() -> None:
    """The first beginnings and ends are said; from the third on it is one condition."""
    flapping = Flapping()
    said = []
    for number in range(40):
        said.append((flapping.begins(KEY, now_s=2.0 * number), flapping.times(KEY)))
        said.append((flapping.ends(KEY, now_s=2.0 * number + 1), flapping.times(KEY)))
    assert said[: 2 * OFTEN] == [
        *((True, 1), (True, 0), (True, 2), (True, 0)),
        *((True, 3), (False, 3)),
    ]
    assert not any(is_said for is_said, _ in said[2 * OFTEN :])
    ended_s = 2.0 * 39 + 1
    assert not list(flapping.stayed_away(now_s=ended_s + AWAY_S - 1))
    assert flapping.times(KEY) == 40
    (over,) = flapping.stayed_away(now_s=ended_s + AWAY_S)
    assert (over.key, over.times, over.away_s) == (KEY, 40, AWAY_S)
    assert flapping.times(KEY) == 0
    assert flapping.begins(KEY, now_s=ended_s + AWAY_S)
    assert flapping.times(KEY) == 1


def test_what_comes_back_late_begins_anew() -> None:
    """Ten minutes without it, and it counts from one."""
    flapping = Flapping()
    now_s = 0.0
    for _ in range(10):
        assert flapping.begins(KEY, now_s=now_s)
        assert flapping.times(KEY) == 1
        assert flapping.ends(KEY, now_s=now_s + 1)
        now_s += 1 + AWAY_S


def test_what_was_there_before_counts_once() -> None:
    """A condition that a run before this one left open ends like any other."""
    flapping = Flapping()
    assert flapping.times(KEY) == 0
    assert flapping.ends(KEY, now_s=0)
    assert flapping.begins(KEY, now_s=1)
    assert flapping.times(KEY) == 2


def test_a_stop_asks_for_what_is_unsaid_however_short_it_is_away() -> None:
    """Of two that came and went, both are told, and one that is there still is not."""
    flapping = Flapping()
    for key in (KEY, OTHER):
        for number in range(OFTEN):
            flapping.begins(key, now_s=number)
            flapping.ends(key, now_s=number)
    flapping.begins(OTHER, now_s=9)
    assert [over.key for over in flapping.stayed_away(now_s=9, least_s=0)] == [KEY]
    assert not flapping.ends(OTHER, now_s=9)
    assert [over.times for over in flapping.stayed_away(now_s=9, least_s=0)] == [OFTEN + 1]


@example([(KEY, 0.0)] * (2 * OFTEN - 1) + [(KEY, 1.8515553536233824)])
@given(some.lists(some.tuples(some.sampled_from((KEY, OTHER)), some.floats(0, 2 * AWAY_S))))
def test_beginnings_and_ends_that_are_said_take_turns(moves: list[tuple[Key, float]]) -> None:
    """Whatever comes when: nothing is said to end or to begin twice, and all ends are told."""
    flapping = Flapping()
    now_s = 0.0
    there: set[object] = set()
    told: set[object] = set()
    for key, pause_s in moves:
        now_s += pause_s
        for over in flapping.stayed_away(now_s=now_s):
            told.remove(over.key)
        if key in there:
            there.remove(key)
            if flapping.ends(key, now_s=now_s):
                told.remove(key)
        else:
            there.add(key)
            if flapping.begins(key, now_s=now_s):
                assert key not in told
                told.add(key)
        # What holds was told of, at the moment it began.
        assert there <= told
    # By more than AWAY_S: a sum of seconds may be a hair less than its parts.
    for over in flapping.stayed_away(now_s=now_s + AWAY_S + 1):
        told.remove(over.key)
    assert told == there


def test_thousands_that_came_once_are_forgotten() -> None:
    """What ended long ago takes no room."""
    flapping = Flapping()
    for number in range(10_000):
        flapping.begins(("clip-gone", f"clip {number}"), now_s=number)
        flapping.ends(("clip-gone", f"clip {number}"), now_s=number)
    assert flapping.remembered <= AWAY_S + 1
