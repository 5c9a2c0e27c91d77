"""The station's USB buses: udev tells that they changed, sysfs what is on them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from dockd.ports.journal import Journal
from dockd.ports.usb import Disk, UsbDevice
from dockd.station.udev import monitor, sysfs
from dockd.station.udev.monitor import Monitor, UdevMonitor


class UdevBus:
    """Implements ``dockd.ports.usb.UsbBus``."""

    def __init__(
        self,
        *,
        journal: Journal,
        root: Path = sysfs.SYS,
        tags: Path = sysfs.TAGS,
        open_monitor: Callable[[], Monitor] = UdevMonitor,
    ) -> None:
        """``root`` is where sysfs is, ``tags`` udev's of our tag; nothing is listened to yet."""
        self._journal: Final = journal
        self._root: Final = root
        self._tags: Final = tags
        self._open_monitor: Final = open_monitor

    def listening(self, changed: Callable[[], None]) -> AbstractContextManager[None]:
        """Call ``changed``, in the running loop, after every change; also when some were lost."""
        return monitor.listening(changed, journal=self._journal, open_monitor=self._open_monitor)

    def devices(self) -> Sequence[UsbDevice]:
        """Return every device that is there now, hubs included. Blocks."""
        return sysfs.devices(self._root)

    def is_there(self, device: UsbDevice) -> bool:
        """Return whether this very device is still there."""
        return sysfs.is_there(device, root=self._root)

    def is_settled(self, device: UsbDevice) -> bool:
        """Return whether udev's rules are done with a device's disk and its partitions."""
        return sysfs.is_settled(device, root=self._root, tags=self._tags)

    def disk(self, device: UsbDevice) -> Disk | None:
        """Return the one disk of this very device; None when it has none, or has left."""
        return sysfs.disk(device, root=self._root)


__all__ = ["UdevBus"]
