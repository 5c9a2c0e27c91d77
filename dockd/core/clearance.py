"""Clearance: whether a clip may be cleared from its camera. Two keys, and nothing else turns them.

``may_wipe`` is pure and exhaustive: it knows no clock and does no I/O; everything it needs is in
its evidence, and each condition has a name that the record and the people see (DESIGN.md 1 and 4).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from dockd.core.clip import CameraCopy, Clip, SpoolCopy
from dockd.core.facts import ReceiptAccepted
from dockd.core.shared_holds import is_recent

CONFIRMED_WITHIN_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFile:
    """The camera's file as the listing of this docking shows it, taken just before the wipe."""

    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A receipt and how long ago its store last confirmed that very version, in seconds."""

    receipt: ReceiptAccepted
    confirmed_ago_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """The state of the camera's whole medium, which every single deletion writes to."""

    all_clips_verified: bool
    all_clips_stored: bool
    troubled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the decision about one clip rests on.

    ``docking`` is the present, unbroken docking, or None when it ended. ``epoch`` is the ledger's.
    ``camera_file`` is None when the file is not in the listing. ``set_aside`` holds every camera
    and docking that a person has set aside. ``spool_copy_bytes`` is the size of the spool's file as
    it is now, None when it is missing. ``holds_age_s`` is how old the list of holds is that
    stations share: 0 where none is configured, None where nobody can tell.
    """

    clip: Clip
    docking: str | None
    camera_file: CameraFile | None
    media: Media
    set_aside: frozenset[str]
    clearable: bool
    confirmations: tuple[Confirmation, ...]
    configured_stores: frozenset[str]
    required: int
    epoch: int
    spool_is_ours: bool
    spool_copy_bytes: int | None
    holds_age_s: float | None
    wipe_after: Literal["receipt", "never"]
    rehash: Literal["after-break", "always"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the clip may be wiped; ``unmet`` names every condition that says no."""

    unmet: tuple[str, ...]

    @property
    def allowed(self) -> bool:
        """True when nothing says no."""
        return not self.unmet


def is_set_aside(clip: Clip, subjects: frozenset[str]) -> bool:
    """Return whether the clip's camera, any docking it was ever seen in, or its content is."""
    content = () if clip.sha256 is None else (clip.sha256,)
    return not subjects.isdisjoint({clip.camera, clip.docking, *clip.seen_in, *content})


ReceiptConditions = Mapping[str, Callable[[Evidence, Confirmation], bool]]
RECEIPT_CONDITIONS: Final[ReceiptConditions] = {
    "the receipt is from a store configured now": lambda evidence, confirmation: (
        confirmation.receipt.store in evidence.configured_stores
    ),
    "the receipt is of strength digest": lambda _, confirmation: (
        confirmation.receipt.strength == "digest"
    ),
    "the receipt is for this clip": lambda evidence, confirmation: (
        confirmation.receipt.clip == evidence.clip.number
    ),
    "the receipt binds this content": lambda evidence, confirmation: (
        evidence.clip.sha256 is not None
        and confirmation.receipt.sha256 == evidence.clip.sha256
        and confirmation.receipt.size_bytes == evidence.clip.size_bytes
    ),
    "the receipt binds this key": lambda evidence, confirmation: (
        evidence.clip.key is not None and confirmation.receipt.key == evidence.clip.key
    ),
    "the receipt is of this epoch": lambda evidence, confirmation: (
        confirmation.receipt.epoch == evidence.epoch
    ),
    "the receipt was confirmed just now": lambda _, confirmation: (
        0 <= confirmation.confirmed_ago_s <= CONFIRMED_WITHIN_S
    ),
    "the clip's own record agrees": lambda evidence, confirmation: (
        confirmation.receipt.store in evidence.clip.vouched_by
    ),
}


def binding_stores(
    evidence: Evidence, *, conditions: ReceiptConditions = RECEIPT_CONDITIONS
) -> frozenset[str]:
    """Return the stores of whose receipts one meets every condition."""
    return frozenset(
        confirmation.receipt.store
        for confirmation in evidence.confirmations
        if all(counts(evidence, confirmation) for counts in conditions.values())
    )


_BY_THE_STORES: Final = "enough stores have proven that they hold it"
_HOLDS_ARE_KNOWN: Final = "the holds of other stations are known"

