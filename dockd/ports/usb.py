"""What the kernel says of USB: which devices there are, that they changed, and whether one stayed.

The methods that read block for as long as the kernel holds a device that is being reset: a
family calls them from a thread of its own.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbDevice:
    """One device on a port.

    ``name`` is the kernel's, which is also the port's short form (``1-1.2``); ``port`` is the
    stable form (``pci-0000:00:14.0-usb-0:1.2``). ``entry`` tells it from whatever was or will be
    on that port. ``serial`` is "" when it has none.
    """

    name: str
    port: str
    entry: str
    vendor_id: str
    product_id: str
    serial: str
    is_hub: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disk of a device, as it is now.

    ``sequence`` is the kernel's number of this medium in this device, never used twice (DISKSEQ).
    ``errors`` counts what the device refused to read or write since it came.
    """

    sequence: int
    works: bool
    errors: int


class UsbBus(Protocol):
    """All USB buses of the station."""

    def listening(self, changed: Callable[[], None]) -> AbstractContextManager[None]:
        """Call ``changed``, in the running loop, after every change; also when some were lost.

        It listens from the moment that the context is entered, so whoever looks after that may
        see a change twice and misses none.
        """

    def devices(self) -> Sequence[UsbDevice]:
        """Return every device that is there now, hubs included. Blocks."""

    def is_there(self, device: UsbDevice) -> bool:
        """Return whether this very device is still there."""

    def is_settled(self, device: UsbDevice) -> bool:
        """Return whether udev's rules are done with a device's disk and its partitions."""

    def disk(self, device: UsbDevice) -> Disk | None:
        """Return the one disk of this very device; None when it has none, or has left."""
