"""What has to come of any history once its faults stop."""

from collections.abc import Mapping
from typing import Final

from dockd.core.clip import CameraCopy, SpoolCopy
from dockd.core.facts import HoldKind
from dockd.core.transfer import State
from tests.core.machine.station import Station
from tests.core.machine.world import Behaviour, World, sha256

ROUNDS: Final = 40
STEPS: Final = 400
HOLDS: Final[tuple[HoldKind, ...]] = ("error", "legal")


def settle(world: World, stations: Mapping[str, Station]) -> None:
    """Stop every fault, let the daemons work to a fixpoint, and judge what came of it."""
    heal(world, stations)
    for name, station in stations.items():
        run_to_fixpoint(station)
        for camera in world.cameras.values():
            camera.yank()
            camera.troubled = False
            camera.dock(name)
            run_to_fixpoint(station)
            camera.yank()
            run_to_fixpoint(station)
    for station in stations.values():
        everything_is_stored(station)
    every_camera_is_clear(world)


def heal(world: World, stations: Mapping[str, Station]) -> None:
    """Make the stores honest, mend what they broke, give spools back and release every hold."""
    world.required = 1
    world.after = "receipt"
    for store in world.stores.values():
        store.behaviour = Behaviour.HONEST
        store.reachable = store.authentic = store.readable = True
        store.drops_replies = store.corrupts = False
        # A person settles what other content had come to stand at a clip's key.
        for key, held in list(store.objects.items()):
            if sha256(held.content) != key.split("/")[1]:
                del store.objects[key]
    for station in stations.values():
        station.spool.corrupts = False
        station.ledger.spool_id = station.spool.spool_id
        station.boot()
        for subject, kinds in list(station.ledger.set_aside.items()):
            for kind in HOLDS:
                if kind in kinds:
                    station.set_free(subject, kind)
        for clip in list(station.ledger.living()):
            station.retry(clip.number)
            for kind in HOLDS:
                station.release(clip.number, kind)
        station.audit()


def run_to_fixpoint(station: Station) -> None:
    """Let a station work until nothing more is recorded."""
    for _ in range(ROUNDS):
        before = station.ledger.sequence, len(station.world.wiped)
        for task in station.tasks():
            station.advance(task, steps=STEPS)
        if (station.ledger.sequence, len(station.world.wiped)) == before:
            return
    raise AssertionError(f"station {station.name} never comes to rest")


def everything_is_stored(station: Station) -> None:
    """Every clip of which this station has a proven copy has its receipts."""
    for clip in station.ledger.living():
        if clip.spool_copy is SpoolCopy.PROVEN:
            for name in station.world.configured:
                known = station.ledger.transfers[clip.number, name]
                assert known.state is State.RECEIPTED, (clip, known)
                assert name in clip.proven_by, (clip, known)
        assert clip.camera_copy is not CameraCopy.WIPING or clip.merged_into is not None, clip


def every_camera_is_clear(world: World) -> None:
    """No footage is left on a camera."""
    for camera in world.cameras.values():
        left = [path for path in camera.files if path.startswith(b"DCIM/")]
        assert not left, (camera, left)
