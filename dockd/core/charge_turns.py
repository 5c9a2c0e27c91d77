"""Whose turn it is: how much each slot needs power now, in per cent of charge.

One scale for everything, so that waiting can be weighed against need: a camera's need is what
it lacks, the classes above it are head starts, and every minute in the dark adds to it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dockd.core.charge_curve import FULL_PERCENT
from dockd.core.charge_words import Danger, PlanPolicy, Presence, SlotMemory, SlotView, Wanted
from dockd.core.port_power import CutKind

# A port that did not follow for so long is not waited for any more.
FOLLOWS_WITHIN_S: Final = 60.0

_LOCKED: Final = 10_000.0
_READ: Final = 1_000.0
_LOOK: Final = 500.0
# With `_IN_TIME`, above all that a camera of a later shift can lack.
_SHIFT: Final = 200.0
_LATER_SHIFT: Final = 90.0
_EACH_SHIFT: Final = 10.0
# Above all that a camera can lack: where not all can be ready, no power goes to halves of it.
_IN_TIME: Final = 100.0
_UNWIPED: Final = 100.0
_EMPTY: Final = 50.0
_DEAF: Final = -500.0
_WAITED_PER_H: Final = 10.0
# A camera put into a dark slot is seen within minutes, not hours.
_WAITED_UNSEEN_PER_H: Final = 1_800.0
_UNWIPED_BEYOND_HOLD_PERCENT: Final = 10.0
# Footage that has not moved on after so long with power waits for a store or a person, and its
# camera is no reason any more to keep the others in the dark.
_FOOTAGE_MOVES_WITHIN_S: Final = 1_800.0

_SAID: Final = {
    Danger.COLD: "it is below 0 C",
    Danger.HOT: "it is above 45 C",
    Danger.OVER_CURRENT: "it draws more than a camera may",
    Danger.NO_PROGRESS: "it takes power and does not get fuller",
}


class TurnKind(StrEnum):
    """Whether a slot must keep its power, may have it, or is cut."""

    KEEP = "keep"
    MAY = "may"
    CUT = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One slot's claim: its kind, how urgent it is, the cut that it is about, and why.

    `is_look`: nobody is known to be in it, and the power is only to see whether that is so.
    """

    slot: str
    kind: TurnKind
    score: float
    cut: CutKind
    reason: str
    quiesce: bool = False
    is_look: bool = False


def turn(
    view: SlotView,
    *,
    memory: SlotMemory,
    policy: PlanPolicy,
    now_s: float,
    wanted: Wanted | None,
) -> Turn:
    """Return a slot's claim at this tick; `wanted`: for which shift its camera is charged."""
    fixed = _fixed(view, memory=memory)
    if fixed is not None:
        return fixed
    since_s = now_s - memory.changed_s
    moves = not memory.is_on or since_s < _FOOTAGE_MOVES_WITHIN_S
    score, least_s, reason = _need(
        view,
        memory=memory,
        policy=policy,
        wanted=wanted,
        is_read_first=view.needs_reading and moves,
    )
    is_looked_at = memory.is_on and since_s < policy.look_s
    if _rests(view, memory, policy) and not is_looked_at:
        unseen_s = now_s - (memory.seen_s if memory.seen_s is not None else now_s)
        if view.presence is not Presence.UNKNOWN or unseen_s < policy.look_every_s:
            held = f"held at {policy.hold_percent:g} % until a shift nears"
            return Turn(slot=view.slot, kind=TurnKind.CUT, score=0.0, cut=CutKind.HOLD, reason=held)
        score, least_s, reason = _LOOK, policy.look_s, "looked into: its port was off for long"
    score += _weight(memory, policy=policy, since_s=since_s, least_s=least_s, now_s=now_s)
    return Turn(
        slot=view.slot,
        kind=TurnKind.MAY,
        score=score + (_UNWIPED if view.has_unwiped and memory.is_on and moves else 0.0),
        cut=CutKind.HOLD if memory.is_held else CutKind.BUDGET,
        reason=reason,
        is_look=memory.camera is None,
    )


