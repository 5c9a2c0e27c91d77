"""A clip: three independent facts about where its copies are.

What may happen to it is in ``clip_rules``, what that makes of it in ``clip_life``. The rules:

- The camera's copy is ``present`` until dockd states its intent to wipe it; a file that is absent
  without that intent is ``gone``, never ``wiped``.
- The spool's copy is ``proven`` only by a read-back that found the digest the camera's file had.
- A digest once verified is the clip's identity; other content is another clip.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dockd.core import facts, naming


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
    DOUBTED = "doubted"
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
class Elsewhere:
    """The docking at another station in which a clip that is gone was on its camera last."""

    station: str
    docking: str


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
    A ``prioritised`` one is sent before the others, for a person asked for it.
    ``elsewhere`` explains a clip that is gone from its camera.
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
    prioritised: bool = False
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
    elsewhere: Elsewhere | None = None
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
    def vouched_by(self) -> frozenset[str]:
        """The stores of ``proven_by`` whose word nobody doubts: only on theirs anything may go."""
        return frozenset(
            store
            for store in self.proven_by
            if self.store_copies.get(store) is not StoreCopy.DOUBTED
        )

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


def recipients(clip: Clip, *, stores: frozenset[str], extra: frozenset[str]) -> frozenset[str]:
    """Return the stores that are to have ``clip``: ``stores`` all, ``extra`` what is flagged."""
    return stores | extra if clip.flagged else stores


def has_known_copy(clip: Clip) -> bool:
    """Return whether the clip's content can still be had from anywhere."""
    return (
        clip.camera_copy in {CameraCopy.PRESENT, CameraCopy.WIPING}
        or clip.spool_copy is SpoolCopy.PROVEN
        or bool(clip.proven_by)
    )
