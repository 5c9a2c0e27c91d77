"""The directory family: the promises of every camera, and those of the rack."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import pytest

from dockd.cameras.directory import DirectoryRack
from dockd.cameras.directory.camera import DirectoryCamera
from dockd.cameras.directory.slots import look
from dockd.cameras.inotify import Watcher
from dockd.cameras.pacing import Pacer, Pacers
from dockd.cameras.stays import Stays
from dockd.config import CamerasConfig, Config, DirectoryCamerasConfig
from dockd.core import naming
from dockd.errors import CameraGone
from dockd.ports.camera import Camera, CameraSource, News, Outlook, Refusal, Sighting
from tests.conformance.batteries import BatteryConformance
from tests.conformance.cameras import CameraConformance, seen_by_nobody

LOOK_S: Final = 0.02


class Rack:
    """A rack's folder, and what a person at it does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / ".staging").mkdir(parents=True)

    def dock(self, slot: str, serial: str) -> Path:
        (self.path / slot).mkdir(exist_ok=True)
        staged = self.path / ".staging" / serial
        staged.mkdir(exist_ok=True)
        return staged.rename(self.path / slot / serial)

    def pull(self, slot: str, serial: str) -> None:
        (self.path / slot / serial).rename(self.path / ".staging" / serial)


class DirectoryBay:
    """Implements the conformance suite's ``Bay``."""

    def __init__(self, path: Path) -> None:
        self._rack = Rack(path)
        self.medium = self._rack.dock("A1", "BWC-1")
        self.battery_file = path / "A1" / ".BWC-1.battery"
        self._cameras: list[Camera] = []
        self._runner = asyncio.Runner()
        self._source = DirectoryRack(path, poll_s=LOOK_S)
        self._sightings = self._source.sightings()

    def docked(self) -> Camera:
        camera = self._runner.run(self._next_camera())
        self._cameras.append(camera)
        return camera

    async def _next_camera(self) -> Camera:
        while True:
            sighting = await anext(self._sightings)
            if isinstance(sighting, Sighting) and sighting.serial is not None:
                return self._source.open(sighting)

    def pull(self) -> None:
        self._rack.pull("A1", "BWC-1")

    def put_back(self) -> None:
        self._rack.dock("A1", "BWC-1")

    def close(self) -> None:
        for camera in self._cameras:
            camera.close()
        self._runner.run(_closed(self._sightings))
        self._runner.close()


async def _closed(sightings: AsyncIterator[News]) -> None:
    await sightings.aclose()  # type: ignore[attr-defined]  # a generator's own


@asynccontextmanager
async def watched(source: CameraSource) -> AsyncIterator[AsyncIterator[News]]:
    """Watch a rack for the length of the context."""
    sightings = source.sightings()
    try:
        yield sightings
    finally:
        await _closed(sightings)


