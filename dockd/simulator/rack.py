"""A rack of simulated cameras: a camera is a directory, and docking it is one rename.

A rename is atomic, as a plug is: the camera is in the slot with everything on it, or it is not.
"""

from pathlib import Path
from typing import Final

_STAGING: Final = ".staging"


class Rack:
    """``folder/SLOT/SERIAL`` is a docked camera, ``folder/.staging/SERIAL`` one in a hand."""

    def __init__(self, folder: Path, *, slots: tuple[str, ...]) -> None:
        """Make the folder with an empty place for each of ``slots``."""
        self.folder = folder
        self.slots = slots
        self._docked: dict[str, str] = {}
        for name in (*slots, _STAGING):
            (folder / name).mkdir(parents=True)

    def new_camera(self, serial: str) -> Path:
        """Return the folder of a new, empty camera that is not docked yet.

        Raises:
            FileExistsError: there is such a camera already.
        """
        camera = self._in_hand(serial)
        camera.mkdir()
        return camera

    def dock(self, serial: str, *, slot: str) -> None:
        """Put a camera that is in a hand into a slot."""
        self._in_hand(serial).rename(self.folder / slot / serial)
        self._docked[serial] = slot

    def pull(self, serial: str) -> None:
        """Take a camera out of its slot, whatever is going on with it."""
        (self.folder / self._docked.pop(serial) / serial).rename(self._in_hand(serial))

    def slot_of(self, serial: str) -> str | None:
        """Return where a camera is docked; None when it is not."""
        return self._docked.get(serial)

    def empty_slot(self, *, other_than: str) -> str:
        """Return a slot with no camera in it.

        Raises:
            ValueError: every slot is taken.
        """
        for slot in self.slots:
            if slot != other_than and slot not in self._docked.values():
                return slot
        raise ValueError("no slot of the rack is empty")

    def path_of(self, serial: str) -> Path:
        """Return the folder of a camera, wherever it is."""
        slot = self.slot_of(serial)
        return self.folder / slot / serial if slot else self._in_hand(serial)

    def files_on(self, serial: str) -> list[str]:
        """Return the path of every file that is still on a camera."""
        camera = self.path_of(serial)
        return sorted(
            str(path.relative_to(camera)) for path in camera.rglob("*") if not path.is_dir()
        )

    def _in_hand(self, serial: str) -> Path:
        return self.folder / _STAGING / serial
