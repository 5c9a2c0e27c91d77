"""A station in one process: real ledger, spool and directories; a rack and stores of memory.

Time is a `StillClock`, so that whatever waits goes on at once. What has to happen at one certain
moment is hooked in where a part lets it: a camera, a store, the ledger's commits.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from dockd.cameras.directory.camera import DirectoryCamera
from dockd.core import facts
from dockd.core.clip import Clip
from dockd.errors import CameraGone, DockdError
from dockd.ports.camera import CameraSource, ReadPacer, Refusal, Sighting
from dockd.ports.holds import HoldsList
from dockd.ports.journal import Level
from dockd.ports.ledger import ClipFilter
from dockd.ports.store import Store
from dockd.stages.board import SlotBoard
from dockd.stages.confirming import Confirming
from dockd.stages.dock import Dock
from dockd.stages.docking import Docking, DockingPolicy
from dockd.stages.elsewhere import Elsewhere
from dockd.stages.housekeeping import Housekeeping, HousekeepingPolicy
from dockd.stages.known_copies import KnownCopies
from dockd.stages.left_early import LeftEarly
from dockd.stages.offload import Offload, OffloadPolicy
from dockd.stages.pausing import UplinkPause
from dockd.stages.problems import ProblemBoard
from dockd.stages.proving import Prover
from dockd.stages.renew import Renew
from dockd.stages.shared_holds import SharedHolds
from dockd.stages.slot_power import SlotPower
from dockd.stages.timekeeping import Timekeeping
from dockd.stages.transferring import Transferring
from dockd.stages.upload import Upload, UploadPolicy
from dockd.stages.wipe import Wipe, WipePolicy
from dockd.station.ledger import open_ledger
from dockd.station.spool.directory import DirectorySpool
from tests.fakes.memory_store import MemoryStore
from tests.fakes.still_clock import StillClock
from tests.station.spool_parts import PART

PATIENCE_S = 20.0


class RigClock(StillClock):
    """A still clock on which nobody can keep the loop busy."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0.001)


class Silent:
    """A journal that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []

    def say(self, event: str, sentence: str, *, level: Level = "info", **fields: object) -> None:
        del sentence, level
        self.said.append((event, fields))


class NoPacer:
    """Lets everything be read at once."""

    def before_read(self, size_bytes: int) -> None:
        del size_bytes


class Rack:
    """A camera source whose cameras come and go when the test says so."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._news: asyncio.Queue[Sighting | Refusal] = asyncio.Queue()
        self._tokens: dict[str, str] = {}
        self._arrivals = 0
        self.opened: list[DirectoryCamera] = []
        self.before_open: Callable[[], None] = lambda: None
        self.camera_class: type[DirectoryCamera] = DirectoryCamera

    def folder(self, slot: str, serial: str) -> Path:
        folder = self._root / slot / serial
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def dock(self, slot: str, serial: str) -> Path:
        """Have a camera seen in a slot; its folder is made where it is missing."""
        folder = self.folder(slot, serial)
        self._arrivals += 1
        token = self._tokens[slot] = str(self._arrivals)
        self._see(slot, serial, token)
        return folder

    def undock(self, slot: str) -> None:
        """Have the slot's camera leave; its folder stays, for the next docking."""
        self._tokens.pop(slot, None)
        self._see(slot, None, "")

    def _see(self, slot: str, serial: str | None, token: str) -> None:
        self._news.put_nowait(
            Sighting(slot=slot, port=None, family="directory", serial=serial, token=token)
        )

    async def sightings(self) -> AsyncIterator[Sighting | Refusal]:
        while True:
            yield await self._news.get()

    def open(self, sighting: Sighting) -> DirectoryCamera:
        self.before_open()
        if self._tokens.get(sighting.slot) != sighting.token:
            raise CameraGone("it left")
        camera = self.camera_class(
            self._root / sighting.slot / (sighting.serial or ""),
            slot=sighting.slot,
            pacer=NoPacer(),
            has_left=lambda: self._tokens.get(sighting.slot) != sighting.token,
        )
        self.opened.append(camera)
        return camera


