"""The order of uploads: urgent first, and yet nobody waits for ever."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.schedule import (
    LONGEST_HEAD_START_S,
    Waiting,
    eta_s,
    is_in_a_hurry,
    order,
    position,
    station_jitter,
)
from dockd.errors import NotFound

WEEK_S = 7 * 86_400.0
CLIPS = st.builds(
    Waiting,
    clip_id=st.text("0123456789abcdef", min_size=16, max_size=16),
    flagged=st.booleans(),
    size_bytes=st.integers(0, 2**40),
    waiting_s=st.floats(0, 30 * 86_400),
    camera_fill_fraction=st.none() | st.floats(0, 1),
    recorded_at_s=st.floats(0, 2e9),
    prioritised=st.booleans(),
)
LINES = st.lists(CLIPS, max_size=12, unique_by=lambda clip: clip.clip_id)


def waiting(
    clip_id: str, *, flagged: bool = False, waiting_s: float = 0.0, fill: float | None = None
) -> Waiting:
    """Make a clip that waits."""
    return Waiting(
        clip_id=clip_id,
        flagged=flagged,
        size_bytes=1,
        waiting_s=waiting_s,
        camera_fill_fraction=fill,
        recorded_at_s=0.0,
    )


def ids(line: list[Waiting]) -> list[str]:
    """Return the ids of a line."""
    return [clip.clip_id for clip in line]


def test_asked_for_then_flagged_then_full_cameras_then_the_oldest() -> None:
    """Among clips of one day the wishes count in this order."""
    old = waiting("old", waiting_s=3600)
    new = waiting("new")
    half = waiting("half", fill=0.5)
    full = waiting("full", fill=1.0)
    flagged = waiting("flagged", flagged=True)
    asked = replace(waiting("asked"), prioritised=True)
    both = replace(flagged, clip_id="both", prioritised=True)
    line = order([half, new, old, full, flagged, asked, both])
    assert ids(line) == ["both", "asked", "flagged", "full", "old", "half", "new"]


def test_a_flagged_clip_passes_the_backlog_of_an_outage() -> None:
    """After six days without a store a flagged newcomer still goes first."""
    backlog = [waiting(f"{day}", waiting_s=day * 86_400, fill=1.0) for day in range(6)]
    assert order([*backlog, waiting("flagged", flagged=True)])[0].clip_id == "flagged"


@given(line=LINES, data=st.data())
def test_the_order_does_not_depend_on_who_asks_first(
    line: list[Waiting], data: st.DataObject
) -> None:
    """Everyone who waits is in the line exactly once, in an order that is theirs alone."""
    ordered = order(line)
    assert sorted(ids(ordered)) == sorted(ids(line))
    assert order(data.draw(st.permutations(line))) == ordered


@given(older=CLIPS, newer=CLIPS, later_s=st.floats(1, 1e6))
def test_nobody_is_overtaken_by_who_came_much_later(
    older: Waiting, newer: Waiting, later_s: float
) -> None:
    """A clip that came more than the longest head start later never goes first, however urgent."""
    older = replace(older, waiting_s=newer.waiting_s + LONGEST_HEAD_START_S + later_s)
    assert order([newer, older])[0] == older


@given(patient=CLIPS, every_s=st.sampled_from([1800.0, 3600.0, 7200.0]))
def test_no_clip_starves_under_a_stream_of_urgent_newcomers(
    patient: Waiting, every_s: float
) -> None:
    """With the most urgent of clips coming for each one that is sent, all go within the bound."""
    urgent = replace(waiting("urgent", flagged=True, fill=1.0), prioritised=True)
    line, now_s = [replace(patient, waiting_s=0.0, clip_id="patient")], 0.0
    while now_s <= LONGEST_HEAD_START_S:
        line.append(replace(urgent, clip_id=f"urgent {now_s}"))
        chosen = order(line)[0]
        if chosen.clip_id == "patient":
            return
        line = [
            replace(clip, waiting_s=clip.waiting_s + every_s) for clip in line if clip is not chosen
        ]
        now_s += every_s
    line.append(urgent)
    assert order(line)[0].clip_id == "patient"


@given(clip=CLIPS, other=CLIPS, seconds=st.integers(0, 10**6))
def test_waiting_together_changes_nothing_between_two(
    clip: Waiting, other: Waiting, seconds: int
) -> None:
    """The order of two clips does not flip by the mere passing of time."""
    clip = replace(clip, waiting_s=round(clip.waiting_s), camera_fill_fraction=None)
    other = replace(other, waiting_s=round(other.waiting_s), camera_fill_fraction=None)
    later = [replace(each, waiting_s=each.waiting_s + seconds) for each in (clip, other)]
    assert ids(order(later)) == ids(order([clip, other]))


@pytest.mark.parametrize("fill", [-5.0, 0.0, 0.2, 0.5, None])
def test_a_camera_with_room_is_in_no_hurry(fill: float | None) -> None:
    """Up to half full, or unknown, nothing is added to the time waited."""
    assert ids(order([waiting("b", fill=fill), waiting("a")])) == ["a", "b"]


def test_a_camera_cannot_claim_to_be_fuller_than_full() -> None:
    """A fill beyond 1 counts as 1: a camera's word moves its clips by a day at most."""
    line = [waiting("a", fill=9.0), waiting("b", fill=1.0), waiting("c", waiting_s=86_401)]
    assert ids(order(line)) == ["c", "a", "b"]


