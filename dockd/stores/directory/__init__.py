"""The store family ``directory``: a mounted share, or a disk, with a marker file in its root."""

from pathlib import Path

from dockd.config import DirectoryStoreConfig
from dockd.ports.clock import Clock
from dockd.stores.directory.options import MARKER, DirectoryOptions
from dockd.stores.directory.store import DirectoryStore


def family(
    config: DirectoryStoreConfig, *, station: str, spool_path: Path, clock: Clock
) -> DirectoryStore:
    """Return the store of one ``[[store]]`` table."""
    return DirectoryStore(
        DirectoryOptions(
            name=config.name,
            path=config.path,
            spool_path=spool_path,
            station=station,
            allow_same_disk=config.allow_same_disk,
        ),
        clock=clock,
    )


__all__ = ["MARKER", "DirectoryOptions", "DirectoryStore", "family"]
