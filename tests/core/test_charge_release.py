"""Which safety cuts a person's word ends, and which no word does."""

import pytest

from dockd.core.charge_plan import plan
from dockd.core.charge_release import refused_because, released
from dockd.core.charge_words import (
    Danger,
    Moment,
    PlanMemory,
    PlanPolicy,
    Presence,
    SlotMemory,
    SlotView,
)
from dockd.core.port_power import CutKind, PortFault, PortMode, PortReading

POLICY = PlanPolicy(budget_w=20.0, camera_w=7.5)
DARK = SlotView(
    slot="A1",
    presence=Presence.UNKNOWN,
    port=PortReading(slot="A1", mode=PortMode.OFF, power_w=0.0, power_error_w=0.05),
)


def cut_for(danger: Danger) -> SlotMemory:
    """Return the memory of a slot that was cut for a danger."""
    return SlotMemory(
        camera="CAM", percent=40.0, powered_s=9000.0, danger=danger, cut=CutKind.SAFETY
    )


@pytest.mark.parametrize("danger", [Danger.OVER_CURRENT, Danger.NO_PROGRESS])
def test_what_was_latched_is_a_persons_to_lift(danger: Danger) -> None:
    """The slot has power at the next tick, as the end of a safety cut, and an hour of charging."""
    known = cut_for(danger)
    assert refused_because(known, DARK, is_cut=True) is None
    before = PlanMemory(slots={"A1": released(known)}, at_s=10_000.0)
    now = Moment(monotonic_s=10_003.0, wall=None)
    (order,) = plan([DARK], policy=POLICY, now=now, memory=before).orders
    assert (order.mode, order.kind) == (PortMode.SYNC, CutKind.SAFETY)
    (still,) = plan(
        [DARK], policy=POLICY, now=now, memory=PlanMemory(slots={"A1": known}, at_s=10_000.0)
    ).orders
    assert still.mode is PortMode.OFF


@pytest.mark.parametrize("danger", [Danger.COLD, Danger.HOT])
def test_no_word_lifts_a_temperature(danger: Danger) -> None:
    """A slot that is too cold or too hot stays cut, and the answer says what ends that."""
    known = cut_for(danger)
    because = refused_because(known, DARK, is_cut=True)
    assert because is not None
    assert "ends by itself when a safe temperature is measured" in because
    assert released(known) is known


def test_what_is_measured_at_this_moment_is_not_lifted() -> None:
    """An over-current that the hub reports, or that flows, is no matter of opinion."""
    flowing = SlotMemory(camera="CAM", danger=Danger.OVER_CURRENT, danger_since_s=5.0)
    assert "at this moment" in (refused_because(flowing, DARK, is_cut=False) or "")
    port = PortReading(slot="A1", mode=PortMode.OFF, faults=frozenset({PortFault.OVER_CURRENT}))
    told = SlotView(slot="A1", presence=Presence.UNKNOWN, port=port)
    known = cut_for(Danger.OVER_CURRENT)
    assert "reports over-current" in (refused_because(known, told, is_cut=True) or "")


def test_a_cut_of_which_nobody_knows_the_reason_can_be_lifted() -> None:
    """A port that was found cut after a restart has no danger on record; one that has power, none.

    Nor does a slot that was never looked at say anything.
    """
    assert refused_because(SlotMemory(), DARK, is_cut=True) is None
    assert refused_because(None, None, is_cut=True) is None
    assert refused_because(SlotMemory(), DARK, is_cut=False) == "it is not cut for safety"
    assert refused_because(None, None, is_cut=False) == "it is not cut for safety"
    assert released(SlotMemory()) == SlotMemory()
