"""A USB camera's stay from dock to undock: the real stages over the real family and client."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import CameraCopy, SpoolCopy
from tests.cameras.usb_parts import Rack, rack_at
from tests.fakes.still_clock import StillClock
from tests.stages.rig import Rig, rig_at, running, until

SETTINGS = "MISC/settings.ini"
RECORDED_S = StillClock().now().timestamp() - 3600


@asynccontextmanager
async def usb_station(folder: Path) -> AsyncIterator[tuple[Rig, Rack]]:
    """Lend a station with a USB rack of which nothing runs yet."""
    with rack_at(sweep_s=0.05) as rack:
        async with rig_at(folder) as rig:
            rig.watch(rack.source)
            yield rig, rack


def film(rack: Rack, serial: str = "BWC-1", clips: int = 3) -> Path:
    """Put footage and settings on a camera's medium."""
    medium = rack.medium(serial)
    (medium / "DCIM/100").mkdir(parents=True)
    (medium / "MISC").mkdir()
    (medium / SETTINGS).write_bytes(b"do not lose me")
    for number in range(clips):
        clip = medium / f"DCIM/100/{number}.mp4"
        clip.write_bytes(b"footage %d " % number * 1000)
        os.utime(clip, (RECORDED_S, RECORDED_S))
    return medium


def footage(medium: Path) -> list[str]:
    """Return the names of the clips that are on a medium."""
    return sorted(file.name for file in (medium / "DCIM").rglob("*") if file.is_file())


@pytest.mark.asyncio
async def test_footage_is_cleared_and_settings_stay(tmp_path: Path) -> None:
    """A camera's ordinary day: everything is copied, footage is cleared, the rest is left."""
    async with usb_station(tmp_path) as (rig, rack), running(rig):
        medium = film(rack)
        rack.dock("A1", "BWC-1")
        await until(lambda: not footage(medium), what="the footage is cleared")
        await until(lambda: rig.count(facts.DockingCleared) == 1, what="it is said to be clear")
        assert (medium / SETTINGS).read_bytes() == b"do not lose me"
        await until(lambda: not rack.helper.writable, what="it is read-only")
        rack.pull("A1")
        await until(lambda: rig.count(facts.Undocked) == 1, what="it left")
        assert not rig.open_problems()
        clips = await rig.clips()
    assert len(clips) == 4
    assert all(clip.spool_copy is SpoolCopy.PROVEN for clip in clips)
    docked = [fact for fact in rig.committed if isinstance(fact, facts.Docked)]
    assert [(fact.family, fact.file_system, fact.volume, fact.dirty) for fact in docked] == [
        ("mass-storage", "vfat", "1234-ABCD", False)
    ]
    assert "make-writable A1" in rack.helper.asked


@pytest.mark.asyncio
async def test_eight_stays_of_four_cameras_at_once(tmp_path: Path) -> None:
    """A whole rack that arrives at once, and again in other slots, is copied and cleared."""
    async with usb_station(tmp_path) as (rig, rack), running(rig):
        media = [film(rack, f"BWC-{number}") for number in range(4)]
        for shift in range(2):
            for number in range(4):
                rack.dock(f"A{1 + (number + shift) % 4}", f"BWC-{number}")
            await until(lambda: not any(map(footage, media)), what="all are cleared")
            for slot in range(1, 5):
                rack.pull(f"A{slot}")
            ended = 4 * (shift + 1)
            await until(lambda: rig.count(facts.Undocked) >= ended, what="all left")  # noqa: B023 - awaited before the loop goes on
            for medium in media:
                (medium / "DCIM/100/next.mp4").write_bytes(b"more of it")
        clips = await rig.clips()
    assert len(clips) == 4 * 5


@pytest.mark.asyncio
async def test_a_dirty_medium_is_not_written_to_before_all_is_stored(tmp_path: Path) -> None:
    """A dirty file system is a fact and a problem; nothing is deleted while a clip is unstored."""
    async with usb_station(tmp_path) as (rig, rack):
        rack.helper.dirty = True
        medium = film(rack)
        async with running(rig, uploads=False):
            rack.dock("A1", "BWC-1")
            await until(lambda: rig.count(facts.DockingOffloaded) == 1, what="all is proven")
            assert "camera-dirty" in rig.open_problems()
        assert len(footage(medium)) == 3
        assert "make-writable A1" not in rack.helper.asked
        rack.helper.dirty = False
        async with running(rig):
            await until(lambda: not footage(medium), what="it is cleared when it is clean")
            assert "camera-dirty" not in rig.open_problems()
    (first, *_) = (fact for fact in rig.committed if isinstance(fact, facts.Docked))
    assert first.dirty


