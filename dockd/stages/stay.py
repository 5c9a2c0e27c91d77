"""What the stages of one stay share: the camera, the docking's id, and the flag that stops them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from dockd.core.battery_word import BatteryWord
from dockd.ports.camera import Camera


@dataclass(slots=True, kw_only=True)
class Stay:
    """One camera in one slot from dock to undock.

    ``begun`` is true once its beginning was recorded, ``listed`` once a listing was; ``news`` until
    what the last one brought was recorded as offloaded. ``must_yield`` says that the work has to
    pause, for the slot is cut. ``unreadable`` are the paths that could not be read, "" among them
    where a listing may lack some. ``battery`` is what the camera said last of its battery, and
    ``battery_noted`` the mark of what is on record of that.
    """

    docking: str
    camera: Camera
    begun: bool = False
    listed: bool = False
    news: bool = True
    must_yield: Callable[[], bool] = lambda: False
    unreadable: set[bytes] = field(default_factory=set)
    battery: BatteryWord | None = None
    battery_noted: str | None = None
    _read_bytes: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """End the work of every thread at its next read."""
        self._stopped.set()

    def count(self, size_bytes: int) -> None:
        """Count what is read; called from the copying threads."""
        with self._counting:
            self._read_bytes += size_bytes

    @property
    def read_bytes(self) -> int:
        """How much was read from the camera to be copied."""
        return self._read_bytes

    def must_stop(self) -> bool:
        """Return whether it ended, has to pause, or its camera left; asked between two reads."""
        return self._stopped.is_set() or self.must_yield() or not self.camera.is_present()
