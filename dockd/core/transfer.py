"""A transfer: one clip on its way to one store. Everything that affects it is in this file.

Each edge is committed before its side effect, so that after any crash the ledger says what may
have happened at the store, and ``next_step`` says what to do about it. The rules:

- ``creating`` may have left an upload behind at the store: it is looked for before one is made.
- A part ``in flight`` may or may not have arrived: the store is asked, or it is sent again.
- From ``finalizing`` on, the object may exist: it is looked for first, and the upload is never
  aborted (an abort behind a committed object freed its chunks in a released store; FACTS.md 2).
- No part is in flight when an object is finalized.
- A receipt is the only way out, and a lost object the only way back from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from dockd.core import facts
from dockd.errors import IllegalFact

SMALL_PART_BYTES: Final = 16 * 1024 * 1024
LARGE_PART_BYTES: Final = 64 * 1024 * 1024
LARGE_FROM_BYTES: Final = 2 * 1024 * 1024 * 1024


def part_size_bytes(size_bytes: int) -> int:
    """Return the size of a clip's parts: 16 MiB up to 2 GiB, else 64 MiB (DESIGN.md section 4)."""
    return SMALL_PART_BYTES if size_bytes <= LARGE_FROM_BYTES else LARGE_PART_BYTES


class State(StrEnum):
    """Where a transfer is."""

    QUEUED = "queued"
    CREATING = "creating"
    OPEN = "open"
    SENDING = "sending"
    FINALIZING = "finalizing"
    CONFIRMING = "confirming"
    RECEIPTED = "receipted"
    REFUSED = "refused"


class PartState(StrEnum):
    """Where one part is; a part without a state is pending."""

    IN_FLIGHT = "in flight"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """The durable state of one transfer.

    ``key``, ``size_bytes`` and ``sha256`` are what the store is to hold; ``parts`` is how many
    parts it is sent in. ``part_states`` and ``etags`` are by part index.
    """

    clip: int
    store: str
    key: str
    size_bytes: int
    sha256: str
    parts: int
    state: State = State.QUEUED
    upload_id: str | None = None
    part_states: Mapping[int, PartState] = field(default_factory=dict)
    etags: Mapping[int, str] = field(default_factory=dict)
    version: str | None = None
    receipt: facts.ReceiptAccepted | None = None
    restarts: int = 0

    @property
    def whole(self) -> bool:
        """Whether the clip can be sent and finalized in one request: it has one part at most.

        A store may ask for an upload all the same, which is found again after it broke off.
        """
        return self.parts <= 1

    def indices(self, state: PartState | None) -> tuple[int, ...]:
        """Return the parts in ``state``; None asks for those still pending."""
        return tuple(i for i in range(self.parts) if self.part_states.get(i) is state)


TRANSITIONS: Final[Mapping[tuple[State, type[facts.Fact]], State]] = {
    (State.QUEUED, facts.TransferQueued): State.QUEUED,
    (State.QUEUED, facts.UploadCreating): State.CREATING,
    (State.QUEUED, facts.ObjectFinalizing): State.FINALIZING,
    # The object is there already: from another docking, another station, or before a restore.
    (State.QUEUED, facts.ObjectConfirming): State.CONFIRMING,
    (State.CREATING, facts.UploadOpened): State.OPEN,
    (State.OPEN, facts.PartSending): State.SENDING,
    (State.SENDING, facts.PartSending): State.SENDING,
    (State.SENDING, facts.PartStored): State.SENDING,
    (State.SENDING, facts.PartUnsent): State.SENDING,
    (State.SENDING, facts.ObjectFinalizing): State.FINALIZING,
    (State.FINALIZING, facts.ObjectConfirming): State.CONFIRMING,
    (State.CONFIRMING, facts.ReceiptAccepted): State.RECEIPTED,
    (State.RECEIPTED, facts.ReceiptAccepted): State.RECEIPTED,
    (State.RECEIPTED, facts.ReceiptLost): State.QUEUED,
    (State.REFUSED, facts.TransferRestarted): State.QUEUED,
    **{
        (state, facts.TransferRestarted): State.QUEUED
        for state in State
        if state not in {State.RECEIPTED, State.REFUSED}
    },
    **{
        (state, facts.TransferRefused): State.REFUSED
        for state in State
        if state not in {State.RECEIPTED, State.REFUSED}
    },
}

# What must be true of a transfer, beyond its state, before a fact may happen to it.
Guards = Mapping[str, tuple[type[facts.Fact], Callable[[Transfer, Any], bool]]]
GUARDS: Final[Guards] = {
    "only a pending part is sent": (
        facts.PartSending,
        lambda transfer, fact: fact.index in transfer.indices(None),
    ),
    "only a part in flight arrives": (
        facts.PartStored,
        lambda transfer, fact: fact.index in transfer.indices(PartState.IN_FLIGHT),
    ),
    "only a part in flight fails": (
        facts.PartUnsent,
        lambda transfer, fact: fact.index in transfer.indices(PartState.IN_FLIGHT),
    ),
    "an upload is opened for something to send": (
        facts.UploadCreating,
        lambda transfer, _: transfer.parts > 0,
    ),
    "every part arrived before the object is made": (
        facts.ObjectFinalizing,
        lambda transfer, _: (
            transfer.whole
            if transfer.state is State.QUEUED
            else len(transfer.indices(PartState.DONE)) == transfer.parts
        ),
    ),
    "a receipt is for this content": (
        facts.ReceiptAccepted,
        lambda transfer, fact: (
            (fact.key, fact.size_bytes) == (transfer.key, transfer.size_bytes)
            and (fact.strength == "size" or fact.sha256 == transfer.sha256)
        ),
    ),
}


