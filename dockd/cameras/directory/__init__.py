"""The camera family ``directory``: a camera is a folder RACK/SLOT/SERIAL/ (DESIGN.md section 4)."""

from dockd.cameras.directory.camera import DirectoryCamera
from dockd.cameras.directory.rack import FAMILY, DirectoryRack
from dockd.config.models import DirectoryCamerasConfig


class DirectoryFamily:
    """What the entry point ``dockd.cameras: directory`` stands for."""

    name = FAMILY

    def source(self, config: DirectoryCamerasConfig) -> DirectoryRack:
        """Return the rack that ``[cameras.directory]`` describes, not yet watched."""
        return DirectoryRack(config.path, poll_s=config.poll_s, limit_mb_s=config.limit_mb_s)


def family() -> DirectoryFamily:
    """Return the family; named in pyproject.toml."""
    return DirectoryFamily()


__all__ = ["DirectoryCamera", "DirectoryFamily", "DirectoryRack", "family"]