@pytest.mark.asyncio
async def test_a_camera_yanked_in_every_state_is_gone_on_with(tmp_path: Path) -> None:
    """Pulled while it is asked for, mounted or cleared: nothing is lost, the next stay goes on."""
    async with usb_station(tmp_path) as (rig, rack), running(rig):
        medium = film(rack)
        for verb in ("authorise", "mount", "make-writable", "make-read-only"):
            pulled = threading.Event()
            rack.helper.before = _pulling(rack, verb, pulled)
            rack.dock("A1", "BWC-1")
            assert await asyncio.to_thread(pulled.wait, 20), verb
            rack.helper.before = lambda _verb, _slot: None
            await until(
                lambda: all(slot.camera is None for slot in rig.board.snapshots()), what="it left"
            )
        rack.dock("A2", "BWC-1")
        await until(lambda: rig.count(facts.ClipWiped) == 3, what="it is clear")
        assert not footage(medium)
        assert (medium / SETTINGS).exists()
        assert rig.count(facts.ClipGone) == 0
        clips = await rig.clips()
        assert len(clips) == 4
        assert all(clip.spool_copy is SpoolCopy.PROVEN for clip in clips)
        copies = sorted(clip.camera_copy for clip in clips)
        assert copies == [CameraCopy.PRESENT, *[CameraCopy.WIPED] * 3]


def _pulling(rack: Rack, asked: str, pulled: threading.Event) -> Callable[[str, str], None]:
    def before(verb: str, slot: str) -> None:
        if verb == asked and not pulled.is_set():
            rack.pull(slot)
            pulled.set()

    return before


@pytest.mark.asyncio
async def test_a_pulled_medium_that_lists_as_empty_loses_nothing(tmp_path: Path) -> None:
    """An empty listing of a camera that has just been pulled makes no clip gone."""
    async with usb_station(tmp_path) as (rig, rack), running(rig, uploads=False):
        medium = film(rack)
        rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.DockingOffloaded) == 1, what="all is proven")
        unit = rack.bus.unit("1-1.1")
        (unit / "state").write_text("cancel\n")
        (medium / "DCIM").rename(medium.parent / "hidden")
        await until(lambda: rig.count(facts.Undocked) == 1, what="it is known to have left")
        assert rig.count(facts.ClipGone) == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("verb", ["authorise", "mount", "make-writable", "make-read-only"])
async def test_a_helper_that_dies_is_waited_for(tmp_path: Path, verb: str) -> None:
    """A helper killed at any request is a problem; once it is back, all goes on by itself."""
    async with usb_station(tmp_path) as (rig, rack), running(rig):
        medium = film(rack)
        died = threading.Event()

        def die(asked: str, slot: str) -> None:
            del slot
            if asked == verb and not died.is_set():
                died.set()
                rack.helper.stop()

        rack.helper.before = die
        rack.dock("A1", "BWC-1")
        await asyncio.to_thread(died.wait, 20)
        await until(lambda: "helper-unreachable" in rig.open_problems(), what="it is said")
        rack.helper.start()
        rack.bell.ring()
        await until(lambda: not footage(medium), what="it is cleared")
        await until(lambda: not rack.helper.writable, what="it is read-only")
        await until(lambda: not rig.open_problems(), what="nothing is wrong any more")
        assert (medium / SETTINGS).exists()
        assert rig.count(facts.ClipGone) == 0


@pytest.mark.asyncio
async def test_a_card_that_fails_while_it_is_listed_is_never_cleared(tmp_path: Path) -> None:
    """A folder that FAT passes over without a word keeps what is seen of the camera from a wipe."""
    async with usb_station(tmp_path) as (rig, rack):
        medium = film(rack)
        real = rack.usb.disk
        looks = 0

        def failing(device: object) -> object:
            nonlocal looks
            looks += 1
            for unit in rack.bus.root.glob("bus/usb/devices/1-1.1/*/host*/target*/*"):
                (unit / "ioerr_cnt").write_text(f"{looks:#x}\n")
            return real(device)  # type: ignore[arg-type]  # handed on

        rack.usb.disk = failing  # type: ignore[method-assign, assignment]  # on one object
        async with running(rig):
            rack.dock("A1", "BWC-1")
            await until(lambda: "clip-unreadable" in rig.open_problems(), what="it is said")
            await until(
                lambda: rig.count(facts.ReceiptAccepted) == 4, what="what is seen is stored"
            )
        assert len(footage(medium)) == 3
        assert "make-writable A1" not in rack.helper.asked
