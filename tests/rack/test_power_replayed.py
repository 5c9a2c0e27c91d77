"""A whole docking, stopped at any of its writes: what a power cut left of the spool's disk."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.rack.aftermath import Aftermath, aftermath
from tests.rack.camera import make_camera
from tests.rack.disk import BlockLog, Disk, copy_sparsely, ext4
from tests.rack.dock import Dock
from tests.rack.footage import SETTINGS, clips
from tests.rack.journey import MIB, SERIAL, arrived, store_of
from tests.rack.rack import Rack
from tests.rack.replay import Abreast, Life, State
from tests.rack.station import SPOOL_BYTES, built_package, put_spool_on, running_station

POINTS: Final = 51
WIPING: Final = 6
BOOTS: Final = 5
SEED: Final = 20261125
_SLOT: Final = 1


@dataclass(frozen=True)
class Lived:
    """A docking that is over, the station that is off since, and the store that has the footage."""

    life: Life
    station: Rack

    @property
    def states(self) -> Sequence[State]:
        """The states that are tried."""
        return self.life.states(points=POINTS, wiping=WIPING, seed=SEED)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Have a camera emptied by a station that starts on a new spool, every write to both logged."""
    folder = tmp_path_factory.mktemp("lived")
    with running_station(built_package(), folder) as station:
        spool = ext4(folder / "spool.img", size_bytes=SPOOL_BYTES)
        before = copy_sparsely(spool, folder / "spool-before.img")
        # One clip goes in two parts.
        footage = (
            *clips(seed=SEED, count=3, total_bytes=MIB),
            *clips(seed=1, count=1, total_bytes=17 * MIB, folder="DCIM/101MEDIA"),
        )
        camera = make_camera(folder, serial=SERIAL, items=(*footage, *SETTINGS))
        begun = camera.copied_to(folder / "camera-before.img")
        logs = folder / "spool.log", folder / "camera.log"
        with Abreast(*logs) as abreast:
            put_spool_on(station, Disk("spool", spool, format="raw", log=logs[0]))
            station.dock.dock(_SLOT, camera, log=logs[1])
            station.until_cleared(_SLOT)
        station.machine.cut()
        arrived(station, camera)
        life = Life(before, BlockLog(logs[0]), begun, BlockLog(logs[1]), abreast)
        yield Lived(life, station)


def test_wherever_the_log_ends_the_next_start_goes_on(
    lived: Lived, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Opened by dockd on the host, each state keeps its promises, and everything still arrives."""
    heads: list[tuple[State, int]] = []
    for number, state in enumerate(lived.states):
        folder = tmp_path / str(number)
        folder.mkdir()
        spool, camera = lived.life.lay_out(state, folder)

        def look(after: Aftermath) -> int:
            head = after.events
            after.judge()
            after.take_up()
            return head

        store = store_of(lived.station)
        head = aftermath(look, folder, spool=spool, camera=camera, store=store)
        heads.append((state, head))
    print(heads)


def test_the_guest_boots_from_what_is_left(lived: Lived, tmp_path: Path) -> None:
    """A station that comes up with such a spool, and such a camera in its slot, ends its work."""
