"""Slots: what a bay is doing, and what the officer in front of it should do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.slot import TRANSITIONS, Advice, SlotEvent, SlotFootage, SlotState, advice, after

events = st.sampled_from(SlotEvent)
DONE = SlotFootage(clips=2, verified=2)


def states(*happened: SlotEvent) -> SlotState:
    """Return the state of a slot, empty at first, after some events."""
    state = SlotState.EMPTY
    for event in happened:
        state = after(state, event)
    return state


def test_a_camera_walks_from_dock_to_ready_and_out() -> None:
    """An ordinary docking goes through every ordinary state."""
    assert states(SlotEvent.DOCKED) is SlotState.SETTLING
    assert states(SlotEvent.DOCKED, SlotEvent.IDENTIFIED) is SlotState.OFFLOADING
    ready = (SlotEvent.DOCKED, SlotEvent.IDENTIFIED, SlotEvent.OFFLOADED)
    assert states(*ready) is SlotState.READY
    assert states(*ready, SlotEvent.UNDOCKED) is SlotState.EMPTY


@given(happened=st.lists(events))
def test_an_undocked_slot_is_never_ready(happened: list[SlotEvent]) -> None:
    """Whatever happened before, a slot whose camera left has nothing to take."""
    state = states(*happened, SlotEvent.UNDOCKED)
    assert state is SlotState.EMPTY
    assert advice(state, footage=DONE, charge_sufficient=True) is Advice.LEAVE


@given(happened=st.lists(events))
def test_a_cut_port_is_unknown_and_never_taken_for_empty(happened: list[SlotEvent]) -> None:
    """Without power nobody can say whether a camera is there (DESIGN.md section 4)."""
    assert states(*happened, SlotEvent.POWER_CUT) is SlotState.UNKNOWN


@given(state=st.sampled_from(SlotState), event=events)
def test_an_event_that_means_nothing_changes_nothing(state: SlotState, event: SlotEvent) -> None:
    """Every event is harmless in every state."""
    assert after(state, event) is TRANSITIONS.get((state, event), state)


@given(
    state=st.sampled_from(SlotState),
    clips=st.integers(0, 5),
    verified=st.integers(0, 5),
    charge=st.sampled_from([None, True, False]),
)
def test_only_a_ready_camera_with_everything_verified_is_taken(
    state: SlotState, clips: int, verified: int, charge: bool | None
) -> None:
    """``take`` is said only when every clip is verified and the charge is not known to be low."""
    said = advice(
        state, footage=SlotFootage(clips=clips, verified=verified), charge_sufficient=charge
    )
    may = state is SlotState.READY and verified >= clips and charge is not False
    assert (said is Advice.TAKE) == may
    assert (said is Advice.REPORT) == (state is SlotState.FAULT)


@pytest.mark.parametrize("state", SlotState)
def test_every_state_can_be_left(state: SlotState) -> None:
    """No slot is stuck for ever."""
    assert any(at is state and to is not state for (at, _), to in TRANSITIONS.items())
