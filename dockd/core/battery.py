"""What is known of a camera's battery: always with its source, and how far it can be off.

A state of charge is a band: `percent` plus or minus `error_percent`. The camera's own word is
the best; the hub's (power that falls, "charged") is next; what is inferred from the energy of
a docking is the last, and gets worse with every Wh. A number that cannot be (NaN, 65535 mA,
-40 C, below nothing) is taken for not known, and said.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from dockd.core.charge_curve import FULL_PERCENT, ChargeCurve, percent_at_power
from dockd.core.port_power import PortReading

# USB Power Delivery 3.1 ends at 240 W; 65535 mA, a register that was never set, is 327 W at 5 V.
MOST_POWER_W: Final = 240.0
MOST_ENERGY_WH: Final = 1000.0
# What a torn-off thermistor reads, and what no camera and no hub survives.
COLDEST_C: Final = -30.0
HOTTEST_C: Final = 110.0
# A gauge in a camera is rarely better.
LEAST_ERROR_PERCENT: Final = 1.0
_POWER_FALLS_BELOW: Final = 0.9
_FULL_IS_FROM_PERCENT: Final = 95.0


class ChargeSource(StrEnum):
    """Who says it; the first is the best."""

    CAMERA = "camera"
    HUB = "hub"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryReading:
    """A state of charge: `percent` (0 to 100), at most `error_percent` off, and who says so."""

    percent: float
    error_percent: float
    source: ChargeSource

    @property
    def low_percent(self) -> float:
        """The least charge that this can mean."""
        return max(0.0, self.percent - self.error_percent)

    @property
    def high_percent(self) -> float:
        """The most charge that this can mean."""
        return min(FULL_PERCENT, self.percent + self.error_percent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonsense:
    """A number that cannot be; `slot` is "" for the hub's own, `what` is the reading's field."""

    slot: str
    what: str
    reason: str


def from_camera(
    percent: float, *, slot: str, error_percent: float = 3.0
) -> BatteryReading | Nonsense:
    """Return what a camera says of itself, or why it is not believed."""
    if not 0 <= percent <= FULL_PERCENT:
        return Nonsense(slot=slot, what="percent", reason=f"a charge of {percent:g} % cannot be")
    error = max(LEAST_ERROR_PERCENT, error_percent)
    return BatteryReading(percent=percent, error_percent=error, source=ChargeSource.CAMERA)


def from_hub(
    port: PortReading, *, curve: ChargeCurve, before: BatteryReading | None
) -> BatteryReading | None:
    """Return the charge that a port's own numbers show; None when they show nothing.

    Args:
        port: The port as `believed` returned it.
        curve: How this kind of camera charges.
        before: The charge when the docking began, to which the energy is added; None: unknown.
    """
    return combined(
        reading
        for reading in (
            _charged(port),
            _from_power(port, curve=curve),
            _from_energy(port, curve=curve, before=before),
        )
        if reading is not None
    )


def combined(readings: Iterable[BatteryReading]) -> BatteryReading | None:
    """Return one reading from all: what the bands share, in the name of the best source.

    Where two bands share nothing, the better source is believed, as far off as the other says.
    """
    ranked = sorted(readings, key=lambda each: (_rank(each.source), each.error_percent))
    if not ranked:
        return None
    best = ranked[0]
    for other in ranked[1:]:
        low = max(best.low_percent, other.low_percent)
        high = min(best.high_percent, other.high_percent)
        if low <= high:
            best = _band(low, high, source=best.source)
        else:
            apart = abs(best.percent - other.percent)
            best = replace(best, error_percent=max(best.error_percent, apart))
    return best


def believed(port: PortReading) -> tuple[PortReading, tuple[Nonsense, ...]]:
    """Return the port's reading with what cannot be taken out, and what that was.

    The caller says it once: it is the same problem for as long as it stands.
    """
    bad: list[Nonsense] = []
    power_ok = _is_within(port.power_w, low=0.0, high=MOST_POWER_W)
    energy_ok = _is_within(port.energy_wh, low=0.0, high=MOST_ENERGY_WH)
    if not power_ok:
        reason = f"the hub reports {port.power_w:g} W, which cannot be"
        bad.append(Nonsense(slot=port.slot, what="power_w", reason=reason))
        port = replace(port, power_w=None, power_error_w=None)
    if not energy_ok:
        reason = f"the hub reports {port.energy_wh:g} Wh, which cannot be"
        bad.append(Nonsense(slot=port.slot, what="energy_wh", reason=reason))
        port = replace(port, energy_wh=None, energy_error_wh=None)
    # A number whose error bar cannot be is no measurement.
    if not _is_within(port.power_error_w, low=0.0, high=MOST_POWER_W):
        port = replace(port, power_w=None, power_error_w=None)
    if not _is_within(port.energy_error_wh, low=0.0, high=MOST_ENERGY_WH):
        port = replace(port, energy_wh=None, energy_error_wh=None)
    return port, tuple(bad)


def believed_temperature_c(
    temperature_c: float | None, *, slot: str = ""
) -> tuple[float | None, tuple[Nonsense, ...]]:
    """Return the temperature, or None and the reason; `slot` "" is the hub's own."""
    if _is_within(temperature_c, low=COLDEST_C, high=HOTTEST_C):
        return temperature_c, ()
    reason = f"the sensor reports {temperature_c:g} C, which cannot be"
    return None, (Nonsense(slot=slot, what="temperature_c", reason=reason),)


def _is_within(value: float | None, *, low: float, high: float) -> bool:
    # NaN is within nothing.
    return value is None or (math.isfinite(value) and low <= value <= high)


def _rank(source: ChargeSource) -> int:
    return list(ChargeSource).index(source)


def _band(low: float, high: float, *, source: ChargeSource) -> BatteryReading:
    return BatteryReading(
        percent=(low + high) / 2,
        error_percent=max(LEAST_ERROR_PERCENT, (high - low) / 2),
        source=source,
    )


def _charged(port: PortReading) -> BatteryReading | None:
    if not port.is_charged:
        return None
    return _band(_FULL_IS_FROM_PERCENT, FULL_PERCENT, source=ChargeSource.HUB)


def _from_power(port: PortReading, *, curve: ChargeCurve) -> BatteryReading | None:
    if port.power_w is None or port.power_error_w is None:
        return None
    most_w, least_w = port.power_w + port.power_error_w, port.power_w - port.power_error_w
    # Above this the first phase and the begin of the second cannot be told apart.
    if most_w >= curve.power_w * _POWER_FALLS_BELOW:
        return None
    low = percent_at_power(curve, most_w)
    if low is None:
        # Less than any charging camera takes: it may be full, or its contacts may be bad.
        return None
    high = percent_at_power(curve, least_w)
    return _band(low, FULL_PERCENT if high is None else high, source=ChargeSource.HUB)


def _from_energy(
    port: PortReading, *, curve: ChargeCurve, before: BatteryReading | None
) -> BatteryReading | None:
    if port.energy_wh is None or port.energy_error_wh is None:
        return None
    low_start, high_start = (before.low_percent, before.high_percent) if before else (0.0, 100.0)
    least_wh = max(0.0, port.energy_wh - port.energy_error_wh)
    most_wh = port.energy_wh + port.energy_error_wh
    low = low_start + least_wh / (curve.full_wh * (1 + curve.full_error)) * FULL_PERCENT
    high = high_start + most_wh / (curve.full_wh * (1 - curve.full_error)) * FULL_PERCENT
    low, high = min(low, FULL_PERCENT), min(high, FULL_PERCENT)
    return _band(low, high, source=ChargeSource.INFERRED)
