"""Which cameras are held at `hold_percent`, and which are charged on because a shift nears.

For each shift to come, the cameras that need least are chosen, as many as it needs. All of one
shift are released together, as late as the forecast allows: the sum of what they still take,
over as many ports as the budget powers at once, plus the longest single one, times a margin.
Once released for a shift a camera is not held again before it, whatever the forecast says then,
nor a wall clock that jumps: when the shift began the monotonic one tells as well.

Where not all of them can be ready, power goes to those that can: the emptiest of all first would
leave every camera half charged. By the same forecast, at every tick anew; and those are finished
one after another, so that a wrong forecast costs the last of them, and not each of them a little.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from dockd.core.charge_curve import percent_after, seconds_between
from dockd.core.charge_memory import PROGRESS_PERCENT
from dockd.core.charge_words import Moment, PlanPolicy, SlotMemory, SlotView, Wanted

# Below the hold by this much a camera is charged again: a battery that rests seems to lose some.
_HELD_AGAIN_PERCENT: Final = 5.0
# A shift that is days away holds no camera much lower: what rests so long loses some as well.
_LOOKS_GAIN_AT_MOST_PERCENT: Final = 5.0
# What may be over the hold is over it, up to here: a poor reading holds no camera half empty.
_OVER_AT_MOST_PERCENT: Final = 5.0
# However well a gauge is known: a look lasts longer than it is reckoned with, by a tick or two.
_OVER_AT_LEAST_PERCENT: Final = 3.0
# The last per cent takes for ever, and nobody can tell it from the rest.
_TARGET_AT_MOST_PERCENT: Final = 99.0
# A camera that needs so much of the time that is left waits for nobody.
_URGENT_FROM: Final = 0.85
# Whose charge suffices by its own word, and comes as slowly as it does from there on, has enough: a
# gauge may be off, but how a battery's charging slows down is not its word.


def chosen(
    views: Mapping[str, SlotView],
    memories: Mapping[str, SlotMemory],
    *,
    policy: PlanPolicy,
    now: Moment,
) -> dict[str, Wanted]:
    """Return for which shift each camera is charged, and whether it can be ready by then."""
    if now.wall is None:
        return {}
    able = sorted(
        (slot for slot, each in memories.items() if each.camera is not None and not each.danger),
        key=lambda slot: (-(memories[slot].percent or 0.0), slot),
    )
    taken: dict[str, Wanted] = {}
    queue_s = 0.0
    for place, due in enumerate(now.due):
        here, able = able[: due.cameras], able[due.cameras :]
        left_s = (due.at - now.wall).total_seconds()
        for slot in here:
            view, memory = views[slot], memories[slot]
            # By the least that it can take: one too many is finished last, and takes nobody's turn.
            least_s = _takes_s(view, memory, policy, to_percent=policy.enough_percent)
            # Those that need least come first, so that as many as can be are ready.
            is_in_time = least_s <= left_s and queue_s + least_s <= left_s * _at_once(policy)
            queue_s += least_s if is_in_time else 0.0
            taken[slot] = Wanted(
                place=place,
                at=due.at,
                takes_s=_certainly_takes_s(view, memory, policy),
                is_in_time=is_in_time,
                is_urgent=least_s > left_s * _URGENT_FROM,
            )
        if not all(taken[slot].is_in_time for slot in here):
            taken |= {slot: replace(taken[slot], is_tight=True) for slot in here}
    return taken


def with_holds(
    views: Mapping[str, SlotView],
    memories: Mapping[str, SlotMemory],
    *,
    policy: PlanPolicy,
    now: Moment,
    wanted: Mapping[str, Wanted],
) -> dict[str, SlotMemory]:
    """Return the memories with holds set and released."""
    if now.wall is None or not now.due:
        # When cameras are needed is not known: then they are needed now.
        return {slot: replace(each, is_held=False) for slot, each in memories.items()}
    starts = {due.at for due in now.due}
    near = _near(wanted, policy=policy, now=now)
    held = {}
    for slot, each in memories.items():
        # A wall clock that jumps over the start, and perhaps back, makes no port flap.
        is_to_come = each.released_for in starts or now.monotonic_s < each.released_until_s
        released = each.released_for if is_to_come else None
        until_s = each.released_until_s
        if slot in near and released is None:
            released = wanted[slot].at
            until_s = now.monotonic_s + (released - now.wall).total_seconds()
        until = wanted[slot].at if slot in wanted else now.due[-1].at
        looks = (until - now.wall).total_seconds() / policy.look_every_s
        is_held = released is None and _is_charged_enough(
            views[slot], each, policy=policy, looks=looks
        )
        is_as_before = (each.released_for, each.is_held) == (released, is_held)
        held[slot] = (
            each
            if is_as_before
            else replace(each, released_for=released, released_until_s=until_s, is_held=is_held)
        )
    return held


def _is_charged_enough(
    view: SlotView, memory: SlotMemory, *, policy: PlanPolicy, looks: float
) -> bool:
    if memory.camera is None or memory.percent is None:
        return False
    # Each look into its slot charges a held camera on, by several per cent in a night.
    gains = percent_after(view.curve, from_percent=0.0, seconds=looks * policy.look_s)
    from_percent = policy.hold_percent - min(gains, _LOOKS_GAIN_AT_MOST_PERCENT)
    from_percent -= _HELD_AGAIN_PERCENT if memory.is_held else 0.0
    over_percent = max(_OVER_AT_LEAST_PERCENT, min(memory.over_percent, _OVER_AT_MOST_PERCENT))
    return memory.percent + over_percent >= from_percent


def _near(wanted: Mapping[str, Wanted], *, policy: PlanPolicy, now: Moment) -> set[str]:
    near: set[str] = set()
    takes_s: list[float] = []
    for due in now.due:
        here = {slot: each.takes_s for slot, each in wanted.items() if each.at == due.at}
        # What an earlier shift still takes keeps the ports from this one.
        takes_s += here.values()
        lead_s = _lead_s(takes_s, at_once=_at_once(policy), policy=policy)
        if now.wall is not None and due.at - now.wall <= timedelta(seconds=lead_s):
            near.update(here)
    return near


def _at_once(policy: PlanPolicy) -> int:
    return max(1, int(policy.budget_w / policy.camera_w))


def _certainly_takes_s(view: SlotView, memory: SlotMemory, policy: PlanPolicy) -> float:
    error = view.charge.error_percent if view.charge else 0.0
    certain_percent = min(_TARGET_AT_MOST_PERCENT, policy.enough_percent + error)
    return _takes_s(view, memory, policy, to_percent=certain_percent)


def _takes_s(view: SlotView, memory: SlotMemory, policy: PlanPolicy, *, to_percent: float) -> float:
    percent, enough = memory.percent or 0.0, policy.enough_percent
    stalls_s = memory.powered_s - memory.progress_s
    step_s = seconds_between(view.curve, from_percent=enough, to_percent=enough + PROGRESS_PERCENT)
    if percent >= enough and stalls_s > step_s:
        return 0.0
    return seconds_between(view.curve, from_percent=percent, to_percent=to_percent)


def _lead_s(takes_s: list[float], *, at_once: int, policy: PlanPolicy) -> float:
    if not takes_s:
        return 0.0
    queue_s = sum(takes_s) / at_once if len(takes_s) > at_once else 0.0
    return (max(takes_s) + queue_s) * policy.lead_margin + policy.lead_extra_s
