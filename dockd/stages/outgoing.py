"""What a store is sent of a clip: the content, its digests, and the metadata beside it."""

import base64
from typing import BinaryIO, Final

from dockd.core import naming
from dockd.core.camera_clock import CameraClock
from dockd.core.clip import Clip
from dockd.core.receipt import Expected
from dockd.ports.store import Outgoing
from dockd.stages.dating import recorded_at

_METADATA_LIMIT_BYTES: Final = 2048


def outgoing(clip: Clip, *, clock: CameraClock, content: BinaryIO, station: str) -> Outgoing:
    """Return a verified clip as stores take it (DESIGN.md section 9).

    The raw path goes into the metadata as base64url, unless the metadata would pass 2 KiB then;
    the docking's manifest has it in any case.
    """
    metadata = {
        "sha256": clip.sha256 or "",
        "size": str(clip.stored_size_bytes),
        "station": naming.component(station.encode()),
        "slot": naming.component(clip.slot.encode()),
        "camera": naming.component(clip.camera.encode()),
        "docking": clip.birth_docking,
        "recorded-at": recorded_at(clip.mtime_ns, clock.source),
    }
    if clock.is_known:
        metadata["clock-offset-s"] = str(clock.offset_s)
        metadata["clock-uncertainty-s"] = str(clock.uncertainty_s)
    if clip.partial:
        metadata["partial"] = "true"
    with_path = {**metadata, "path": base64.urlsafe_b64encode(clip.path).decode()}
    if sum(len(name) + len(value) for name, value in with_path.items()) <= _METADATA_LIMIT_BYTES:
        metadata = with_path
    expected = Expected(
        key=clip.key or "",
        size_bytes=clip.stored_size_bytes,
        sha256=clip.sha256 or "",
        part_size_bytes=clip.part_size_bytes,
        part_sha256=clip.part_sha256,
    )
    return Outgoing(expected=expected, metadata=metadata, content=content)
