"""What is learned of one camera's battery, and what an odd stay or a mad gauge makes of it."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.battery import BatteryReading, ChargeSource
from dockd.core.battery_learning import begun, ended, looked, told
from dockd.core.battery_model import (
    BatteryModel,
    Bin,
    ChargeTrace,
    CurveSample,
    corrected,
    learned,
    sampled,
    traced,
)
from dockd.core.charge_curve import ChargeCurve, percent_after, power_w_at
from dockd.core.charge_words import Presence, SlotView
from dockd.core.port_power import PortMode, PortReading

USUAL = ChargeCurve()
TRUE = ChargeCurve(full_wh=14.0, power_w=6.2, taper_from_percent=85.0, end_fraction=0.06)
RATE_PERCENT_H = 100 * 6.2 / 14.0
TICK_S = 20.0


def stay(
    *,
    offset: float = 0.0,
    from_percent: float = 20.0,
    to_percent: float = 96.0,
    whole: bool = False,
    watts: bool = False,
    curve: ChargeCurve = TRUE,
) -> ChargeTrace:
    """Return the trace of a stay of a camera whose gauge is off, or shows whole per cent only."""
    trace: ChargeTrace | None = None
    percent, at_s = from_percent, 0.0
    while percent < to_percent:
        shown = min(100.0, max(0.0, percent + offset))
        trace = traced(
            trace,
            BatteryReading(
                percent=math.floor(shown) if whole else shown,
                error_percent=3.0,
                source=ChargeSource.CAMERA,
            ),
            now_s=at_s,
            power_w=power_w_at(curve, percent) if watts else None,
            is_idle=True,
        )
        percent = percent_after(curve, from_percent=percent, seconds=TICK_S)
        at_s += TICK_S
    assert trace is not None
    return trace


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("offset", [-3.0, -0.5, 0.0, 1.7, 3.0])
def test_one_stay_shows_how_far_a_gauge_is_off(offset: float, whole: bool) -> None:
    """Within its own error, which is far less than the three per cent that a gauge may be off.

    A gauge that shows whole per cent, rounded down, is off by half a per cent more in the middle.
    """
    model = learned([sampled(stay(offset=offset, whole=whole, to_percent=97.0))], usual=USUAL)
    assert model is not None
    assert model.offset_percent is not None
    assert model.offset_error_percent is not None
    assert model.offset_error_percent < (1.9 if whole else 0.8)
    assert abs(model.offset_percent - offset) <= model.offset_error_percent
    assert model.curve.power_w / model.curve.full_wh * 100 == pytest.approx(
        RATE_PERCENT_H, rel=0.02
    )
    assert model.curve.taper_from_percent == pytest.approx(85.0, abs=1.5)


def test_watts_and_the_energy_of_a_full_charge_are_learned_where_they_are_measured() -> None:
    """What the port gives from empty to full is known within 8 %, and not within 25."""
    model = learned([sampled(stay(watts=True))], usual=USUAL)
    assert model is not None
    assert model.curve.power_w == pytest.approx(6.2, rel=0.01)
    assert model.curve.full_wh == pytest.approx(14.0, rel=0.02)
    assert model.curve.full_error == pytest.approx(0.08)
    unmeasured = learned([sampled(stay())], usual=USUAL)
    assert unmeasured is not None
    assert unmeasured.curve.power_w == USUAL.power_w
    assert unmeasured.curve.full_error == USUAL.full_error


def test_one_odd_stay_moves_nothing() -> None:
    """Four stays agree; a fifth in which the camera charged half as fast and ended early is odd."""
    usual = [sampled(stay(offset=2.0, from_percent=start)) for start in (10, 20, 30, 40)]
    odd = CurveSample(
        rate_percent_h=RATE_PERCENT_H / 2,
        taper_percent=70.0,
        ends_at_percent=93.0,
        ends_error_percent=0.1,
    )
    model = learned([*usual, odd], usual=USUAL)
    assert model is not None
    assert model.offset_percent == pytest.approx(2.0, abs=0.6)
    assert model.curve.power_w / model.curve.full_wh * 100 == pytest.approx(
        RATE_PERCENT_H, rel=0.02
    )


def test_two_stays_that_contradict_each_other_say_so() -> None:
    """With two there is no telling which is odd: the error grows until the gauge counts alone."""
    one, other = (sampled(stay(offset=offset)) for offset in (0.0, 6.0))
    model = learned([one, other], usual=USUAL)
    assert model is not None
    assert model.offset_percent is None
    near = learned([one, sampled(stay(offset=1.0))], usual=USUAL)
    assert near is not None
    assert near.offset_error_percent is not None
    assert near.offset_error_percent >= 1.0


def test_a_stay_without_a_taper_tells_the_speed_and_no_offset() -> None:
    """From 20 to 70 per cent nothing falls; from 96 on nothing is left to see."""
    model = learned([sampled(stay(to_percent=72.0))], usual=USUAL)
    assert model is not None
    assert (model.offset_percent, model.offset_error_percent) == (None, None)
    assert model.curve.taper_from_percent == USUAL.taper_from_percent
    assert learned([sampled(stay(from_percent=97.5, to_percent=99.4))], usual=USUAL) is None


def test_a_stay_that_is_all_taper_tells_the_offset_and_no_speed() -> None:
    """A camera that comes at 80 per cent: its offset is known, its speed is the usual."""
    model = learned([sampled(stay(offset=-2.0, from_percent=80.0))], usual=USUAL)
    assert model is not None
    assert model.offset_percent == pytest.approx(-2.0, abs=1.0)
    assert model.curve.power_w / model.curve.full_wh == USUAL.power_w / USUAL.full_wh
    assert model.rate_error == USUAL.full_error


def test_a_model_never_says_less_than_the_gauge_and_it_agree_in() -> None:
    """The corrected band lies in the gauge's own; where they share nothing the gauge counts."""
    model = BatteryModel(
        curve=USUAL, stays=1, rate_error=0.1, offset_percent=2.0, offset_error_percent=0.6
    )
    said = BatteryReading(percent=97.0, error_percent=3.0, source=ChargeSource.CAMERA)
    told_of = corrected(said, model)
    assert told_of.percent == pytest.approx(95.0)
    assert told_of.error_percent == pytest.approx(0.6)
    assert corrected(said, None) == said
    assert corrected(said, replace(model, offset_percent=9.0)) == said
    assert corrected(said, replace(model, offset_percent=None)) == said
    hub = replace(said, source=ChargeSource.HUB)
    assert corrected(hub, model) == hub
    # A gauge that stands at its end may have stood there for long.
    end = corrected(replace(said, percent=100.0), model)
    assert end.low_percent == pytest.approx(97.4)
    assert end.high_percent == pytest.approx(100.0)


