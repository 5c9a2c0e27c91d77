"""What another station's manifest of a docking says of clips that are gone from their camera.

A manifest is what a store gives back, so it is believed for what it is: a reason why a clip that
this station has proven is no longer on its camera. No wipe and no copy's standing rests on it.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from dockd.core import naming
from dockd.core.clip import CameraCopy, Clip, SpoolCopy

FORMAT: Final = "dockd-docking/1"
_DOCKING: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Which clips, by their store keys, a station had of a camera in one docking."""

    station: str
    camera: str
    docking: str
    keys: frozenset[str]


def read(content: bytes, *, key: str) -> Manifest | None:
    """Return the manifest in ``content``; None when it is none, or not the one of ``key``."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    match document:
        case {
            "format": "dockd-docking/1",
            "station": str(station),
            "camera": str(camera),
            "docking": str(docking),
            "clips": list(clips),
        }:
            if not _DOCKING.fullmatch(docking) or key != naming.manifest_key(
                camera, docking=docking
            ):
                return None
            return Manifest(
                station=station, camera=camera, docking=docking, keys=frozenset(_keys(clips))
            )
        case _:
            return None


def _keys(clips: Sequence[object]) -> Iterable[str]:
    for clip in clips:
        match clip:
            case {"key": str(key)}:
                yield key
            case _:
                continue


def is_unexplained(clip: Clip) -> bool:
    """Return whether a clip that is proven here left its camera and nobody knows where."""
    return (
        clip.camera_copy is CameraCopy.GONE
        and clip.merged_into is None
        and clip.key is not None
        and clip.elsewhere is None
    )


def is_alarming(clip: Clip) -> bool:
    """Return whether that is to be said: the only proven copy is the spool's."""
    return is_unexplained(clip) and clip.spool_copy is SpoolCopy.PROVEN and not clip.proven_by


def is_of_whole(partial: Clip, *, newest: Clip) -> bool:
    """Return whether the newest clip of its name is the whole file that ``partial`` begins.

    By path, size and mtime, by which a file is taken for a clip that is whole as well.
    """
    return (
        partial.partial
        and newest.number != partial.number
        and (newest.camera, newest.path) == (partial.camera, partial.path)
        and (newest.size_bytes, newest.mtime_ns) == (partial.size_bytes, partial.mtime_ns)
    )


def was_docked(manifest: Manifest, *, camera: str, after: str, station: str) -> bool:
    """Return whether another station emptied a camera of all it had, behind one of our dockings.

    For a manifest is written of a docking in which every clip was proven.
    """
    return manifest.station != station and manifest.camera == camera and manifest.docking > after


def explains(manifest: Manifest, clip: Clip, *, station: str) -> bool:
    """Return whether the clip was on its camera at another station after it was seen here last."""
    return clip.key in manifest.keys and was_docked(
        manifest, camera=clip.camera, after=clip.docking, station=station
    )
