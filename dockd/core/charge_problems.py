"""What a person should know of the charging: each said once, with the slot that it is about."""

from collections.abc import Mapping
from typing import Final

from dockd.core.charge_memory import is_on
from dockd.core.charge_turns import FOLLOWS_WITHIN_S
from dockd.core.charge_words import Danger, PlanPolicy, PlanProblem, SlotMemory, SlotView

_DANGERS: Final = {
    Danger.COLD: ("charge-temperature", "It is below 0 C", "the port is cut until it is warmer"),
    Danger.HOT: ("charge-temperature", "It is above 45 C", "the port is cut until it is cooler"),
    Danger.OVER_CURRENT: (
        "charge-over-current",
        "The slot draws more than a camera may",
        "its port is cut",
    ),
    Danger.NO_PROGRESS: (
        "charge-no-progress",
        "The camera takes power and does not get fuller",
        "its port is cut",
    ),
}


def problems(
    views: Mapping[str, SlotView],
    memories: Mapping[str, SlotMemory],
    *,
    policy: PlanPolicy,
    now_s: float,
    reserved_w: float,
) -> tuple[PlanProblem, ...]:
    """Return every problem that stands at this tick; ``reserved_w`` is of ports that stay on."""
    found = [*_of_budget(views, policy=policy, reserved_w=reserved_w)]
    for slot, view in views.items():
        known = memories[slot]
        if known.danger is not None:
            found.append(_of_danger(view, known.danger, policy=policy))
        if view.port is None:
            reason = "There is no such port at the hub."
            found.append(PlanProblem(slug="port-not-switchable", slot=slot, reason=reason))
        elif policy.can_switch and view.follows and _does_not_follow(view, known, now_s=now_s):
            told = "on" if known.ordered_on else "off"
            reason = f"The port was told to be {told} {FOLLOWS_WITHIN_S:g} s ago, and is not."
            found.append(PlanProblem(slug="port-not-switchable", slot=slot, reason=reason))
    return tuple(found)


def _of_danger(view: SlotView, danger: Danger, *, policy: PlanPolicy) -> PlanProblem:
    slug, what, then = _DANGERS[danger]
    is_deaf = not (policy.can_switch and view.follows)
    told = f"{what}: {then}."
    if is_deaf and is_on(view):
        told = f"{what}, and its port cannot be cut: take the camera out."
    return PlanProblem(slug=slug, slot=view.slot, reason=told)


def _of_budget(
    views: Mapping[str, SlotView], *, policy: PlanPolicy, reserved_w: float
) -> list[PlanProblem]:
    if policy.budget_w < policy.camera_w:
        reason = (
            f"The budget of {policy.budget_w:g} W is less than one camera draws at worst "
            f"({policy.camera_w:g} W): "
        )
        reason += (
            "no port is powered, no camera is charged and no footage is copied."
            if policy.can_switch
            else "and the driver cannot switch a port off."
        )
        return [PlanProblem(slug="power-budget", slot="", reason=reason)]
    if not policy.can_switch:
        reserved_w = policy.camera_w * len(views)
    if reserved_w <= policy.budget_w:
        return []
    why = "slots that cannot be switched"
    if policy.can_switch:
        why = "cameras that are being read"
        if not all(view.follows for view in views.values()):
            why += ", or whose ports do not switch,"
    reason = f"{why.capitalize()} may draw {reserved_w:g} W of a budget of {policy.budget_w:g} W."
    return [PlanProblem(slug="power-budget", slot="", reason=reason)]


def _does_not_follow(view: SlotView, known: SlotMemory, *, now_s: float) -> bool:
    if known.ordered_on is None or now_s - known.ordered_s <= FOLLOWS_WITHIN_S:
        return False
    return is_on(view) != known.ordered_on
