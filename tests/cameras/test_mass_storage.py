"""The mass-storage family: the promises of every camera, and those of a rack of USB ports."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from dockd.config import parse
from dockd.errors import CameraGone, DockdError, HelperRefused, HelperUnreachable
from dockd.ports.camera import Camera, News, Refusal, Sighting
from tests.cameras.usb_parts import CONFIG, Rack, closed, next_camera, rack_at, told
from tests.conformance.batteries import BatteryConformance
from tests.conformance.cameras import CameraConformance, content_of, only_file, put
from tests.fakes.helper import No
from tests.fakes.usb_bus import CONTROLLER

PATIENCE_S = 20


class UsbBay:
    """Implements the conformance suite's ``Bay``."""

    def __init__(self, rack: Rack) -> None:
        self.rack = rack
        self.medium = rack.medium("BWC-1")
        # As the quirks of the model with these ids say.
        self.battery_file = self.medium / "MISC/BATTERY.TXT"
        rack.dock("A1", "BWC-1")
        self._cameras: list[Camera] = []
        self._runner = asyncio.Runner()
        self._sightings = rack.source.sightings()

    def docked(self) -> Camera:
        camera = self._runner.run(self._next_camera())
        self._cameras.append(camera)
        return camera

    async def _next_camera(self) -> Camera:
        while True:
            sighting = await next_camera(self._sightings)
            # What was pulled and put back since may have been seen before that.
            with suppress(CameraGone):
                return self.rack.source.open(sighting)

    def pull(self) -> None:
        self.rack.pull("A1")

    def put_back(self) -> None:
        self.rack.dock("A1", "BWC-1")

    def close(self) -> None:
        for camera in self._cameras:
            camera.close()
        self._runner.run(closed(self._sightings))
        self._runner.close()


@pytest.fixture
def bay() -> Iterator[UsbBay]:
    """Return slot A1 with the camera BWC-1."""
    with rack_at() as rack:
        bay = UsbBay(rack)
        yield bay
        bay.close()


@pytest.fixture
def rack() -> Iterator[Rack]:
    """Return an empty rack."""
    with rack_at() as rack:
        yield rack


@asynccontextmanager
async def watched(rack: Rack) -> AsyncIterator[AsyncIterator[News]]:
    """Watch a rack for the length of the context, until its empty slots have been seen."""
    sightings = rack.source.sightings()
    try:
        assert [told(await anext(sightings)) for _ in range(4)] == [
            (f"A{number}", None) for number in range(1, 5)
        ]
        yield sightings
    finally:
        await closed(sightings)


async def heard(sightings: AsyncIterator[News], count: int = 1) -> list[tuple[str, str | None]]:
    """Return what is told next."""
    async with asyncio.timeout(PATIENCE_S):
        return [told(await anext(sightings)) for _ in range(count)]


class TestMassStorageCamera(CameraConformance, BatteryConformance):
    """A disk behind the helper is a camera like any other."""


def test_only_footage_is_clearable(bay: UsbBay) -> None:
    """Settings stay, whatever case the folders are written in; a rule's own patterns count."""
    camera = bay.docked()
    assert camera.is_clearable(b"DCIM/100/clip.mp4")
    assert camera.is_clearable(b"dcim/clip")
    assert not camera.is_clearable(b"DCIM")
    assert not camera.is_clearable(b"settings.txt")
    assert not camera.is_clearable(b"MISC/DCIM/x")


def test_a_rule_says_what_is_clearable() -> None:
    """What a rule states of clearable files is taken before what the model's quirks say."""
    rule = {"family": "mass-storage", "vendor_id": "46f4", "clearable": ["FOOTAGE/**"]}
    config = parse({**CONFIG, "cameras": {"accept": [rule]}})
    with rack_at(config=config) as rack:
        bay = UsbBay(rack)
        camera = bay.docked()
        assert camera.is_clearable(b"FOOTAGE/a")
        assert not camera.is_clearable(b"DCIM/a")
        bay.close()