Conditions = Mapping[str, Callable[[Evidence], bool]]
CONDITIONS: Final[Conditions] = {
    "wiping is switched on": lambda evidence: evidence.wipe_after == "receipt",
    "the spool's copy is proven": lambda evidence: (
        evidence.clip.spool_copy is SpoolCopy.PROVEN and evidence.clip.sha256 is not None
    ),
    "the copy is of the whole file": lambda evidence: not evidence.clip.partial,
    "the spool is the one it was": lambda evidence: evidence.spool_is_ours,
    "at least one store is required": lambda evidence: evidence.required >= 1,
    "the spool's copy is there": lambda evidence: (
        evidence.spool_copy_bytes == evidence.clip.size_bytes
    ),
    _BY_THE_STORES: lambda evidence: len(binding_stores(evidence)) >= evidence.required,
    "the clip is not held": lambda evidence: not evidence.clip.holds,
    "its camera and no docking it was seen in are held": lambda evidence: (
        not is_set_aside(evidence.clip, evidence.set_aside)
    ),
    _HOLDS_ARE_KNOWN: lambda evidence: is_recent(evidence.holds_age_s),
    "the clip is on its camera": lambda evidence: evidence.clip.camera_copy is CameraCopy.PRESENT,
    "the docking is unbroken": lambda evidence: (
        evidence.docking is not None and evidence.docking == evidence.clip.docking
    ),
    "the camera's whole file was hashed in this docking": lambda evidence: (
        evidence.clip.hashed_in is not None and evidence.clip.hashed_in == evidence.docking
    ),
    "the camera's file was hashed again where that is always asked for": lambda evidence: (
        evidence.rehash != "always" or evidence.clip.rehashed
    ),
    "the camera's file has the size that was copied": lambda evidence: (
        evidence.camera_file is not None
        and evidence.camera_file.size_bytes == evidence.clip.size_bytes
    ),
    "the camera's file has the mtime that was copied": lambda evidence: (
        evidence.camera_file is not None and evidence.camera_file.mtime_ns == evidence.clip.mtime_ns
    ),
    "every clip on the camera is verified": lambda evidence: evidence.media.all_clips_verified,
    "every clip is stored where the medium is troubled": lambda evidence: (
        not evidence.media.troubled or evidence.media.all_clips_stored
    ),
    "the family calls it footage that may be cleared": lambda evidence: evidence.clearable,
}


def may_wipe(evidence: Evidence, *, conditions: Conditions = CONDITIONS) -> Verdict:
    """Return whether both keys have turned for one clip, and everything that says no.

    Only the proof of the core passes other ``conditions``.
    """
    return Verdict(tuple(name for name, holds in conditions.items() if not holds(evidence)))


def is_worth_asking(evidence: Evidence) -> bool:
    """Return whether only the stores' word is missing: else it is of no use to ask them.

    Those in doubt are asked by whoever settles the doubt; without them it has to be enough.
    """
    vouching = evidence.configured_stores & evidence.clip.vouched_by
    only_missing = set(may_wipe(evidence).unmet) <= {_BY_THE_STORES}
    return only_missing and len(vouching) >= evidence.required


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is looked at between the intent and each single deletion, which may be a while later."""

    clip: Clip
    docking: str | None
    set_aside: frozenset[str]
    configured_stores: frozenset[str]
    required: int
    spool_is_ours: bool
    spool_copy_bytes: int | None
    holds_age_s: float | None


INTENT_CONDITIONS: Final[Mapping[str, Callable[[Intent], bool]]] = {
    "the intent stands": lambda intent: intent.clip.camera_copy is CameraCopy.WIPING,
    "the docking is unbroken": lambda intent: (
        intent.docking is not None and intent.docking == intent.clip.docking
    ),
    "the clip is not held": lambda intent: not intent.clip.holds,
    "its camera and no docking it was seen in are held": lambda intent: (
        not is_set_aside(intent.clip, intent.set_aside)
    ),
    _HOLDS_ARE_KNOWN: lambda intent: is_recent(intent.holds_age_s),
    "the spool's copy is proven": lambda intent: intent.clip.spool_copy is SpoolCopy.PROVEN,
    "the spool is the one it was": lambda intent: intent.spool_is_ours,
    "the spool's copy is there": lambda intent: intent.spool_copy_bytes == intent.clip.size_bytes,
    "no store has lost it meanwhile": lambda intent: (
        len(intent.configured_stores & intent.clip.vouched_by) >= intent.required
    ),
}


def may_erase(
    intent: Intent,
    *,
    conditions: Mapping[str, Callable[[Intent], bool]] = INTENT_CONDITIONS,
) -> Verdict:
    """Return whether an intent still holds at the moment of the deletion (else ``WipeFailed``).

    A person may have set the clip aside, or a store or the spool lost it, since both keys turned.
    """
    return Verdict(tuple(name for name, holds in conditions.items() if not holds(intent)))
