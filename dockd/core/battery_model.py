"""What one camera's battery is like, learned over its dockings: how fast, how slow, how far off.

A gauge shows a state of charge that is off by the same for weeks. How fast it rises tells by how
much: from the taper on the rate falls linearly with the state of charge (`charge_curve`), and it
would be nothing a little above the true 100 %. Where that is by the gauge's own numbers (`ends_at`)
is found by a line through the rates that were seen, and what it differs by is the gauge's offset.
How far above 100 % it truly is depends on the part of its power at which a camera ends charging:
that is nobody's to see, published between 3 and 10 % (BU-409, "Charging Lithium-ion", gives 3 to
5 % of the rated current, at a first phase of 0.5 to 1 C), and the offset's least error.

Several dockings are joined by their medians, which one odd docking does not move. A model never
widens what a gauge says of itself, and where the two agree in nothing the gauge counts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from statistics import median
from typing import Final

from dockd.core.battery import BatteryReading, ChargeSource
from dockd.core.charge_curve import FULL_PERCENT, ChargeCurve

# As much of a bin as has to be seen for its rate to count, and below how much it is in the taper.
_SEEN_OF_A_BIN: Final = 0.6
_FALLEN_TO: Final = 0.93
_FIRST_PHASE_BELOW_PERCENT: Final = 75.0
_LEAST_BINS: Final = 4
# A line through rates that hardly fell says nothing of where they end.
_FALLS_AT_LEAST_TO: Final = 0.7
_ENDS_WITHIN: Final = (90.0, 112.0)
_RATES_PERCENT_H: Final = (2.0, 400.0)
_ERRORS: Final = 2.0
_LEAST_FIT_ERROR_PERCENT: Final = 0.1
_END_FRACTIONS: Final = (0.03, 0.1)
_END_FRACTION: Final = 0.065
_TAPER_PERCENTS: Final = (70.0, 92.0)
_USUAL_TAPER_WIDTH_PERCENT: Final = 17.5
_MOST_OFFSET_ERROR_PERCENT: Final = 2.5
_OF_THE_MEDIAN: Final = 1.4826
_LEAST_RATE_ERROR: Final = 0.03
_LEAST_ENERGY_ERROR: Final = 0.08
_MOST_ERROR: Final = 0.25
_LEAST_SPREAD: Final = 3
_NEWEST: Final = 20
# What lies further between two looks was not watched.
_LOOKS_WITHIN_S: Final = 120.0
_MOST_STEP_PERCENT: Final = 3.0
_S_PER_H: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """What was seen within one per cent of a gauge: how far it rose, in what time, with what."""

    gained_percent: float = 0.0
    seconds: float = 0.0
    joules: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeTrace:
    """How a gauge rose in one stay; `bins` by whole per cent, the first of them entered midway."""

    bins: Mapping[int, Bin]
    percent: float
    at_s: float
    is_watched: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveSample:
    """What one stay showed of a battery, in per cent of its gauge; None is what it did not.

    Attributes:
        rate_percent_h: How fast it rose in the first phase.
        power_w: What the port gave meanwhile.
        taper_percent: Where the rate begins to fall.
        ends_at_percent: Where it would be nothing.
        ends_error_percent: How far that can be off, by the scatter of the rates.
    """

    rate_percent_h: float | None = None
    power_w: float | None = None
    taper_percent: float | None = None
    ends_at_percent: float | None = None
    ends_error_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryModel:
    """One camera's battery.

    Attributes:
        curve: How it charges, in true per cent.
        stays: From how many stays it was learned.
        rate_error: How far the speed of the curve can be off, as a fraction.
        offset_percent: What its gauge shows too much; None: not known.
        offset_error_percent: How far that can be off.
    """

    curve: ChargeCurve
    stays: int
    rate_error: float
    offset_percent: float | None = None
    offset_error_percent: float | None = None


def traced(
    before: ChargeTrace | None,
    charge: BatteryReading | None,
    *,
    now_s: float,
    power_w: float | None,
    is_idle: bool,
) -> ChargeTrace | None:
    """Return the trace after one more look at a camera with power.

    Only its own fresh word counts, and only while nothing but charging goes on (`is_idle`).
    """
    if charge is None or charge.source is not ChargeSource.CAMERA or not is_idle:
        return None if before is None else replace(before, is_watched=False)
    percent = charge.percent
    if before is None:
        return ChargeTrace(bins={}, percent=percent, at_s=now_s)
    seconds, gained = now_s - before.at_s, percent - before.percent
    is_step = before.is_watched and 0 < seconds <= _LOOKS_WITHIN_S
    if not is_step or not 0 <= gained <= _MOST_STEP_PERCENT:
        return replace(before, percent=percent, at_s=now_s, is_watched=True)
    whole = int(before.percent)
    known = before.bins.get(whole, Bin())
    joules = None if known.joules is None or power_w is None else known.joules + power_w * seconds
    seen = Bin(
        gained_percent=known.gained_percent + gained,
        seconds=known.seconds + seconds,
        joules=joules,
    )
    return replace(before, bins={**before.bins, whole: seen}, percent=percent, at_s=now_s)


def sampled(trace: ChargeTrace | None) -> CurveSample:
    """Return what a stay has shown so far."""
    if trace is None or not trace.bins:
        return CurveSample()
    # The first one was entered midway, and one at 100 % never ends.
    entered = min(trace.bins)
    seen = {
        whole: each
        for whole, each in sorted(trace.bins.items())
        if entered < whole < FULL_PERCENT - 1
        and each.gained_percent >= _SEEN_OF_A_BIN
        and each.seconds > 0
    }
    if not seen:
        return CurveSample()
    first = [each for whole, each in seen.items() if whole < _FIRST_PHASE_BELOW_PERCENT]
    rate = _rate(first) if len(first) >= _LEAST_BINS else None
    highest = rate if rate is not None else max(_rate([each]) for each in seen.values())
    line = _line(_falling(seen, below=highest * _FALLEN_TO), highest=highest)
    sample = CurveSample(rate_percent_h=rate, power_w=_power_w(first) if rate is not None else None)
    if line is None:
        return sample
    ends_at, error, slope = line
    taper = None if rate is None else ends_at - rate / slope
    return replace(sample, taper_percent=taper, ends_at_percent=ends_at, ends_error_percent=error)


def learned(samples: Sequence[CurveSample], *, usual: ChargeCurve) -> BatteryModel | None:
    """Return a camera's model by what its stays showed, the newest last; None: they showed nothing.

    What they do not show is taken from the `usual` curve.
    """
    newest = [each for each in samples if each != CurveSample()][-_NEWEST:]
    rates = _known([each.rate_percent_h for each in newest], within=_RATES_PERCENT_H)
    ends = [each for each in newest if _is_end(each)]
    if not rates and not ends:
        return None
    rate = median(rates) if rates else usual.power_w / usual.full_wh * FULL_PERCENT
    rate_error = max(_LEAST_RATE_ERROR, _scatter(rates) / rate) if rates else usual.full_error
    offset, offset_error, taper = _offset(ends)
    return BatteryModel(
        curve=_curve(
            usual, rate=rate, rate_error=rate_error, taper=taper, powers=[e.power_w for e in newest]
        ),
        stays=len(newest),
        rate_error=rate_error,
        offset_percent=offset,
        offset_error_percent=offset_error,
    )


def corrected(reading: BatteryReading, model: BatteryModel | None) -> BatteryReading:
    """Return a camera's own word without what its gauge shows too much."""
    if (
        model is None
        or model.offset_percent is None
        or model.offset_error_percent is None
        or reading.source is not ChargeSource.CAMERA
    ):
        return reading
    percent = reading.percent - model.offset_percent
    # A gauge that stands at its end says no more than that it is at least there.
    most = FULL_PERCENT if reading.percent >= FULL_PERCENT else percent + model.offset_error_percent
    low = max(0.0, reading.low_percent, percent - model.offset_error_percent)
    high = min(reading.high_percent, most)
    if low > high:
        return reading
    return replace(reading, percent=(low + high) / 2, error_percent=(high - low) / 2)