def test_a_camera_is_writable_only_while_it_is_cleared(bay: UsbBay) -> None:
    """The medium is writable inside the context and read-only again after it, errors included."""
    put(bay, b"DCIM/a")
    camera = bay.docked()
    helper = bay.rack.helper
    assert not helper.writable
    with camera.writable() as eraser:
        assert helper.writable == {"A1"}
        eraser.erase(only_file(camera))
    assert not helper.writable
    with pytest.raises(ZeroDivisionError), camera.writable():
        raise ZeroDivisionError
    assert not helper.writable
    assert not camera.is_troubled()


def test_a_dirty_medium_is_told_and_troubles_the_wipe(bay: UsbBay) -> None:
    """A file system that was not closed properly is known from the first moment on."""
    bay.rack.helper.dirty = True
    camera = bay.docked()
    assert camera.medium.dirty
    assert (camera.medium.file_system, camera.medium.volume) == ("vfat", "1234-ABCD")
    assert camera.is_troubled()


def test_how_full_a_medium_is_is_told(bay: UsbBay) -> None:
    """What decides whose clips are urgent is what the mounted file system says of its blocks."""
    space = os.statvfs(bay.rack.medium("BWC-1"))
    fill_fraction = bay.docked().medium.fill_fraction
    assert fill_fraction == pytest.approx(1 - space.f_bfree / space.f_blocks, abs=0.01)


def test_errors_of_the_medium_make_a_listing_incomplete(bay: UsbBay) -> None:
    """A listing during which the disk gave errors never counts as all there is.

    FAT passes over a folder's sectors that cannot be read, and says nothing.
    """
    put(bay, b"DCIM/a")
    camera = bay.docked()
    counter = bay.rack.bus.unit("1-1.1") / "ioerr_cnt"

    class Failing:
        """Lets the disk fail once the listing has begun."""

        def __init__(self) -> None:
            self.looks = 0
            self.real = bay.rack.usb.disk

        def disk(self, device: object) -> object:
            self.looks += 1
            if self.looks == 3:
                counter.write_text("0x3\n")
            return self.real(device)  # type: ignore[arg-type]  # handed on

    bay.rack.usb.disk = Failing().disk  # type: ignore[method-assign, assignment]  # on one object
    listing = camera.listing()
    assert [file.path for file in listing.files] == [b"DCIM/a"]
    assert listing.unreadable
    assert listing.may_hide(b"DCIM/b")
    assert camera.is_troubled()
    assert not camera.listing().unreadable


@pytest.mark.parametrize("change", ["offline", "another disk", "no disk", "deauthorised"])
def test_another_disk_in_the_same_device_is_another_camera(bay: UsbBay, change: str) -> None:
    """A card that was exchanged, or a disk that was given up, ends the stay without any event."""
    put(bay, b"DCIM/a")
    camera = bay.docked()
    assert camera.is_present()
    unit = bay.rack.bus.unit("1-1.1")
    if change == "offline":
        (unit / "state").write_text("offline\n")
    elif change == "another disk":
        (unit / "block/sda/diskseq").write_text("77\n")
    elif change == "no disk":
        (unit / "block/sda").rename(unit / "gone")
    else:
        unit.rename(unit.parent / "gone")
    assert not camera.is_present()
    with pytest.raises(CameraGone):
        camera.listing()


def test_a_device_swapped_without_a_word_is_another_camera(bay: UsbBay) -> None:
    """The same serial on the same port after a re-enumeration that no event told: it had left."""
    put(bay, b"DCIM/a")
    camera = bay.docked()
    bay.rack.bus.unplug("1-1.1")
    bay.rack.bus.plug("1-1.1", serial="BWC-1")
    bay.rack.bus.authorise("1-1.1")
    (bay.rack.bus.unit("1-1.1") / "block/sda/diskseq").write_text("1\n")
    assert not camera.is_present()
    with pytest.raises(CameraGone):
        camera.listing()