@contextmanager
def short_folder() -> Iterator[Path]:
    """Lend a folder whose name is short enough for a socket's address."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="rack") as name:
        yield Path(name)


@pytest.fixture
def bay() -> Iterator[DirectoryBay]:
    """Return slot A1 with the camera BWC-1."""
    with short_folder() as folder:
        bay = DirectoryBay(folder / "r")
        yield bay
        bay.close()


@pytest.fixture
def rack(tmp_path: Path) -> Rack:
    """Return an empty rack."""
    return Rack(tmp_path / "rack")


class TestDirectoryCamera(CameraConformance, BatteryConformance):
    """A directory is a camera like any other."""


def test_what_may_not_be_read_is_named_and_the_rest_is_offloaded() -> None:
    """A file and a folder that refuse to be read are reported; everything else is listed."""
    with short_folder() as folder:
        folder.chmod(0o755)
        camera = Rack(folder / "r").dock("A1", "BWC-1")
        for name in ("open/clip", "locked", "private/clip"):
            (camera / name).parent.mkdir(exist_ok=True)
            (camera / name).write_bytes(b"footage")
        (camera / "locked").chmod(0)
        (camera / "private").chmod(0o700)
        assert seen_by_nobody(camera) == [
            "locked open/clip",
            "private True",
            "True False",
            "locked EACCES",
        ]


def test_a_short_absence_ends_the_stay_that_saw_it(rack: Rack) -> None:
    """A camera away for less than a look has left: its old stay ends, and a new one begins."""

    async def run() -> None:
        source = DirectoryRack(rack.path, poll_s=60)
        rack.dock("A1", "BWC-1")
        async with watched(source) as sightings:
            first = await anext(sightings)
            assert isinstance(first, Sighting)
            camera = source.open(first)
            rack.pull("A1", "BWC-1")
            rack.dock("A1", "BWC-1")
            second = await anext(sightings)
            while isinstance(second, Sighting) and second.serial is None:
                second = await anext(sightings)
            assert isinstance(second, Sighting)
            assert (second.serial, second.token != first.token) == ("BWC-1", True)
            assert not camera.is_present()
            camera.close()
            with pytest.raises(CameraGone):
                source.open(first)

    asyncio.run(run())


async def _news(sightings: AsyncIterator[News], count: int) -> list[tuple[str, str | None]]:
    """Return slot and serial, or slot and slug, of the next so many sightings."""
    found = [await anext(sightings) for _ in range(count)]
    return [
        (news.slot, news.slug if isinstance(news, Refusal) else news.serial)
        for news in found
        if not isinstance(news, Outlook)
    ]


def test_cameras_come_and_go(rack: Rack) -> None:
    """Slots are the rack's folders, new ones too; what comes and what leaves is told once."""

    async def run() -> None:
        rack.dock("A1", "BWC-1")
        (rack.path / "A2").mkdir()
        async with watched(DirectoryRack(rack.path, poll_s=60)) as sightings:
            assert await _news(sightings, 2) == [("A1", "BWC-1"), ("A2", None)]
            rack.pull("A1", "BWC-1")
            assert await _news(sightings, 1) == [("A1", None)]
            rack.dock("A2", "BWC-1")
            assert await _news(sightings, 1) == [("A2", "BWC-1")]
            (rack.path / "A2").rename(rack.path / ".A2")
            assert await _news(sightings, 1) == [("A2", None)]

    asyncio.run(run())


def test_a_rack_that_tells_nothing_is_looked_at(tmp_path: Path) -> None:
    """A rack that appears only later, as a share does, is found by looking."""

    async def run() -> None:
        async with watched(DirectoryRack(tmp_path / "rack", poll_s=LOOK_S)) as sightings:
            Rack(tmp_path / "new").dock("A1", "BWC-1")
            (tmp_path / "new").rename(tmp_path / "rack")
            assert await _news(sightings, 1) == [("A1", "BWC-1")]

    asyncio.run(run())


def test_one_serial_in_two_slots_is_refused_in_both(rack: Rack) -> None:
    """The same serial in two slots is refused in both, and taken again once one of them left."""

    async def run() -> None:
        rack.dock("A1", "BWC-1")
        async with watched(source := DirectoryRack(rack.path, poll_s=60)) as sightings:
            first = await anext(sightings)
            assert isinstance(first, Sighting)
            camera = source.open(first)
            (rack.path / "A2").mkdir()
            assert await _news(sightings, 1) == [("A2", None)]
            rack.dock("A2", "BWC-1")
            duplicate = "camera-duplicate-serial"
            assert await _news(sightings, 2) == [("A1", duplicate), ("A2", duplicate)]
            assert not camera.is_present()
            camera.close()
            rack.pull("A2", "BWC-1")
            assert await _news(sightings, 2) == [("A1", "BWC-1"), ("A2", None)]

    asyncio.run(run())


def test_two_cameras_in_one_slot_are_refused(rack: Rack) -> None:
    """A slot with two cameras has none that could be believed."""

    async def run() -> None:
        rack.dock("A1", "BWC-1")
        rack.dock("A1", "BWC-2")
        async with watched(DirectoryRack(rack.path, poll_s=60)) as sightings:
            assert await _news(sightings, 1) == [("A1", "camera-duplicate-serial")]

    asyncio.run(run())


