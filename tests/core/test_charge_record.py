"""What is kept of a docking's charging: only what was measured, and one phase at a time."""

from dataclasses import replace

from dockd.core.battery import BatteryReading, ChargeSource
from dockd.core.battery_model import CurveSample
from dockd.core.charge_curve import ChargeCurve
from dockd.core.charge_record import ChargeRecord, recorded, sample_of
from dockd.core.port_power import PortFault, PortMode, PortReading


def look(
    record: ChargeRecord,
    *,
    at_s: float,
    percent: float | None = None,
    wh: float | None = None,
    source: ChargeSource = ChargeSource.CAMERA,
    ready_in_s: float | None = None,
    faults: frozenset[PortFault] = frozenset(),
) -> ChargeRecord:
    """Look once more."""
    charge = (
        None
        if percent is None
        else BatteryReading(percent=percent, error_percent=3.0, source=source)
    )
    return recorded(
        record,
        charge=charge,
        port=PortReading(slot="A1", mode=PortMode.SYNC, energy_wh=wh, faults=faults),
        curve=ChargeCurve(),
        ready_in_s=ready_in_s,
        now_s=at_s,
    )


def test_what_a_docking_took_is_kept_from_its_first_to_its_last_measure() -> None:
    """Per cents, seconds and energy are those between the two, within one phase."""
    record = ChargeRecord(docking="d")
    for at_s in range(0, 3601, 60):
        record = look(record, at_s=at_s, percent=20 + at_s / 90, wh=0.1 + at_s / 600)
    record = look(record, at_s=3660, percent=90, wh=9.0)
    measured = record.measured
    assert measured is not None
    assert (measured.from_percent, measured.to_percent) == (20, 60)
    assert (measured.seconds, measured.energy_mwh) == (3600, 6000)


def test_the_hours_behind_a_cut_port_are_no_time_of_charging() -> None:
    """A camera that was held for ten hours charged for one: nobody is to take it for worn."""
    record = ChargeRecord(docking="d")
    for at_s in (*range(0, 1801, 60), *range(36_000, 37_801, 60)):
        charged_s = at_s if at_s <= 1800 else at_s - 36_000 + 1800
        record = look(record, at_s=at_s, percent=20 + charged_s / 90)
    measured = record.measured
    assert measured is not None
    assert (measured.from_percent, measured.to_percent, measured.seconds) == (20, 60, 3600)


def test_what_a_stay_showed_of_its_battery_is_kept_and_found_again() -> None:
    """To a hundredth of a per cent; what it did not show is not on record either."""
    shown = CurveSample(
        rate_percent_h=44.284,
        power_w=6.2,
        taper_percent=87.013,
        ends_at_percent=102.961,
        ends_error_percent=0.123,
    )
    record = look(ChargeRecord(docking="d"), at_s=0, percent=20)
    assert record.measured is None
    measured = replace(record, sample=shown).measured
    assert measured is not None
    assert (measured.rate_hundredths, measured.power_mw, measured.ends_hundredths) == (
        4428,
        6200,
        10296,
    )
    assert sample_of(measured) == CurveSample(
        rate_percent_h=44.28,
        power_w=6.2,
        taper_percent=87.01,
        ends_at_percent=102.96,
        ends_error_percent=0.12,
    )
    partly = replace(record, sample=CurveSample(rate_percent_h=40.0)).measured
    assert partly is not None
    assert sample_of(partly) == CurveSample(rate_percent_h=40.0)


def test_an_inferred_charge_proves_nothing() -> None:
    """A charge that was reckoned from the energy is not held against the energy."""
    record = ChargeRecord(docking="d")
    for at_s in (0, 3600):
        record = look(record, at_s=at_s, percent=at_s / 90, source=ChargeSource.INFERRED)
    assert record.measured is None


def test_a_reset_counts_once_however_long_the_hub_shows_it() -> None:
    """The flag stays up for many looks, and is one event."""
    record = ChargeRecord(docking="d")
    for shown in (True, True, False, True):
        faults = frozenset({PortFault.WAS_RESET}) if shown else frozenset()
        record = look(record, at_s=0, faults=faults)
    assert record.measured is not None
    assert record.measured.resets == 2


def test_the_first_forecast_is_held_against_what_came() -> None:
    """Forecasts that are made again with the end in sight prove nothing."""
    record = ChargeRecord(docking="d")
    for at_s, ready_in_s in ((10, None), (20, 600.0), (500, 300.0), (920, 0.0), (950, 0.0)):
        record = look(record, at_s=at_s, ready_in_s=ready_in_s)
    measured = record.measured
    assert measured is not None
    assert (measured.forecast_s, measured.ready_s) == (600, 900)


def test_what_was_ready_at_once_was_not_forecast() -> None:
    """A camera that comes clear and charged says nothing of forecasts."""
    record = look(ChargeRecord(docking="d"), at_s=0, ready_in_s=0.0)
    assert record.measured is None


def test_a_charge_that_nobody_can_tell_well_is_no_measure() -> None:
    """A band as wide as half a battery, and a port that the hub calls charged, measure nothing."""
    vague = BatteryReading(percent=50.0, error_percent=25.0, source=ChargeSource.HUB)
    known = BatteryReading(percent=50.0, error_percent=3.0, source=ChargeSource.CAMERA)
    for charge, is_charged in ((vague, False), (known, True)):
        record = recorded(
            ChargeRecord(docking="d"),
            charge=charge,
            port=PortReading(slot="A1", mode=PortMode.SYNC, is_charged=is_charged),
            curve=ChargeCurve(),
            ready_in_s=None,
            now_s=0.0,
        )
        assert record.first is None
