"""How a lithium-ion camera charges: constant current, then constant voltage (CC/CV).

Seen from the port, the first phase takes a nearly constant power, and from `taper_from_percent`
on the power falls with the charge, towards `end_fraction` of what it was. Within the taper it
falls linearly with the state of charge, which is the exponential decay of the current over
time that a cell of constant resistance shows at constant voltage. All functions are exact
for that curve, so that a forecast has no step size.
"""

import math
from dataclasses import dataclass
from typing import Final

FULL_PERCENT: Final = 100.0
_S_PER_H: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeCurve:
    """One kind of camera's charging, as its port sees it.

    Attributes:
        full_wh: What the port delivers from empty to full, losses included.
        full_error: How far `full_wh` can be off, as a fraction of it.
        power_w: What the port delivers in the first phase.
        taper_from_percent: Where the second phase begins, below 100.
        end_fraction: The part of `power_w` at which the camera ends charging, above 0.
    """

    full_wh: float = 15.0
    full_error: float = 0.25
    power_w: float = 6.0
    taper_from_percent: float = 80.0
    end_fraction: float = 0.1

    def __post_init__(self) -> None:
        """Refuse a curve on which nothing would ever charge.

        Raises:
            ValueError: a number is out of its range.
        """
        in_range = (
            0 < self.full_wh < math.inf
            and 0 < self.power_w < math.inf
            and 0 <= self.full_error < 1
            and 0 <= self.taper_from_percent < FULL_PERCENT
            and 0 < self.end_fraction < 1
        )
        if not in_range:
            raise ValueError(f"no camera charges like {self}")


def power_w_at(curve: ChargeCurve, percent: float) -> float:
    """Return what the port delivers at a state of charge, in watts."""
    if percent <= curve.taper_from_percent:
        return curve.power_w
    over = (min(percent, FULL_PERCENT) - curve.taper_from_percent) / _taper_percent(curve)
    return curve.power_w * (1 - over * (1 - curve.end_fraction))


def seconds_between(curve: ChargeCurve, *, from_percent: float, to_percent: float) -> float:
    """Return how long a powered port takes from one state of charge to another; 0 when there."""
    start, end = _within(from_percent), _within(to_percent)
    return max(0.0, _seconds_from_empty(curve, end) - _seconds_from_empty(curve, start))


def percent_after(curve: ChargeCurve, *, from_percent: float, seconds: float) -> float:
    """Return the state of charge after a port was powered for a time."""
    at_s = _seconds_from_empty(curve, _within(from_percent)) + max(0.0, seconds)
    taper_s = _seconds_from_empty(curve, curve.taper_from_percent)
    if at_s <= taper_s:
        return at_s * _percent_per_s(curve)
    slope = (1 - curve.end_fraction) / _taper_percent(curve)
    decayed = math.exp(-slope * _percent_per_s(curve) * (at_s - taper_s))
    return min(FULL_PERCENT, curve.taper_from_percent + (1 - decayed) / slope)


def percent_at_power(curve: ChargeCurve, power_w: float) -> float | None:
    """Return the state of charge that a falling power shows; None in the first phase."""
    fraction = power_w / curve.power_w
    if not curve.end_fraction <= fraction < 1:
        return None
    over = (1 - fraction) / (1 - curve.end_fraction)
    return curve.taper_from_percent + over * _taper_percent(curve)


def _seconds_from_empty(curve: ChargeCurve, percent: float) -> float:
    linear = min(percent, curve.taper_from_percent) / _percent_per_s(curve)
    if percent <= curve.taper_from_percent:
        return linear
    slope = (1 - curve.end_fraction) / _taper_percent(curve)
    left = 1 - slope * (percent - curve.taper_from_percent)
    return linear - math.log(left) / (slope * _percent_per_s(curve))


def _percent_per_s(curve: ChargeCurve) -> float:
    return curve.power_w / (curve.full_wh * _S_PER_H) * FULL_PERCENT


def _taper_percent(curve: ChargeCurve) -> float:
    return FULL_PERCENT - curve.taper_from_percent


def _within(percent: float) -> float:
    return min(FULL_PERCENT, max(0.0, percent))