@pytest.mark.parametrize("serial", [b"BWC\n1", b"BWC-\xff", b"B" * 65, b" BWC", b"\x1b[31m"])
def test_a_name_that_is_no_serial_is_refused(rack: Rack, serial: bytes) -> None:
    """A camera whose name could not stand in a record is refused, in words that can."""

    async def run() -> None:
        (rack.path / "A1").mkdir()
        (rack.path / "A1" / os.fsdecode(serial)).mkdir()
        async with watched(DirectoryRack(rack.path, poll_s=60)) as sightings:
            refusal = await anext(sightings)
            assert isinstance(refusal, Refusal)
            assert (refusal.slot, refusal.slug) == ("A1", "name-unsupported")
            assert refusal.reason.isprintable()
            assert refusal.reason.isascii()

    asyncio.run(run())


@pytest.mark.parametrize("name", [b"A+#1<b>", b"A\xff", b"A 1"])
def test_a_camera_in_what_can_be_no_slot_is_refused(rack: Rack, name: bytes) -> None:
    """A folder that no slot can be called is said to be none, once something is in it."""

    async def run() -> None:
        rack.dock("A1", "BWC-1")
        (rack.path / "lost+found").mkdir()
        staged = rack.path / ".staging" / "slot"
        (staged / "BWC-2").mkdir(parents=True)
        async with watched(DirectoryRack(rack.path, poll_s=LOOK_S)) as sightings:
            assert await _news(sightings, 1) == [("A1", "BWC-1")]
            folder = staged.rename(rack.path / os.fsdecode(name))
            refusal = await anext(sightings)
            assert isinstance(refusal, Refusal)
            assert (refusal.slot, refusal.slug) == (naming.component(name), "port-not-a-slot")
            assert refusal.reason.isprintable()
            (folder / "BWC-2").rmdir()
            gone = await anext(sightings)
            assert isinstance(gone, Sighting)
            assert (gone.slot, gone.serial) == (naming.component(name), None)

    asyncio.run(run())


def test_a_link_in_a_slot_is_no_camera(rack: Rack, tmp_path: Path) -> None:
    """A link in the place of a camera is refused, and where it leads is never looked at."""

    async def run() -> None:
        (rack.path / "A1").mkdir()
        (rack.path / "A1/BWC-1").symlink_to(tmp_path)
        async with watched(DirectoryRack(rack.path, poll_s=60)) as sightings:
            assert await _news(sightings, 1) == [("A1", "name-unsupported")]

    asyncio.run(run())


def test_a_directory_swapped_before_it_is_opened_is_gone(rack: Rack) -> None:
    """A sighting opens the very directory that was seen, never another of the same name."""

    async def run() -> None:
        camera = rack.dock("A1", "BWC-1")
        async with watched(source := DirectoryRack(rack.path, poll_s=60)) as sightings:
            sighting = await anext(sightings)
            assert isinstance(sighting, Sighting)
            camera.rename(rack.path / ".staging/other")
            rack.dock("A1", "BWC-1")
            with pytest.raises(CameraGone):
                source.open(sighting)

    asyncio.run(run())


def test_a_swapped_directory_is_another_camera(rack: Rack) -> None:
    """A camera whose path names another directory has left, whatever the rack has seen."""
    folder = rack.dock("A1", "BWC-1")
    camera = DirectoryCamera(folder, slot="A1", pacer=Pacer(0), has_left=lambda: False)
    assert camera.is_present()
    folder.rename(rack.path / ".staging/other")
    rack.dock("A1", "BWC-1")
    assert not camera.is_present()
    camera.close()


def test_the_family_is_found_by_its_entry_point(tmp_path: Path) -> None:
    """The configuration's directory cameras come from the entry point that pyproject names."""
    (found,) = entry_points(group="dockd.cameras", name="directory")
    family = found.load()()
    assert family.name == "directory"
    config = Config(cameras=CamerasConfig(directory=DirectoryCamerasConfig(path=tmp_path)))
    assert isinstance(family.source(config, None), DirectoryRack)
    assert family.source(Config(), None) is None


