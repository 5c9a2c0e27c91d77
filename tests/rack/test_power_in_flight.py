"""The power goes while bytes are in flight: in copies, in read-backs, in uploads, in wipes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from tests.rack.aftermath import Aftermath, aftermath
from tests.rack.camera import Camera, Family, make_camera
from tests.rack.disk import copy_sparsely
from tests.rack.dock import Dock
from tests.rack.footage import SETTINGS, Item, clips
from tests.rack.journey import (
    MIB,
    SERIAL,
    arrived,
    pace_spool,
    read_of,
    store_of,
    verified,
)
from tests.rack.rack import CONFIG, SERVICE, Rack
from tests.rack.saved import Saved, some_ports
from tests.rack.station import built_package, spooled_guest
from tests.rack.store import running_store

CUTS: Final = 5
STEADY_BYTES_S: Final = 2 * MIB
UPLINK: Final = "\n[uplink]\nrate_limit_mbit_s = 24\n"
_SLOT: Final = 1
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
    station.until(lambda: station.slot(_SLOT)["bytes_total"] > 0, "a copy to begin")


def _read_back(station: Rack, camera: Camera, _: int) -> None:
    pace_spool(station, limit_bytes_s=STEADY_BYTES_S, disk="spool")
    station.dock.dock(_SLOT, camera)
    station.until(lambda: station.slot(_SLOT)["clips"]["spooled"] > 0, "a read-back to begin")


def _upload(station: Rack, camera: Camera, _: int) -> None:
    _limit_uplink(station)
    station.dock.dock(_SLOT, camera)
    station.until(
        lambda: any("sending" in copies["stores"].values() for copies in station.copies(camera.serial)),
        "an upload to begin",
    )


def _wipe(station: Rack, camera: Camera, at_bytes: int) -> None:
    # Everything is verified before it is stored: in between the camera can be made slow.
    _limit_uplink(station)
    station.dock.dock(_SLOT, camera, limit_bytes_s=16 * MIB)
    station.until(
        lambda: verified(station, _SLOT) == len(camera.items), "every clip to be verified"
    )
    assert _written(station) == 0
    station.dock.pace(_SLOT, limit_bytes_s=max(1024, at_bytes // 2))


def _limit_uplink(station: Rack) -> None:
    station.agent.write(CONFIG, station.agent.read(CONFIG).decode() + UPLINK)
    station.agent.run("systemctl", "reload", SERVICE)


def _written(station: Rack) -> int:
    return station.dock.moved(_SLOT)[1]


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
        cuts=[MIB // 2, 2 * MIB, 4 * MIB, 6 * MIB, 10 * MIB],
    ),
    "upload": Stage(
        _upload,
        lambda station: int(station.agent.read(_SENT)),
        "number IN (SELECT clip FROM transfers WHERE state NOT IN ('queued', 'receipted'))",
        cuts=[MIB // 2, 2 * MIB, 4 * MIB, 6 * MIB, 18 * MIB],
    ),
    "wipe": Stage(
        _wipe,
        _written,
        "camera_copy = 'wiping'",
        cuts=[1, 2 << 10, 8 << 10, 32 << 10, 64 << 10],
    ),
}
FAMILIES: Final[Sequence[Family]] = ("vfat", "exfat")


def _footage(cut: int) -> Sequence[Item]:
    """Return what the camera of one cut has filmed: a few clips, very many, or one in two parts."""
    if cut == CUTS - 1:
        return (*clips(seed=cut, count=1, total_bytes=20 * MIB), *SETTINGS)
    return (*clips(seed=cut, count=64 if cut == 1 else 4), *SETTINGS)


@pytest.fixture
def saved() -> Saved:
    """Give the moment to which a station goes back before each cut."""
    return spooled_guest(built_package())


@pytest.fixture
def spooled(saved: Saved, tmp_path: Path) -> Iterator[Rack]:
    """Give a station that is off, with its spool on a disk of its own, and an empty store."""
    ports = some_ports()
    with (
        running_store(tmp_path, port=ports.store) as store,
        saved.machine(tmp_path, ports=ports) as machine,
    ):
        yield Rack(machine, Dock(machine), store)


@pytest.mark.parametrize("stage", STAGES)
def test_the_power_goes_while_bytes_are_in_flight(
    stage: str, spooled: Rack, saved: Saved, tmp_path: Path, record_property: Callable[..., None]
) -> None:
    """Wherever the bytes are, none is lost or doubled, and the next start goes on by itself.

    Each cut's disks are judged on the host, and there a dockd ends what was begun.
    """
    for cut in range(CUTS):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        saved.go_back(spooled.machine)
        station = replace(spooled, dock=Dock(spooled.machine))
        camera = make_camera(
            folder, serial=f"{SERIAL}-{cut}", family=FAMILIES[cut % 2], items=_footage(cut)
        )
        moved = _cut(station, camera, STAGES[stage], STAGES[stage].cuts[cut])
        left = replace(camera, image=copy_sparsely(camera.image, folder / "left.img"))
        spool = copy_sparsely(spooled.machine.folder / "spool.img", folder / "spool.img")

        def look(after: Aftermath) -> int:
            in_flight = after.total("size_bytes", STAGES[stage].begun)
            after.judge()
            after.take_up()
            return in_flight

        in_flight = aftermath(look, folder, spool=spool, camera=left, store=store_of(station))
        print(stage, cut, moved, in_flight)
        assert in_flight > 0, f"cut {cut} came when nothing was in flight"


def _cut(station: Rack, camera: Camera, stage: Stage, at_bytes: int) -> int:
    """Bring a camera to a stage and cut the power after so many bytes; return how many they were."""
    stage.begin(station, camera, at_bytes)
    before = stage.moved(station)
    station.until(lambda: stage.moved(station) - before >= at_bytes, f"{at_bytes} bytes to go")
    moved = stage.moved(station) - before
    station.machine.cut()
    return moved
