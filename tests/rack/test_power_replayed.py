"""A whole docking, stopped at any of its writes: what a power cut left of the spool's disk."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.rack.aftermath import Aftermath, aftermath, checkpoint_on
from tests.rack.camera import make_camera
from tests.rack.conftest import POWER_CUT
from tests.rack.disk import BlockLog, Disk, copy_sparsely, entries_in, ext4
from tests.rack.footage import SETTINGS, clips
from tests.rack.journey import MIB, SERIAL, arrived, goes_on, store_of
from tests.rack.rack import Rack
from tests.rack.replay import Abreast, Life, State
from tests.rack.station import (
    SPOOL_BYTES,
    STATION,
    built_package,
    put_spool_on,
    running_station,
)
from tests.rack.store import Store

pytestmark = pytest.mark.xdist_group("the replayed docking")

POINTS: Final = 51
WIPING: Final = 5
BOOTS: Final = 5
_AT_ONCE: Final = 3
SEED: Final = 20261125
_SLOT: Final = 1


@dataclass(frozen=True)
class Lived:
    """A docking that is over.

    Attributes:
        life: What was written in it.
        docked_at: How much of that before its camera came.
        station: The station, off since then.
        store: The store, which has the footage.
    """

    life: Life
    docked_at: int
    station: Rack
    store: Store

    @property
    def states(self) -> Sequence[State]:
        """The states that are tried."""
        return self.life.states(points=POINTS, wiping=WIPING, seed=SEED)

    @property
    def sample(self) -> Sequence[State]:
        """Those of them that the guest boots from.

        In one of them nothing that was written is lost; in one the camera was being wiped.
        """
        dice = random.Random(SEED)
        docked = [state for state in self.states if state.point > self.docked_at]
        last = max(state.camera_point for state in docked)
        whole = [state for state in docked if state.loss == "nothing"]
        wiping = [state for state in docked if 0 < state.camera_point < last]
        chosen = [dice.choice(whole), dice.choice(wiping)]
        lossy = [state for state in docked if state.loss != "nothing" and state not in chosen]
        return (*chosen, *dice.sample(lossy, BOOTS - len(chosen)))


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Have a camera emptied by a station that starts on a new spool, every write to both logged."""
    folder = tmp_path_factory.mktemp("lived")
    with running_station(built_package(), folder) as station:
        spool = ext4(folder / "spool.img", size_bytes=SPOOL_BYTES)
        before = copy_sparsely(spool, folder / "spool-before.img")
        # One clip goes in two parts.
        one = clips(seed=1, count=1, total_bytes=17 * MIB, folder="DCIM/101MEDIA")
        footage = (*clips(seed=2, count=3, total_bytes=MIB), *one, *SETTINGS)
        camera = make_camera(folder, serial=SERIAL, items=footage)
        filmed = camera.copied_to(folder / "camera-before.img")
        logs = folder / "spool.log", folder / "camera.log"
        with Abreast(*logs) as abreast:
            put_spool_on(station, Disk("spool", spool, format="raw", log=logs[0]))
            docked_at = entries_in(logs[0])
            station.dock.dock(_SLOT, camera, log=logs[1])
            station.until_cleared(_SLOT)
        station.machine.cut()
        arrived(station, camera)
        # It goes on without: at the next boot the log would begin anew.
        station.machine.disks[-1] = Disk("spool", spool, format="raw")
        life = Life(before, BlockLog(logs[0]), filmed, BlockLog(logs[1]), abreast)
        yield Lived(life, docked_at, station, store_of(station))


def test_wherever_the_log_ends_the_next_start_goes_on(
    lived: Lived, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Opened by dockd on the host, each state keeps its promises, and everything still arrives.

    The store has come further than the spool: so it looks to a station whose replies were lost.
    """

    def look(after: Aftermath) -> int:
        events = after.events
        after.judge()
        after.take_up()
        return events

    def tried(number: int, state: State) -> int:
        folder = tmp_path / str(number)
        folder.mkdir()
        spool, camera = lived.life.lay_out(state, folder)
        return aftermath(look, folder, spool=spool, camera=camera, store=lived.store)

    # Each state's dockd waits more than it works.
    with ThreadPoolExecutor(_AT_ONCE) as trials:
        found = trials.map(tried, range(len(lived.states)), lived.states)
        known = dict(zip(lived.states, found, strict=True))
    for state, events in known.items():
        record_property(POWER_CUT, f"{'replayed':<10}{_told(state)}, {events} events known")
    assert len({state.point for state in known}) >= POINTS
    assert not _forgotten(lived.life.log, known)


def _told(state: State) -> str:
    points = f"write {state.point} to the spool and {state.camera_point} to the camera"
    return f"{points}, {state.loss} of the unflushed ones lost"


def _forgotten(log: BlockLog, known: Mapping[State, int]) -> Sequence[tuple[State, State]]:
    """Find states whose record lacks something that was durable before; there are none."""
    return [
        (state, earlier)
        for state, events in known.items()
        for earlier, durable in known.items()
        if earlier.point <= log.flushed(state.point) and durable > events
    ]


@pytest.mark.parametrize("boot", range(BOOTS))
def test_the_guest_boots_from_what_is_left(
    lived: Lived, tmp_path: Path, boot: int, record_property: Callable[[str, object], None]
) -> None:
    """A station that comes up with such a spool, and such a camera in its slot, ends its work."""
    state = lived.sample[boot]
    # Should the boot before this one have failed, its guest still holds the disks.
    lived.station.machine.cut()
    record_property(POWER_CUT, f"{'booted':<10}{_told(state)}")
    spool, camera = lived.life.lay_out(state, tmp_path)
    copy_sparsely(spool, lived.station.machine.folder / "spool.img")
    # What the store knows of the ledger was told later than this.
    lived.store.tell(checkpoint_on(spool, tmp_path / "spool"), station=STATION)
    goes_on(lived.station, camera, _SLOT, folder=tmp_path / "booted")
