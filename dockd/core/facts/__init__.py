"""Every kind of fact the ledger can hold: the one table behind state, journal and fault points.

A fact is something that happened. It is durable before anything acts on it, so each class here
is also a point at which the process may be killed (``DOCKD_FAULT``) and must lose nothing.
A fact's fields are what its event records; they hold no floats, so that an event has exactly
one canonical form (see ``custody``).

Clips are named by their ``clip`` number: it is theirs for the life of a ledger, while their id
changes once, when the digest is known.
"""

from collections.abc import Mapping
from typing import Final

from dockd.core.facts.fact import (
    Fact,
    HoldKind,
    JsonValue,
    Strength,
    registry,
)
from dockd.core.facts.of_clips import (
    ClipCopied,
    ClipElsewhere,
    ClipFact,
    ClipGone,
    ClipHeld,
    ClipMerged,
    ClipOverwritten,
    ClipRehashed,
    ClipReleased,
    ClipRetried,
    ClipSeen,
    ClipSeenAgain,
    ClipTroubled,
    ClipVerified,
    ClipWiped,
    CopyDiscarded,
    PartSpooled,
    SpoolCopyLost,
    SpoolPurged,
    WipeFailed,
    WipeIntended,
)
from dockd.core.facts.of_dockings import (
    ChargeMeasured,
    Docked,
    DockingCleared,
    DockingContinued,
    DockingFact,
    DockingOffloaded,
    DockingPaused,
    LeftWhileCut,
    Listed,
    ManifestStored,
    Undocked,
)
from dockd.core.facts.of_station import (
    Checkpointed,
    EpochBegun,
    HoldsListed,
    ProblemClosed,
    ProblemOpened,
    SetAside,
    SetFree,
    SpoolAdopted,
    StationFact,
    StationStarted,
    StationStopped,
    StoreProbed,
)
from dockd.core.facts.of_transfers import (
    ObjectConfirming,
    ObjectFinalizing,
    PartSending,
    PartStored,
    PartUnsent,
    ReceiptAccepted,
    ReceiptLost,
    TransferFact,
    TransferQueued,
    TransferRefused,
    TransferRestarted,
    UploadCreating,
    UploadOpened,
)

__all__ = [
    "FACTS",
    "ChargeMeasured",
    "Checkpointed",
    "ClipCopied",
    "ClipElsewhere",
    "ClipFact",
    "ClipGone",
    "ClipHeld",
    "ClipMerged",
    "ClipOverwritten",
    "ClipRehashed",
    "ClipReleased",
    "ClipRetried",
    "ClipSeen",
    "ClipSeenAgain",
    "ClipTroubled",
    "ClipVerified",
    "ClipWiped",
    "CopyDiscarded",
    "Docked",
    "DockingCleared",
    "DockingContinued",
    "DockingFact",
    "DockingOffloaded",
    "DockingPaused",
    "EpochBegun",
    "Fact",
    "HoldKind",
    "HoldsListed",
    "JsonValue",
    "LeftWhileCut",
    "Listed",
    "ManifestStored",
    "ObjectConfirming",
    "ObjectFinalizing",
    "PartSending",
    "PartSpooled",
    "PartStored",
    "PartUnsent",
    "ProblemClosed",
    "ProblemOpened",
    "ReceiptAccepted",
    "ReceiptLost",
    "SetAside",
    "SetFree",
    "SpoolAdopted",
    "SpoolCopyLost",
    "SpoolPurged",
    "StationFact",
    "StationStarted",
    "StationStopped",
    "StoreProbed",
    "Strength",
    "TransferFact",
    "TransferQueued",
    "TransferRefused",
    "TransferRestarted",
    "Undocked",
    "UploadCreating",
    "UploadOpened",
    "WipeFailed",
    "WipeIntended",
]

FACTS: Final[Mapping[str, type[Fact]]] = registry
"""Every kind of fact by its name in the record."""