@given(
    samples=st.lists(
        st.builds(
            CurveSample,
            rate_percent_h=st.none() | st.floats(),
            power_w=st.none() | st.floats(),
            taper_percent=st.none() | st.floats(),
            ends_at_percent=st.none() | st.floats(),
            ends_error_percent=st.none() | st.floats(),
        ),
        max_size=6,
    ),
    percent=st.floats(0, 100),
)
def test_no_record_however_mad_breaks_a_model(samples: list[CurveSample], percent: float) -> None:
    """Whatever numbers a record holds, a model is a curve that charges, or none."""
    model = learned(samples, usual=USUAL)
    said = BatteryReading(percent=percent, error_percent=3.0, source=ChargeSource.CAMERA)
    now = corrected(said, model)
    assert said.low_percent <= now.low_percent <= now.high_percent <= said.high_percent
    if model is not None:
        assert 0 < percent_after(model.curve, from_percent=0.0, seconds=3600.0) <= 100


@given(
    looks=st.lists(
        st.tuples(
            st.none() | st.floats(0, 100), st.floats(-100, 500), st.none() | st.floats(0, 240)
        ),
        max_size=30,
    )
)
def test_no_gauge_however_wild_breaks_a_trace(
    looks: list[tuple[float | None, float, float | None]],
) -> None:
    """A gauge that jumps, falls and falls silent, by a clock that stands still: all is survived."""
    trace: ChargeTrace | None = None
    at_s = 0.0
    for percent, passed_s, power_w in looks:
        at_s += passed_s
        charge = (
            None
            if percent is None
            else BatteryReading(percent=percent, error_percent=3.0, source=ChargeSource.CAMERA)
        )
        trace = traced(trace, charge, now_s=at_s, power_w=power_w, is_idle=True)
        learned([sampled(trace)], usual=USUAL)


