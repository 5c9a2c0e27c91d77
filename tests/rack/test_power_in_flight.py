"""The power goes while bytes are in flight: in copies, in read-backs, in uploads, in wipes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from tests.rack.aftermath import Aftermath, aftermath
from tests.rack.camera import Camera, Family, make_camera
from tests.rack.conftest import POWER_CUT
from tests.rack.disk import copy_sparsely
from tests.rack.dock import Dock
from tests.rack.footage import SETTINGS, clips
from tests.rack.journey import MIB, pace_spool, read_of, store_of
from tests.rack.rack import Rack
from tests.rack.saved import Saved, some_ports
from tests.rack.station import built_package, spooled_guest, store_beside

CUTS: Final = 5
FOOTAGE_BYTES: Final = 8 * MIB
STEADY_BYTES_S: Final = 2 * MIB
_ATTEMPTS: Final = 3
_KIB: Final = 1 << 10
_SLOT: Final = 1
# From the docking to the last of the bytes, on a machine with more to do.
_GOES_S: Final = 180.0
_SENT: Final = "/sys/class/net/eth0/statistics/tx_bytes"


@dataclass(frozen=True)
class Stage:
    """One way that bytes go, and how to stop in the middle of it.

    Attributes:
        begin: Docks the camera and has the stage begin, slowly.
        moved: How many bytes have gone this way, as QEMU or the guest's kernel counts them.
        begun: Which clips the ledger has on this way and not at its end (SQL).
        cuts: After how many bytes the power goes, each time.
    """

    begin: Callable[[Rack, Camera, int], None]
    moved: Callable[[Rack], int]
    begun: str
    cuts: Sequence[int]


def _copy(station: Rack, camera: Camera, _: int) -> None:
    station.dock.dock(_SLOT, camera, limit_bytes_s=STEADY_BYTES_S)
    station.until(lambda: station.slot(_SLOT)["bytes_total"] > 0, "a copy to begin", closely=True)


def _read_back(station: Rack, camera: Camera, at_bytes: int) -> None:
    # Slower than the copies are made: there is always one that waits to be read back.
    pace_spool(station, limit_bytes_s=max(MIB // 2, at_bytes // 4), disk="spool")
    station.dock.dock(_SLOT, camera)
    station.until(
        lambda: station.slot(_SLOT)["clips"]["spooled"] > 0, "a read-back to begin", closely=True
    )


def _upload(station: Rack, camera: Camera, _: int) -> None:
    station.dock.dock(_SLOT, camera)
    station.until(
        lambda: any(
            "sending" in copies["stores"].values() for copies in station.copies(camera.serial)
        ),
        "an upload to begin",
        closely=True,
    )


def _wipe(station: Rack, camera: Camera, at_bytes: int) -> None:
    # All that is ever written to a camera is its deletions: they alone are slow.
    station.dock.dock(_SLOT, camera, write_limit_bytes_s=max(1024, at_bytes // 2))


STAGES: Final[Mapping[str, Stage]] = {
    "copy": Stage(
        _copy,
        lambda station: read_of(station, _SLOT),
        "NOT copied",
        cuts=[MIB, 3 * MIB, 5 * MIB, 7 * MIB, 18 * MIB],
    ),
    "read-back": Stage(
        _read_back,
        lambda station: station.machine.moved("disk-spool")[0],
        "copied AND spool_copy = 'partial'",
        cuts=[256 * _KIB, 768 * _KIB, 1280 * _KIB, 1792 * _KIB, 10 * MIB],
    ),
    "upload": Stage(
        _upload,
        lambda station: int(station.agent.read(_SENT)),
        "number IN (SELECT clip FROM transfers WHERE state NOT IN ('queued', 'receipted'))",
        cuts=[MIB // 2, 2 * MIB, 4 * MIB, 6 * MIB, 18 * MIB],
    ),
    "wipe": Stage(
        _wipe,
        lambda station: station.dock.moved(_SLOT)[1],
        "camera_copy = 'wiping'",
        # All that an exFAT writes to forget four clips is a few KiB.
        cuts=[1, 1 * _KIB, 8 * _KIB, 2 * _KIB, 32 * _KIB],
    ),
}
FAMILIES: Final[Sequence[Family]] = ("vfat", "exfat")


@pytest.fixture
def saved() -> Saved:
    """Give the moment to which a station goes back before each cut."""
    return spooled_guest(built_package())


@pytest.fixture
def spooled(saved: Saved, tmp_path: Path) -> Iterator[Rack]:
    """Give a station that is off, with its spool on a disk of its own, and an empty store."""
    ports = some_ports()
    with (
        store_beside(saved, tmp_path, port=ports.store) as store,
        saved.machine(tmp_path, ports=ports) as machine,
    ):
        yield Rack(machine, Dock(machine), store)


@pytest.mark.parametrize("name", STAGES)
def test_the_power_goes_while_bytes_are_in_flight(
    name: str, spooled: Rack, saved: Saved, tmp_path: Path, record_property: Callable[..., None]
) -> None:
    """Wherever the bytes are, none is lost or doubled, and the next start goes on by itself.

    Each time the disks are judged as they are, and a dockd ends on the host what was begun, while
    the guest is on its way to the next cut already; test_power_replayed boots from such disks. A
    cut with nothing in flight must keep the promises too, but does not count: it is made again.
    """
    stage, due, made = STAGES[name], list(range(len(STAGES[name].cuts))), count()
    with ThreadPoolExecutor(1) as judge:
        for _ in range(_ATTEMPTS):
            judged: dict[int, Future[int]] = {}
            for cut in due:
                folder = tmp_path / f"cut-{next(made)}"
                folder.mkdir()
                saved.go_back(spooled.machine)
                station = replace(spooled, dock=Dock(spooled.machine))
                camera = _camera(folder, cut=cut, at_bytes=stage.cuts[cut])
                moved = _cut(station, camera, stage, stage.cuts[cut])
                told = f"{name:<10}{moved} bytes on, %d bytes of clips in flight ({camera.family})"
                look = _look_at(station, camera, stage, folder=folder)
                judged[cut] = judge.submit(_noted, look, told, record_property)
            due = [cut for cut, found in judged.items() if found.result() == 0]
            if not due:
                break
    assert not due, "nothing was in flight, again and again"


def test_every_stage_is_cut_often_enough() -> None:
    """The list asks for five cuts in each of four stages; one with nothing in flight fails."""
    assert list(STAGES) == ["copy", "read-back", "upload", "wipe"]
    assert all(len(stage.cuts) >= CUTS for stage in STAGES.values())


def _camera(folder: Path, *, cut: int, at_bytes: int) -> Camera:
    """Make the camera of one cut: with a few clips, with very many, or with one in two parts."""
    size_bytes = FOOTAGE_BYTES if at_bytes < FOOTAGE_BYTES else 20 * MIB
    count = 1 if size_bytes > FOOTAGE_BYTES else 64 if cut == 1 else 4
    items = (*clips(seed=cut, count=count, total_bytes=size_bytes), *SETTINGS)
    # Its folder's number: a camera of its own for each cut, also for one that is made again.
    serial = f"BWC-{int(folder.name.rpartition('-')[2]):06}"
    return make_camera(folder, serial=serial, family=FAMILIES[cut % 2], items=items)


def _cut(station: Rack, camera: Camera, stage: Stage, at_bytes: int) -> int:
    """Bring a camera to a stage, cut the power after so many bytes, and return how many it was."""
    stage.begin(station, camera, at_bytes)
    before = stage.moved(station)
    station.until(
        lambda: stage.moved(station) - before >= at_bytes,
        f"{at_bytes} bytes to go",
        timeout_s=_GOES_S,
        closely=True,
    )
    moved = stage.moved(station) - before
    station.machine.cut()
    return moved


def _look_at(station: Rack, camera: Camera, stage: Stage, *, folder: Path) -> Callable[[], int]:
    """Take what a cut left; give a look at it that finds the bytes of the clips that it hit."""

    def look(after: Aftermath) -> int:
        in_flight = after.total("size_bytes", stage.begun)
        after.judge()
        after.take_up()
        return in_flight

    left = camera.copied_to(folder / "left.img")
    spool = copy_sparsely(station.machine.folder / "spool.img", folder / "spool.img")
    return partial(aftermath, look, folder, spool=spool, camera=left, store=store_of(station))


def _noted(look: Callable[[], int], told: str, record: Callable[..., None]) -> int:
    """Record a cut with what it hit."""
    in_flight = look()
    record(POWER_CUT, told % in_flight)
    return in_flight
