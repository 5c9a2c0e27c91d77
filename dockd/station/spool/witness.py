"""Which spool the station's footage is in: noted on the box's own disk.

The ledger lies in the spool, so one that is not mounted takes along everything that knows of it.
What is beneath its mount point (nothing, or the ledger of the station's first hour) would be taken
for the station, and footage would go where nobody looks for it. This note is the one thing that
stays. It is made once there is footage, so that a new station may still be given its disk.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from dockd.errors import SpoolChanged
from dockd.station.spool.disk import Disk, writing
from dockd.station.spool.identity import read_id, write_whole

VARIABLE: Final = "DOCKD_WITNESS"
"""The unit's name for the note's path; without it nothing is noted and nothing refused."""
IN_THE_PACKAGE: Final = Path("/var/lib/dockd-witness/spool.json")

_FORMAT: Final = "dockd-witness/1"


class Witness:
    """The note; ``path`` is None where there is no place for one, as in a trial."""

    def __init__(self, path: Path | None) -> None:
        """Nothing is read yet."""
        self._path: Final = path

    def refuse_other(self, folder: Path) -> None:
        """Return if the spool in ``folder`` is the one that was noted, or none was noted there.

        Raises:
            SpoolChanged: it is another one, or none.
        """
        noted = self._noted(folder)
        if noted is None or noted == _found(folder):
            return
        raise SpoolChanged(
            f"the station's footage is in the spool {noted}, and what is at {folder} is not it: it "
            f"is not mounted, or another disk is; to begin anew with what is there, remove "
            f"{self._path}",
            expected=noted,
        )

    def note(self, folder: Path, *, spool_id: str) -> None:
        """Note, durably, that the station's footage is in this spool.

        Raises:
            SpoolFull, SpoolReadOnly, FsyncFailed: the box's own disk does not take it.
        """
        if self._path is None or self._noted(folder) == spool_id:
            return
        note = {"format": _FORMAT, "path": str(folder), "spool_id": spool_id}
        with writing(str(self._path)):
            directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                write_whole(
                    self._path.name,
                    content=f"{json.dumps(note)}\n".encode(),
                    temporary=f"{self._path.name}.new",
                    directory=directory,
                    disk=Disk(),
                )
            finally:
                os.close(directory)

    def _noted(self, folder: Path) -> str | None:
        """Return which spool is noted at ``folder``; a note that is damaged says nothing."""
        if self._path is None:
            return None
        with suppress(OSError, ValueError):
            note = json.loads(self._path.read_bytes())
            if isinstance(note, dict) and note.get("path") == str(folder):
                return str(note.get("spool_id"))
        return None


def _found(folder: Path) -> str | None:
    """Return the id of the spool that is there now, None where there is none."""
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return read_id(root)
    except SpoolChanged:
        return None
    finally:
        os.close(root)