def test_a_camera_that_settles_slowly_is_waited_for(bay: UsbBay) -> None:
    """The disk of an authorised device takes a few seconds to appear."""
    bay.rack.helper.settling = 5
    put(bay, b"DCIM/a")
    camera = bay.docked()
    assert content_of(camera, only_file(camera)) == b"footage"


def test_nothing_is_mounted_before_udev_is_done(bay: UsbBay) -> None:
    """Udev looks at a disk, and hides it from desktops, before dockd has it mounted."""
    bus = bay.rack.bus
    bus.settles = False
    asked: list[int] = []

    def settle_at_last() -> None:
        asked.append(sum("mount" in verb for verb in bay.rack.helper.asked))
        if bay.rack.naps == 5:
            bus.settle(bus.unit("1-1.1") / "block/sda")

    bay.rack.napped = settle_at_last
    put(bay, b"DCIM/a")
    camera = bay.docked()
    assert asked == [0] * 5
    assert content_of(camera, only_file(camera)) == b"footage"


def test_a_udev_without_our_rules_keeps_nobody_waiting_for_ever(bay: UsbBay) -> None:
    """Where nothing is tagged, for the rules are masked, a camera is mounted 15 seconds later."""
    bay.rack.bus.settles = False
    put(bay, b"DCIM/a")
    camera = bay.docked()
    assert bay.rack.naps * 0.25 <= 15
    assert content_of(camera, only_file(camera)) == b"footage"


def test_cameras_come_and_go(rack: Rack) -> None:
    """What comes and what leaves is told once, with its serial and its port."""

    async def run() -> None:
        async with watched(rack) as sightings:
            rack.dock("A2", "BWC-2")
            seen = await next_camera(sightings)
            assert (seen.slot, seen.port) == ("A2", f"{CONTROLLER}-usb-0:1.2")
            rack.pull("A2")
            assert await heard(sightings) == [("A2", None)]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("serial", "ids", "slug", "says"),
    [
        (None, {}, "camera-without-serial", "serial"),
        ("", {}, "camera-without-serial", "serial"),
        ("OTHER-1", {}, "camera-not-allowed", "OTHER-1"),
        ("BWC-1", {"vendor_id": "0781"}, "camera-not-allowed", 'vendor_id = "0781"'),
        ("BWC\n1", {}, "name-unsupported", "control"),
        ("BWC-\udcff", {}, "name-unsupported", "UTF-8"),
        ("BWC-\x1b[31m", {}, "name-unsupported", "control"),
        ("BWC-" + "9" * 100, {}, "name-unsupported", "64 bytes"),
    ],
)
def test_what_is_no_camera_is_refused_in_words(
    rack: Rack, serial: str | None, ids: dict[str, str], slug: str, says: str
) -> None:
    """Whatever is in a slot and not accepted is refused with what an admin needs, as plain text."""

    async def run() -> None:
        async with watched(rack) as sightings:
            rack.dock("A1", serial, **ids)
            refusal = await anext(sightings)
            assert isinstance(refusal, Refusal)
            assert (refusal.slot, refusal.slug) == ("A1", slug)
            assert says in refusal.reason
            assert refusal.reason.isprintable()
            rack.pull("A1")
            assert await heard(sightings) == [("A1", None)]

    asyncio.run(run())


def test_one_serial_in_two_slots_is_refused_in_both(rack: Rack) -> None:
    """Two cameras with one serial are never merged; the one that stays is taken again."""

    async def run() -> None:
        async with watched(rack) as sightings:
            rack.dock("A1", "BWC-1")
            camera = await asyncio.to_thread(rack.source.open, await next_camera(sightings))
            rack.dock("A3", "BWC-1")
            duplicate = "camera-duplicate-serial"
            assert await heard(sightings, 2) == [("A1", duplicate), ("A3", duplicate)]
            assert not camera.is_present()
            camera.close()
            rack.pull("A3")
            assert await heard(sightings, 2) == [("A1", "BWC-1"), ("A3", None)]

    asyncio.run(run())


