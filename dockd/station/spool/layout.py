"""Where things are in the spool: pure rules from a clip to names below the spool's root.

- ``clips/<camera>/<docking>/<path>`` is a kept clip, ``<path>.dockd.json`` its sidecar. Every
  component is escaped as ``dockd.core.naming`` says, so no name can leave its folder, and names
  that differ only in case stay two names (a spool on a file system that ignores case is refused).
- A component of a camera's path that itself ends in ``.dockd.json`` has the last dot written
  ``%2E``, so that it is never taken for a sidecar. The escaping of names never writes ``%2E`` for
  a dot within a longer name, so no other name can come out the same.
- A component too long to carry a sidecar's suffix becomes its first 200 bytes, ``~`` and 16 hex
  digits of the SHA-256 of the raw component.
- A path too long for any tool (over 2,048 bytes) becomes ``~/<SHA-256 of the raw path>``, as
  store keys do. An escaped name never begins with ``~``.
- Where that place is taken by another clip of the same docking (the camera wrote other content
  to the same path), the clip's second place is ``~/<SHA-256 of the path>-<16 digits of its own>``.
- ``incoming/<number>-<id>.part`` is a copy being made, ``.part.2`` and on later attempts at it.
"""

import hashlib
from typing import Final

from dockd.core import naming
from dockd.core.clip import Clip

CLIPS: Final = "clips"
INCOMING: Final = "incoming"
ORPHANS: Final = "incoming/orphans"
IDENTITY: Final = "spool.json"
SIDECAR_SUFFIX: Final = ".dockd.json"

_NAME_LIMIT_BYTES: Final = 255 - len(SIDECAR_SUFFIX)
_NAME_KEPT_BYTES: Final = 200
_PATH_LIMIT_BYTES: Final = 2048
_DIGITS: Final = 16


def homes(clip: Clip) -> tuple[str, ...]:
    """Return the places where a clip may be kept, in the order in which they are tried."""
    folder = f"{CLIPS}/{naming.component(clip.camera.encode())}/{clip.birth_docking}"
    hashed = f"{folder}/~/{hashlib.sha256(clip.path).hexdigest()}"
    plain = f"{folder}/{'/'.join(_name(part) for part in clip.path.split(b'/') if part)}"
    first = plain if len(plain) <= _PATH_LIMIT_BYTES else hashed
    if clip.sha256 is None:
        return (first,)
    return (first, f"{hashed}-{clip.sha256[:_DIGITS]}")


def _name(raw: bytes) -> str:
    """Return one component of a kept clip's path; see the module's rules."""
    name = naming.component(raw)
    if name.endswith(SIDECAR_SUFFIX):
        name = f"{name[: -len(SIDECAR_SUFFIX)]}%2E{SIDECAR_SUFFIX[1:]}"
    if len(name) <= _NAME_LIMIT_BYTES:
        return name
    return f"{name[:_NAME_KEPT_BYTES]}~{hashlib.sha256(raw).hexdigest()[:_DIGITS]}"


def sidecar_of(home: str) -> str:
    """Return the name of the sidecar of a clip kept at ``home``."""
    return home + SIDECAR_SUFFIX


def part_stem(clip: Clip) -> str:
    """Return what the names of all attempts at a clip's copy begin with.

    The number alone would do in one ledger; the id keeps a rebuilt ledger, whose numbers begin
    again, from taking an older copy for its own.
    """
    provisional = naming.provisional_id(clip.camera, docking=clip.birth_docking, path=clip.path)
    return f"{clip.number}-{provisional}.part"


def part_name(stem: str, *, attempt: int) -> str:
    """Return the name of the ``attempt``-th copy (from 1) within ``incoming/``."""
    return stem if attempt == 1 else f"{stem}.{attempt}"


def attempt_of(name: str, *, stem: str) -> int | None:
    """Return which attempt at ``stem`` a name in ``incoming/`` is, or None when it is not one."""
    if name == stem:
        return 1
    digits = name.removeprefix(f"{stem}.")
    return int(digits) if digits != name and digits.isdecimal() else None


def folder_of(path: str) -> str:
    """Return the folder that holds ``path``, itself relative to the spool's root."""
    return path.rpartition("/")[0] or "."
