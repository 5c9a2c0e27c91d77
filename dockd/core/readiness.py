"""When a camera can be taken: its footage safe and its charge sufficient, and which one first."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dockd.core.battery import BatteryReading
from dockd.core.charge_curve import ChargeCurve, seconds_between
from dockd.core.schedule import eta_s
from dockd.core.slot import Advice, SlotFootage, SlotState, advice

# Below this share of what was forecast an error is not of the forecast, but of the rounding.
_LEAST_FORECAST_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """One slot's forecast, from now; None is what cannot be said.

    Attributes:
        footage_safe_in_s: Until every clip is verified; 0 when they are.
        charged_in_s: Until the charge suffices; 0 when it does.
        ready_in_s: Until both; None when the footage's time cannot be said, or the charge is
            known not to suffice yet and its time cannot.
        advice: What the officer should do.
        words: The same as a sentence, an unknown charge said to be unknown.
    """

    footage_safe_in_s: float | None
    charged_in_s: float | None
    ready_in_s: float | None
    advice: Advice
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Charging:
    """What a slot's charge forecast rests on.

    Attributes:
        charge: The state of charge; None when nobody knows.
        curve: How this kind of camera charges.
        enough_percent: From here on the charge suffices.
        waits_s: How long its port will still be without power; None when that cannot be said.
    """

    charge: BatteryReading | None
    curve: ChargeCurve
    enough_percent: float
    waits_s: float | None = 0.0


def suffices(charge: BatteryReading | None, *, enough_percent: float) -> bool | None:
    """Return whether a charge suffices for a shift, at the least that it can be; None: unknown.

    A charge that may suffice or not is unknown as well: an officer is not kept for an error bar.
    """
    if charge is None:
        return None
    if charge.low_percent >= enough_percent:
        return True
    return None if charge.high_percent >= enough_percent else False


def readiness(
    state: SlotState,
    *,
    footage: SlotFootage,
    left_bytes: int,
    rate_bytes_s: float,
    charging: Charging,
) -> Readiness:
    """Return one slot's forecast; `rate_bytes_s` is the measured rate of its offload, 0: none."""
    footage_s = (
        0.0 if footage.verified >= footage.clips else eta_s(left_bytes, rate_bytes_s=rate_bytes_s)
    )
    enough = suffices(charging.charge, enough_percent=charging.enough_percent)
    charged_s = _charged_in_s(charging, is_enough=enough)
    told = advice(state, footage=footage, charge_sufficient=enough)
    return Readiness(
        footage_safe_in_s=footage_s,
        charged_in_s=charged_s,
        ready_in_s=_both(footage_s, charged_s, is_charge_known=enough is not None),
        advice=told,
        words=_words(told, footage=footage, charge=charging.charge, is_enough=enough),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A camera that may be taken: how it is charged, and how often it was out."""

    slot: str
    camera: str
    charge: BatteryReading | None
    dockings: int


def issue_order(candidates: Iterable[Candidate], *, enough_percent: float) -> list[Candidate]:
    """Return the cameras in the order in which to take them: best charged, least used, first.

    Charges that all suffice count as the same, so that use is spread over the cameras instead
    of following a per cent of difference; one that is not known comes after all that are.
    """
    return sorted(candidates, key=lambda each: _issue_key(each, enough_percent=enough_percent))


def forecast_error_s(*, forecast_s: float, actual_s: float) -> float:
    """Return how much later (above 0) or sooner than forecast a camera was ready, in seconds."""
    return actual_s - forecast_s


def forecast_error(*, forecast_s: float, actual_s: float) -> float:
    """Return the same as a fraction of what was forecast."""
    error_s = forecast_error_s(forecast_s=forecast_s, actual_s=actual_s)
    return error_s / max(forecast_s, _LEAST_FORECAST_S)


def _charged_in_s(charging: Charging, *, is_enough: bool | None) -> float | None:
    if is_enough:
        return 0.0
    if charging.charge is None or charging.waits_s is None:
        return None
    return charging.waits_s + seconds_between(
        charging.curve,
        from_percent=charging.charge.percent,
        to_percent=charging.enough_percent,
    )


def _both(
    footage_s: float | None, charged_s: float | None, *, is_charge_known: bool
) -> float | None:
    if footage_s is None:
        return None
    if charged_s is None:
        return None if is_charge_known else footage_s
    return max(footage_s, charged_s)


def _words(
    told: Advice, *, footage: SlotFootage, charge: BatteryReading | None, is_enough: bool | None
) -> str:
    if told is Advice.REPORT:
        return "Report this slot: something is wrong with it."
    left = footage.clips - footage.verified
    if charge is None:
        charged = "how far it is charged is not known"
    else:
        charged = (
            f"it is charged to {charge.percent:.0f} %"
            f" (+-{charge.error_percent:.0f}, {charge.source})"
        )
    if told is Advice.TAKE:
        return f"Take it: its footage is safe, and {charged}."
    if left > 0:
        return f"Leave it: {left} clips have no proven copy yet."
    if is_enough is False:
        return f"Leave it: {charged}, which is not enough yet."
    return "Leave it: nothing is known of it yet."


def _issue_key(candidate: Candidate, *, enough_percent: float) -> tuple[bool, float, int, str]:
    charge = candidate.charge
    percent = 0.0 if charge is None else min(charge.percent, enough_percent)
    return charge is None, -percent, candidate.dockings, candidate.slot