def _falling(seen: Mapping[int, Bin], *, below: float) -> list[tuple[float, float]]:
    """Return the rates from where all that follow are below one, by the middle of their bins."""
    rates = ((whole, _rate([each])) for whole, each in sorted(seen.items(), reverse=True))
    last = takewhile(
        lambda found: found[0] >= _FIRST_PHASE_BELOW_PERCENT and found[1] < below, rates
    )
    return [(whole + 0.5, rate) for whole, rate in last]


def _rate(bins: Sequence[Bin]) -> float:
    """Return per cent an hour."""
    gained = sum(each.gained_percent for each in bins)
    return gained * _S_PER_H / sum(each.seconds for each in bins)


def _power_w(bins: Sequence[Bin]) -> float | None:
    joules = [each.joules for each in bins]
    if any(each is None for each in joules):
        return None
    return math.fsum(each for each in joules if each) / sum(each.seconds for each in bins)


def _line(
    points: Sequence[tuple[float, float]], *, highest: float
) -> tuple[float, float, float] | None:
    """Return where falling rates end, how far that can be off, and how steeply they fall."""
    if len(points) < _LEAST_BINS or min(y for _, y in points) > highest * _FALLS_AT_LEAST_TO:
        return None
    # The slower the better known is a rate: in a long bin looks are as far apart as in a short one.
    lowest = min(y for _, y in points)
    weights = [(lowest / y) ** 2 for _, y in points]
    total = math.fsum(weights)
    mean_x = math.fsum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    mean_y = math.fsum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
    spread = math.fsum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    falls = math.fsum(
        w * (x - mean_x) * (mean_y - y) for w, (x, y) in zip(weights, points, strict=True)
    )
    slope = falls / spread
    if slope <= 0:
        return None
    ends_at = mean_x + mean_y / slope
    if not _ENDS_WITHIN[0] <= ends_at <= _ENDS_WITHIN[1]:
        return None
    left = math.fsum(
        w * (y - slope * (ends_at - x)) ** 2 for w, (x, y) in zip(weights, points, strict=True)
    ) / (len(points) - 2)
    # The usual error of where a fitted line crosses the axis.
    error = math.sqrt(left * (1 / total + (ends_at - mean_x) ** 2 / spread)) / slope
    return ends_at, _ERRORS * error, slope


