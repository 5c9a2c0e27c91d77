"""Readiness: a camera is taken when its footage is safe and its charge suffices, or is unknown."""

from hypothesis import given
from hypothesis import strategies as st

from dockd.core.battery import BatteryReading, ChargeSource
from dockd.core.charge_curve import ChargeCurve
from dockd.core.readiness import (
    Candidate,
    Charging,
    Readiness,
    forecast_error,
    issue_order,
    readiness,
)
from dockd.core.slot import Advice, SlotFootage, SlotState


def charge(percent: float, error_percent: float = 3.0) -> BatteryReading:
    """Make a camera's own reading."""
    return BatteryReading(percent=percent, error_percent=error_percent, source=ChargeSource.CAMERA)


def of(
    reading: BatteryReading | None, *, verified: int = 3, rate_bytes_s: float = 10.0
) -> Readiness:
    """Return the readiness of a camera with three clips and 1,000 bytes left."""
    return readiness(
        SlotState.READY if verified == 3 else SlotState.OFFLOADING,
        footage=SlotFootage(clips=3, verified=verified),
        left_bytes=1000,
        rate_bytes_s=rate_bytes_s,
        charging=Charging(charge=reading, curve=ChargeCurve(), enough_percent=90.0),
    )


@given(
    reading=st.none() | st.builds(charge, st.floats(0, 100), st.floats(1, 50)),
    verified=st.integers(0, 3),
)
def test_take_means_safe_and_not_known_to_be_short(
    reading: BatteryReading | None, verified: int
) -> None:
    """No camera is given out with unproven footage, or with a charge that cannot suffice."""
    short = reading is not None and reading.high_percent < 90.0
    assert (of(reading, verified=verified).advice is Advice.TAKE) is (verified == 3 and not short)


def test_an_unknown_charge_is_said_to_be_unknown() -> None:
    """The officer takes the camera and knows that nobody knows."""
    found = of(None)
    assert (found.advice, found.ready_in_s, found.charged_in_s) == (Advice.TAKE, 0.0, None)
    assert "not known" in found.words


def test_ready_is_when_the_later_of_both_is() -> None:
    """The copy ends in 100 s and the charge takes longer; without a rate nothing can be said."""
    found = of(charge(50), verified=1)
    assert found.footage_safe_in_s == 100.0
    assert found.charged_in_s is not None
    assert found.ready_in_s == found.charged_in_s > 100.0
    assert "2 clips" in found.words
    assert of(charge(50), verified=1, rate_bytes_s=0.0).ready_in_s is None
    assert "not enough" in of(charge(50)).words


def test_the_best_charged_then_the_least_used_goes_first() -> None:
    """Charges that suffice count as one, so use is spread; an unknown one comes last."""
    line = [
        Candidate(slot="A1", camera="a", charge=None, dockings=0),
        Candidate(slot="A2", camera="b", charge=charge(60), dockings=1),
        Candidate(slot="A3", camera="c", charge=charge(99), dockings=9),
        Candidate(slot="A4", camera="d", charge=charge(93), dockings=2),
    ]
    found = [each.slot for each in issue_order(line, enough_percent=90.0)]
    assert found == ["A4", "A3", "A2", "A1"]


def test_a_forecast_that_was_too_early_has_an_error_above_zero() -> None:
    """An hour forecast and 66 minutes taken: a tenth late."""
    assert forecast_error(forecast_s=3600, actual_s=3960) == 0.1


def test_a_slot_to_report_says_so_instead_of_what_is_left() -> None:
    """The officer is not told of clips and charge where the slot itself is the trouble."""
    found = readiness(
        SlotState.FAULT,
        footage=SlotFootage(clips=3, verified=1),
        left_bytes=1000,
        rate_bytes_s=10.0,
        charging=Charging(charge=charge(50), curve=ChargeCurve(), enough_percent=90.0),
    )
    assert found.advice is Advice.REPORT
    assert found.words == "Report this slot: something is wrong with it."


def test_a_charge_that_suffices_is_charged_now_and_its_camera_to_be_taken() -> None:
    """Nothing is waited for, and the officer is told how far it is charged and who says so."""
    found = of(charge(97))
    assert (found.advice, found.charged_in_s, found.ready_in_s) == (Advice.TAKE, 0.0, 0.0)
    assert found.words == "Take it: its footage is safe, and it is charged to 97 % (+-3, camera)."


def test_a_charge_that_may_suffice_is_unknown_and_one_that_waits_has_no_time() -> None:
    """An error bar keeps no officer, and how long a held camera waits nobody can say."""
    assert of(charge(88)).advice is Advice.TAKE
    held = Charging(charge=charge(80), curve=ChargeCurve(), enough_percent=90.0, waits_s=None)
    found = readiness(
        SlotState.READY,
        footage=SlotFootage(clips=3, verified=3),
        left_bytes=0,
        rate_bytes_s=0.0,
        charging=held,
    )
    assert (found.advice, found.charged_in_s, found.ready_in_s) == (Advice.LEAVE, None, None)


def test_a_camera_that_has_just_come_is_left_where_it_is() -> None:
    """Before its first listing nothing is known of it, and that is what is said."""
    found = readiness(
        SlotState.SETTLING,
        footage=SlotFootage(clips=0, verified=0),
        left_bytes=0,
        rate_bytes_s=0.0,
        charging=Charging(charge=None, curve=ChargeCurve(), enough_percent=90.0),
    )
    assert (found.advice, found.words) == (
        Advice.LEAVE,
        "Leave it: nothing is known of it yet.",
    )
