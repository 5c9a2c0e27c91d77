"""A clip: three independent facts about where its copies are, and what may happen to each.

Everything that moves a clip from one state to another is in this file and in ``transfer``: a
table for each of the three copies, a guard for each fact that must not happen in just any state,
and ``apply``, which reads them. The rules:

- The camera's copy is ``present`` until dockd states its intent to wipe it; a file that is absent
  without that intent is ``gone``, never ``wiped``.
- The spool's copy is ``proven`` only by a read-back that found the digest the camera's file had.
- A digest once verified is the clip's identity; other content is another clip.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from dockd.core import facts, naming
from dockd.errors import IllegalFact


class CameraCopy(StrEnum):
    """Where the original is."""

    PRESENT = "present"
    WIPING = "wiping"
    WIPED = "wiped"
    GONE = "gone"


class SpoolCopy(StrEnum):
    """What this station has."""

    NONE = "none"
    PARTIAL = "partial"
    PROVEN = "proven"
    PURGED = "purged"


class StoreCopy(StrEnum):
    """What one store has."""

    NONE = "none"
    SENDING = "sending"
    RECEIPTED = "receipted"
    LOST = "lost"


class Place(StrEnum):
    """How far a clip has come, for people; derived, never stored as a fact."""

    SEEN = "seen"
    SPOOLED = "spooled"
    VERIFIED = "verified"
    STORED = "stored"
    WIPED = "wiped"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a clip does not move, whose it is, and what comes next."""

    slug: str
    reason: str
    owner: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a clip: its index, its place in bytes, and a SHA-256 in hex.

    ``sha256`` is of the clip from its first byte to the end of this part, so that whoever goes on
    behind the part has read all that it vouches for.
    """

    index: int
    offset: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One file on a camera, wherever its copies are now.

    ``docking`` is the stay in which the clip was last seen on its camera; ``seen_in`` are all in
    which it was, and setting any of them aside sets it aside. ``copied_in`` are the stays in which
    the bytes of the spool's copy were read; ``hashed_in`` is the stay in which the camera's whole
    file was last read in one go and found to have ``sha256``, and ``rehashed`` is true when that
    reading was a second one, made after the copy. ``copied_sha256`` is what was read from the
    camera, ``sha256`` what was also read back. ``spool_parts`` are the parts a resumed copy may
    rely on; ``part_sha256`` the parts an upload sends. A ``partial`` clip ends before its camera's
    file did: it is kept and stored as far as it goes, and never clears one.
    ``proven_by`` names the stores whose receipt is of strength ``digest``.
    """

    number: int
    camera: str
    docking: str
    slot: str
    path: bytes
    size_bytes: int
    mtime_ns: int
    flagged: bool = False
    birth_docking: str
    seen_in: tuple[str, ...] = ()
    camera_copy: CameraCopy = CameraCopy.PRESENT
    spool_copy: SpoolCopy = SpoolCopy.NONE
    spool_parts: tuple[Part, ...] = ()
    copied: bool = False
    copied_in: tuple[str, ...] = ()
    hashed_in: str | None = None
    rehashed: bool = False
    copied_sha256: str | None = None
    sha256: str | None = None
    xxh128: str | None = None
    key: str | None = None
    part_size_bytes: int = 0
    part_sha256: tuple[str, ...] = ()
    stored_size_bytes: int = 0
    proof: str | None = None
    partial: bool = False
    merged_into: int | None = None
    holds: tuple[facts.HoldKind, ...] = ()
    trouble: Trouble | None = None
    store_copies: Mapping[str, StoreCopy] = field(default_factory=dict)
    proven_by: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id people use: from the store key once there is one (DESIGN.md section 9)."""
        if self.key is not None:
            return naming.clip_id(self.key)
        return naming.provisional_id(self.camera, docking=self.birth_docking, path=self.path)

    @property
    def spliced(self) -> bool:
        """Whether the spool's copy was read in more than one docking."""
        return len(self.copied_in) > 1

    @property
    def is_unread(self) -> bool:
        """Whether nothing of the clip was ever kept here, so that it is but a name and a size."""
        return self.spool_copy is SpoolCopy.NONE and self.sha256 is None

    @property
    def spooled_bytes(self) -> int:
        """How many bytes of the clip are durable in the spool."""
        if self.copied or self.spool_copy is SpoolCopy.PROVEN:
            return self.stored_size_bytes or self.size_bytes
        return sum(part.size_bytes for part in self.spool_parts)


