"""What the planner remembers of a slot from one tick to the next, and its safety verdicts.

Every duration is the monotonic clock's. A slot that is seen empty, or with another camera, is
forgotten, and its latched dangers with it; one behind a cut port stays what it was until its camera
is seen elsewhere, for then a person took it out.
"""

from dataclasses import replace
from typing import Final

from dockd.core.battery import ChargeSource
from dockd.core.charge_curve import ChargeCurve, percent_after
from dockd.core.charge_words import Danger, PlanPolicy, Presence, SlotMemory, SlotView
from dockd.core.port_power import PortFault, PortMode

COLDEST_C: Final = 0.0
HOTTEST_C: Final = 45.0
HYSTERESIS_C: Final = 3.0
OVER_CURRENT_FACTOR: Final = 1.25
OVER_CURRENT_S: Final = 5.0
# A camera that is on while it charges may gain little; one that gains nothing in this time heats.
NO_PROGRESS_S: Final = 5400.0
PROGRESS_PERCENT: Final = 1.0
_NEARLY_FULL_PERCENT: Final = 95.0
_ENERGY_FACTOR: Final = 1.5
_STILL_CHARGING: Final = 0.5
# Not what was learned of this one: a battery that turns energy into heat would teach that it may.
_ANY_CAMERA: Final = ChargeCurve()
_THERMAL: Final = frozenset({Danger.COLD, Danger.HOT})


def is_on(view: SlotView) -> bool:
    """Return whether a port must be taken to be on: one that cannot be read is."""
    return view.port is not None and view.port.mode is not PortMode.OFF


def remembered(
    view: SlotView, *, before: SlotMemory | None, policy: PlanPolicy, now_s: float, passed_s: float
) -> SlotMemory:
    """Return what is to be remembered of a slot at this tick; `passed_s` since the last one."""
    on = is_on(view)
    if before is None:
        # Nothing is known of the time before: the port has been as it is for long.
        before = SlotMemory(is_on=on, changed_s=now_s - policy.least_on_s)
    if _is_another(view, before):
        before = _forgotten(before)
    if on != before.is_on:
        before = replace(before, is_on=on, changed_s=now_s)
    if not view.follows and before.ordered_on is not None:
        # Whatever it was told is void: once it follows it is told anew.
        before = replace(before, ordered_on=None)
    if view.presence is not Presence.UNKNOWN:
        is_there = view.presence is Presence.CAMERA
        camera = (view.camera or before.camera or "") if is_there else before.camera
        before = replace(before, seen_s=now_s, camera=camera)
    known = _charged(view, before, powered_s=passed_s if on else 0.0)
    return _judged(view, known, policy=policy, now_s=now_s)


def _is_another(view: SlotView, before: SlotMemory) -> bool:
    if view.presence is Presence.EMPTY or view.is_vacated:
        return True
    return bool(view.camera and before.camera and view.camera != before.camera)


def _forgotten(before: SlotMemory) -> SlotMemory:
    # The port's own history and the temperature of the rack outlast the camera.
    return SlotMemory(
        changed_s=before.changed_s,
        is_on=before.is_on,
        seen_s=before.seen_s,
        danger=before.danger if before.danger in _THERMAL else None,
        ordered_on=before.ordered_on,
        ordered_s=before.ordered_s,
        cut=before.cut,
    )


def _charged(view: SlotView, before: SlotMemory, *, powered_s: float) -> SlotMemory:
    if before.camera is None:
        return before
    total_s = before.powered_s + powered_s
    if view.charge is not None:
        percent, over_percent = view.charge.percent, view.charge.error_percent
    else:
        # Nobody knows: it came empty, and has charged by the time that it had power.
        percent = percent_after(view.curve, from_percent=before.percent or 0.0, seconds=powered_s)
        over_percent = before.over_percent
    rises = percent >= before.progress_percent + PROGRESS_PERCENT
    # While it is read it may use all that it gets; while it is held it is to gain nothing.
    progresses = rises or view.is_busy or before.is_held
    return replace(
        before,
        powered_s=total_s,
        percent=percent,
        over_percent=over_percent,
        progress_percent=percent if progresses else before.progress_percent,
        progress_s=total_s if progresses else before.progress_s,
    )


def _judged(view: SlotView, before: SlotMemory, *, policy: PlanPolicy, now_s: float) -> SlotMemory:
    since_s = before.danger_since_s
    if not _is_over_current(view, policy):
        since_s = None
    elif since_s is None:
        since_s = now_s
    if since_s != before.danger_since_s:
        before = replace(before, danger_since_s=since_s)
    if before.danger is not None and before.danger not in _THERMAL:
        return before
    lasts = since_s is not None and now_s - since_s >= OVER_CURRENT_S
    if lasts or (view.port is not None and PortFault.OVER_CURRENT in view.port.faults):
        return replace(before, danger=Danger.OVER_CURRENT)
    if _makes_no_progress(view, before):
        return replace(before, danger=Danger.NO_PROGRESS)
    danger = _thermal(view.temperature_c, before.danger)
    return before if danger is before.danger else replace(before, danger=danger)


def _is_over_current(view: SlotView, policy: PlanPolicy) -> bool:
    port = view.port
    if port is None or port.power_w is None:
        return False
    least_w = port.power_w - (port.power_error_w or 0.0)
    return least_w > policy.camera_w * OVER_CURRENT_FACTOR


def _makes_no_progress(view: SlotView, memory: SlotMemory) -> bool:
    if view.charge is not None and view.charge.source is not ChargeSource.INFERRED:
        waited_s = memory.powered_s - memory.progress_s
        if waited_s > NO_PROGRESS_S and view.charge.high_percent < _NEARLY_FULL_PERCENT:
            return True
    port = view.port
    if port is None or port.power_w is None or port.energy_wh is None:
        return False
    most_wh = _ANY_CAMERA.full_wh * (1 + _ANY_CAMERA.full_error) * _ENERGY_FACTOR
    takes_more = port.energy_wh - (port.energy_error_wh or 0.0) > most_wh
    still = port.power_w - (port.power_error_w or 0.0) > _ANY_CAMERA.power_w * _STILL_CHARGING
    return takes_more and still


def _thermal(temperature_c: float | None, before: Danger | None) -> Danger | None:
    if temperature_c is None:
        # A sensor that falls silent, or talks nonsense, lifts nothing and cuts nothing.
        return before
    if temperature_c < COLDEST_C + (HYSTERESIS_C if before is Danger.COLD else 0.0):
        return Danger.COLD
    if temperature_c > HOTTEST_C - (HYSTERESIS_C if before is Danger.HOT else 0.0):
        return Danger.HOT
    return None