def _fixed(view: SlotView, *, memory: SlotMemory) -> Turn | None:
    if memory.danger is None and not (view.is_busy and memory.is_on):
        return None
    if memory.danger is None:
        return Turn(
            slot=view.slot,
            kind=TurnKind.KEEP,
            score=_LOCKED * 2,
            cut=CutKind.BUDGET,
            reason="its camera is being read or wiped",
        )
    waits = view.is_busy and memory.is_on
    said = _SAID[memory.danger]
    return Turn(
        slot=view.slot,
        kind=TurnKind.KEEP if waits else TurnKind.CUT,
        score=_LOCKED * 2,
        cut=CutKind.SAFETY,
        reason=f"{said}: it is cut as soon as its camera is not being read" if waits else said,
        quiesce=waits,
    )


def _rests(view: SlotView, memory: SlotMemory, policy: PlanPolicy) -> bool:
    if not memory.is_held or view.needs_reading:
        return False
    # Cut last: a wipe needs the port, and its receipt is usually minutes away.
    beyond_percent = min(FULL_PERCENT, policy.hold_percent + _UNWIPED_BEYOND_HOLD_PERCENT)
    return not view.has_unwiped or (memory.percent or 0.0) >= beyond_percent


def _need(
    view: SlotView,
    *,
    memory: SlotMemory,
    policy: PlanPolicy,
    wanted: Wanted | None,
    is_read_first: bool,
) -> tuple[float, float, str]:
    if view.presence is Presence.EMPTY:
        return _EMPTY, policy.look_s, "a camera may be put in"
    if memory.camera is None:
        # One that was seen empty comes again by the time since then; an unseen one comes first.
        score = _LOOK if memory.seen_s is None else _EMPTY
        return score, policy.look_s, "what is in it is not known"
    percent = memory.percent or 0.0
    lacks = FULL_PERCENT - percent
    if is_read_first:
        return _READ + lacks, policy.least_on_s, "its camera has footage to copy"
    about = "charging" if view.charge else "charging by the clock"
    said = f"{about}, at {percent:.0f} %"
    if wanted is None:
        return lacks, policy.least_on_s, said
    later = max(0.0, _LATER_SHIFT - _EACH_SHIFT * wanted.place)
    score = (later if wanted.place else _SHIFT) + _claim(wanted, lacks)
    said = f"{said} for the shift at {wanted.at:%Y-%m-%d %H:%M} UTC"
    if not wanted.is_in_time:
        return score, policy.least_on_s, f"{said}, too late to be ready then"
    if not wanted.takes_s:
        # It has enough, and nobody else need wait for that to be over.
        return score, policy.look_s, said
    return score + _IN_TIME, policy.least_on_s, said


def _claim(wanted: Wanted, lacks: float) -> float:
    """Return what a camera's need counts for among those of its shift, in per cent.

    The emptiest first; where not all can be ready, of those that can the one that needs all the
    time that is left for itself, then the fullest (`charge_holds`).
    """
    if not (wanted.is_tight and wanted.is_in_time and wanted.takes_s):
        return lacks
    return FULL_PERCENT if wanted.is_urgent else FULL_PERCENT - lacks


def _weight(
    memory: SlotMemory, *, policy: PlanPolicy, since_s: float, least_s: float, now_s: float
) -> float:
    if memory.is_on:
        return _LOCKED if since_s < least_s else policy.better_percent
    deaf = memory.ordered_on is True and now_s - memory.ordered_s > FOLLOWS_WITHIN_S
    unseen = memory.camera is None
    per_h = _WAITED_UNSEEN_PER_H if unseen else _WAITED_PER_H
    return (_DEAF if deaf else 0.0) + since_s / 3600.0 * per_h
