"""The camera family ``mass-storage``: a camera is a disk on a USB port (DESIGN.md section 4)."""

from dockd.cameras import quirks
from dockd.cameras.mass_storage.camera import MassStorageCamera
from dockd.cameras.mass_storage.judging import FAMILY, Judge
from dockd.cameras.mass_storage.source import UsbRack
from dockd.config import Config
from dockd.ports.equipment import Equipment


class MassStorageFamily:
    """What the entry point ``dockd.cameras: mass-storage`` stands for."""

    name = FAMILY

    def source(self, config: Config, equipment: Equipment) -> UsbRack | None:
        """Return the rack's USB slots, not yet watched; None where the station has none.

        Raises:
            ConfigInvalid: a quirk file is wrong.
        """
        if not config.cameras.auto_slots and not any(slot.port for slot in config.slots):
            return None
        judge = Judge(config.cameras, config.slots, quirks=quirks.load())
        return UsbRack(judge, bus=equipment.usb, helper=equipment.helper)


def family() -> MassStorageFamily:
    """Return the family; named in pyproject.toml."""
    return MassStorageFamily()


__all__ = ["MassStorageCamera", "MassStorageFamily", "UsbRack", "family"]