def test_only_a_watched_rise_counts() -> None:
    """Not what a camera gained in the dark, while it was read, or in the per cent it came in."""
    said = BatteryReading(percent=50.0, error_percent=3.0, source=ChargeSource.CAMERA)
    first = traced(None, said, now_s=0.0, power_w=None, is_idle=True)
    assert first is not None
    far = traced(first, replace(said, percent=50.5), now_s=500.0, power_w=None, is_idle=True)
    assert far is not None
    assert far.bins == {}
    busy = traced(far, replace(said, percent=50.6), now_s=505.0, power_w=None, is_idle=False)
    assert busy is not None
    assert not busy.is_watched
    back = traced(busy, replace(said, percent=50.7), now_s=510.0, power_w=None, is_idle=True)
    assert back is not None
    assert back.bins == {}
    seen = traced(back, replace(said, percent=50.8), now_s=515.0, power_w=None, is_idle=True)
    assert seen is not None
    (only,) = seen.bins.values()
    assert only == Bin(gained_percent=only.gained_percent, seconds=5.0, joules=None)
    assert only.gained_percent == pytest.approx(0.1)
    assert traced(None, None, now_s=0.0, power_w=None, is_idle=True) is None
    assert sampled(None) == sampled(first) == sampled(seen) == CurveSample()


@pytest.mark.parametrize(
    "rates",
    [
        # It does not end near 100 %, it rises, or it hardly falls.
        {76: 40.0, 77: 30.0, 78: 20.0, 79: 12.0, 80: 4.0},
        {76: 20.0, 77: 22.0, 78: 24.0, 79: 26.0, 80: 60.0, 82: 5.0, 83: 6.0, 84: 7.0, 85: 8.0},
        {76: 40.0, 77: 36.0, 78: 36.0, 79: 36.0, 80: 36.0},
    ],
)
def test_rates_that_are_no_taper_show_no_end(rates: dict[int, float]) -> None:
    """What a lithium-ion cell does not do says nothing of its gauge."""
    bins = {whole: Bin(gained_percent=1.0, seconds=3600 / rate) for whole, rate in rates.items()}
    trace = ChargeTrace(bins={75: Bin(), **bins}, percent=81.0, at_s=0.0)
    assert sampled(trace).ends_at_percent is None


def _view(percent: float | None, *, presence: Presence = Presence.CAMERA) -> SlotView:
    charge = (
        None
        if percent is None
        else BatteryReading(percent=percent, error_percent=3.0, source=ChargeSource.CAMERA)
    )
    port = PortReading(slot="A1", mode=PortMode.SYNC)
    return SlotView(slot="A1", presence=presence, camera="CAM", charge=charge, port=port)


def test_a_stay_learns_from_itself_and_the_next_begins_with_it() -> None:
    """The taper of the first night corrects the gauge, and its first word on the second."""
    known = begun((), usual=USUAL)
    assert told(_view(50.0), known.model) == _view(50.0)
    percent, at_s = 20.0, 0.0
    while percent < 96:
        known = looked(known, _view(percent + 2.0), now_s=at_s)
        percent = percent_after(TRUE, from_percent=percent, seconds=TICK_S)
        at_s += TICK_S
    known = looked(known, replace(_view(percent + 2.0), port=None), now_s=at_s)
    seen = told(_view(97.0), known.model)
    assert seen.charge is not None
    assert seen.charge.percent == pytest.approx(95.0, abs=0.7)
    assert seen.curve.power_w / seen.curve.full_wh * 100 == pytest.approx(RATE_PERCENT_H, rel=0.02)
    assert told(_view(None), known.model).charge is None
    again = begun(ended(known), usual=USUAL)
    assert again.model is not None
    assert again.model.offset_percent == pytest.approx(2.0, abs=0.7)
    # In the dark nothing is learned, and a stay that showed nothing is none.
    dark = looked(again, _view(20.0, presence=Presence.UNKNOWN), now_s=0.0)
    assert ended(dark) == ended(known)
