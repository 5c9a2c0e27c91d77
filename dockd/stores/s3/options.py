"""What an S3 store is told: where it is, who we are there, and how far it is believed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ReadBack = Literal["never", "when-unproven"]
LockMode = Literal["GOVERNANCE", "COMPLIANCE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Deadlines of single steps; none bounds a whole transfer, which may take hours.

    Attributes:
        connect_s: Until a connection stands, TLS included.
        progress_s: How long nothing may move on a connection: no byte of a body acknowledged, none
            of a reply received. A link however slow is waited for, a dead one is given up.
        why_s: Until a reply to the question why a body failed.
        complete_s: Until the first byte of the reply to CompleteMultipartUpload, which a large
            object can keep busy for minutes.
    """

    connect_s: float = 20.0
    progress_s: float = 60.0
    why_s: float = 15.0
    complete_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """One ``[[store]]`` of kind ``s3``.

    Attributes:
        endpoint: ``http://`` or ``https://`` with host and port; objects are addressed by path.
        station: The station's name, for the probe's key.
        credentials: An AWS shared-credentials file; its profile ``[default]`` is used.
        ca_file: Certificates to trust instead of the system's.
        client_cert: The station's certificate for mutual TLS, with ``client_key``.
        object_lock_days: How long the store shall refuse to delete a clip; 0 asks for nothing.
        object_lock_mode: ``GOVERNANCE`` lets those with a special permission shorten a lock;
            ``COMPLIANCE`` lets nobody, whatever was uploaded by mistake.
        read_back: Whether an object whose checksums prove nothing is read back whole.
    """

    name: str
    endpoint: str
    bucket: str
    station: str
    credentials: Path
    region: str = "us-east-1"
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    object_lock_days: int = 0
    object_lock_mode: LockMode = "GOVERNANCE"
    read_back: ReadBack = "never"
    patience: Patience = Patience()