def place(clip: Clip, *, required: int, stores: frozenset[str]) -> Place:
    """Return how far ``clip`` has come, given how many of which stores must hold it.

    A clip is ``wiped`` or ``stored`` only while enough of the configured stores hold it: a lost
    object takes the clip back to where its proven copies are.
    """
    if clip.holds:
        return Place.HELD
    if required > 0 and sum(store in stores for store in clip.proven_by) >= required:
        return Place.WIPED if clip.camera_copy is CameraCopy.WIPED else Place.STORED
    if clip.spool_copy is SpoolCopy.PROVEN:
        return Place.VERIFIED
    return Place.SPOOLED if clip.copied else Place.SEEN


def has_known_copy(clip: Clip) -> bool:
    """Return whether the clip's content can still be had from anywhere."""
    return (
        clip.camera_copy in {CameraCopy.PRESENT, CameraCopy.WIPING}
        or clip.spool_copy is SpoolCopy.PROVEN
        or bool(clip.proven_by)
    )


CAMERA_TRANSITIONS: Final[Mapping[tuple[CameraCopy, type[facts.Fact]], CameraCopy]] = {
    (CameraCopy.PRESENT, facts.ClipSeenAgain): CameraCopy.PRESENT,
    (CameraCopy.PRESENT, facts.ClipRehashed): CameraCopy.PRESENT,
    (CameraCopy.PRESENT, facts.ClipOverwritten): CameraCopy.GONE,
    (CameraCopy.PRESENT, facts.ClipGone): CameraCopy.GONE,
    (CameraCopy.PRESENT, facts.WipeIntended): CameraCopy.WIPING,
    (CameraCopy.WIPING, facts.ClipWiped): CameraCopy.WIPED,
    (CameraCopy.WIPING, facts.WipeFailed): CameraCopy.PRESENT,
    # A yank between the deletion and its flush: FAT still has the file at the next docking.
    (CameraCopy.WIPING, facts.ClipSeenAgain): CameraCopy.PRESENT,
    (CameraCopy.WIPED, facts.ClipSeenAgain): CameraCopy.PRESENT,
    # Listed as absent once and there after all: a person moved it back, or the listing was bad.
    (CameraCopy.GONE, facts.ClipSeenAgain): CameraCopy.PRESENT,
    # The same name holds other content: this clip's file is gone, with or without our intent.
    (CameraCopy.WIPING, facts.ClipOverwritten): CameraCopy.GONE,
}

SPOOL_TRANSITIONS: Final[Mapping[tuple[SpoolCopy, type[facts.Fact]], SpoolCopy]] = {
    (SpoolCopy.NONE, facts.PartSpooled): SpoolCopy.PARTIAL,
    (SpoolCopy.NONE, facts.ClipCopied): SpoolCopy.PARTIAL,
    (SpoolCopy.PARTIAL, facts.PartSpooled): SpoolCopy.PARTIAL,
    (SpoolCopy.PARTIAL, facts.ClipCopied): SpoolCopy.PARTIAL,
    (SpoolCopy.PARTIAL, facts.ClipVerified): SpoolCopy.PROVEN,
    # A bad copy is simply made again: the camera still holds the original.
    (SpoolCopy.PARTIAL, facts.CopyDiscarded): SpoolCopy.NONE,
    (SpoolCopy.PROVEN, facts.SpoolPurged): SpoolCopy.PURGED,
    (SpoolCopy.PROVEN, facts.SpoolCopyLost): SpoolCopy.NONE,
    # The camera came back with the clip after its copy had made room: copied and proven anew.
    (SpoolCopy.PURGED, facts.PartSpooled): SpoolCopy.PARTIAL,
    (SpoolCopy.PURGED, facts.ClipCopied): SpoolCopy.PARTIAL,
}

STORE_TRANSITIONS: Final[Mapping[tuple[StoreCopy, type[facts.Fact]], StoreCopy]] = {
    (StoreCopy.NONE, facts.TransferQueued): StoreCopy.SENDING,
    (StoreCopy.SENDING, facts.ReceiptAccepted): StoreCopy.RECEIPTED,
    # A newer proof of the same object: confirmed again, or proven more strongly.
    (StoreCopy.RECEIPTED, facts.ReceiptAccepted): StoreCopy.RECEIPTED,
    (StoreCopy.RECEIPTED, facts.ReceiptLost): StoreCopy.LOST,
    (StoreCopy.LOST, facts.TransferQueued): StoreCopy.SENDING,
    # It is there after all: the store was restored, or another station sent it.
    (StoreCopy.LOST, facts.ReceiptAccepted): StoreCopy.RECEIPTED,
}

