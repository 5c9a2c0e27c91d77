"""What is in the rack's slots now: one look at RACK/SLOT/SERIAL/, judged."""

import os
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dockd.core import naming
from dockd.errors import NameUnsupported
from dockd.ports.camera import Refusal

_SERIAL_LIMIT_BYTES: Final = 64
_DUPLICATE: Final = "camera-duplicate-serial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Docked:
    """A camera in a slot: its serial, and the device and inode of its folder."""

    serial: str
    device: int
    inode: int


Content = Docked | Refusal | None
"""What one slot holds: a camera, something that is refused, or nothing."""


def look(rack: Path) -> Mapping[str, Content]:
    """Return what each slot of the rack holds; a rack that is not there has no slots.

    Names that begin with a dot are somebody's staging and are not looked at.
    """
    contents = {slot: _look_into(rack / slot, slot=slot) for slot in _folders(rack)}
    serials = Counter(
        content.serial for content in contents.values() if isinstance(content, Docked)
    )
    return {
        slot: _refused_twin(slot, content.serial)
        if isinstance(content, Docked) and serials[content.serial] > 1
        else content
        for slot, content in contents.items()
    }


def _refused_twin(slot: str, serial: str) -> Refusal:
    return Refusal(
        slot=slot,
        slug=_DUPLICATE,
        reason=f"the serial {serial} is in more than one slot; neither is believed",
    )


def _folders(parent: Path) -> tuple[str, ...]:
    """Return the names of the slots: the visible folders that a path can name."""
    try:
        with os.scandir(parent) as entries:
            return tuple(
                sorted(
                    entry.name
                    for entry in entries
                    if not entry.name.startswith(".")
                    and entry.is_dir(follow_symlinks=False)
                    and _is_plain(entry.name)
                )
            )
    except OSError:
        return ()


def _is_plain(name: str) -> bool:
    """Return whether a slot's name is one that the configuration could hold as well."""
    return naming.component(os.fsencode(name)) == name


def _look_into(folder: Path, *, slot: str) -> Content:
    found: list[Docked] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISLNK(status.st_mode):
                    return _unsupported(slot, entry.name, "it is a link, which dockd never follows")
                if stat.S_ISDIR(status.st_mode):
                    found.append(
                        Docked(serial=entry.name, device=status.st_dev, inode=status.st_ino)
                    )
    except OSError:
        # It left while it was looked at, or cannot be read; either way nothing is known to be in.
        return None
    if len(found) > 1:
        serials = ", ".join(sorted(ascii(docked.serial) for docked in found))
        return Refusal(
            slot=slot, slug=_DUPLICATE, reason=f"more than one camera in the slot: {serials}"
        )
    if found and (reason := _why_no_serial(found[0].serial)):
        return _unsupported(slot, found[0].serial, reason)
    return found[0] if found else None


def _unsupported(slot: str, name: str, reason: str) -> Refusal:
    return Refusal(slot=slot, slug=NameUnsupported.slug, reason=f"{name!a}: {reason}")


def _why_no_serial(name: str) -> str | None:
    """Return why a folder's name is not a serial number, or None when it is one."""
    raw = os.fsencode(name)
    if len(raw) > _SERIAL_LIMIT_BYTES:
        return f"a serial number has at most {_SERIAL_LIMIT_BYTES} bytes"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "a serial number is UTF-8"
    if not name.isprintable() or name != name.strip():
        return "a serial number has no control characters, and no space at its ends"
    return None
