"""What the ledger's tests are made of: a clock set by hand, and facts with less to write."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from dockd.core import facts, naming
from dockd.ports.clock import Synchronisation
from dockd.station.ledger import SqliteLedger, open_ledger
from dockd.station.ledger.writer import FaultPoint

CAMERA: Final = "BWC-000123"
DOCKING: Final = "20261123T020000Z-00000001"
STORE: Final = "central"
PART_BYTES: Final = 16
SHA256: Final = "a" * 64
XXH128: Final = "b" * 32


class HandClock:
    """A clock that goes on by a millisecond whenever somebody looks at it."""

    def __init__(self, *, looks: int = 0) -> None:
        self._looks = looks
        self.synchronised = True

    def now(self) -> datetime:
        self._looks += 1
        return datetime(2026, 11, 23, 2, tzinfo=UTC) + timedelta(milliseconds=self._looks)

    def monotonic_s(self) -> float:
        return self.monotonic_ns() / 1e9

    def monotonic_ns(self) -> int:
        self._looks += 1
        return self._looks * 1_000_000

    def synchronisation(self) -> Synchronisation:
        return Synchronisation(synchronised=self.synchronised, offset_s=None)

    def random(self) -> float:
        return 0.5

    def random_bytes(self, count: int) -> bytes:
        self._looks += 1
        return self._looks.to_bytes(count, "big")

    async def sleep(self, seconds: float) -> None:
        self._looks += int(seconds * 1000)


@contextmanager
def ledger_at(path: Path, *, faults: FaultPoint | None = None) -> Iterator[SqliteLedger]:
    """Open a ledger, and close it again."""
    ledger = open_ledger(path, clock=HandClock(), faults=faults)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def writable(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file behind a ledger's back."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        yield connection
    finally:
        connection.close()


def docked(docking: str = DOCKING, *, camera: str = CAMERA) -> facts.Docked:
    """Return a camera in slot A1."""
    return facts.Docked(docking=docking, camera=camera, slot="A1", family="directory")


def seen(
    clip: int,
    *,
    docking: str = DOCKING,
    camera: str = CAMERA,
    path: bytes | None = None,
    size_bytes: int = 100,
    flagged: bool = False,
) -> facts.ClipSeen:
    """Return a first sighting."""
    return facts.ClipSeen(
        clip=clip,
        camera=camera,
        docking=docking,
        slot="A1",
        path=path if path is not None else b"DCIM/%d.mp4" % clip,
        size_bytes=size_bytes,
        mtime_ns=clip,
        flagged=flagged,
    )


def digest(clip: int) -> str:
    """Return a digest that no other clip has."""
    return f"{clip:064x}"


def key(clip: int, *, camera: str = CAMERA, path: bytes | None = None) -> str:
    """Return the store key of a clip."""
    name = path if path is not None else b"DCIM/%d.mp4" % clip
    return naming.store_key(camera, sha256=digest(clip), path=name)


def copied(clip: int, *, docking: str = DOCKING) -> facts.ClipCopied:
    """Return a whole copy."""
    return facts.ClipCopied(
        clip=clip, docking=docking, sha256=digest(clip), xxh128=XXH128, spliced=False
    )


def verified(
    clip: int, *, camera: str = CAMERA, size_bytes: int = 100, parts: int = 1, partial: bool = False
) -> facts.ClipVerified:
    """Return a proof by read-back."""
    return facts.ClipVerified(
        clip=clip,
        sha256=digest(clip),
        xxh128=XXH128,
        size_bytes=size_bytes,
        key=key(clip, camera=camera),
        part_size_bytes=PART_BYTES,
        part_sha256=(SHA256,) * parts,
        proof="direct",
        partial=partial,
    )


def spooled_part(clip: int, index: int, *, docking: str = DOCKING) -> facts.PartSpooled:
    """Return a part that is durable."""
    return facts.PartSpooled(
        clip=clip,
        docking=docking,
        index=index,
        offset=index * PART_BYTES,
        size_bytes=PART_BYTES,
        sha256=SHA256,
    )


def proven(clip: int, *, flagged: bool = False, camera: str = CAMERA) -> tuple[facts.Fact, ...]:
    """Return what leads from nothing to a proven copy in the spool."""
    return (
        seen(clip, flagged=flagged, camera=camera),
        copied(clip),
        verified(clip, camera=camera),
    )


def receipt(
    clip: int, *, store: str = STORE, strength: facts.Strength = "digest"
) -> facts.ReceiptAccepted:
    """Return a store's proof."""
    return facts.ReceiptAccepted(
        clip=clip,
        store=store,
        strength=strength,
        key=key(clip),
        version="v1",
        size_bytes=100,
        sha256=digest(clip),
        how="checksum",
        epoch=1,
    )


def stored(clip: int, *, store: str = STORE) -> tuple[facts.Fact, ...]:
    """Return what leads from a proven copy to a receipt, for a clip of one part."""
    return (
        facts.TransferQueued(clip=clip, store=store),
        facts.ObjectFinalizing(clip=clip, store=store),
        facts.ObjectConfirming(clip=clip, store=store, version="v1"),
        receipt(clip, store=store),
    )


def wiped(clip: int) -> tuple[facts.Fact, ...]:
    """Return an intent and its wipe."""
    return (
        facts.WipeIntended(clip=clip, docking=DOCKING, stores=(STORE,)),
        facts.ClipWiped(clip=clip, docking=DOCKING),
    )


def left(docking: str = DOCKING) -> facts.Undocked:
    """Return the end of a docking."""
    return facts.Undocked(docking=docking, reason="pulled")
