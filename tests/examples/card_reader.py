"""A worked example of a camera family: cards that something else puts below one folder.

A card is the folder FOLDER/SLOT@SERIAL/. docs/extending.md goes through it. It is an example and
no driver: it looks once a second, and so does not see a card that was out for less.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from dockd.cameras import tree
from dockd.cameras.pacing import Pacer
from dockd.cameras.tree_camera import TreeCamera
from dockd.config import Config
from dockd.core.camera_clock import ClockSource
from dockd.core.patterns import matches
from dockd.errors import CameraGone
from dockd.ports.camera import Medium, News, Sighting
from dockd.ports.equipment import Equipment

FAMILY: Final = "card-reader"
FOLDER: Final = Path("/media/cards")
_LOOK_EVERY_S: Final = 1.0
_ROOT_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Card(TreeCamera):
    """One card during one docking: the descriptor that was opened, and the path it was found at."""

    def __init__(self, path: Path, *, slot: str, serial: str) -> None:
        """Open it.

        Raises:
            CameraGone: it left meanwhile.
        """
        try:
            root = os.open(path, _ROOT_FLAGS)
        except OSError as error:
            raise CameraGone(f"{serial} left {slot}", camera=serial, slot=slot) from error
        super().__init__(
            root,
            serial=serial,
            slot=slot,
            pacer=Pacer(0),
            flagging=tree.lies_in_flagged_folder,
        )
        self._path: Final = path
        status = os.fstat(root)
        self._identity: Final = (status.st_dev, status.st_ino)

    def is_present(self) -> bool:
        """Return whether the path still leads to what was opened: a descriptor outlives a card."""
        try:
            status = self._path.lstat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity

    @property
    def medium(self) -> Medium:
        """Nothing is known of it."""
        return Medium(file_system="card", volume="", dirty=False)

    @property
    def clock_source(self) -> ClockSource:
        """A card has no clock."""
        return ClockSource.NONE

    def is_clearable(self, path: bytes) -> bool:
        """Return whether it is footage; whatever else the camera keeps there stays."""
        return matches("DCIM/**", path)


class Reader:
    """Implements ``dockd.ports.camera.CameraSource``."""

    def __init__(self, folder: Path) -> None:
        """Look at nothing yet."""
        self._folder: Final = folder

    async def sightings(self) -> AsyncIterator[News]:
        """Yield every card that comes and every slot that its card has left."""
        known: dict[str, Sighting] = {}
        while True:
            now = self._look()
            for slot in known.keys() - now.keys():
                yield Sighting(slot=slot, port=None, family=FAMILY, serial=None, token="")
            for slot, sighting in now.items():
                if known.get(slot) != sighting:
                    yield sighting
            known = now
            await asyncio.sleep(_LOOK_EVERY_S)

    def open(self, sighting: Sighting) -> Card:
        """Return the card of a sighting.

        Raises:
            CameraGone: it left meanwhile.
        """
        serial = sighting.serial or ""
        path = self._folder / f"{sighting.slot}@{serial}"
        return Card(path, slot=sighting.slot, serial=serial)

    def _look(self) -> dict[str, Sighting]:
        found = {}
        for path in sorted(self._folder.glob("*@*")):
            slot, _, serial = path.name.partition("@")
            status = path.lstat()
            token = f"{status.st_dev}:{status.st_ino}"
            found[slot] = Sighting(slot=slot, port=None, family=FAMILY, serial=serial, token=token)
        return found


class CardReaderFamily:
    """What the entry point stands for."""

    name = FAMILY

    def source(self, config: Config, equipment: Equipment) -> Reader | None:
        """Return the reader if a rule of the configuration names the family."""
        del equipment
        named = any(rule.family == FAMILY for rule in config.cameras.accept)
        return Reader(FOLDER) if named else None


def family() -> CardReaderFamily:
    """Return the family; its package names this function in its pyproject.toml."""
    return CardReaderFamily()