class Hands:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic_s(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def test_reads_keep_to_the_limit() -> None:
    """However reads are cut, no more bytes pass than the limit allows; idleness saves little."""
    hands = Hands()
    pacer = Pacer(1_000_000, monotonic_s=hands.monotonic_s, sleep=hands.sleep)
    hands.now_s += 3600
    begun_s = hands.now_s
    for size_bytes in (1, 500_000, 2_000_000, 7_499_999):
        pacer.before_read(size_bytes)
    assert 9.9 <= hands.now_s - begun_s <= 10.0


def test_the_slower_of_two_limits_counts() -> None:
    """A camera's own limit and the station's both hold; none at all never waits."""
    hands = Hands()
    slow = Pacer(100, monotonic_s=hands.monotonic_s, sleep=hands.sleep)
    fast = Pacer(100_000, monotonic_s=hands.monotonic_s, sleep=hands.sleep)
    unlimited = Pacer(0, monotonic_s=hands.monotonic_s, sleep=hands.sleep)
    for _ in range(10):
        Pacers([fast, slow, unlimited]).before_read(100)
    assert 109.9 <= hands.now_s <= 110.1


def test_staging_is_not_looked_at(rack: Rack) -> None:
    """What begins with a dot is somebody's staging, in the rack and in a slot."""

    async def run() -> None:
        (rack.path / "A1/.copying").mkdir(parents=True)
        async with watched(DirectoryRack(rack.path, poll_s=60)) as sightings:
            assert await _news(sightings, 1) == [("A1", None)]

    asyncio.run(run())


def test_a_camera_put_together_in_its_slot_is_whole(rack: Rack) -> None:
    """A camera's files come in with one rename, so that no listing sees half of them."""

    async def run() -> None:
        (rack.path / "A1").mkdir()
        async with watched(source := DirectoryRack(rack.path, poll_s=60)) as sightings:
            assert await _news(sightings, 1) == [("A1", None)]
            staged = rack.path / ".staging/BWC-1"
            staged.mkdir()
            for number in range(10):
                (staged / f"{number}").write_bytes(b"footage")
            rack.dock("A1", "BWC-1")
            sighting = await anext(sightings)
            assert isinstance(sighting, Sighting)
            camera = source.open(sighting)
            assert len(camera.listing().files) == 10
            camera.close()

    asyncio.run(run())


def test_an_absence_that_the_kernel_lost_ends_every_stay(tmp_path: Path) -> None:
    """When the kernel lost count of the changes, every camera is taken to have been away."""
    (tmp_path / "A1" / "BWC-1").mkdir(parents=True)
    stays = Stays("directory")
    (first,) = stays.changes(look(tmp_path), left=())
    assert isinstance(first, Sighting)
    (second,) = stays.changes(look(tmp_path), left=stays.docked())
    assert isinstance(second, Sighting)
    assert not stays.lasts("A1", token=first.token)
    assert stays.lasts("A1", token=second.token)


def test_a_full_queue_of_the_kernel_is_noticed(tmp_path: Path) -> None:
    """A change is told for those that did not fit into the kernel's queue."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    watcher = Watcher()
    try:
        watcher.watch(tmp_path)
        for number in range(limit // 2 + 1):
            file = tmp_path / str(number % 7)
            file.touch()
            file.unlink()
        assert any(change.folder is None and change.left for change in watcher.changes())
    finally:
        watcher.close()


def test_a_rack_that_is_watched_anew_shows_all_its_cameras(rack: Rack) -> None:
    """Whoever begins to watch a rack again sees every camera in it, each as a new arrival."""
    rack.dock("A1", "BWC-1")

    async def look_twice() -> None:
        source = DirectoryRack(rack.path, poll_s=LOOK_S)
        first = await anext(source.sightings())
        second = await anext(source.sightings())
        assert isinstance(first, Sighting)
        assert isinstance(second, Sighting)
        assert first.token != second.token

    asyncio.run(look_twice())


def test_a_folder_is_left_alone_only_where_the_kernel_tells_everything(tmp_path: Path) -> None:
    """What nobody watches, and what others change behind the kernel's back, is looked at often."""
    watcher = Watcher()
    try:
        assert not watcher.tells_all(tmp_path)
        watcher.watch(tmp_path)
        assert watcher.tells_all(tmp_path)
        # Like a share, it changes without a word.
        watcher.watch(Path("/proc"))
        assert not watcher.tells_all(Path("/proc"))
        watcher.watch(tmp_path / "not there")
        assert not watcher.tells_all(tmp_path / "not there")
    finally:
        watcher.close()
