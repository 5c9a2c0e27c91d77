"""Transfers: after any crash the state says what may have happened, and what to do about it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core import facts, transfer
from dockd.core.transfer import (
    LARGE_FROM_BYTES,
    TRANSITIONS,
    PartState,
    State,
    Step,
    Transfer,
    next_step,
    part_size_bytes,
    wants_confirming,
)
from dockd.errors import IllegalFact

AT = {"clip": 1, "store": "s1"}
NEW = Transfer(clip=1, store="s1", key="k", size_bytes=4, sha256="aa", parts=2)
WHOLE = replace(NEW, parts=1)
EMPTY = replace(NEW, parts=0, size_bytes=0)
QUEUED = facts.TransferQueued(clip=1, store="s1")
CREATING = facts.UploadCreating(clip=1, store="s1")
OPENED = facts.UploadOpened(clip=1, store="s1", upload_id="u")
FINALIZING = facts.ObjectFinalizing(clip=1, store="s1")
CONFIRMING = facts.ObjectConfirming(clip=1, store="s1", version="v")
LOST = facts.ReceiptLost(clip=1, store="s1", reason="")
RESTARTED = facts.TransferRestarted(clip=1, store="s1", reason="")
REFUSED = facts.TransferRefused(clip=1, store="s1", slug="", reason="")
RECEIPT = facts.ReceiptAccepted(
    clip=1,
    store="s1",
    strength="digest",
    key="k",
    version="v",
    size_bytes=4,
    sha256="aa",
    how="checksum",
    epoch=1,
)


def sending(index: int) -> facts.PartSending:
    """Return a part that sets out."""
    return facts.PartSending(clip=1, store="s1", index=index)


def arrived(index: int) -> facts.PartStored:
    """Return a part that arrived."""
    return facts.PartStored(clip=1, store="s1", index=index, etag=f"e{index}")


def unsent(index: int) -> facts.PartUnsent:
    """Return a part that did not arrive."""
    return facts.PartUnsent(clip=1, store="s1", index=index)


def after(*happened: facts.TransferFact, start: Transfer = NEW) -> Transfer:
    """Return a transfer after some facts."""
    for fact in happened:
        start = transfer.apply(start, fact)
    return start


OPEN = (CREATING, OPENED)
SENT = (*OPEN, sending(0), arrived(0), sending(1), arrived(1))
ANY = st.sampled_from(
    [
        QUEUED,
        *SENT,
        unsent(0),
        unsent(1),
        sending(2),
        FINALIZING,
        CONFIRMING,
        RECEIPT,
        replace(RECEIPT, strength="size", sha256=""),
        replace(RECEIPT, sha256="bb"),
        LOST,
        RESTARTED,
        REFUSED,
    ]
)


@given(happened=st.lists(ANY, max_size=40), parts=st.integers(0, 2))
def test_nothing_is_made_while_a_part_is_in_flight(
    happened: list[facts.TransferFact], parts: int
) -> None:
    """In any history an object of several parts is finalized when every part is done."""
    state = replace(NEW, parts=parts)
    for fact in happened:
        try:
            now = transfer.apply(state, fact)
        except IllegalFact:
            continue
        if isinstance(fact, facts.ObjectFinalizing) and parts > 1:
            assert state.indices(PartState.DONE) == tuple(range(parts))
        if now.state is State.RECEIPTED:
            assert now.receipt is not None
            assert now.receipt.key == now.key
        if isinstance(fact, facts.ReceiptLost | facts.TransferRestarted):
            assert (now.upload_id, now.part_states, now.receipt) == (None, {}, None)
        state = now


@given(happened=st.lists(ANY, max_size=40), certain=st.booleans())
def test_there_is_always_a_next_step(happened: list[facts.TransferFact], certain: bool) -> None:
    """Nothing but a receipt and a refusal lets a transfer rest."""
    state = NEW
    for fact in happened:
        try:
            state = transfer.apply(state, fact)
        except IllegalFact:
            continue
        rests = next_step(state, certain=certain) is Step.NOTHING
        assert rests == (state.state in {State.RECEIPTED, State.REFUSED})


@pytest.mark.parametrize(
    ("state", "certain", "step"),
    [
        (NEW, True, Step.LOOK_FOR_OBJECT),
        (NEW, False, Step.LOOK_FOR_OBJECT),
        (after(CREATING), True, Step.CREATE),
        (after(CREATING), False, Step.FIND_UPLOAD),
        (after(*OPEN), True, Step.SEND),
        (after(*OPEN), False, Step.SEND),
        (after(*OPEN, sending(0)), True, Step.SEND),
        (after(*OPEN, sending(0)), False, Step.SETTLE),
        (after(*OPEN, sending(0), arrived(0)), False, Step.SEND),
        (after(*SENT), False, Step.COMPLETE),
        (after(*SENT, FINALIZING), True, Step.COMPLETE),
        (after(*SENT, FINALIZING), False, Step.LOOK_FOR_OBJECT),
        (after(FINALIZING, start=WHOLE), True, Step.PUT_WHOLE),
        (after(FINALIZING, start=EMPTY), True, Step.PUT_WHOLE),
        (after(FINALIZING, start=WHOLE), False, Step.LOOK_FOR_OBJECT),
        (after(CONFIRMING), False, Step.CONFIRM),
        (after(CONFIRMING, RECEIPT), True, Step.NOTHING),
        (after(REFUSED), True, Step.NOTHING),
        (after(CONFIRMING, RECEIPT, LOST), True, Step.LOOK_FOR_OBJECT),
        (after(REFUSED, RESTARTED), True, Step.LOOK_FOR_OBJECT),
    ],
)
def test_after_a_crash_the_store_is_asked_before_it_is_told(
    state: Transfer, certain: bool, step: Step
) -> None:
    """Each state has one next step, and an uncertain one only looks."""
    assert next_step(state, certain=certain) is step


@pytest.mark.parametrize(
    ("happened", "refused"),
    [
        ((*OPEN, sending(0)), sending(0)),
        ((*OPEN, sending(0), arrived(0)), sending(0)),
        (OPEN, sending(2)),
        ((*OPEN, sending(0)), arrived(1)),
        ((*OPEN, sending(0), arrived(0)), unsent(0)),
        ((*OPEN, sending(0), arrived(0)), FINALIZING),
        ((), FINALIZING),
        ((), RECEIPT),
        ((CONFIRMING,), replace(RECEIPT, sha256="bb")),
        ((CONFIRMING,), replace(RECEIPT, key="other")),
        ((CONFIRMING,), replace(RECEIPT, strength="size", size_bytes=5)),
        ((CONFIRMING, RECEIPT), REFUSED),
        ((CONFIRMING, RECEIPT), RESTARTED),
        ((REFUSED,), CREATING),
    ],
)
def test_what_must_not_happen_is_refused(
    happened: tuple[facts.TransferFact, ...], refused: facts.TransferFact
) -> None:
    """A fact that the transfer's state does not permit raises, and says why."""
    state = after(*happened)
    with pytest.raises(IllegalFact, match=refused.kind):
        transfer.apply(state, refused)


