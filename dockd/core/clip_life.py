"""What becomes of a clip: a fact that the rules permit, applied."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from dockd.core import facts
from dockd.core.clip import CameraCopy, Clip, Elsewhere, Part, SpoolCopy, StoreCopy, Trouble
from dockd.core.clip_rules import (
    CAMERA_TRANSITIONS,
    GUARDS,
    SPOOL_TRANSITIONS,
    STORE_TRANSITIONS,
    Guards,
    refuse_unless_permitted,
)
from dockd.errors import IllegalFact


def apply(clip: Clip, fact: facts.ClipFact, *, guards: Guards = GUARDS) -> Clip:
    """Return ``clip`` after ``fact``; only the proof of the core passes other ``guards``.

    Raises:
        IllegalFact: the clip's state, or a guard, does not permit the fact; nothing changed.
    """
    refuse_unless_permitted(clip, fact, guards=guards)
    # The effects see the copies where they were: what a fact means may depend on that.
    return _moved(_EFFECTS.get(type(fact), _unchanged)(clip, fact), fact)


def _moved(clip: Clip, fact: facts.ClipFact) -> Clip:
    """Return ``clip`` with each copy moved as its table says."""
    kind = type(fact)
    if kind in _CAMERA_FACTS:
        clip = replace(clip, camera_copy=_next(CAMERA_TRANSITIONS, clip.camera_copy, kind))
    if kind in _SPOOL_FACTS:
        clip = replace(clip, spool_copy=_next(SPOOL_TRANSITIONS, clip.spool_copy, kind))
    if kind in _STORE_FACTS and isinstance(fact, facts.TransferFact):
        was = clip.store_copies.get(fact.store, StoreCopy.NONE)
        now = _next(STORE_TRANSITIONS, was, kind)
        clip = replace(clip, store_copies={**clip.store_copies, fact.store: now})
    elif kind in _STORE_FACTS:
        # It names no store and is about each whose copy it moves; the others stay as they are.
        moved = {
            store: STORE_TRANSITIONS.get((was, kind), was)
            for store, was in clip.store_copies.items()
        }
        clip = replace(clip, store_copies=moved)
    return clip


State = TypeVar("State", CameraCopy, SpoolCopy, StoreCopy)


def _next(
    table: Mapping[tuple[State, type[facts.Fact]], State],
    state: State,
    kind: type[facts.Fact],
) -> State:
    try:
        return table[state, kind]
    except KeyError:
        raise IllegalFact(reason=f"{kind.kind}: not while the copy is {state}") from None


_CAMERA_FACTS: Final = frozenset(kind for _, kind in CAMERA_TRANSITIONS)
_SPOOL_FACTS: Final = frozenset(kind for _, kind in SPOOL_TRANSITIONS)
_STORE_FACTS: Final = frozenset(kind for _, kind in STORE_TRANSITIONS)


def born(fact: facts.ClipSeen) -> Clip:
    """Return the clip that a first sighting begins."""
    return Clip(
        number=fact.clip,
        camera=fact.camera,
        docking=fact.docking,
        slot=fact.slot,
        path=fact.path,
        size_bytes=fact.size_bytes,
        mtime_ns=fact.mtime_ns,
        flagged=fact.flagged,
        birth_docking=fact.docking,
        seen_in=(fact.docking,),
    )


def _unchanged(clip: Clip, _: facts.Fact) -> Clip:
    return clip


def _with(dockings: tuple[str, ...], docking: str) -> tuple[str, ...]:
    return dockings if docking in dockings else (*dockings, docking)


def _seen_again(clip: Clip, fact: facts.ClipSeenAgain) -> Clip:
    unbroken = (
        clip.camera_copy is CameraCopy.PRESENT
        and (clip.docking, clip.mtime_ns) == (fact.docking, fact.mtime_ns)
        and fact.size_bytes in {None, clip.size_bytes}
    )
    return replace(
        clip,
        docking=fact.docking,
        seen_in=_with(clip.seen_in, fact.docking),
        slot=fact.slot,
        mtime_ns=fact.mtime_ns,
        size_bytes=clip.size_bytes if fact.size_bytes is None else fact.size_bytes,
        # A camera that has exactly what a partial copy holds has the whole of it.
        partial=clip.partial and fact.size_bytes != clip.stored_size_bytes,
        # What left the camera and came back, or was away for a while, may be another file.
        hashed_in=clip.hashed_in if unbroken else None,
        rehashed=clip.rehashed and unbroken,
        elsewhere=None,
    )


def _part_spooled(clip: Clip, fact: facts.PartSpooled) -> Clip:
    part = Part(
        index=fact.index,
        offset=fact.offset,
        size_bytes=fact.size_bytes,
        sha256=fact.sha256,
    )
    kept = tuple(known for known in clip.spool_parts if known.index < fact.index)
    return replace(
        clip,
        spool_parts=(*kept, part),
        copied_in=_with(clip.copied_in, fact.docking),
        # A copy that was whole, and was not what was read, goes on behind this part.
        copied=False,
        copied_sha256=None,
        hashed_in=None,
        rehashed=False,
    )


def _copied(clip: Clip, fact: facts.ClipCopied) -> Clip:
    copied_in = _with(clip.copied_in, fact.docking)
    is_clip = clip.sha256 in {None, fact.sha256}
    whole_in_one = is_clip and len(copied_in) == 1 and not fact.spliced
    return replace(
        clip,
        copied=True,
        copied_in=copied_in,
        copied_sha256=fact.sha256,
        hashed_in=fact.docking if whole_in_one else None,
        rehashed=False,
    )


def _verified(clip: Clip, fact: facts.ClipVerified) -> Clip:
    return replace(
        clip,
        sha256=fact.sha256,
        xxh128=fact.xxh128,
        key=fact.key,
        part_size_bytes=fact.part_size_bytes,
        part_sha256=fact.part_sha256,
        stored_size_bytes=fact.size_bytes,
        proof=fact.proof,
        partial=fact.partial,
        spool_parts=(),
        trouble=None,
    )


def _copy_forgotten(clip: Clip, _: facts.ClipFact) -> Clip:
    return replace(
        clip,
        spool_parts=(),
        copied=False,
        copied_in=(),
        copied_sha256=None,
        hashed_in=None,
        rehashed=False,
    )


def _troubled(clip: Clip, fact: facts.ClipTroubled) -> Clip:
    trouble = Trouble(
        slug=fact.slug, reason=fact.reason, owner=fact.owner, next_step=fact.next_step
    )
    return replace(clip, trouble=trouble)


def _held(clip: Clip, fact: facts.ClipHeld) -> Clip:
    holds: set[facts.HoldKind] = {*clip.holds, fact.hold}
    return replace(clip, holds=tuple(sorted(holds)))


def _released(clip: Clip, fact: facts.ClipReleased) -> Clip:
    return replace(clip, holds=tuple(hold for hold in clip.holds if hold != fact.hold))


def _receipted(clip: Clip, fact: facts.ReceiptAccepted) -> Clip:
    proven = {*clip.proven_by} - {fact.store}
    if fact.strength == "digest":
        proven.add(fact.store)
    return replace(clip, proven_by=tuple(sorted(proven)))


def _receipt_lost(clip: Clip, fact: facts.ReceiptLost) -> Clip:
    return replace(clip, proven_by=tuple(name for name in clip.proven_by if name != fact.store))


# What a fact changes besides the states of the copies.
_EFFECTS: Final[Mapping[type[facts.Fact], Callable[[Clip, Any], Clip]]] = {
    facts.ClipSeenAgain: _seen_again,
    facts.ClipRehashed: lambda clip, fact: replace(clip, hashed_in=fact.docking, rehashed=True),
    facts.ClipElsewhere: lambda clip, fact: replace(
        clip, elsewhere=Elsewhere(station=fact.station, docking=fact.docking)
    ),
    facts.PartSpooled: _part_spooled,
    facts.ClipCopied: _copied,
    facts.ClipVerified: _verified,
    facts.CopyDiscarded: _copy_forgotten,
    facts.SpoolPurged: _copy_forgotten,
    facts.SpoolCopyLost: _copy_forgotten,
    facts.ClipMerged: lambda clip, fact: replace(clip, merged_into=fact.into),
    # Why it failed may be that the file is another one now: it is read once more before a wipe.
    facts.WipeFailed: lambda clip, _: replace(clip, hashed_in=None, rehashed=False),
    facts.ClipTroubled: _troubled,
    facts.ClipRetried: lambda clip, _: replace(clip, trouble=None),
    facts.ClipPrioritised: lambda clip, _: replace(clip, prioritised=True),
    facts.ClipHeld: _held,
    facts.ClipReleased: _released,
    facts.ReceiptAccepted: _receipted,
    facts.ReceiptLost: _receipt_lost,
}
