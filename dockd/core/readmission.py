"""What a sidecar vouches for, as facts: for a ledger that was lost, or that forgot it."""

from collections.abc import Iterator, Sequence
from typing import Final

from dockd.core import facts, remains
from dockd.core.clip import Clip

UNKNOWN: Final = "unknown"


def dockings(clips: Sequence[Clip]) -> dict[str, facts.Docked]:
    """Return by its id how each docking began in which one of ``clips`` was ever seen."""
    slots = {clip.docking: clip.slot for clip in clips}
    return {
        docking: facts.Docked(
            docking=docking,
            camera=clip.camera,
            slot=slots.get(docking, UNKNOWN),
            family=UNKNOWN,
        )
        for clip in clips
        for docking in (clip.birth_docking, *clip.seen_in, clip.docking)
    }


def clip_facts(clip: Clip, *, number: int, begun: Clip | None = None) -> Iterator[facts.ClipFact]:
    """Yield the facts that a sidecar vouches for, in the order in which they once happened.

    ``begun`` is the clip as the ledger has it already, from before its copy was proven.

    Raises:
        TypeError: ``clip`` has no digests, and is from no sidecar.
    """
    if clip.sha256 is None or clip.xxh128 is None or clip.key is None:
        message = "a sidecar is decoded with its digests"
        raise TypeError(message)
    if begun is None:
        yield facts.ClipSeen(
            clip=number,
            camera=clip.camera,
            docking=clip.birth_docking,
            slot=clip.slot,
            path=clip.path,
            size_bytes=clip.size_bytes,
            mtime_ns=clip.mtime_ns,
            flagged=clip.flagged,
        )
    else:
        yield from remains.shortened(begun, parts=0, reason="the whole copy is kept already")
    known = (clip.birth_docking,) if begun is None else begun.seen_in
    for docking in dict.fromkeys((*clip.seen_in, clip.docking)):
        if docking not in known:
            yield facts.ClipSeenAgain(
                clip=number, docking=docking, slot=clip.slot, mtime_ns=clip.mtime_ns
            )
    copied_in = clip.copied_in[-1] if clip.copied_in else clip.docking
    if clip.partial:
        yield facts.PartSpooled(
            clip=number,
            docking=copied_in,
            index=0,
            offset=0,
            size_bytes=clip.stored_size_bytes,
            sha256=clip.sha256,
        )
    else:
        yield facts.ClipCopied(
            clip=number,
            docking=copied_in,
            sha256=clip.sha256,
            xxh128=clip.xxh128,
            spliced=clip.hashed_in is None or clip.spliced,
        )
    yield facts.ClipVerified(
        clip=number,
        sha256=clip.sha256,
        xxh128=clip.xxh128,
        size_bytes=clip.stored_size_bytes,
        key=clip.key,
        part_size_bytes=clip.part_size_bytes,
        part_sha256=clip.part_sha256,
        proof=clip.proof or UNKNOWN,
        partial=clip.partial,
    )
