"""One running station: every part, joined; and the one TaskGroup in which all of it lives."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import dockd
from dockd.config import Config
from dockd.core import facts
from dockd.daemon import building, opening
from dockd.daemon.signals import Pulse, Signals
from dockd.daemon.store_checkpoints import StoreCheckpoints
from dockd.ports.camera import CameraSource
from dockd.ports.charger import Charger
from dockd.ports.clock import Clock
from dockd.ports.equipment import Equipment
from dockd.ports.journal import Journal
from dockd.stages import announce, heed, silence
from dockd.stages.audit import Audit
from dockd.stages.board import SlotBoard
from dockd.stages.charge import Charge, forget_charging
from dockd.stages.confirming import Confirming
from dockd.stages.dock import Dock
from dockd.stages.docking import Docking, DockingPolicy, end_open_dockings
from dockd.stages.elsewhere import Elsewhere
from dockd.stages.enduring import enduring
from dockd.stages.housekeeping import Housekeeping, HousekeepingPolicy
from dockd.stages.keeping_up import KeepingUp
from dockd.stages.known_copies import KnownCopies
from dockd.stages.left_early import LeftEarly
from dockd.stages.manifests import Manifests
from dockd.stages.narrate import Narrator
from dockd.stages.offload import Offload, OffloadPolicy
from dockd.stages.pausing import UplinkPause
from dockd.stages.problems import ProblemBoard
from dockd.stages.proving import Prover
from dockd.stages.read_backs import ReadBacks
from dockd.stages.remember import HoldMemory
from dockd.stages.renew import Renew
from dockd.stages.shared_holds import SharedHolds
from dockd.stages.silence import Silence
from dockd.stages.slot_power import SlotPower
from dockd.stages.throttle import Throttle
from dockd.stages.timekeeping import Timekeeping
from dockd.stages.transferring import Transferring
from dockd.stages.turns import Turns
from dockd.stages.upload import Upload, UploadPolicy
from dockd.stages.wear_watch import WearWatch
from dockd.stages.wipe import Wipe, WipePolicy
from dockd.station.helper_client import HelperClient
from dockd.station.notify import Notifier
from dockd.station.spool.holds import SpoolHolds
from dockd.station.spool.witness import Witness
from dockd.station.udev import UdevBus
from dockd.stores.rate_limited import SharedRate

_READ_BACKS: Final = 2
_HOUR_S: Final = 3600.0
_STATUS_LOOK_S: Final = 10.0
_TASKS_OF_STORES: Final = ("task upload to ", "task line to ", "task silence of store ")
# Each is looked at at the start, and what is wrong with it is said again.
_LOOKED_AT_ANEW: Final = frozenset({"slot", "cameras", "configuration"})
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Station:
    """The parts of one station, built from its configuration and its open ledger and spool."""

    def __init__(
        self,
        config: Config,
        *,
        opened: opening.Opened,
        clock: Clock,
        journal: Journal,
        notifier: Notifier,
        witness: Witness,
    ) -> None:
        """Join everything; nothing runs yet."""
        self.config = config
        self.ledger = opened.ledger
        self.spool = opened.spool
        self._opened = opened
        self._clock = clock
        self._notifier = notifier
        self._witness = witness
        self._footage = asyncio.Event()
        self.pulse = Pulse(notifier, clock=clock)
        self.rate = SharedRate(clock=clock)
        self.throttle = Throttle(
            self.rate.change, clock=clock, policy=building.throttle_policy(config)
        )
        self.lanes = building.stores(config, rate=self.rate, clock=clock)
        self.stores = {name: lane.store for name, lane in self.lanes.items()}
        self.problems = ProblemBoard(ledger=self.ledger, journal=journal, clock=clock)
        self.timekeeping = Timekeeping(
            {name: lane.clock_offset_s for name, lane in self.lanes.items()},
            vouching={name for name, lane in self.lanes.items() if lane.vouches},
            problems=self.problems,
            clock=clock,
        )
        self.pause = UplinkPause(ledger=self.ledger, problems=self.problems)
        self.board = SlotBoard({slot.name: slot.port for slot in config.slots})
        self.slot_power = SlotPower()
        self.prover = Prover(ledger=self.ledger, spool=self.spool, clock=clock, at_once=_READ_BACKS)
        self.confirming = Confirming(
            ledger=self.ledger,
            spool=self.spool,
            stores=self.stores,
            problems=self.problems,
            clock=clock,
            station=config.station.name,
        )
        self.shared_holds = SharedHolds(
            building.holds_list(config),
            ledger=self.ledger,
            problems=self.problems,
            clock=clock,
            now=self.timekeeping.vouched_now,
        )
        self.wipe = Wipe(
            ledger=self.ledger,
            spool=self.spool,
            confirming=self.confirming,
            shared_holds=self.shared_holds,
            problems=self.problems,
            clock=clock,
            policy=wipe_policy(config),
        )
        self.offload = self._offload()
        equipment = Equipment(usb=UdevBus(journal=journal), helper=HelperClient())
        self._cameras = building.camera_sources(config, equipment=equipment)
        self._charger = building.charger(config, equipment=equipment)
        self.charge = None if self._charger is None else self._charge(self._charger)
        self.wear = WearWatch(ledger=self.ledger, problems=self.problems, clock=clock)
        self.uploads = [self._upload(name) for name in self.stores]
        self.turns = [
            Turns(
                name,
                ledger=self.ledger,
                clock=clock,
                under_way=upload.under_way,
                in_order=upload.in_order,
                sent_bytes=lane.sent_bytes,
            )
            for (name, lane), upload in zip(self.lanes.items(), self.uploads, strict=True)
        ]
        self.store_checkpoints = StoreCheckpoints(
            self.ledger,
            self.stores,
            station=config.station.name,
            problems=self.problems,
            clock=clock,
        )
        self.housekeeping = Housekeeping(
            ledger=self.ledger,
            spool=self.spool,
            prover=self.prover,
            shared_holds=self.shared_holds,
            problems=self.problems,
            checkpoint=self._write_checkpoints,
            unasked=self.store_checkpoints.unasked,
            clock=clock,
            policy=housekeeping_policy(config),
        )
        self.read_backs = ReadBacks(self.spool, problems=self.problems, clock=clock)
        self.audit = Audit(ledger=self.ledger, problems=self.problems, clock=clock)
        self.keeping_up = KeepingUp(ledger=self.ledger, problems=self.problems, clock=clock)
        self.known_copies = KnownCopies(ledger=self.ledger, problems=self.problems)
        self.elsewhere = Elsewhere(
            ledger=self.ledger,
            stores=self.stores,
            problems=self.problems,
            station=config.station.name,
        )
        self.left_early = LeftEarly(
            ledger=self.ledger,
            stores=self.stores,
            problems=self.problems,
            clock=clock,
            station=config.station.name,
        )
        self.renew = Renew(
            ledger=self.ledger,
            confirming=self.confirming,
            problems=self.problems,
            clock=clock,
            stores=self.stores,
        )
        self.manifests = Manifests(
            ledger=self.ledger, stores=self.stores, clock=clock, station=config.station.name
        )
        self.holds = HoldMemory(
            ledger=self.ledger,
            file=SpoolHolds(config.spool.path),
            problems=self.problems,
            clock=clock,
        )
        self.narrator = Narrator(ledger=self.ledger, journal=journal)
        self._first_steps: deque[Callable[[], Awaitable[object]]] = deque(
            (
                self._count_by_policy,
                self._say_started,
                lambda: end_open_dockings(self.ledger),
                self._settle_spool,
                self.holds.settle,
                self.shared_holds.settle,
                self.pause.settle,
                self._forget_what_is_gone,
                self._say_whether_stores,
                self._forget_broker,
                self._forget_charger,
            )
        )
        self.ledger.on_commit(self._heard)

    def _upload(self, name: str) -> Upload:
        transferring = Transferring(
            ledger=self.ledger,
            spool=self.spool,
            station=self.config.station.name,
            pause=self.pause,
        )
        return Upload(
            self.stores[name],
            ledger=self.ledger,
            transferring=transferring,
            confirming=self.confirming,
            problems=self.problems,
            clock=self._clock,
            policy=upload_policy(self.config),
            fullness=self.board.fullness,
        )

    def _charge(self, charger: Charger) -> Charge:
        return Charge(
            charger,
            ledger=self.ledger,
            board=self.board,
            power=self.slot_power,
            problems=self.problems,
            clock=self._clock,
            policy=building.charge_policy(self.config),
        )

    def _heard(self, committed: Sequence[facts.Fact]) -> None:
        """Pass on what was committed to those who wait for it, and say it in the journal."""
        if any(isinstance(fact, facts.ClipSeen) for fact in committed):
            self._footage.set()
        self.pause.heard(committed)
        self.wipe.heard(committed)
        self.read_backs.heard(committed)
        self.known_copies.heard(committed)
        self.elsewhere.heard(committed)
        self.left_early.heard(committed)
        self.renew.heard(committed)
        self.manifests.heard(committed)
        for upload in self.uploads:
            upload.heard(committed)
        self.holds.heard(committed)
        if self.charge is not None:
            self.charge.heard(committed)
        self.narrator.heard(committed)

    async def _write_checkpoints(self) -> None:
        """Write the head of the record to the spool, then to the stores, and record where it is."""
        checkpoint = await self.ledger.write_checkpoint(self.config.spool.path)
        written = ["spool", *await self.store_checkpoints.write(checkpoint)]
        await self.ledger.record(
            facts.Checkpointed(
                where=", ".join(written), sequence=checkpoint.sequence, root=checkpoint.root
            )
        )

    async def prepare(self) -> None:
        """Bring the memory of the station up to date with what happened while it was away.

        Begun again after a failure (a disk that is full), it goes on with the step that failed.
        """
        while self._first_steps:
            await self._first_steps[0]()
            self._first_steps.popleft()

    async def _count_by_policy(self) -> None:
        await self.ledger.set_policy(
            required=self.config.stores.required,
            stores=self.config.counting_stores,
            extra=self.config.extra_stores,
        )

    async def _say_started(self) -> None:
        await self.ledger.record(
            facts.StationStarted(version=dockd.__version__, boot_id=_BOOT_ID.read_text().strip())
        )

    async def _settle_spool(self) -> None:
        await opening.settle_spool(self._opened, problems=self.problems)
        await opening.settle_epoch(
            self._opened, folder=self.config.spool.path, problems=self.problems
        )

    async def _note_spool(self) -> None:
        await opening.note_spool(
            self._opened,
            folder=self.config.spool.path,
            witness=self._witness,
            footage=self._footage,
        )

    async def _forget_what_is_gone(self) -> None:
        """Let go of what an earlier run said of stays, which a start ends, and of former stores."""
        tasks = {f"task {name}" for name in self._duties()}
        for problem in self.problems.current():
            kind, _, name = problem.subject.partition(" ")
            former = kind == "store" and name not in self.stores
            no_more = problem.subject.startswith(_TASKS_OF_STORES) and problem.subject not in tasks
            if kind in _LOOKED_AT_ANEW or former or no_more:
                await self.problems.clear(problem.slug, subject=problem.subject)

    async def _say_whether_stores(self) -> None:
        if self.stores:
            await self.problems.clear("store-not-configured", subject="station")
        else:
            await self.problems.open("store-not-configured", subject="station")

    async def _forget_broker(self) -> None:
        """Let go of the trouble with a broker, or with commands, that are no longer configured."""
        if not self.config.mqtt.broker:
            await self.problems.clear_all(announce.TROUBLES, subject=announce.SUBJECT)
        if not self.config.mqtt.commands:
            await self.problems.clear_all(heed.TROUBLES, subject=heed.SUBJECT)

    async def _forget_charger(self) -> None:
        """Let go of the trouble with what charges, where nothing does any more."""
        if self.charge is None:
            await forget_charging(self.problems)

    async def run(self, signals: Signals) -> None:
        """Run until told to stop; everything that is under way is parked."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.pulse.run(), name="watchdog")
            group.create_task(self.narrator.run(), name="narrator")
            await self._enduring("start", self.prepare)
            for name, work in self._duties().items():
                group.create_task(self._enduring(name, work), name=name)
            self._notifier.ready()
            await signals.stop.wait()
            self._notifier.stopping()
            raise Stopped

    def _duties(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what a station does all at once, for as long as it runs."""
        return {
            "known copies": self.known_copies.run,
            "read-backs": self.read_backs.run,
            "record": self.audit.run,
            "commits": self.keeping_up.run,
            "gone clips": self.elsewhere.run,
            "cameras that left": self.left_early.run,
            "manifests": self.manifests.run,
            "holds": self.holds.run,
            "shared holds": self.shared_holds.run,
            "pause": self.pause.run,
            "receipts": self.renew.run,
            "checkpoints": self.store_checkpoints.ask,
            "witness": self._note_spool,
            **{
                f"upload to {name}": upload.run
                for name, upload in zip(self.stores, self.uploads, strict=True)
            },
            **{
                f"line to {name}": turns.run
                for name, turns in zip(self.stores, self.turns, strict=True)
            },
            "rate windows": self.throttle.run,
            **{f"silence of {watch.subject}": watch.run for watch in self._silences()},
            "clock": self.timekeeping.run,
            "status line": self._tell_status,
            "problems": self.problems.summarise,
            "problems that come and go": self.problems.settle,
            "house": self._keep_house,
            "wear": self.wear.run,
            **({} if self.charge is None else {"charging": self.charge.run}),
        }

    def _silences(self) -> Iterator[Silence]:
        """Yield a watch over each thing that must not stand still."""
        yield silence.of_the_rack(self.board, problems=self.problems, clock=self._clock)
        for (name, lane), upload in zip(self.lanes.items(), self.uploads, strict=True):
            yield silence.of_an_upload(
                name,
                under_way=upload.under_way,
                sent_bytes=lane.sent_bytes,
                breaker=lane.breaker,
                is_paused=lambda: self.pause.is_on,
                problems=self.problems,
                clock=self._clock,
            )

    async def _enduring(
        self, name: str, work: Callable[[], Awaitable[object]], *, slug: str | None = None
    ) -> None:
        await enduring(name, work, problems=self.problems, clock=self._clock, slug=slug)

    async def _keep_house(self) -> None:
        """Prove what a crash left before any camera is read: it may be what one would resume."""
        await self._enduring("recovery", self.housekeeping.begin)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._enduring("housekeeping", self.housekeeping.run))
            for name, source in self._cameras.items():
                dock = self._dock(source)
                task = self._enduring(f"dock {name}", dock.run, slug="detection-failed")
                group.create_task(task)

    def _offload(self) -> Offload:
        return Offload(
            ledger=self.ledger,
            spool=self.spool,
            prover=self.prover,
            board=self.board,
            problems=self.problems,
            clock=self._clock,
            policy=OffloadPolicy(),
        )

    def _dock(self, source: CameraSource) -> Dock:
        docking = Docking(
            source,
            ledger=self.ledger,
            offload=self.offload,
            wipe=self.wipe,
            board=self.board,
            power=self.slot_power,
            problems=self.problems,
            clock=self._clock,
            policy=DockingPolicy(),
        )
        return Dock(source, stay=docking.stay, problems=self.problems, clock=self._clock)

    async def _tell_status(self) -> None:
        """Keep the line that ``systemctl status`` shows true."""
        while True:
            queue = await self.ledger.queue()
            docked = sum(slot.camera is not None for slot in self.board.snapshots())
            problems = len(self.problems.current())
            self._notifier.status(
                f"{docked} cameras docked, {queue.clips} clips to send, {problems} problems"
            )
            await self._clock.sleep(_STATUS_LOOK_S)

    async def close(self) -> None:
        """Say what is left to say, and let go of the stores; the ledger stays open."""
        await self.narrator.flush()
        if self._charger is not None:
            await self._charger.close()
        for store in self.stores.values():
            await store.close()


class Stopped(Exception):
    """Ends the station's TaskGroup when a stop was asked for."""


def wipe_policy(config: Config) -> WipePolicy:
    """Return the configuration's rules for clearing cameras."""
    return WipePolicy(
        after=config.wipe.after,
        rehash=config.wipe.rehash,
        required=config.stores.required,
        stores=config.counting_stores,
    )


def upload_policy(config: Config) -> UploadPolicy:
    """Return the configuration's rules for uploading."""
    return UploadPolicy(parallel_clips=config.uplink.parallel_clips)


def housekeeping_policy(config: Config) -> HousekeepingPolicy:
    """Return the configuration's rules for the spool."""
    return HousekeepingPolicy(
        keep_stored_s=config.spool.keep_stored_h * _HOUR_S,
        partial_after_s=config.spool.partial_after_h * _HOUR_S,
        required=config.stores.required,
        stores=config.counting_stores,
        extra=config.extra_stores,
    )