def test_an_empty_file_needs_no_upload() -> None:
    """A clip without parts is put in one request; an upload could never be completed."""
    with pytest.raises(IllegalFact):
        transfer.apply(EMPTY, CREATING)


def test_a_part_that_failed_is_pending_again() -> None:
    """What did not arrive is sent again, and no tag of it is kept."""
    failed = after(*OPEN, sending(0), unsent(0))
    assert failed.indices(None) == (0, 1)
    assert failed.etags == {}


def test_a_restart_is_counted_and_forgets_the_upload() -> None:
    """How often a transfer began again stays known."""
    assert after(*SENT, RESTARTED, RESTARTED).restarts == 2


@pytest.mark.parametrize(
    ("state", "epoch", "wants"),
    [
        (NEW, 1, False),
        (after(CONFIRMING, RECEIPT), 1, False),
        (after(CONFIRMING, RECEIPT), 2, True),
        (after(CONFIRMING, replace(RECEIPT, strength="size")), 1, True),
    ],
)
def test_a_receipt_that_may_be_worth_more_is_asked_for_again(
    state: Transfer, epoch: int, wants: bool
) -> None:
    """A receipt by size, or of an earlier epoch, is not the last word."""
    assert wants_confirming(state, epoch=epoch) == wants


@given(size_bytes=st.integers(0, 1 << 45))
def test_parts_are_never_more_than_a_store_takes(size_bytes: int) -> None:
    """Up to 600 GB a clip has at most 10,000 parts, each a whole number of 4 KiB blocks."""
    size = part_size_bytes(size_bytes)
    assert size % 4096 == 0
    assert size_bytes > 10_000 * size or -(-size_bytes // size) <= 10_000
    assert (size == transfer.SMALL_PART_BYTES) == (size_bytes <= LARGE_FROM_BYTES)


def test_every_state_can_be_reached_and_left() -> None:
    """The table has no island and no trap."""
    assert {to for _, to in TRANSITIONS.items()} == set(State)
    assert {at for at, _ in TRANSITIONS} == set(State)
