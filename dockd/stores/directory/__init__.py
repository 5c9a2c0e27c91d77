"""The store family ``directory``: a mounted share, or a disk, with a marker file in its root."""

from dockd.stores.directory.options import MARKER, DirectoryOptions
from dockd.stores.directory.store import DirectoryStore

family = DirectoryStore

__all__ = ["MARKER", "DirectoryOptions", "DirectoryStore", "family"]
