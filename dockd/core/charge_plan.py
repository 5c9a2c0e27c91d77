"""Which ports have power now, and why: a pure function, called at every tick.

The rules stand in the docstring of `plan`.
"""

from collections.abc import Sequence

from dockd.core.charge_words import Moment, Plan, PlanMemory, PlanPolicy, SlotView


def plan(slots: Sequence[SlotView], *, policy: PlanPolicy, now: Moment, memory: PlanMemory) -> Plan:
    """Return what every port shall be at this tick."""
    raise NotImplementedError


def lifted(memory: PlanMemory, slot: str) -> PlanMemory:
    """Return the memory after a person has found a slot safe again."""
    raise NotImplementedError
