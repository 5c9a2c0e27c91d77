"""Battery readings: a band that holds the truth, and no number that cannot be."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.battery import (
    BatteryReading,
    ChargeSource,
    Nonsense,
    believed,
    believed_temperature_c,
    combined,
    from_camera,
    from_hub,
)
from dockd.core.charge_curve import ChargeCurve, percent_after, power_w_at, seconds_between
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
