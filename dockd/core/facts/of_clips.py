"""Facts about one clip: its copy on the camera and in the spool, and what people decided."""

from dataclasses import dataclass

from dockd.core.facts.fact import Fact, HoldKind


@dataclass(frozen=True, kw_only=True)
class ClipFact(Fact):
    """A fact about one clip, named by its number."""

    clip: int


@dataclass(frozen=True, kw_only=True)
class ClipSeen(
    ClipFact,
    kind="clip-seen",
    sentence="A clip was seen on a camera for the first time.",
):
    camera: str
    docking: str
    slot: str
    path: bytes
    size_bytes: int
    mtime_ns: int
    flagged: bool


@dataclass(frozen=True, kw_only=True)
class ClipSeenAgain(
    ClipFact,
    kind="clip-seen-again",
    sentence="A clip that was seen before is on its camera again; its hash decides before a wipe.",
):
    docking: str
    slot: str
    mtime_ns: int
    # Given when the file was still being written as it was listed, and nothing of it was read.
    size_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class ClipRehashed(
    ClipFact,
    kind="clip-rehashed",
    sentence="The camera's whole file was hashed again in one docking and is the clip.",
):
    docking: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ClipOverwritten(
    ClipFact,
    kind="clip-overwritten",
    sentence="The camera's file is no longer this clip; what is there now is a clip of its own.",
):
    docking: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ClipGone(
    ClipFact,
    kind="clip-gone",
    sentence="The clip is no longer on its camera, and dockd did not remove it.",
):
    docking: str


@dataclass(frozen=True, kw_only=True)
class ClipElsewhere(
    ClipFact,
    kind="clip-elsewhere",
    sentence="A clip that is gone from its camera was on it at another station after it was here.",
):
    # Whose manifest says so, of which docking, and where it stands.
    station: str
    docking: str
    store: str


@dataclass(frozen=True, kw_only=True)
class WipeIntended(
    ClipFact,
    kind="wipe-intended",
    sentence="Both keys turned: the clip is about to be cleared from its camera.",
):
    docking: str
    stores: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ClipWiped(
    ClipFact,
    kind="clip-wiped",
    sentence="The clip was cleared and its camera listed again.",
):
    docking: str


@dataclass(frozen=True, kw_only=True)
class WipeFailed(
    ClipFact,
    kind="wipe-failed",
    sentence="The clip is still on its camera after its deletion.",
):
    docking: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class PartSpooled(
    ClipFact,
    kind="part-spooled",
    sentence="One part of a clip is durable in the spool; a resumed copy starts behind it.",
):
    docking: str
    index: int
    offset: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ClipCopied(
    ClipFact,
    kind="clip-copied",
    sentence="The clip is whole and durable in the spool, not yet read back.",
):
    docking: str
    sha256: str
    xxh128: str
    spliced: bool


@dataclass(frozen=True, kw_only=True)
class ClipVerified(
    ClipFact,
    kind="clip-verified",
    sentence="The spool's copy was read back from the device and is the camera's file.",
):
    sha256: str
    xxh128: str
    size_bytes: int
    key: str
    part_size_bytes: int
    part_sha256: tuple[str, ...]
    proof: str
    partial: bool


@dataclass(frozen=True, kw_only=True)
class CopyDiscarded(
    ClipFact,
    kind="copy-discarded",
    sentence="The spool's copy was discarded; it is made again from the camera.",
):
    reason: str


@dataclass(frozen=True, kw_only=True)
class ClipMerged(
    ClipFact,
    kind="clip-merged",
    sentence="The content is a clip that is known already: one piece of evidence, not two.",
):
    into: int


@dataclass(frozen=True, kw_only=True)
class SpoolPurged(
    ClipFact,
    kind="spool-purged",
    sentence="The spool's copy of a stored clip made room.",
):
    reason: str


@dataclass(frozen=True, kw_only=True)
class SpoolCopyLost(
    ClipFact,
    kind="spool-copy-lost",
    sentence="The spool's copy is missing or no longer the clip.",
):
    reason: str


@dataclass(frozen=True, kw_only=True)
class ClipTroubled(
    ClipFact,
    kind="clip-troubled",
    sentence="A clip cannot go on for now, for the reason given.",
):
    slug: str
    reason: str
    owner: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class ClipHeld(ClipFact, kind="clip-held", sentence="A clip was set aside; it is never cleared."):
    hold: HoldKind
    why: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class ClipReleased(ClipFact, kind="clip-released", sentence="A hold on a clip was released."):
    hold: HoldKind
    why: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class ClipRetried(
    ClipFact,
    kind="clip-retried",
    sentence="A person asked for a clip to be tried again.",
):
    why: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class ClipPrioritised(
    ClipFact,
    kind="clip-prioritised",
    sentence="A person asked for a clip to be sent before the others.",
):
    why: str
    actor: str
