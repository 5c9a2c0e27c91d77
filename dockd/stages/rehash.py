"""The camera's whole file, read once more: by its name alone nothing is taken for a clip."""

import hashlib
import os
from typing import Final

from dockd.errors import CameraGone
from dockd.ports.camera import FoundFile
from dockd.stages.stay import Stay

_READ_BYTES: Final = 1024 * 1024


def hash_file(stay: Stay, file: FoundFile) -> str:
    """Return the SHA-256 of the camera's whole file, read in one go in this docking."""
    source = stay.camera.open(file)
    try:
        hasher = hashlib.sha256()
        buffer = bytearray(_READ_BYTES)
        while True:
            if stay.must_stop():
                raise CameraGone(f"{stay.camera.serial} left while it was read")
            stay.camera.pacer.before_read(_READ_BYTES)
            count = os.readv(source, [buffer])
            if not count:
                break
            hasher.update(memoryview(buffer)[:count])
    finally:
        os.close(source)
    # Believed only when the camera was there to the end.
    if not stay.camera.is_present():
        raise CameraGone(f"{stay.camera.serial} left while it was read")
    return hasher.hexdigest()
