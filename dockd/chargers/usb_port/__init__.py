"""The charger family ``usb-port``: the kernel switches a hub's ports, through dockd-helper."""

from dockd.chargers.usb_port.charger import UsbPortCharger
from dockd.chargers.usb_port.lights import SlotLights
from dockd.config import Config
from dockd.ports.equipment import Equipment


class UsbPortFamily:
    """What the entry point ``dockd.chargers: usb-port`` stands for."""

    name = "usb-port"

    def charger(self, config: Config, equipment: Equipment) -> UsbPortCharger:
        """Return the charger of the configured slots that are USB ports, none of them touched."""
        slots = [slot.name for slot in config.slots if slot.port]
        return UsbPortCharger(slots, helper=equipment.helper, lights=SlotLights())


def family() -> UsbPortFamily:
    """Return the family; named in pyproject.toml."""
    return UsbPortFamily()


__all__ = ["SlotLights", "UsbPortCharger", "UsbPortFamily", "family"]
