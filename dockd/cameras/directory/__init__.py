"""The camera family ``directory``: a camera is a folder RACK/SLOT/SERIAL/ (DESIGN.md section 4)."""

from dockd.cameras.directory.camera import DirectoryCamera
from dockd.cameras.directory.rack import FAMILY, DirectoryRack
from dockd.config import Config
from dockd.ports.equipment import Equipment


class DirectoryFamily:
    """What the entry point ``dockd.cameras: directory`` stands for."""

    name = FAMILY

    def source(self, config: Config, equipment: Equipment) -> DirectoryRack | None:
        """Return the rack that ``[cameras.directory]`` describes, not yet watched, if it does."""
        del equipment
        rack = config.cameras.directory
        if rack is None:
            return None
        return DirectoryRack(rack.path, poll_s=rack.poll_s, limit_mb_s=rack.limit_mb_s)


def family() -> DirectoryFamily:
    """Return the family; named in pyproject.toml."""
    return DirectoryFamily()


__all__ = ["DirectoryCamera", "DirectoryFamily", "DirectoryRack", "family"]
