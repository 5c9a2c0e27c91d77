"""What the station lends to a camera family, whichever package that comes from."""

from dataclasses import dataclass
from typing import Protocol

from dockd.config import Config
from dockd.ports.camera import CameraSource
from dockd.ports.helper import Helper
from dockd.ports.usb import UsbBus


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """The station's own services that families may use."""

    usb: UsbBus
    helper: Helper


class CameraFamily(Protocol):
    """What an entry point of ``dockd.cameras`` returns when it is called."""

    @property
    def name(self) -> str:
        """The name by which ``[[cameras.accept]]`` means it."""

    def source(self, config: Config, equipment: Equipment) -> CameraSource | None:
        """Return what watches the family's slots; None where the configuration has none."""