@given(line=LINES.filter(bool), data=st.data())
def test_a_position_counts_those_ahead(line: list[Waiting], data: st.DataObject) -> None:
    """The place is one more than the number of clips that go before."""
    clip = data.draw(st.sampled_from(line))
    place, ahead = position(clip.clip_id, waiting=line)
    assert ids(order(line))[: place - 1] == list(ahead)
    assert ids(order(line))[place - 1] == clip.clip_id


def test_a_clip_that_does_not_wait_has_no_position() -> None:
    """Asking for the place of a clip that is not in the line is an error with its id."""
    with pytest.raises(NotFound, match="deadbeef"):
        position("deadbeef", waiting=[waiting("a")])


@pytest.mark.parametrize(
    ("queued_bytes", "rate_bytes_s", "expected"),
    [(1000, 100.0, 10.0), (0, 0.0, 0.0), (1, 0.0, None), (1, -1.0, None)],
)
def test_an_eta_is_bytes_over_rate(
    queued_bytes: int, rate_bytes_s: float, expected: float | None
) -> None:
    """Nothing queued is done now, and while nothing moves there is no honest answer."""
    assert eta_s(queued_bytes, rate_bytes_s=rate_bytes_s) == expected


@given(name=st.text(), period_s=st.floats(min_value=1e-3, max_value=1e9))
def test_a_stations_jitter_is_its_own_and_within_the_period(name: str, period_s: float) -> None:
    """The same name gives the same moment, and never one beyond the period."""
    jitter_s = station_jitter(name, period_s=period_s)
    assert 0 <= jitter_s < period_s
    assert station_jitter(name, period_s=period_s) == jitter_s


def test_seven_hundred_stations_spread_over_the_period() -> None:
    """No tenth of the period gets more than twice its share of a force's stations."""
    moments = [station_jitter(f"station-{number:03}", period_s=10.0) for number in range(700)]
    crowds = [sum(int(moment) == tenth for moment in moments) for tenth in range(10)]
    assert max(crowds) < 2 * 70
    assert min(crowds) > 70 / 2


def test_no_period_means_no_jitter() -> None:
    """A period of nothing gives no delay, and a negative one is refused."""
    assert station_jitter("lambeth-03", period_s=0) == 0
    for period_s in (-1.0, math.nan):
        with pytest.raises(ValueError, match="period_s"):
            station_jitter("lambeth-03", period_s=period_s)


@pytest.mark.parametrize(
    ("fill", "hurries"), [(None, False), (0.5, False), (0.51, True), (1, True)]
)
def test_more_than_half_full_is_a_hurry(fill: float | None, *, hurries: bool) -> None:
    """A camera that can take the next shift as it is passes nobody."""
    assert is_in_a_hurry(fill) is hurries
