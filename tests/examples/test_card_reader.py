"""The worked example of docs/extending.md keeps what every camera family promises."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockd import config as configs
from dockd.config import Config
from dockd.daemon import building
from dockd.ports.camera import Camera, Sighting
from tests.conformance.cameras import CameraConformance
from tests.examples import card_reader
from tests.fakes.servers import ROOT


class Bay:
    """Implements the conformance suite's ``Bay``."""

    def __init__(self, folder: Path) -> None:
        self.medium = folder / "cards/A1@BWC-1"
        self.medium.mkdir(parents=True)
        self._away = folder / "away"
        self._reader = card_reader.Reader(self.medium.parent)
        self.cameras: list[Camera] = []

    def docked(self) -> Camera:
        self.cameras.append(self._reader.open(asyncio.run(self._first())))
        return self.cameras[-1]

    async def _first(self) -> Sighting:
        async for news in self._reader.sightings():
            if isinstance(news, Sighting) and news.serial is not None:
                return news
        raise AssertionError

    def pull(self) -> None:
        self.medium.rename(self._away)

    def put_back(self) -> None:
        # A card that is mounted again is another folder with the same in it.
        shutil.copytree(self._away, self.medium, symlinks=True)
        shutil.rmtree(self._away)


class TestCardReader(CameraConformance):
    """The example keeps them all."""

    @pytest.fixture
    def bay(self, tmp_path: Path) -> Iterator[Bay]:
        bay = Bay(tmp_path)
        yield bay
        for camera in bay.cameras:
            camera.close()


def test_it_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package of its own is enough: nothing in dockd names the family."""
    installed = tmp_path / "dockd_card_reader-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: dockd-card-reader\n")
    (installed / "entry_points.txt").write_text(
        "[dockd.cameras]\ncard-reader = tests.examples.card_reader:family\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = building.family("dockd.cameras", card_reader.FAMILY)()
    (tmp_path / "dockd.toml").write_text(
        f'[[cameras.accept]]\nfamily = "{card_reader.FAMILY}"\nserial = "BWC-*"\n'
    )
    config = configs.load(tmp_path / "dockd.toml")
    assert isinstance(found.source(config, None), card_reader.Reader)
    assert found.source(Config(), None) is None


def test_the_guide_names_what_there_is() -> None:
    """Every file that docs/extending.md sends its reader to is there."""
    guide = (ROOT / "docs/extending.md").read_text()
    for name in (
        "tests/examples/card_reader.py",
        "tests/examples/test_card_reader.py",
        "tests/conformance/batteries.py",
        "tests/conformance/cameras.py",
        "tests/conformance/chargers.py",
        "tests/conformance/far_sides.py",
        "dockd/ports/camera.py",
        "dockd/ports/charger.py",
        "dockd/ports/store.py",
        "tests/examples/vault.py",
        "tests/examples/test_vault.py",
        "tests/conformance/test_stores.py",
        "tests/fakes/memory_store.py",
    ):
        assert f"`{name}`" in guide
        assert (ROOT / name).exists()
