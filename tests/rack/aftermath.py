"""What a power cut left behind: judged as it lies there, then taken up by a dockd on the host.

Spool, ledger and store are the very ones that the guest had. The host's kernel knows neither USB
nor vfat, so the camera comes to it as a folder: the same serial number, and of every file that the
cut left on the medium the same name, content and time.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from dockd.cli import offline
from dockd.config import load
from dockd.station.ledger.checkpoints import FILE_NAME
from tests.daemon.harness import StationProcess, station
from tests.daemon.rooms import NAME
from tests.daemon.scenarios import cleared
from tests.daemon.world import World
from tests.rack.camera import Camera
from tests.rack.disk import T, with_mounted
from tests.rack.store import Store

_SLOT: Final = "A1"
# A power cut takes what nobody was told of. These say that something is missing of what was told.
_BROKEN_WORD: Final = frozenset(
    {"copy-discarded", "spool-copy-lost", "receipt-lost", "epoch-begun", "wipe-failed"}
    | {"clip-gone", "clip-overwritten", "clip-held", "clip-troubled", "transfer-refused"}
)
_NO_PROBLEM: Final = frozenset({"ledger-restored", "no-known-copy", "spool-changed"}) | {
    "spool-orphans"
}


class Aftermath:
    """A spool, a camera and a store as a power cut left them, and a dockd that was not started."""

    def __init__(self, process: StationProcess, *, camera: Camera) -> None:
        self.world: Final = process.world
        self._process: Final = process
        self._camera: Final = camera
        self._fill()

    def _fill(self) -> None:
        """Put into the folder what the cut left on the camera; it took nothing by halves."""
        serial, left = self._camera.serial, self._camera.found()
        self.world.bring(serial)
        for item in self._camera.items:
            mtime_ns = int(item.recorded_at.timestamp()) * 10**9
            self.world.record(serial, item.path, item.content, mtime_ns=mtime_ns)
        assert left.items() <= {item.path: item.sha256 for item in self._camera.items}.items()
        for item in self._camera.items:
            if item.path not in left:
                self.world.file(serial, item.path).unlink()

    @property
    def events(self) -> int:
        """How many events the record has; none where the ledger was not begun yet."""
        (row,) = self.world.ask("SELECT count(*) AS events FROM events") or ({"events": 0},)
        return int(row["events"])

    def judge(self) -> None:
        """Hold what lies there against the promises, as long as no dockd touches it.

        What is no longer on the camera is in the spool and in the store, and the ledger says that
        it was to go; whatever the ledger calls verified reads back from the spool, and whatever it
        calls stored, from the store.
        """
        self.world.check()
        self._refuse_the_unintended()
        if self.events:
            self._verify(None)
            self._verify(NAME)

    def _verify(self, store: str | None) -> None:
        """Do what `dockd verify` does: every copy in the spool, or in a store, and the record."""
        found = offline.verify(load(self._process.config), docking=None, store=store).answer
        assert not found["bad"], found
        assert found["chain"] == "intact"

    def _refuse_the_unintended(self) -> None:
        """See that nothing left the camera before the intent was durable, and both its reasons."""
        serial = self._camera.serial
        paths = [item.path for item in self._camera.items]
        gone = {path for path in paths if not self.world.file(serial, path).exists()}
        intended = self.world.ask(
            "SELECT path FROM clips JOIN receipts ON clip = number WHERE strength = 'digest'"
            " AND spool_copy = 'proven' AND camera_copy IN ('wiping', 'wiped')"
        )
        assert gone <= {row["path"].decode() for row in intended}

    def take_up(self) -> None:
        """Start dockd, dock the camera, and find everything stored once and the camera clear."""
        serial = self._camera.serial
        self._process.start()
        for clip in self._process.get(f"/v1/clips?camera={serial}&limit=1000")["clips"]:
            assert clip["place"] == "wiped" or (clip["reason"] and clip["owner"] and clip["next"])
        self.world.dock(serial, _SLOT)
        cleared(self._process, self.world, serial)
        self._process.stop()
        self.world.check_finished()
        self._verify(None)
        self._refuse_broken_words()

    def _refuse_broken_words(self) -> None:
        """Find nothing in the record that takes back what it had told before."""
        broken = [event for event in self._process.events if event.kind in _BROKEN_WORD]
        opened = self._process.all("problem-opened")
        broken += [event for event in opened if event.fields["slug"] in _NO_PROBLEM]
        assert not broken, f"{broken}\n{self._process.story()}"

    def total(self, what: str, where: str) -> int:
        """Sum something up over the clips that a condition holds for, as the ledger has them."""
        (row,) = self.world.ask(
            f"SELECT coalesce(sum({what}), 0) AS total FROM clips WHERE {where}"  # noqa: S608  (ours)
        )
        return int(row["total"])


def aftermath(
    work: Callable[[Aftermath], T], folder: Path, *, spool: Path, camera: Camera, store: Store
) -> T:
    """Lay out in a folder what a power cut left; its images may be written from here on."""
    world = World(folder, room=store.bucket)
    world.spool.mkdir()

    def laid_out() -> T:
        # This station's name is its own, and the store knows it no better than its spool does.
        store.tell(_checkpoint_in(world.spool), station=world.station)
        with station(world) as process:
            return work(Aftermath(process, camera=camera))

    return with_mounted(spool, world.spool, laid_out)


def checkpoint_on(spool: Path, mounted: Path) -> bytes | None:
    """Return the checkpoint on a spool's disk, whose image may be written; None: there is none."""
    mounted.mkdir()
    return with_mounted(spool, mounted, lambda: _checkpoint_in(mounted))


def _checkpoint_in(spool: Path) -> bytes | None:
    checkpoint = spool / FILE_NAME
    return checkpoint.read_bytes() if checkpoint.exists() else None
