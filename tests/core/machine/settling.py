"""What has to come of any history once its faults stop."""

from collections.abc import Mapping
from typing import Final

from dockd.core.clip import CameraCopy, SpoolCopy
from dockd.core.facts import HoldKind
from dockd.core.transfer import PartState, State
from tests.core.machine.box import name_of
from tests.core.machine.station import Station
from tests.core.machine.world import Behaviour, Store, World, sha256

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
        mend(store)
    for station in stations.values():
        station.spool.corrupts = False
        station.ledger.spool_id = station.spool.spool_id
        station.boot()
        release_all(station)
        station.audit()


def mend(store: Store) -> None:
    """Make a store honest; a person settles what other content came to stand at a clip's key."""
    store.behaviour = Behaviour.HONEST
    store.reachable = store.authentic = store.readable = True
    store.drops_replies = store.corrupts = False
    for key, held in list(store.objects.items()):
        if sha256(held.content) != key.split("/")[1]:
            del store.objects[key]
    # Parts that a lying store took damaged would only make such an object again.
    store.uploads.clear()


def release_all(station: Station) -> None:
    """Release every hold and have everything tried again."""
    for subject, kinds in list(station.ledger.set_aside.items()):
        for kind in HOLDS:
            if kind in kinds:
                station.set_free(subject, kind)
    for clip in list(station.ledger.living()):
        for kind in HOLDS:
            station.release(clip.number, kind)


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


def the_record_is_sound(station: Station) -> None:
    """What the ledger says of each clip agrees with itself, and with the spool where it is ours."""
    known = [(c.camera, c.path, c.sha256) for c in station.ledger.living() if c.sha256 is not None]
    assert len(known) == len(set(known)), "one content is two pieces of evidence"
    for clip in station.ledger.living():
        offset = 0
        for part in clip.spool_parts:
            assert part.offset == offset, "the parts of a copy have a gap"
            offset += part.size_bytes
        if clip.spool_copy is SpoolCopy.PROVEN:
            assert clip.partial == (clip.stored_size_bytes < clip.size_bytes), clip
            kept = station.spool.kept.get(name_of(clip))
            if kept is not None and station.spool_is_ours:
                assert (sha256(kept), len(kept)) == (clip.sha256, clip.stored_size_bytes), clip
    for transfer in station.ledger.transfers.values():
        clip = station.ledger.clips[transfer.clip]
        assert (transfer.sha256, transfer.key) == (clip.sha256, clip.key), "a transfer of what?"
        done = set(transfer.indices(PartState.DONE))
        assert done == set(transfer.etags), "a part is done and not done"
        if transfer.receipt is not None and transfer.receipt.strength == "digest":
            assert transfer.receipt.sha256 == clip.sha256, "a receipt for other content"