def test_a_device_beside_the_slots_is_named_with_its_port(rack: Rack) -> None:
    """A device on the rack's hub or a camera elsewhere is in no slot, and its port is told."""

    async def run() -> None:
        async with watched(rack) as sightings:
            rack.bus.plug("1-1.7", serial=None, vendor_id="0627")
            rack.bell.ring()
            assert await heard(sightings) == [(f"{CONTROLLER}-usb-0:1.7", "port-not-a-slot")]
            rack.bus.plug("1-3", serial="BWC-9")
            rack.bell.ring()
            assert await heard(sightings) == [(f"{CONTROLLER}-usb-0:3", "port-not-a-slot")]
            # The console's keyboard is nobody's business here.
            rack.bus.plug("1-4", serial=None, vendor_id="0627")
            rack.bus.unplug("1-3")
            rack.bell.ring()
            assert await heard(sightings) == [(f"{CONTROLLER}-usb-0:3", None)]

    asyncio.run(run())


def test_lost_events_are_looked_for(rack: Rack) -> None:
    """When udev's events are lost, dockd listens anew and looks at every slot."""

    async def run() -> None:
        async with watched(rack) as sightings:
            assert rack.bell.opened == 1
            rack.bus.plug("1-1.1", serial="BWC-1")
            rack.bell.overflow()
            assert (await next_camera(sightings)).slot == "A1"
            assert rack.bell.opened == 2
            assert "udev-events-lost" in rack.journal.said
            rack.dock("A2", "BWC-2")
            assert (await next_camera(sightings)).slot == "A2"

    asyncio.run(run())


def test_what_nobody_told_is_found_by_sweeping() -> None:
    """A camera of whose coming no event tells is found by looking every now and then."""

    async def run(rack: Rack) -> None:
        async with watched(rack) as sightings:
            rack.bus.plug("1-1.1", serial="BWC-1")
            assert (await next_camera(sightings)).slot == "A1"
            rack.bus.unplug("1-1.1")
            assert await heard(sightings) == [("A1", None)]

    with rack_at(sweep_s=0.02) as rack:
        asyncio.run(run(rack))


def test_a_monitor_that_cannot_be_had_leaves_the_sweeps() -> None:
    """Without udev's events cameras are still found, more slowly."""

    def refused() -> None:
        raise OSError("no netlink")

    async def run(rack: Rack) -> None:
        async with watched(rack) as sightings:
            rack.bus.plug("1-1.1", serial="BWC-1")
            assert (await next_camera(sightings)).slot == "A1"

    with rack_at(sweep_s=0.02) as rack:
        rack.usb._open_monitor = refused  # type: ignore[misc, assignment]  # stands for a refusal
        asyncio.run(run(rack))


def test_a_helper_that_is_gone_is_told_and_waited_for(rack: Rack) -> None:
    """Without the helper the slots are out of sight: that is told, once, and when it is over."""

    async def run() -> None:
        async with watched(rack) as sightings:
            rack.helper.stop()
            rack.dock("A1", "BWC-1")
            assert await heard(sightings) == [("", "helper-unreachable")]
            rack.helper.start()
            rack.bell.ring()
            assert await heard(sightings, 2) == [("", None), ("A1", "BWC-1")]

    asyncio.run(run())


def test_what_the_helper_refuses_keeps_its_slug(rack: Rack) -> None:
    """A refusal of the helper reaches people in its own words; a new slug is explained."""

    async def run() -> Sighting:
        async with watched(rack) as sightings:
            rack.dock("A1", "BWC-1")
            sighting = await next_camera(sightings)
            for slug, shown in [
                ("camera-not-allowed", "camera-not-allowed"),
                ("quite-new", "helper-refused"),
            ]:
                rack.helper.before = _refusing("authorise", slug)
                with pytest.raises(HelperRefused) as caught:
                    rack.source.open(sighting)
                assert caught.value.slug == shown
                assert "it is so" in caught.value.reason
            rack.helper.before = _refusing("mount", "camera-gone")
            with pytest.raises(CameraGone):
                rack.source.open(sighting)
            return sighting

    asyncio.run(run())


