"""A camera's own word: quoted while it is fresh, and reckoned on from when it is not."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.battery import BatteryReading, ChargeSource, Nonsense
from dockd.core.battery_model import BatteryModel
from dockd.core.battery_word import BatteryWord, Heard, charge_of, from_text, heard
from dockd.core.charge_curve import ChargeCurve, percent_after
from dockd.core.port_power import PortMode, PortReading

CURVE = ChargeCurve()
PORT = PortReading(slot="A1", mode=PortMode.SYNC)
COUNTING = replace(PORT, energy_wh=4.0, energy_error_wh=0.1)


def word(percent: float = 40.0, *, said: str = "1") -> BatteryWord:
    """Return what a camera says."""
    reading = BatteryReading(percent=percent, error_percent=3.0, source=ChargeSource.CAMERA)
    return BatteryWord(reading=reading, said=said)


def later(known: Heard | None, port: PortReading, *, now_s: float) -> BatteryReading | None:
    """Return the charge after one more look, in which the camera says nothing new."""
    return charge_of(heard(known, word(), port=port, now_s=now_s), port=port, curve=CURVE)


@given(content=st.binary(max_size=64))
def test_whatever_stands_there_is_a_charge_or_is_refused(content: bytes) -> None:
    """Nothing that a camera writes is believed beyond 0 to 100 %, or breaks anything."""
    found = from_text(content, slot="A1")
    if isinstance(found, Nonsense):
        assert found.reason.isprintable()
    else:
        assert 0 <= found.percent <= 100


@pytest.mark.parametrize("content", [b"87", b"87%", b" 87.0 %\r\n"])
def test_a_number_is_a_charge(content: bytes) -> None:
    """With or without a per cent sign and blanks; the error is what its model's may be."""
    found = from_text(content, slot="A1", error_percent=5.0)
    assert found == BatteryReading(percent=87, error_percent=5.0, source=ChargeSource.CAMERA)


def test_nobody_who_never_spoke_is_quoted() -> None:
    """Without a word and without a hub's numbers nothing is known."""
    assert heard(None, None, port=PORT, now_s=0) is None
    assert charge_of(None, port=PORT, curve=CURVE) is None


def test_a_live_gauge_is_quoted_and_an_old_word_is_reckoned_on_from() -> None:
    """The same number said anew is the camera's; said an hour ago it is inferred, and wider."""
    first = heard(None, word(), port=PORT, now_s=0)
    anew = heard(first, word(said="2"), port=PORT, now_s=3600)
    quoted = charge_of(anew, port=PORT, curve=CURVE)
    assert quoted == word().reading
    reckoned = later(first, PORT, now_s=3600)
    assert reckoned is not None
    assert reckoned.source is ChargeSource.INFERRED
    assert reckoned.error_percent > 3
    now = percent_after(CURVE, from_percent=40, seconds=3600)
    assert reckoned.low_percent <= now <= reckoned.high_percent


def test_behind_a_cut_port_nothing_is_gained() -> None:
    """An hour without power leaves a word as it was."""
    known = heard(None, word(), port=PORT, now_s=0)
    assert later(known, replace(PORT, mode=PortMode.OFF), now_s=3600) == word().reading


def test_the_hubs_energy_counts_from_the_cameras_word_on() -> None:
    """A counter that stood at 4 Wh then, and one that began anew behind a cut, both add up."""
    known = heard(None, word(), port=COUNTING, now_s=0)
    known = heard(known, None, port=replace(COUNTING, energy_wh=5.5), now_s=600)
    known = heard(known, None, port=replace(COUNTING, energy_wh=1.5), now_s=1200)
    assert known is not None
    assert known.since_wh == pytest.approx(3.0)
    found = charge_of(known, port=replace(COUNTING, energy_wh=1.5), curve=CURVE)
    assert found is not None
    # 3 of 15 Wh.
    assert found.low_percent <= 60 <= found.high_percent


