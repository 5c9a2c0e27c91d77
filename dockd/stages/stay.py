"""What the stages of one stay share: the camera, the docking's id, and the flag that stops them."""

import threading
from dataclasses import dataclass, field

from dockd.ports.camera import Camera


@dataclass(slots=True, kw_only=True)
class Stay:
    """One camera in one slot from dock to undock.

    ``listed`` is true once a listing was recorded; ``news`` until what the last one brought was
    recorded as offloaded.
    """

    docking: str
    camera: Camera
    listed: bool = False
    news: bool = True
    _stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """End the work of every thread at its next read."""
        self._stopped.set()

    def must_stop(self) -> bool:
        """Return whether the stay ended, or its camera left; asked between two reads."""
        return self._stopped.is_set() or not self.camera.is_present()
