"""What became of each clip of a docking in an export."""

from dataclasses import dataclass

from dockd.core.clip import Clip, SpoolCopy
from dockd.station.export.copying import Digests


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A clip that is in the export, at ``place`` below the docking's folder."""

    clip: Clip
    place: str
    digests: Digests


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A clip that is not, and why; ``bad`` when its copy is not what the record says."""

    clip: Clip
    reason: str
    bad: bool = False


Outcome = Present | Absent


def recorded(clip: Clip) -> Digests:
    """Return what the record says that a clip hashes to."""
    return Digests(
        size_bytes=clip.stored_size_bytes, sha256=clip.sha256 or "", xxh128=clip.xxh128 or ""
    )


def why_absent(clip: Clip) -> str:
    """Return why a clip is not in an export, for a person."""
    if clip.spool_copy is SpoolCopy.PROVEN:
        return "it came after this export"
    if clip.spool_copy is SpoolCopy.PURGED:
        at = ", ".join(clip.proven_by) or "no store that says so now"
        return f"its copy here made room; it is at {at} under {clip.key}"
    return "it is not proven here yet, or was lost before it was"