def test_a_counter_that_comes_and_goes_adds_nothing_by_it() -> None:
    """A hub that falls silent, and one whose counter was never seen before, give no energy."""
    known = heard(None, word(), port=PORT, now_s=0)
    known = heard(known, word(), port=COUNTING, now_s=3)
    known = heard(known, word(), port=PORT, now_s=6)
    known = heard(known, word(), port=COUNTING, now_s=9)
    assert known is not None
    assert (known.since_wh, known.counted_wh, known.powered_s) == (0.0, 4.0, 9.0)


def test_a_word_that_is_not_believed_leaves_the_hubs_numbers() -> None:
    """A camera that says 400 % is charged by what its port shows."""
    nonsense = BatteryWord(reading=from_text_nonsense(), said="1")
    full = replace(PORT, is_charged=True)
    found = charge_of(heard(None, nonsense, port=full, now_s=0), port=full, curve=CURVE)
    assert found is not None
    assert found.source is ChargeSource.HUB


def from_text_nonsense() -> Nonsense:
    """Return what becomes of 400 %."""
    found = from_text(b"400", slot="A1")
    assert isinstance(found, Nonsense)
    return found


@given(
    percent=st.floats(0, 100),
    seconds=st.floats(0, 86_400),
    efficiency=st.floats(0.76, 1.24),
)
def test_what_is_inferred_holds_the_truth(
    percent: float, seconds: float, efficiency: float
) -> None:
    """A battery that charges as far off the curve as its capacity may be is within the band."""
    known = Heard(word=word(percent), at_s=0, powered_s=seconds)
    found = charge_of(known, port=PORT, curve=CURVE)
    assert found is not None
    truth = percent_after(CURVE, from_percent=percent, seconds=seconds * efficiency)
    assert found.low_percent - 0.01 <= truth <= found.high_percent + 0.01


def test_a_word_that_was_old_when_it_was_heard_is_a_band_from_there_on() -> None:
    """Heard two hours late: at least what it says, at most what two hours of power make of it.

    What the hub counted before counts for nothing, for nobody knows from when on.
    """
    old = heard(None, word(), port=PORT, now_s=0, unseen_s=7200.0)
    found = charge_of(old, port=PORT, curve=CURVE)
    assert found is not None
    assert found.source is ChargeSource.INFERRED
    assert found.low_percent == pytest.approx(37.0)
    assert found.high_percent == pytest.approx(
        percent_after(CURVE, from_percent=43.0, seconds=7200.0 * (1 + CURVE.full_error))
    )
    counting = heard(None, word(), port=COUNTING, now_s=0, unseen_s=7200.0)
    with_energy = charge_of(counting, port=COUNTING, curve=CURVE)
    assert with_energy is not None
    assert with_energy.low_percent == pytest.approx(37.0)
    assert with_energy.high_percent > 90
    of_any_age = charge_of(
        heard(None, word(), port=PORT, now_s=0, unseen_s=math.inf), port=PORT, curve=CURVE
    )
    assert of_any_age is not None
    assert of_any_age.low_percent == pytest.approx(37.0)
    assert of_any_age.high_percent == pytest.approx(100.0)


def test_a_word_has_a_mark_of_its_own() -> None:
    """Another time or another number is another mark; what is not believed has none."""
    assert word().mark == word().mark
    assert len({word().mark, word(said="2").mark, word(41.0).mark}) == 3
    nonsense = Nonsense(slot="A1", what="percent", reason="400 %")
    assert BatteryWord(reading=nonsense, said="1").mark is None


def test_a_word_counts_without_what_its_gauge_shows_too_much() -> None:
    """A gauge that is known to show two per cent too much is corrected before it is reckoned on."""
    model = BatteryModel(
        curve=CURVE, stays=3, rate_error=0.03, offset_percent=2.0, offset_error_percent=0.7
    )
    first = heard(None, word(), port=PORT, now_s=0)
    found = charge_of(first, port=PORT, curve=CURVE, model=model)
    assert found is not None
    assert found.percent == pytest.approx(38.0)
    assert found.error_percent == pytest.approx(0.7)
    counted = heard(first, word(), port=COUNTING, now_s=3600)
    later_on = charge_of(counted, port=COUNTING, curve=CURVE, model=model)
    without = charge_of(counted, port=COUNTING, curve=CURVE)
    assert later_on is not None
    assert without is not None
    assert later_on.error_percent < without.error_percent
