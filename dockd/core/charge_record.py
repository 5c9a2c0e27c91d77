"""What one docking showed of a battery, and how well its readiness was forecast.

Only numbers that were measured count: a charge that was inferred from the energy would make its
own proof. One phase of the curve at a time, for the second is slower in every camera.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from dockd.core.battery import BatteryReading, ChargeSource
from dockd.core.battery_model import CurveSample
from dockd.core.charge_curve import ChargeCurve
from dockd.core.facts import ChargeMeasured
from dockd.core.port_power import PortFault, PortReading

_ERROR_AT_MOST_PERCENT: Final = 5.0
# Behind a cut port nobody looks, and nothing is charged.
_LOOKS_WITHIN_S: Final = 120.0
_HUNDREDTHS: Final = 100
# What was ready within a minute was not forecast.
_LEAST_FORECAST_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePoint:
    """A charge that was measured, after ``at_s`` of power; ``energy_wh`` None: nobody tells."""

    at_s: float
    percent: float
    energy_wh: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRecord:
    """One camera's stay so far; all times are monotonic seconds.

    Attributes:
        docking: The docking that it is recorded with, the last if it was paused.
        first: The first measured charge.
        last: The last one in the same phase.
        resets: How often the port's power was reset.
        was_reset: Whether the port said so at the last look.
        forecast_at_s: When it was first forecast; None: never.
        forecast_s: In how many seconds it was to be ready.
        ready_at_s: When it was.
        looked_s: When it was looked at last.
        powered_s: For how long it was looked at with power.
        sample: What it has shown of its curve.
    """

    docking: str
    first: ChargePoint | None = None
    last: ChargePoint | None = None
    resets: int = 0
    was_reset: bool = False
    forecast_at_s: float | None = None
    forecast_s: float | None = None
    ready_at_s: float | None = None
    looked_s: float | None = None
    powered_s: float = 0.0
    sample: CurveSample = field(default_factory=CurveSample)

    @property
    def measured(self) -> ChargeMeasured | None:
        """The fact that is to be kept of it; None when nothing was measured."""
        forecast_s, ready_s = self._forecast()
        first, last = self.first, self.last
        shows = self.sample != CurveSample() or bool(last and last is not first)
        if not (self.resets or forecast_s is not None or shows):
            return None
        energy = None
        if first and last and first.energy_wh is not None and last.energy_wh is not None:
            energy = max(0, round((last.energy_wh - first.energy_wh) * 1000))
        return ChargeMeasured(
            docking=self.docking,
            seconds=round(last.at_s - first.at_s) if first and last else 0,
            from_percent=round(first.percent) if first else None,
            to_percent=round(last.percent) if last else None,
            energy_mwh=energy,
            resets=self.resets,
            forecast_s=forecast_s,
            ready_s=ready_s,
            rate_hundredths=_hundredths(self.sample.rate_percent_h),
            power_mw=_hundredths(self.sample.power_w, of=1000),
            taper_hundredths=_hundredths(self.sample.taper_percent),
            ends_hundredths=_hundredths(self.sample.ends_at_percent),
            ends_error_hundredths=_hundredths(self.sample.ends_error_percent),
        )

    def _forecast(self) -> tuple[int | None, int | None]:
        if self.forecast_at_s is None or self.forecast_s is None or self.ready_at_s is None:
            return None, None
        return round(self.forecast_s), round(self.ready_at_s - self.forecast_at_s)


def sample_of(measured: ChargeMeasured) -> CurveSample:
    """Return what a recorded stay showed of its camera's battery."""
    return CurveSample(
        rate_percent_h=_whole(measured.rate_hundredths),
        power_w=_whole(measured.power_mw, of=1000),
        taper_percent=_whole(measured.taper_hundredths),
        ends_at_percent=_whole(measured.ends_hundredths),
        ends_error_percent=_whole(measured.ends_error_hundredths),
    )


def recorded(
    before: ChargeRecord,
    *,
    charge: BatteryReading | None,
    port: PortReading,
    curve: ChargeCurve,
    ready_in_s: float | None,
    now_s: float,
    sample: CurveSample | None = None,
) -> ChargeRecord:
    """Return the record after one more look at a camera that has power."""
    is_reset = PortFault.WAS_RESET in port.faults
    known = replace(
        before, resets=before.resets + (is_reset and not before.was_reset), was_reset=is_reset
    )
    passed_s = 0.0 if before.looked_s is None else now_s - before.looked_s
    known = replace(
        known,
        looked_s=now_s,
        powered_s=known.powered_s + (passed_s if 0 < passed_s <= _LOOKS_WITHIN_S else 0.0),
        sample=known.sample if sample is None else sample,
    )
    known = _forecasted(known, ready_in_s=ready_in_s, now_s=now_s)
    point = _point(charge, port, powered_s=known.powered_s)
    if point is None:
        return known
    if known.first is None:
        return replace(known, first=point, last=point)
    from_percent = curve.taper_from_percent
    if (known.first.percent > from_percent) is not (point.percent > from_percent):
        return known
    return replace(known, last=point)


def _forecasted(known: ChargeRecord, *, ready_in_s: float | None, now_s: float) -> ChargeRecord:
    if ready_in_s is None:
        return known
    if known.forecast_at_s is None and ready_in_s >= _LEAST_FORECAST_S:
        return replace(known, forecast_at_s=now_s, forecast_s=ready_in_s)
    if known.forecast_at_s is not None and known.ready_at_s is None and ready_in_s <= 0:
        return replace(known, ready_at_s=now_s)
    return known


def _hundredths(value: float | None, *, of: int = _HUNDREDTHS) -> int | None:
    return None if value is None else round(value * of)


def _whole(value: int | None, *, of: int = _HUNDREDTHS) -> float | None:
    return None if value is None else value / of


def _point(
    charge: BatteryReading | None, port: PortReading, *, powered_s: float
) -> ChargePoint | None:
    if charge is None or charge.source is ChargeSource.INFERRED or port.is_charged:
        return None
    if charge.error_percent > _ERROR_AT_MOST_PERCENT:
        return None
    return ChargePoint(at_s=powered_s, percent=charge.percent, energy_wh=port.energy_wh)
