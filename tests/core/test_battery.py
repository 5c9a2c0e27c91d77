"""Battery readings: a band that holds the truth, and no number that cannot be."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.battery import (
    LEAST_ERROR_PERCENT,
    BatteryReading,
    ChargeSource,
    Nonsense,
    believed,
    believed_temperature_c,
    combined,
    from_camera,
    from_hub,
)
from dockd.core.charge_curve import (
    FULL_PERCENT,
    ChargeCurve,
    percent_after,
    percent_at_power,
    power_w_at,
    seconds_between,
)
from dockd.core.port_power import PortMode, PortReading

CURVE = ChargeCurve()
PERCENTS = st.floats(0, 99)


def port(**fields: object) -> PortReading:
    """Make a port's reading."""
    return PortReading(slot="A1", mode=PortMode.SYNC, **fields)  # type: ignore[arg-type]  # as named


@pytest.mark.parametrize("power_w", [math.nan, 65535 * 5 / 1000, math.inf, -math.inf, -0.1])
def test_a_power_that_cannot_be_is_not_used_and_is_said(power_w: float) -> None:
    """NaN, 65535 mA at 5 V and less than nothing become unknown, with the slot and the number."""
    found, (said,) = believed(port(power_w=power_w, power_error_w=0.1))
    assert found.power_w is None
    assert (said.slot, said.what) == ("A1", "power_w")


@pytest.mark.parametrize("temperature_c", [math.nan, -40.0, 200.0, math.inf])
def test_a_temperature_that_cannot_be_is_not_used_and_is_said(temperature_c: float) -> None:
    """-40 C is a torn-off sensor, not a cold rack."""
    found, (said,) = believed_temperature_c(temperature_c)
    assert found is None
    assert said.what == "temperature_c"


@pytest.mark.parametrize("percent", [math.nan, -1.0, 101.0, 65535.0])
def test_a_charge_that_cannot_be_is_refused_with_its_reason(percent: float) -> None:
    """A camera is not believed beyond full or below empty."""
    assert isinstance(from_camera(percent, slot="A1"), Nonsense)


def test_what_can_be_is_left_as_it_is() -> None:
    """An honest reading passes, with nothing said."""
    honest = port(power_w=5.2, power_error_w=0.1, energy_wh=3.0, energy_error_wh=0.2)
    assert believed(honest) == (honest, ())
    assert believed_temperature_c(21.0) == (21.0, ())


@given(start=PERCENTS, end=PERCENTS)
def test_the_curve_takes_as_long_as_it_says(start: float, end: float) -> None:
    """After the time between two charges, the one has become the other."""
    low, high = sorted((start, end))
    seconds = seconds_between(CURVE, from_percent=low, to_percent=high)
    assert percent_after(CURVE, from_percent=low, seconds=seconds) == pytest.approx(high, abs=1e-6)


@given(percent=PERCENTS, full=st.floats(-0.24, 0.24), begun=st.floats(0, 99))
def test_the_band_of_an_inferred_charge_holds_the_truth(
    percent: float, full: float, begun: float
) -> None:
    """Whatever the battery's true capacity within the error, energy and power do not lie."""
    low, high = sorted((percent, begun))
    before = BatteryReading(percent=low, error_percent=1, source=ChargeSource.CAMERA)
    energy_wh = (high - low) / 100 * CURVE.full_wh * (1 + full)
    power_w = power_w_at(CURVE, high)
    seen = port(energy_wh=energy_wh, energy_error_wh=0.01, power_w=power_w, power_error_w=0.05)
    found = from_hub(seen, curve=CURVE, before=before)
    assert found is not None
    assert found.low_percent - 1e-6 <= high <= found.high_percent + 1e-6


def test_where_sources_disagree_the_camera_is_believed_and_the_error_grows() -> None:
    """A camera at 40 % against a hub at 90 %: 40, and at most 50 off."""
    camera = BatteryReading(percent=40, error_percent=3, source=ChargeSource.CAMERA)
    hub = BatteryReading(percent=90, error_percent=5, source=ChargeSource.HUB)
    found = combined([hub, camera])
    assert found == BatteryReading(percent=40, error_percent=50, source=ChargeSource.CAMERA)


def test_what_a_camera_says_carries_its_source_and_no_less_than_the_least_error() -> None:
    """A camera that claims to be exact is still read with the least error there is."""
    found = from_camera(55.0, slot="A1", error_percent=0.0)
    assert isinstance(found, BatteryReading)
    assert (found.percent, found.source) == (55.0, ChargeSource.CAMERA)
    assert found.error_percent == LEAST_ERROR_PERCENT


def test_an_energy_that_cannot_be_is_not_used_and_is_said() -> None:
    """The power beside it is kept: one bad number does not take the other along."""
    found, (said,) = believed(port(energy_wh=-1.0, energy_error_wh=0.1, power_w=5.0))
    assert (found.energy_wh, found.energy_error_wh, found.power_w) == (None, None, 5.0)
    assert (said.slot, said.what) == ("A1", "energy_wh")


def test_a_number_whose_error_bar_cannot_be_is_no_measurement() -> None:
    """Nothing is inferred from it, and nobody is told: the number itself may be honest."""
    broken = port(power_w=5.0, power_error_w=-1.0, energy_wh=3.0, energy_error_wh=math.nan)
    found, said = believed(broken)
    assert said == ()
    assert (found.power_w, found.power_error_w) == (None, None)
    assert (found.energy_wh, found.energy_error_wh) == (None, None)


def test_a_hub_that_calls_a_camera_charged_is_taken_for_nearly_full() -> None:
    """The hub's word is a band up to full, in the hub's name."""
    found = from_hub(port(is_charged=True), curve=CURVE, before=None)
    assert found is not None
    assert found.source is ChargeSource.HUB
    assert found.low_percent < found.high_percent == FULL_PERCENT


def test_less_power_than_any_charging_camera_takes_says_nothing() -> None:
    """It may be full, or its contacts may be bad."""
    assert from_hub(port(power_w=0.01, power_error_w=0.0), curve=CURVE, before=None) is None


@pytest.mark.parametrize("fields", [{"full_wh": 0.0}, {"power_w": math.nan}, {"end_fraction": 1.0}])
def test_a_curve_that_no_camera_has_is_refused(fields: dict[str, float]) -> None:
    """The words name the curve."""
    with pytest.raises(ValueError, match="no camera charges like"):
        ChargeCurve(**fields)


@pytest.mark.parametrize("share", [0.01, 1.0, 1.5])
def test_only_a_falling_power_tells_the_state_of_charge(share: float) -> None:
    """In the first phase it is the same all along, and past the end there is none."""
    assert percent_at_power(CURVE, CURVE.power_w * share) is None
