"""Which ports have power now, and why: a pure function, called at every tick.

1. **Safety wins.** A port in danger (below 0 or above 45 C, over-current, no progress) is cut,
   whatever the budget, the shift or the least on-time say. If its camera is being read or wiped,
   the docking is asked to stop first (`quiesce`), and the cut comes when it has.
2. **A port is never cut while its camera is read or wiped.**
3. **The budget holds at every tick.** A port that is on, or may be, counts with the most that a
   camera draws, whether a camera is in it or not: one may be put in at any moment. What a cut
   frees is given away only once the port reads as off, and one port is powered on at a time.
4. **Where the budget is short**, power goes to: cameras with footage to copy; slots that were
   long not looked into; cameras for the next shift that can be ready then, those that come too
   late for it, cameras for later ones, then others, the emptiest first (where not all can be ready,
   the fullest of those that can); empty slots. Waiting
   counts, so nobody starves; a port keeps its power for `least_on_s`, and only a camera that is
   emptier by `better_percent` takes it over. Footage that has not moved on for half an hour, its
   store or its camera being ill, is no claim any more. Slots that seem empty share the power of
   one port among them, the more rarely the fewer ports have any, and what nobody else can use.
5. **Hold** (`charge_holds`): charged to `hold_percent`, a camera waits without power until its
   shift nears. Its slot is looked into now and then, since a cut slot shows nobody. One with
   clips still to be wiped keeps its power somewhat longer.
6. **A budget below one camera** powers nothing: a budget is what the wiring bears. Footage stays
   safe on its camera, and the problem says that it is not being copied.
7. **A driver that switches nothing** is given no orders; a budget that the rack may exceed is said.
   So it is with a port that does not follow: it is on, counted, and watched for danger like any.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from dockd.core.charge_holds import chosen, with_holds
from dockd.core.charge_memory import is_on, remembered
from dockd.core.charge_problems import problems
from dockd.core.charge_turns import Turn, TurnKind, turn
from dockd.core.charge_words import (
    Moment,
    Plan,
    PlanMemory,
    PlanPolicy,
    PortOrder,
    SlotMemory,
    SlotView,
    Wanted,
)
from dockd.core.port_power import CutKind, PortMode

_ROUNDING_W = 1e-9
_QUIET_AFTER_S = 3600.0
_QUIET_FACTOR = 4


def plan(slots: Sequence[SlotView], *, policy: PlanPolicy, now: Moment, memory: PlanMemory) -> Plan:
    """Return what every port shall be at this tick, by the rules above."""
    views = {view.slot: view for view in slots}
    now_s = now.monotonic_s
    passed_s = 0.0 if memory.at_s is None else max(0.0, now_s - memory.at_s)
    memories = {
        slot: remembered(
            view,
            before=memory.slots.get(slot),
            policy=policy,
            now_s=now_s,
            passed_s=passed_s,
        )
        for slot, view in views.items()
    }
    wanted = chosen(views, memories, policy=policy, now=now)
    memories = with_holds(views, memories, policy=policy, now=now, wanted=wanted)
    orders: list[PortOrder] = []
    looks: set[str] = set()
    if policy.can_switch:
        turns = [
            turn(view, memory=memories[slot], policy=policy, now_s=now_s, wanted=wanted.get(slot))
            for slot, view in views.items()
            if view.port is not None and view.follows
        ]
        orders = _orders(
            turns,
            views=views,
            memories=memories,
            policy=policy,
            now_s=now_s,
            before=memory,
            is_complete=_is_complete(memories, wanted=wanted, now=now),
        )
        looks = {each.slot for each in turns if each.is_look}
    on_w = _counted_w(views, memories, policy)
    # What is cut now is no problem of the budget; if its port does not follow, the next tick tells.
    cut = {order.slot for order in orders if order.mode is PortMode.OFF}
    kept_w = sum(port_w for slot, port_w in on_w.items() if slot not in cut)
    starts = [order for order in orders if _starts(order, memories)]
    return Plan(
        orders=tuple(orders),
        problems=problems(views, memories, policy=policy, now_s=now_s, reserved_w=kept_w),
        memory=PlanMemory(
            slots=_ordered(memories, orders=orders, now_s=now_s),
            at_s=now_s,
            powered_on_s=now_s if starts else memory.powered_on_s,
            found_s=now_s if _finds(memories, before=memory) else memory.found_s,
            looked_s=now_s if any(each.slot in looks for each in starts) else memory.looked_s,
        ),
        reserved_w=sum(on_w.values())
        + sum(_reserved_w(views[order.slot], policy) for order in starts),
    )


def _orders(
    turns: Sequence[Turn],
    *,
    views: Mapping[str, SlotView],
    memories: Mapping[str, SlotMemory],
    policy: PlanPolicy,
    now_s: float,
    before: PlanMemory,
    is_complete: bool,
) -> list[PortOrder]:
    may_look = _may_look(
        memories, policy=policy, now_s=now_s, before=before, is_complete=is_complete
    )
    unseen = frozenset(
        slot
        for slot, each in memories.items()
        if not each.is_on or now_s - each.changed_s < policy.look_s
    )
    served = _served(turns, views=views, policy=policy, first_looks=unseen if may_look else ())
    counted_w = sum(_counted_w(views, memories, policy).values())
    rested = before.powered_on_s is None or now_s - before.powered_on_s >= policy.stagger_s
    cuts: list[PortOrder] = []
    stays: list[PortOrder] = []
    for each in sorted(turns, key=_rank):
        port_w = _reserved_w(views[each.slot], policy)
        if each.slot not in served:
            cuts.append(_cut(each))
        elif _counts(views[each.slot], memories[each.slot]):
            stays.append(_power(each, memories[each.slot]))
        elif rested and counted_w + port_w <= policy.budget_w + _ROUNDING_W:
            counted_w, rested = counted_w + port_w, False
            stays.append(_power(each, memories[each.slot]))
        else:
            cuts.append(replace(_cut(each), reason="waits for its turn to be powered on"))
    return list(chain(cuts, stays))


def _finds(memories: Mapping[str, SlotMemory], *, before: PlanMemory) -> bool:
    return any(
        known.camera is not None and (slot not in before.slots or before.slots[slot].camera is None)
        for slot, known in memories.items()
    )


def _is_complete(
    memories: Mapping[str, SlotMemory], *, wanted: Mapping[str, Wanted], now: Moment
) -> bool:
    is_tight = any(each.is_tight and each.place == 0 for each in wanted.values())
    known = sum(each.camera is not None for each in memories.values())
    return is_tight and known >= now.due[0].cameras


def _may_look(
    memories: Mapping[str, SlotMemory],
    *,
    policy: PlanPolicy,
    now_s: float,
    before: PlanMemory,
    is_complete: bool,
) -> bool:
    looking = any(
        each.is_on and each.camera is None and now_s - each.changed_s < policy.look_s
        for each in memories.values()
    )
    if before.looked_s is None or looking:
        return True
    # A look takes one port of all that have power: the fewer those are, the rarer it is. Cameras
    # come when a shift ends: an hour after the last one it is rarer still, and so it is once as
    # many are here as the next shift needs and there is not time enough for all of them.
    at_once = max(1, int(policy.budget_w / policy.camera_w))
    is_late = before.found_s is not None and now_s - before.found_s > _QUIET_AFTER_S
    is_quiet = is_late or is_complete
    every_s = policy.least_on_s / at_once**2 * (_QUIET_FACTOR if is_quiet else 1)
    return now_s - before.looked_s >= min(every_s, policy.least_on_s)


def _served(
    turns: Sequence[Turn],
    *,
    views: Mapping[str, SlotView],
    policy: PlanPolicy,
    first_looks: Collection[str],
) -> frozenset[str]:
    served = {each.slot for each in turns if each.kind is TurnKind.KEEP}
    served |= {slot for slot, view in views.items() if not view.follows}
    used_w = sum(_reserved_w(views[slot], policy) for slot in served)
    ranked = sorted((each for each in turns if each.kind is TurnKind.MAY), key=_rank)
    looks = [each for each in ranked if each.is_look]
    # One look before all others, the other looks after them: neither starves the other.
    first = [each for each in looks if each.slot in first_looks][:1]
    others = [each for each in ranked if not each.is_look]
    for each in [*first, *others, *(each for each in looks if each not in first)]:
        port_w = _reserved_w(views[each.slot], policy)
        if used_w + port_w <= policy.budget_w + _ROUNDING_W:
            used_w += port_w
            served.add(each.slot)
    return frozenset(served)


def _rank(each: Turn) -> tuple[float, str]:
    return -each.score, each.slot


def _power(each: Turn, known: SlotMemory) -> PortOrder:
    return PortOrder(
        slot=each.slot,
        mode=PortMode.SYNC,
        # Of the cut that ends, should one be in force.
        kind=known.cut or each.cut,
        reason=each.reason,
        quiesce=each.quiesce,
    )


def _cut(each: Turn) -> PortOrder:
    reason = each.reason if each.kind is TurnKind.CUT else f"no watts left: {each.reason}"
    kind = each.cut if each.kind is TurnKind.CUT else CutKind.BUDGET
    return PortOrder(slot=each.slot, mode=PortMode.OFF, kind=kind, reason=reason)


def _counts(view: SlotView, memory: SlotMemory) -> bool:
    # A port that was told to come on may do so at any moment, and one that does not follow too.
    told_on = view.port is not None and memory.ordered_on is True
    return is_on(view) or not view.follows or told_on


def _counted_w(
    views: Mapping[str, SlotView], memories: Mapping[str, SlotMemory], policy: PlanPolicy
) -> dict[str, float]:
    return {
        slot: _reserved_w(view, policy)
        for slot, view in views.items()
        if _counts(view, memories[slot])
    }


def _reserved_w(view: SlotView, policy: PlanPolicy) -> float:
    port = view.port
    if port is None or port.power_w is None:
        return policy.camera_w
    return max(policy.camera_w, port.power_w + (port.power_error_w or 0.0))


def _starts(order: PortOrder, memories: Mapping[str, SlotMemory]) -> bool:
    known = memories[order.slot]
    return order.mode is not PortMode.OFF and not known.is_on and known.ordered_on is not True


def _ordered(
    memories: Mapping[str, SlotMemory], *, orders: Sequence[PortOrder], now_s: float
) -> dict[str, SlotMemory]:
    ordered = dict(memories)
    for order in orders:
        on, known = order.mode is not PortMode.OFF, memories[order.slot]
        cut = known.cut if known.cut is CutKind.SAFETY or on else order.kind
        if on and known.is_on:
            cut = None
        if order.kind is CutKind.SAFETY and not on:
            cut = CutKind.SAFETY
        ordered_s = known.ordered_s if on == known.ordered_on else now_s
        if (known.ordered_on, known.ordered_s, known.cut) != (on, ordered_s, cut):
            ordered[order.slot] = replace(known, ordered_on=on, ordered_s=ordered_s, cut=cut)
    return ordered
