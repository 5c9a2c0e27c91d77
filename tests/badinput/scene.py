"""One station as a process, its store, and what a person reads of it when something is wrong."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockd.core.health import CATALOGUE
from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.rooms import Room, Share
from tests.daemon.world import World

OWNERS = {"station", "network", "store", "evidence", "operations"}


@dataclass(frozen=True)
class Kept(Settings):
    """Settings with a reserve of the spool of their own."""

    reserve: str = "64 MiB"

    def toml(self, world: World) -> str:
        """Return the whole file."""
        return super().toml(world).replace('reserve = "64 MiB"', f'reserve = "{self.reserve}"')


@dataclass
class Scene:
    """A station and its world."""

    world: World
    station: StationProcess

    def problems(self, slug: str) -> list[dict[str, Any]]:
        """Return the open problems of one slug, as the station reports them."""
        found: list[dict[str, Any]] = self.station.get("/v1/problems")["problems"]
        return [problem for problem in found if problem["slug"] == slug]

    def troubled(self, slug: str, *, about: str = "") -> dict[str, Any]:
        """Wait for a problem, see that it says all that a person needs, and return it."""
        self.station.until(
            lambda: self._about(slug, about), f"{slug} is reported of {about or 'it'}"
        )
        found = self._about(slug, about)[0]
        says_what_to_do(found)
        assert found["owner"] == CATALOGUE[slug].owner
        return found

    def _about(self, slug: str, subject: str) -> list[dict[str, Any]]:
        return [found for found in self.problems(slug) if subject in found["subject"]]

    def settled(self, slug: str) -> None:
        """Wait until nothing of that slug is open any more."""
        self.station.until(lambda: not self.problems(slug), f"{slug} is closed")

    def clip(self, camera: str, path: bytes) -> dict[str, Any]:
        """Return what the station says of one clip, its history included."""
        (row,) = self.world.ask(
            "SELECT number FROM clips WHERE merged_into IS NULL AND camera = ? AND path = ?"
            " AND camera_copy != 'gone'",
            camera,
            path,
        )
        listed = self.station.get(f"/v1/clips?after={row['number'] - 1}&limit=1")["clips"]
        found: dict[str, Any] = self.station.get(f"/v1/clips/{listed[0]['id']}")
        return found

    def folder(self, camera: str) -> Path:
        """Return where a camera is now."""
        return self.world.file(camera, "")


def says_what_to_do(found: Mapping[str, Any]) -> None:
    """Fail unless a problem, a clip or an error answer says why, whose it is and what is next."""
    assert found["reason"], found
    assert found["owner"] in OWNERS, found
    assert found["next"], found
    for words in (found["reason"], found["next"]):
        assert words.isprintable() or "\n" in words, "no name can steer a terminal"


@contextmanager
def scene(
    folder: Path, *, room: Room | None = None, settings: Settings | None = None
) -> Iterator[Scene]:
    """Set one up, its station not started yet; nothing of it is left afterwards."""
    with ExitStack() as stack:
        world = World(folder, room=room or Share(folder))
        yield Scene(world, stack.enter_context(station(world, settings=settings)))


def fill(home: Path, files: Mapping[bytes, bytes]) -> None:
    """Write files by their raw paths below ``home``."""
    for path, content in files.items():
        file = os.path.join(os.fsencode(home), path)  # noqa: PTH118  raw bytes
        os.makedirs(os.path.dirname(file), exist_ok=True)  # noqa: PTH103, PTH120 - names are bytes
        with open(file, "xb") as written:  # noqa: PTH123 - names are bytes
            written.write(content)
