"""What a directory store is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

MARKER: Final = ".dockd-store"
"""The file that whoever sets up the share puts into its root: an unmounted share has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryOptions:
    """One ``[[store]]`` of kind ``directory``.

    Attributes:
        path: The root of the share, with the marker file in it.
        spool_path: The spool; a store on its file system dies with it and proves nothing.
        station: The station's name, which keeps the unfinished files of two stations apart.
        allow_same_disk: Believe it all the same, for trials.
    """

    name: str
    path: Path
    spool_path: Path
    station: str
    allow_same_disk: bool = False
