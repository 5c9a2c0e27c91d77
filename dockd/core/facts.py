"""Every kind of fact the ledger can hold: the one table behind state, journal and fault points.

A fact is something that happened. It is durable before anything acts on it, so each class here
is also a point at which the process may be killed (``DOCKD_FAULT``) and must lose nothing.
A fact's fields are what its event records; they hold no floats, so that an event has exactly
one canonical form (see ``custody``).

Clips are named by their ``clip`` number: it is theirs for the life of a ledger, while their id
changes once, when the digest is known.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Final, Literal

HoldKind = Literal["error", "legal"]
Strength = Literal["digest", "size"]
JsonValue = str | int | bool | list["JsonValue"] | dict[str, "JsonValue"] | None

_registry: Final[dict[str, type["Fact"]]] = {}


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that happened, as plain fields; ``kind`` is its name in the record."""

    kind: ClassVar[str]
    sentence: ClassVar[str]

    def __init_subclass__(cls, *, kind: str = "", sentence: str = "") -> None:
        """Enter a fact in the table; a class without a ``kind`` is only a common base."""
        if kind:
            cls.kind = kind
            cls.sentence = sentence
            _registry[kind] = cls

    def fields(self) -> dict[str, JsonValue]:
        """Return the fields as JSON values; raw path bytes become base64url."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _plain(value: object) -> JsonValue:
    match value:
        case bytes():
            return base64.urlsafe_b64encode(value).decode()
        case tuple():
            return [_plain(item) for item in value]
        case None | str() | int():
            return value
        case _:
            message = f"a fact's field cannot hold {type(value).__name__}"
            raise TypeError(message)


# --- the station -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class StationFact(Fact):
    """A fact about the station itself."""


@dataclass(frozen=True, kw_only=True)
class StationStarted(
    StationFact,
    kind="station-started",
    sentence="The daemon started and reads its ledger.",
):
    version: str
    boot_id: str


@dataclass(frozen=True, kw_only=True)
class StationStopped(
    StationFact, kind="station-stopped", sentence="The daemon stopped in good order."
):
    reason: str


@dataclass(frozen=True, kw_only=True)
class EpochBegun(
    StationFact,
    kind="epoch-begun",
    sentence="A new epoch began: every receipt is confirmed anew before anything is wiped.",
):
    epoch: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class SpoolAdopted(
    StationFact,
    kind="spool-adopted",
    sentence="This spool belongs to this ledger from now on.",
):
    spool_id: str


@dataclass(frozen=True, kw_only=True)
class Checkpointed(
    StationFact,
    kind="checkpointed",
    sentence="The head of the record was also written to the spool or to a store.",
):
    where: str
    sequence: int
    root: str


@dataclass(frozen=True, kw_only=True)
class StoreProbed(
    StationFact,
    kind="store-probed",
    sentence="A store was tried with a deliberately wrong checksum.",
):
    store: str
    strength: Strength
    detail: str


@dataclass(frozen=True, kw_only=True)
class ProblemOpened(StationFact, kind="problem-opened", sentence="A problem began."):
    slug: str
    subject: str
    severity: str
    reason: str
    owner: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class ProblemClosed(StationFact, kind="problem-closed", sentence="A problem ended."):
    slug: str
    subject: str
    lasted_s: int


@dataclass(frozen=True, kw_only=True)
class SetAside(
    StationFact,
    kind="set-aside",
    sentence="A camera or a docking was set aside; nothing of it is cleared.",
):
    subject: str
    hold: HoldKind
    why: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class SetFree(
    StationFact,
    kind="set-free",
    sentence="A hold on a camera or a docking was released.",
):
    subject: str
    hold: HoldKind
    why: str
    actor: str


# --- dockings --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DockingFact(Fact):
    """A fact about one stay of one camera in one slot."""

    docking: str


@dataclass(frozen=True, kw_only=True)
class Docked(DockingFact, kind="docked", sentence="A camera was docked."):
    camera: str
    slot: str
    family: str
    file_system: str = ""
    volume: str = ""
    dirty: bool = False


@dataclass(frozen=True, kw_only=True)
class Listed(DockingFact, kind="listed", sentence="The camera's files were listed and believed."):
    files: int
    size_bytes: int
    refused: int


@dataclass(frozen=True, kw_only=True)
class DockingOffloaded(
    DockingFact,
    kind="docking-offloaded",
    sentence="Every clip on the camera is proven in the spool.",
):
    clips: int


@dataclass(frozen=True, kw_only=True)
class DockingCleared(
    DockingFact,
    kind="docking-cleared",
    sentence="The camera is clear of stored footage.",
):
    clips: int


@dataclass(frozen=True, kw_only=True)
class ManifestStored(
    DockingFact,
    kind="manifest-stored",
    sentence="Every store has the manifest of what was offloaded in a docking.",
):
    clips: int


@dataclass(frozen=True, kw_only=True)
class Undocked(DockingFact, kind="undocked", sentence="The camera left its slot."):
    reason: str


# --- clips: the camera's copy ----------------------------------------------------------------


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


# --- clips: the spool's copy -----------------------------------------------------------------


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


# --- clips: people and trouble ---------------------------------------------------------------


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


# --- transfers: one clip on its way to one store ---------------------------------------------


@dataclass(frozen=True, kw_only=True)
class TransferFact(ClipFact):
    """A fact about one clip and one store."""

    store: str


@dataclass(frozen=True, kw_only=True)
class TransferQueued(
    TransferFact,
    kind="transfer-queued",
    sentence="A clip waits for its turn on the uplink.",
):
    pass


@dataclass(frozen=True, kw_only=True)
class UploadCreating(
    TransferFact,
    kind="upload-creating",
    sentence="The store is asked to open an upload.",
):
    pass


@dataclass(frozen=True, kw_only=True)
class UploadOpened(TransferFact, kind="upload-opened", sentence="The store opened an upload."):
    upload_id: str


@dataclass(frozen=True, kw_only=True)
class PartSending(TransferFact, kind="part-sending", sentence="One part is on its way."):
    index: int


@dataclass(frozen=True, kw_only=True)
class PartStored(TransferFact, kind="part-stored", sentence="The store acknowledged one part."):
    index: int
    etag: str


@dataclass(frozen=True, kw_only=True)
class PartUnsent(
    TransferFact,
    kind="part-unsent",
    sentence="One part did not arrive, as far as is known; it is sent again.",
):
    index: int


@dataclass(frozen=True, kw_only=True)
class ObjectFinalizing(
    TransferFact,
    kind="object-finalizing",
    sentence="The object may come into being at the store from here on.",
):
    pass


@dataclass(frozen=True, kw_only=True)
class ObjectConfirming(
    TransferFact,
    kind="object-confirming",
    sentence="The store says that it has the object; now it has to prove that.",
):
    version: str


@dataclass(frozen=True, kw_only=True)
class ReceiptAccepted(
    TransferFact, kind="receipt-accepted", sentence="The store proved what it holds."
):
    strength: Strength
    key: str
    version: str
    size_bytes: int
    sha256: str
    how: str
    epoch: int


@dataclass(frozen=True, kw_only=True)
class ReceiptLost(
    TransferFact,
    kind="receipt-lost",
    sentence="The store no longer holds what it gave a receipt for; the clip is sent again.",
):
    reason: str


@dataclass(frozen=True, kw_only=True)
class TransferRestarted(
    TransferFact,
    kind="transfer-restarted",
    sentence="The store's upload is of no more use; the transfer starts over.",
):
    reason: str


@dataclass(frozen=True, kw_only=True)
class TransferRefused(
    TransferFact,
    kind="transfer-refused",
    sentence="The store refused the clip for good; a person decides.",
):
    slug: str
    reason: str


FACTS: Final[Mapping[str, type[Fact]]] = _registry
