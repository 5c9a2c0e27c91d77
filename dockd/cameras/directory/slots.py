"""What is in the rack's slots now: one look at RACK/SLOT/SERIAL/, judged."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dockd.cameras import stays
from dockd.cameras.stays import Content, Docked
from dockd.core import naming
from dockd.core.printable import quoted
from dockd.ports.camera import Refusal

_NOT_A_SLOT: Final = "port-not-a-slot"


def look(rack: Path) -> Mapping[str, Content]:
    """Return what each slot of the rack holds; a rack that is not there has no slots.

    Names that begin with a dot are somebody's staging and are not looked at.
    """
    found = {}
    for name in _folders(rack):
        slot = naming.component(os.fsencode(name))
        content = _look_into(rack / name, slot=slot)
        if slot == name:
            found[slot] = content
        elif content is not None:
            found[slot] = _refused(slot, name=name)
    return stays.without_twins(found)


def place(device: int, inode: int) -> str:
    """Return what tells a folder from every other while somebody holds it open."""
    return f"{device}:{inode}"


def _folders(parent: Path) -> tuple[str, ...]:
    """Return the names of the visible folders."""
    try:
        with os.scandir(parent) as entries:
            return tuple(
                sorted(
                    entry.name
                    for entry in entries
                    if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
                )
            )
    except OSError:
        return ()


def _refused(slot: str, *, name: str) -> Refusal:
    """Return the refusal of what is in a folder whose name the configuration could not hold."""
    reason = (
        f"{quoted(name)} is no slot, whose name has letters, digits, . _ and -: rename the folder"
    )
    return Refusal(slot=slot, slug=_NOT_A_SLOT, reason=reason)


def _look_into(folder: Path, *, slot: str) -> Content:
    found: list[Docked] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISLNK(status.st_mode):
                    return stays.unsupported(
                        slot, name=entry.name, reason="it is a link, which dockd never follows"
                    )
                if stat.S_ISDIR(status.st_mode):
                    found.append(
                        Docked(serial=entry.name, place=place(status.st_dev, status.st_ino))
                    )
    except OSError:
        # It left while it was looked at, or cannot be read; either way nothing is known to be in.
        return None
    if len(found) > 1:
        serials = ", ".join(sorted(quoted(docked.serial) for docked in found))
        return Refusal(
            slot=slot, slug=stays.DUPLICATE, reason=f"more than one camera in the slot: {serials}"
        )
    if found and (reason := stays.why_no_serial(found[0].serial)):
        return stays.unsupported(slot, name=found[0].serial, reason=reason)
    return found[0] if found else None