def apply(transfer: Transfer, fact: facts.TransferFact, *, guards: Guards = GUARDS) -> Transfer:
    """Return ``transfer`` after ``fact``; only the proof of the core passes other ``guards``.

    Raises:
        IllegalFact: the state, or a guard, does not permit the fact; nothing changed.
    """
    kind = type(fact)
    state = TRANSITIONS.get((transfer.state, kind))
    if state is None:
        raise IllegalFact(reason=f"{fact.kind}: not while the transfer is {transfer.state}")
    for name, (guarded, guard) in guards.items():
        if kind is guarded and not guard(transfer, fact):
            raise IllegalFact(reason=f"{fact.kind}: {name}")
    return replace(_EFFECTS.get(kind, _unchanged)(transfer, fact), state=state)


def _unchanged(transfer: Transfer, _: facts.Fact) -> Transfer:
    return transfer


def _part(transfer: Transfer, index: int, state: PartState) -> Transfer:
    return replace(transfer, part_states={**transfer.part_states, index: state})


def _part_stored(transfer: Transfer, fact: facts.PartStored) -> Transfer:
    arrived = _part(transfer, fact.index, PartState.DONE)
    return replace(arrived, etags={**transfer.etags, fact.index: fact.etag})


def _part_unsent(transfer: Transfer, fact: facts.PartUnsent) -> Transfer:
    others = {i: state for i, state in transfer.part_states.items() if i != fact.index}
    return replace(transfer, part_states=others)


def _started_over(transfer: Transfer, _: facts.TransferFact) -> Transfer:
    return replace(
        transfer,
        upload_id=None,
        part_states={},
        etags={},
        version=None,
        receipt=None,
        restarts=transfer.restarts + 1,
    )


# What a fact changes besides the state.
_EFFECTS: Final[Mapping[type[facts.Fact], Callable[[Transfer, Any], Transfer]]] = {
    facts.UploadOpened: lambda transfer, fact: replace(transfer, upload_id=fact.upload_id),
    facts.PartSending: lambda transfer, fact: _part(transfer, fact.index, PartState.IN_FLIGHT),
    facts.PartStored: _part_stored,
    facts.PartUnsent: _part_unsent,
    facts.ObjectConfirming: lambda transfer, fact: replace(transfer, version=fact.version),
    facts.ReceiptAccepted: lambda transfer, fact: replace(
        transfer, receipt=fact, version=fact.version
    ),
    facts.ReceiptLost: _started_over,
    facts.TransferRestarted: _started_over,
}


class Step(StrEnum):
    """What a transfer needs next from the world.

    Before it puts or completes an object, the stage commits ``ObjectFinalizing`` where the
    transfer is not finalizing yet.
    """

    LOOK_FOR_OBJECT = "look for the object"
    CREATE = "create an upload"
    FIND_UPLOAD = "find the upload that may have been created"
    SEND = "send the pending parts"
    SETTLE = "ask which parts in flight arrived"
    COMPLETE = "complete the upload"
    PUT_WHOLE = "put the object in one request"
    CONFIRM = "have the store prove the object"
    NOTHING = "nothing"


def next_step(transfer: Transfer, *, certain: bool) -> Step:
    """Return what to do next.

    ``certain`` is false at the first step after a start or after a lost reply: whatever was on
    its way may have happened, so the store is asked before it is told.
    """
    if transfer.state is State.SENDING:
        return _next_while_sending(transfer, certain=certain)
    if transfer.state is State.FINALIZING and certain:
        return Step.PUT_WHOLE if transfer.upload_id is None else Step.COMPLETE
    if transfer.state is State.CREATING and certain:
        return Step.CREATE
    return _NEXT[transfer.state]


# What is next in the other cases; while creating or finalizing, what is next when nothing is sure.
_NEXT: Final[Mapping[State, Step]] = {
    # Content-addressed keys: whoever was first, the object is proved, not sent again.
    State.QUEUED: Step.LOOK_FOR_OBJECT,
    State.CREATING: Step.FIND_UPLOAD,
    State.OPEN: Step.SEND,
    State.FINALIZING: Step.LOOK_FOR_OBJECT,
    State.CONFIRMING: Step.CONFIRM,
    State.RECEIPTED: Step.NOTHING,
    State.REFUSED: Step.NOTHING,
}


def wants_confirming(transfer: Transfer, *, epoch: int) -> bool:
    """Return whether a receipt is worth asking for again although the transfer is done.

    A receipt by size may become a digest once the store can prove more, and one of an earlier epoch
    counts for nothing until the store has repeated it.
    """
    receipt = transfer.receipt
    return receipt is not None and (receipt.strength != "digest" or receipt.epoch != epoch)


def _next_while_sending(transfer: Transfer, *, certain: bool) -> Step:
    in_flight = transfer.indices(PartState.IN_FLIGHT)
    if in_flight and not certain:
        return Step.SETTLE
    return Step.SEND if in_flight or transfer.indices(None) else Step.COMPLETE