def _is_end(sample: CurveSample) -> bool:
    ends_at, error = sample.ends_at_percent, sample.ends_error_percent
    if ends_at is None or error is None:
        return False
    return _ENDS_WITHIN[0] <= ends_at <= _ENDS_WITHIN[1] and 0 <= error < math.inf


def _offset(ends: Sequence[CurveSample]) -> tuple[float | None, float | None, float | None]:
    """Return a gauge's offset, how far that can be off, and where the taper truly begins."""
    if not ends:
        return None, None, None
    ends_at = median([each.ends_at_percent or 0.0 for each in ends])
    fits = median([each.ends_error_percent or 0.0 for each in ends])
    scatter = _scatter([each.ends_at_percent or 0.0 for each in ends])
    tapers = [each.taper_percent for each in ends if each.taper_percent is not None]
    width = ends_at - median(tapers) if tapers else _USUAL_TAPER_WIDTH_PERCENT
    # From where the taper begins to where the rate is nothing, `end_fraction` of it is above 100 %.
    least, most = (fraction * width for fraction in _END_FRACTIONS)
    offset = ends_at - FULL_PERCENT - (least + most) / 2
    # The more stays agree, the less it matters how far each of them could be off.
    fit_error = max(fits / math.sqrt(len(ends)), scatter, _LEAST_FIT_ERROR_PERCENT)
    error = (most - least) / 2 + fit_error
    taper = ends_at - width - offset if tapers else None
    if error > _MOST_OFFSET_ERROR_PERCENT:
        return None, None, taper
    return offset, error, taper


def _scatter(values: Sequence[float]) -> float:
    """Return how far a median can be off: by half of what two differ, and robustly by more."""
    if len(values) < _LEAST_SPREAD:
        return (max(values) - min(values)) / 2
    middle = median(values)
    spread = _OF_THE_MEDIAN * median([abs(value - middle) for value in values])
    return _ERRORS * spread / math.sqrt(len(values))


def _known(values: Sequence[float | None], *, within: tuple[float, float]) -> list[float]:
    return [value for value in values if value is not None and within[0] <= value <= within[1]]


def _curve(
    usual: ChargeCurve,
    *,
    rate: float,
    rate_error: float,
    taper: float | None,
    powers: Sequence[float | None],
) -> ChargeCurve:
    measured = _known(powers, within=(0.5, 240.0))
    power_w = median(measured) if measured else usual.power_w
    # Where nobody measures watts the speed is known all the same, and the energy is not asked for.
    least_error = _LEAST_ENERGY_ERROR if measured else usual.full_error
    begins = usual.taper_from_percent if taper is None else taper
    return ChargeCurve(
        full_wh=power_w / rate * FULL_PERCENT,
        full_error=min(_MOST_ERROR, max(least_error, rate_error)),
        power_w=power_w,
        taper_from_percent=min(_TAPER_PERCENTS[1], max(_TAPER_PERCENTS[0], begins)),
        end_fraction=usual.end_fraction if taper is None else _END_FRACTION,
    )