def _refusing(refused: str, slug: str) -> Callable[[str, str], None]:
    def before(verb: str, slot: str) -> None:
        del slot
        if verb == refused:
            raise No(slug)

    return before


def test_a_camera_swapped_before_it_is_opened_is_gone(rack: Rack) -> None:
    """A sighting opens the very device that was seen, never another with the same serial."""

    async def run() -> None:
        async with watched(rack) as sightings:
            rack.dock("A1", "BWC-1")
            sighting = await next_camera(sightings)
            rack.bus.unplug("1-1.1")
            rack.bus.plug("1-1.1", serial="BWC-1")
            with pytest.raises(CameraGone):
                rack.source.open(sighting)

    asyncio.run(run())


def test_a_camera_swapped_while_it_is_mounted_is_gone(rack: Rack) -> None:
    """A device that is exchanged between authorising and mounting is not taken for the first."""

    async def run() -> None:
        async with watched(rack) as sightings:
            rack.dock("A1", "BWC-1")
            sighting = await next_camera(sightings)

            def swap(verb: str, slot: str) -> None:
                del slot
                if verb == "mount":
                    rack.bus.unplug("1-1.1")
                    rack.bus.plug("1-1.1", serial="BWC-1")
                    rack.bus.authorise("1-1.1")

            rack.helper.before = swap
            with pytest.raises(CameraGone):
                rack.source.open(sighting)

    asyncio.run(run())


@pytest.mark.parametrize("when", ["before", "inside"])
def test_a_helper_that_dies_ends_the_stay_of_what_it_had_mounted(bay: UsbBay, when: str) -> None:
    """A helper that began anew cannot clear what another had mounted: that stay is over."""
    put(bay, b"DCIM/a")
    camera = bay.docked()
    helper = bay.rack.helper
    if when == "before":
        helper.stop()
        with pytest.raises(HelperUnreachable), camera.writable():
            pass
        assert camera.is_present()
        helper.start()
        with pytest.raises(HelperRefused), camera.writable():
            pass
    else:
        with pytest.raises(DockdError), camera.writable():
            helper.stop()
    assert not camera.is_present()


def test_a_camera_is_neither_opened_nor_cleared_through_the_mount_of_another(rack: Rack) -> None:
    """The helper gets back the very mount that it handed out for that slot."""

    async def run() -> None:
        async with watched(rack) as sightings:
            rack.dock("A1", "BWC-1")
            first = await asyncio.to_thread(rack.source.open, await next_camera(sightings))
            rack.dock("A2", "BWC-2")
            second = await asyncio.to_thread(rack.source.open, await next_camera(sightings))
            put_on(rack, "BWC-1", "DCIM/a")
            put_on(rack, "BWC-2", "DCIM/a")
            with first.writable(), second.writable():
                assert rack.helper.writable == {"A1", "A2"}
            first.close()
            second.close()

    asyncio.run(run())


def put_on(rack: Rack, serial: str, name: str) -> Path:
    """Put a file on a camera's medium."""
    file = rack.medium(serial) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"footage")
    return file


def test_a_rack_that_is_watched_anew_shows_all_its_cameras(rack: Rack) -> None:
    """Whoever begins to watch again sees every camera, each as a new arrival; the old stay ends."""

    async def run() -> None:
        rack.dock("A1", "BWC-1")
        tokens = []
        for _ in range(5):
            sightings = rack.source.sightings()
            sighting = await next_camera(sightings)
            tokens.append(sighting.token)
            camera = rack.source.open(sighting)
            await closed(sightings)
            camera.close()
        assert len(set(tokens)) == 5

    asyncio.run(run())