def failing_behind(good_bytes: int, error: DockdError) -> type[DirectoryCamera]:
    """Return cameras that give so many bytes of their files, and then an error."""

    class Failing(DirectoryCamera):
        given_bytes = 0

        @property
        def pacer(self) -> ReadPacer:
            return self

        def before_read(self, size_bytes: int) -> None:
            if self.given_bytes + size_bytes > good_bytes:
                raise error
            self.given_bytes += size_bytes

    return Failing


class Rig:
    """All parts of a station, joined as the daemon joins them."""

    def __init__(
        self,
        folder: Path,
        *,
        stores: Sequence[Store] | None = None,
        required: int = 1,
        reserve_bytes: int = 0,
        holds: HoldsList | None = None,
    ) -> None:
        self.clock = RigClock()
        self.journal = Silent()
        self.stores = {store.name: store for store in stores or (MemoryStore(name="central"),)}
        self.ledger = open_ledger(folder / "ledger.sqlite3", clock=self.clock)
        self.spool = DirectorySpool(
            folder / "spool", reserve_bytes=reserve_bytes, expected_spool_id=None, part_size=PART
        )
        self.required = required
        self.rack = Rack(folder / "rack")
        self.board = SlotBoard({})
        self.slot_power = SlotPower()
        self.problems = ProblemBoard(ledger=self.ledger, journal=self.journal, clock=self.clock)
        self.prover = Prover(ledger=self.ledger, spool=self.spool, clock=self.clock, at_once=2)
        self.confirming = Confirming(
            ledger=self.ledger,
            spool=self.spool,
            stores=self.stores,
            problems=self.problems,
            clock=self.clock,
            station="rig",
        )
        # What a store's clock is ahead of ours by, once it has told; those of memory tell no time.
        self.ahead_s: dict[str, float] = {}
        self.timekeeping = Timekeeping(
            {name: partial(self.ahead_s.get, name) for name in self.stores},
            vouching=self.stores.keys(),
            problems=self.problems,
            clock=self.clock,
        )
        self.shared_holds = SharedHolds(
            holds,
            ledger=self.ledger,
            problems=self.problems,
            clock=self.clock,
            now=self.timekeeping.vouched_now,
            look_every_s=0.02,
        )
        self.wipe = Wipe(
            ledger=self.ledger,
            spool=self.spool,
            confirming=self.confirming,
            shared_holds=self.shared_holds,
            problems=self.problems,
            clock=self.clock,
            policy=WipePolicy(
                after="receipt",
                rehash="after-break",
                required=required,
                stores=frozenset(self.stores),
            ),
        )
        self.known_copies = KnownCopies(ledger=self.ledger, problems=self.problems)
        self.elsewhere = Elsewhere(
            ledger=self.ledger,
            stores=self.stores,
            problems=self.problems,
            station="rig",
            look_again_s=0.02,
        )
        self.left_early = LeftEarly(
            ledger=self.ledger,
            stores=self.stores,
            problems=self.problems,
            clock=self.clock,
            station="rig",
        )
        self.renew = Renew(
            ledger=self.ledger,
            confirming=self.confirming,
            problems=self.problems,
            clock=self.clock,
            stores=self.stores,
            look_again_s=0.02,
        )
        self.unasked: frozenset[str] = frozenset()
        self.housekeeping = Housekeeping(
            ledger=self.ledger,
            spool=self.spool,
            prover=self.prover,
            shared_holds=self.shared_holds,
            problems=self.problems,
            checkpoint=_nothing,
            unasked=lambda: self.unasked,
            clock=self.clock,
            policy=HousekeepingPolicy(
                keep_stored_s=1e9,
                partial_after_s=1e9,
                required=required,
                stores=frozenset(self.stores),
            ),
        )
        self.offload = Offload(
            ledger=self.ledger,
            spool=self.spool,
            prover=self.prover,
            board=self.board,
            problems=self.problems,
            clock=self.clock,
            policy=OffloadPolicy(),
        )
        self.watch(self.rack)
        self.pause = UplinkPause(ledger=self.ledger, problems=self.problems)
        self.uploads = [self._upload(store) for store in self.stores.values()]
        self.committed: list[facts.Fact] = []

    def watch(self, source: CameraSource) -> None:
        """Dock the cameras of a source, before anything runs."""
        self.docking = Docking(
            source,
            ledger=self.ledger,
            offload=self.offload,
            wipe=self.wipe,
            board=self.board,
            power=self.slot_power,
            problems=self.problems,
            clock=self.clock,
            policy=DockingPolicy(look_again_s=0.02, gather_s=0.0),
        )
        self.dock = Dock(source, stay=self.docking.stay, problems=self.problems, clock=self.clock)

    def _upload(self, store: Store) -> Upload:
        return Upload(
            store,
            ledger=self.ledger,
            transferring=Transferring(
                ledger=self.ledger, spool=self.spool, station="rig", pause=self.pause
            ),
            confirming=self.confirming,
            problems=self.problems,
            clock=self.clock,
            policy=UploadPolicy(parallel_clips=2, idle_s=0.02),
            fullness=self.board.fullness,
        )

    def _heard(self, committed: Sequence[facts.Fact]) -> None:
        self.committed.extend(committed)
        self.pause.heard(committed)
        self.wipe.heard(committed)
        self.known_copies.heard(committed)
        self.elsewhere.heard(committed)
        self.left_early.heard(committed)
        self.renew.heard(committed)
        for upload in self.uploads:
            upload.heard(committed)

    async def prepare(self) -> None:
        """Open the station's memory; nothing runs yet."""
        self.ledger.on_commit(self._heard)
        await self.ledger.set_policy(required=self.required, stores=frozenset(self.stores))
        spool_id = self.spool.adopt()
        await self.ledger.record(facts.SpoolAdopted(spool_id=spool_id))

    async def clips(self) -> Sequence[Clip]:
        """Return every clip that was not merged away."""
        return await self.ledger.clips(ClipFilter(limit=1000))

    def count(self, kind: type[facts.Fact]) -> int:
        """Return how many facts of a kind were committed."""
        return sum(isinstance(fact, kind) for fact in self.committed)

    def open_problems(self) -> set[str]:
        """Return the slugs of the open problems."""
        return {problem.slug for problem in self.problems.current()}


async def until(holds: Callable[[], bool], *, what: str) -> None:
    """Wait for something to be so."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 - whatever is asked about has no event
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"it never came about that {what}") from None


@asynccontextmanager
async def rig_at(folder: Path, **options: object) -> AsyncIterator[Rig]:
    """Lend a prepared station of which nothing runs yet."""
    rig = Rig(folder, **options)  # type: ignore[arg-type]  # handed on as they are
    try:
        await rig.prepare()
        yield rig
    finally:
        rig.ledger.close()


@asynccontextmanager
async def running(rig: Rig, *, uploads: bool = True) -> AsyncIterator[None]:
    """Run dock, uploads and the watch over copies; cancelled at the end."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(rig.dock.run(), name="dock"),
            group.create_task(rig.known_copies.run(), name="known copies"),
            group.create_task(rig.elsewhere.run(), name="gone clips"),
            group.create_task(rig.renew.run(), name="receipts"),
            group.create_task(rig.pause.run(), name="pause"),
            group.create_task(rig.shared_holds.run(), name="shared holds"),
            *(group.create_task(upload.run(), name="upload") for upload in rig.uploads if uploads),
        ]
        yield
        for task in tasks:
            task.cancel()


async def _nothing() -> None:
    """Write no checkpoint."""
