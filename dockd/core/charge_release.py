"""A person's word that a slot which was cut for safety may have its power back.

It ends what only a person can judge: a battery that drew too much or got no fuller, and a cut of
which nobody knows the reason any more. A temperature is no matter of judgement: it is measured, and
ends by itself. Whatever is measured once the slot has power again decides anew.
"""

from dataclasses import replace
from typing import Final

from dockd.core.charge_words import Danger, SlotMemory, SlotView
from dockd.core.port_power import PortFault

_THERMAL: Final = {Danger.COLD: "below 0 C", Danger.HOT: "above 45 C"}


def refused_because(known: SlotMemory | None, view: SlotView | None, *, is_cut: bool) -> str | None:
    """Return why a slot's safety cut cannot be lifted; None: it can.

    Args:
        known: What the plan remembers of the slot.
        view: The slot as it was seen last.
        is_cut: Whether its port is cut for safety, or was found cut for a reason not known.
    """
    danger = known.danger if known is not None else None
    if danger in _THERMAL:
        return (
            f"it is {_THERMAL[danger]}, or was when that was last measured: no order lifts that,"
            " and it ends by itself when a safe temperature is measured"
        )
    if view is not None and view.port is not None and PortFault.OVER_CURRENT in view.port.faults:
        return "its hub reports over-current at this moment"
    if known is not None and danger is Danger.OVER_CURRENT and known.danger_since_s is not None:
        return "it draws more than a camera may at this moment"
    if danger is None and not is_cut:
        return "it is not cut for safety"
    return None


def released(known: SlotMemory) -> SlotMemory:
    """Return what is remembered of a slot whose latched danger a person lifted."""
    if known.danger is None or known.danger in _THERMAL:
        return known
    # It has as long as ever to show progress again.
    return replace(
        known,
        danger=None,
        danger_since_s=None,
        progress_percent=known.percent or 0.0,
        progress_s=known.powered_s,
    )
