"""What is being learned of the camera in a slot, look by look: a stay's trace, and its model.

A camera that is docked for the first time has no model until its own taper shows one; from the next
docking on it has one from the start.
"""

from dataclasses import dataclass, field, replace

from dockd.core.battery_model import (
    BatteryModel,
    ChargeTrace,
    CurveSample,
    corrected,
    learned,
    sampled,
    traced,
)
from dockd.core.charge_curve import ChargeCurve
from dockd.core.charge_words import Presence, SlotView


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """One camera's: what its earlier stays showed, what this one does, and what follows.

    Attributes:
        earlier: One sample for each stay before, the newest last.
        trace: This stay's; None: nothing was seen yet.
        sample: What that shows.
        model: From all of them; None: nothing is known.
        usual: The curve of cameras of which nothing is known.
    """

    earlier: tuple[CurveSample, ...]
    usual: ChargeCurve
    trace: ChargeTrace | None = None
    sample: CurveSample = field(default_factory=CurveSample)
    model: BatteryModel | None = None


def begun(earlier: tuple[CurveSample, ...], *, usual: ChargeCurve) -> Learning:
    """Return the learning of a camera that was just docked."""
    return Learning(earlier=earlier, model=learned(earlier, usual=usual), usual=usual)


def looked(before: Learning, view: SlotView, *, now_s: float) -> Learning:
    """Return the learning after one more look; `view` is as its camera says it, uncorrected."""
    port = view.port
    trace = traced(
        before.trace,
        view.charge if view.presence is Presence.CAMERA else None,
        now_s=now_s,
        power_w=None if port is None else port.power_w,
        # While footage is copied a camera uses what it would charge with; a look is short.
        is_idle=not (view.is_busy and view.needs_reading),
    )
    known = replace(before, trace=trace)
    if trace is None or (before.trace and trace.bins.keys() == before.trace.bins.keys()):
        return known
    # A per cent has ended: what it shows may be new.
    sample = sampled(trace)
    if sample == before.sample:
        return known
    model = learned((*before.earlier, sample), usual=before.usual)
    return replace(known, sample=sample, model=model)


def ended(before: Learning) -> tuple[CurveSample, ...]:
    """Return what is to be known of the camera at its next docking."""
    sample = sampled(before.trace)
    return before.earlier if sample == CurveSample() else (*before.earlier, sample)


def told(view: SlotView, model: BatteryModel | None) -> SlotView:
    """Return a slot as the plan and people are told of it: by what is known of its camera."""
    if model is None:
        return view
    charge = None if view.charge is None else corrected(view.charge, model)
    return replace(view, charge=charge, curve=model.curve)
