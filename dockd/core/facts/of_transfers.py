"""Facts about one clip on its way to one store."""

from dataclasses import dataclass

from dockd.core.facts.fact import Strength
from dockd.core.facts.of_clips import ClipFact


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