# What must be true of a clip, beyond its copies' states, before a fact may happen to it. Each has
# a name, so that a test can take it away and see the machine of tests/core notice.
Guards = Mapping[str, tuple[type[facts.Fact], Callable[[Clip, Any], bool]]]
GUARDS: Final[Guards] = {
    "a size changes only to what is known of it": (
        facts.ClipSeenAgain,
        lambda clip, fact: (
            fact.size_bytes in {None, clip.size_bytes}
            or clip.is_unread
            or (clip.partial and fact.size_bytes == clip.stored_size_bytes)
        ),
    ),
    "parts follow one another": (
        facts.PartSpooled,
        lambda clip, fact: (
            fact.index <= len(clip.spool_parts)
            and fact.offset == sum(part.size_bytes for part in clip.spool_parts[: fact.index])
        ),
    ),
    "a copy is what was read": (
        facts.ClipVerified,
        lambda clip, fact: fact.partial or (clip.copied and fact.sha256 == clip.copied_sha256),
    ),
    "a partial copy is only called partial": (
        facts.ClipVerified,
        lambda clip, fact: fact.partial == (fact.size_bytes < clip.size_bytes),
    ),
    "an identity never changes": (
        facts.ClipVerified,
        lambda clip, fact: clip.sha256 in {None, fact.sha256},
    ),
    "a second hashing finds the clip": (
        facts.ClipRehashed,
        lambda clip, fact: fact.docking == clip.docking and fact.sha256 == clip.sha256,
    ),
    "nothing that is held is wiped": (
        facts.WipeIntended,
        lambda clip, _: not clip.holds,
    ),
    "only what the spool has proven is wiped": (
        facts.WipeIntended,
        lambda clip, _: clip.spool_copy is SpoolCopy.PROVEN and not clip.partial,
    ),
    "only what was hashed in this docking is wiped": (
        facts.WipeIntended,
        lambda clip, fact: fact.docking == clip.docking == clip.hashed_in,
    ),
    "only what stores have proven is wiped": (
        facts.WipeIntended,
        lambda clip, fact: bool(fact.stores) and set(fact.stores) <= set(clip.proven_by),
    ),
    "nothing without a receipt makes room": (
        facts.SpoolPurged,
        lambda clip, _: bool(clip.proven_by),
    ),
    "nothing that is held makes room": (
        facts.SpoolPurged,
        lambda clip, _: not clip.holds,
    ),
    "nothing makes room while it is being wiped": (
        facts.SpoolPurged,
        lambda clip, _: clip.camera_copy is not CameraCopy.WIPING,
    ),
    "a copy that is evidence is not merged away": (
        facts.ClipMerged,
        lambda clip, fact: clip.sha256 is None and fact.into != clip.number,
    ),
    # Its holds go over first (redock.merge): a merge must not release what a person set aside.
    "nothing that is held is merged away": (
        facts.ClipMerged,
        lambda clip, _: not clip.holds,
    ),
}


def apply(clip: Clip, fact: facts.ClipFact, *, guards: Guards = GUARDS) -> Clip:
    """Return ``clip`` after ``fact``; only the proof of the core passes other ``guards``.

    Raises:
        IllegalFact: the clip's state, or a guard, does not permit the fact; nothing changed.
    """
    refuse_unless_permitted(clip, fact, guards=guards)
    # The effects see the copies where they were: what a fact means may depend on that.
    return _moved(_EFFECTS.get(type(fact), _unchanged)(clip, fact), fact)


def refuse_unless_permitted(clip: Clip, fact: facts.ClipFact, *, guards: Guards = GUARDS) -> None:
    """Raise IllegalFact when a guard forbids ``fact``, or when ``clip`` was merged away."""
    if clip.merged_into is not None:
        raise IllegalFact(reason=f"{fact.kind}: the clip was merged into {clip.merged_into}")
    for name, (kind, guard) in guards.items():
        if type(fact) is kind and not guard(clip, fact):
            raise IllegalFact(reason=f"{fact.kind}: {name}")


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
        copied=False,
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
    facts.ClipHeld: _held,
    facts.ClipReleased: _released,
    facts.ReceiptAccepted: _receipted,
    facts.ReceiptLost: _receipt_lost,
}
