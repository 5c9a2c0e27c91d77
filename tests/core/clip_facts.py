"""Facts about one made-up clip, for the tests of the core."""

import hashlib
from typing import Any

from dockd.core import clip_life, facts, naming
from dockd.core.clip import Clip

CAMERA = "BWC-1"
PATH = b"DCIM/1.MP4"
CONTENT = b"aabb"
SHA = hashlib.sha256(CONTENT).hexdigest()
OTHER_SHA = hashlib.sha256(b"aacc").hexdigest()


def seen(number: int = 1, *, docking: str = "d1", **changes: Any) -> facts.ClipSeen:  # noqa: ANN401 - any field, right or wrong
    """Return the first sighting of a clip of four bytes."""
    fields = {
        "camera": CAMERA,
        "slot": "A1",
        "path": PATH,
        "size_bytes": 4,
        "mtime_ns": 1,
        "flagged": False,
    }
    return facts.ClipSeen(clip=number, docking=docking, **{**fields, **changes})


def seen_again(
    number: int = 1, *, docking: str = "d2", mtime_ns: int = 1, size_bytes: int | None = None
) -> facts.ClipSeenAgain:
    """Return a later sighting."""
    return facts.ClipSeenAgain(
        clip=number, docking=docking, slot="A2", mtime_ns=mtime_ns, size_bytes=size_bytes
    )


def part(index: int, *, docking: str = "d1", offset: int | None = None) -> facts.PartSpooled:
    """Return one durable part of two bytes."""
    return facts.PartSpooled(
        clip=1,
        docking=docking,
        index=index,
        offset=2 * index if offset is None else offset,
        size_bytes=2,
        sha256=f"{index}",
    )


def copied(
    number: int = 1, *, docking: str = "d1", sha256: str = SHA, spliced: bool = False
) -> facts.ClipCopied:
    """Return a copy made whole."""
    return facts.ClipCopied(
        clip=number, docking=docking, sha256=sha256, xxh128="x", spliced=spliced
    )


def verified(number: int = 1, *, sha256: str = SHA, size_bytes: int = 4) -> facts.ClipVerified:
    """Return a copy read back."""
    return facts.ClipVerified(
        clip=number,
        sha256=sha256,
        xxh128="x",
        size_bytes=size_bytes,
        key=naming.store_key(CAMERA, sha256=sha256, path=PATH),
        part_size_bytes=2,
        part_sha256=("0", "1")[: size_bytes // 2],
        proof="direct",
        partial=size_bytes < 4,
    )


def receipted(number: int = 1, *, store: str = "s1", **changes: Any) -> facts.ReceiptAccepted:  # noqa: ANN401 - any field, right or wrong
    """Return a digest receipt."""
    fields = {
        "strength": "digest",
        "key": naming.store_key(CAMERA, sha256=SHA, path=PATH),
        "version": "v1",
        "size_bytes": 4,
        "sha256": SHA,
        "how": "checksum",
        "epoch": 1,
    }
    return facts.ReceiptAccepted(clip=number, store=store, **{**fields, **changes})


def after(*happened: facts.ClipFact, clip: Clip | None = None) -> Clip:
    """Return a clip (a new one unless given) after some facts."""
    clip = clip_life.born(seen()) if clip is None else clip
    for fact in happened:
        clip = clip_life.apply(clip, fact)
    return clip


QUEUED = facts.TransferQueued(clip=1, store="s1")
HELD = facts.ClipHeld(clip=1, hold="legal", why="", actor="")
RELEASED = facts.ClipReleased(clip=1, hold="legal", why="", actor="")
INTENDED = facts.WipeIntended(clip=1, docking="d1", stores=("s1",))
WIPED = facts.ClipWiped(clip=1, docking="d1")
GONE = facts.ClipGone(clip=1, docking="d1")
ELSEWHERE = facts.ClipElsewhere(clip=1, station="B", docking="d3", store="s1")
PURGED = facts.SpoolPurged(clip=1, reason="room")
LOST = facts.SpoolCopyLost(clip=1, reason="missing")
DISCARDED = facts.CopyDiscarded(clip=1, reason="bad")
OVERWRITTEN = facts.ClipOverwritten(clip=1, docking="d2", reason="other")
RECEIPT_LOST = facts.ReceiptLost(clip=1, store="s1", reason="gone")
PROVEN = (copied(), verified())
STORED = (*PROVEN, QUEUED, receipted())
