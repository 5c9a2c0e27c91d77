"""One camera at one station, driven by hand: the stage on which a rule's absence is shown."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from dockd.core import clearance, facts
from dockd.core.clip import Clip
from dockd.errors import IllegalFact
from tests.core.machine.box import IDLE, Ledger, Rules, Work, name_of
from tests.core.machine.settling import run_to_fixpoint, settle, the_record_is_sound
from tests.core.machine.station import Station
from tests.core.machine.stay import Stay
from tests.core.machine.world import Broken, Camera, File, Spool, Store, World

FOOTAGE = b"DCIM/1"
OTHER = b"DCIM/2"
CONTENT = b"aabb"
ALIKE = b"aacc"
SERIAL = "c1"


@dataclass
class Rig:
    """A world with one camera ``c1`` holding one clip of two parts, and one honest store ``s1``."""

    world: World
    station: Station
    stay: Stay

    @classmethod
    def new(cls, rules: Rules, *, path: bytes = FOOTAGE, content: bytes = CONTENT) -> "Rig":
        camera = Camera(serial=SERIAL, files={path: File(content=content, mtime_ns=1)})
        stores = {name: Store(name=name) for name in ("s1", "s2")}
        world = World(cameras={SERIAL: camera}, stores=stores, configured=frozenset({"s1"}))
        ledger = Ledger(rules=rules, spool_id="A")
        station = Station(name="A", world=world, spool=Spool(spool_id="A"), ledger=ledger)
        rig = cls(world=world, station=station, stay=Stay(station, camera, 0, ""))
        rig.dock()
        return rig

    @property
    def camera(self) -> Camera:
        return self.world.cameras[SERIAL]

    @property
    def store(self) -> Store:
        return self.world.stores["s1"]

    def dock(self) -> None:
        self.camera.yank()
        self.camera.dock("A")
        self.world.dockings += 1
        docking = f"A{self.world.dockings}"
        self.stay = Stay(self.station, self.camera, self.camera.stay, docking)

    def clip(self, number: int = 1) -> Clip:
        return self.station.ledger.clips[number]

    def lie(self, number: int = 1, **changes: Any) -> None:  # noqa: ANN401 - any field, right or wrong
        """Make the ledger believe what is not so, as if another rule had failed before."""
        self.station.ledger.clips[number] = replace(self.clip(number), **changes)

    def attempt(self, *recorded: facts.Fact) -> bool:
        """Report a fact that a mistaken daemon might; the core may refuse it."""
        try:
            self.station.ledger.record(*recorded)
        except IllegalFact:
            return False
        return True

    def run(self, work: Work, *, until: str | None = None) -> None:
        for reached in work:
            if reached in {until, IDLE}:
                return

    def offload(self, *, until: str | None = None) -> None:
        self.run(self.stay.offload(), until=until)

    def upload(self) -> None:
        for number, store in [(c.number, s) for c in self._proven() for s in self._configured()]:
            self.station.advance(self.station.upload(number, store), steps=200)
        the_record_is_sound(self.station)

    def _proven(self) -> Iterable[Clip]:
        return [clip for clip in self.station.ledger.living() if clip.sha256 is not None]

    def _configured(self) -> Iterable[str]:
        return sorted(self.world.configured)

    def stored(self) -> "Rig":
        """Offload and store what there is, without a wipe."""
        self.offload()
        self.upload()
        assert self.clip().proven_by == ("s1",)
        return self

    def replaced(self, content: bytes = ALIKE, *, mtime_ns: int = 1) -> None:
        """Put another file in the place of the footage."""
        self.camera.files[FOOTAGE] = File(content=content, mtime_ns=mtime_ns)

    def rotten(self) -> None:
        """Let the spool's copy become something else of the same size."""
        self.station.spool.kept[name_of(self.clip())] = b"zzzz"

    def receipt(self, number: int = 1, **changes: Any) -> facts.ReceiptAccepted:  # noqa: ANN401 - any field, right or wrong
        given = self.station.ledger.transfers[number, "s1"].receipt
        assert given is not None
        return replace(given, **changes)

    def wipe_on_verdict(
        self,
        *,
        path: bytes = FOOTAGE,
        given: Iterable[facts.ReceiptAccepted] | None = None,
        ago_s: int = 0,
        **lies: Any,  # noqa: ANN401 - any field, right or wrong
    ) -> None:
        """Clear the clip when ``may_wipe`` says so, with no other guard, intent or second look."""
        listing = dict(self.camera.files)
        if given is None:
            given = [receipt for receipt, _ in self._confirmed()]
        evidence = self.stay._evidence(
            1,
            path,
            listing,
            confirmations=[
                clearance.Confirmation(receipt=receipt, confirmed_ago_s=ago_s) for receipt in given
            ],
        )
        evidence = replace(evidence, **lies)
        rules = self.station.ledger.rules
        if clearance.may_wipe(evidence, conditions=rules.conditions).allowed:
            self.world.erase("A", self.station.spool, self.camera, path)

    def _confirmed(self) -> list[tuple[facts.ReceiptAccepted, int]]:
        asking = self.stay._confirm(1)
        while True:
            try:
                next(asking)
            except StopIteration as done:
                return list(done.value)

    def intended(self, event: Callable[[], object], path: bytes = FOOTAGE) -> None:
        """State the intent to wipe, let something happen, and go on to the deletion."""
        file = self.camera.files[path]
        assert self.attempt(
            facts.WipeIntended(clip=1, docking=self.stay.docking, stores=self.clip().proven_by)
        )
        event()
        self.run(self.stay._erase(1, path, file))

    def rogue_wipe(self, *, stores: tuple[str, ...] = ("s1",)) -> None:
        """A daemon that asks nobody states its intent, and clears the clip if the core lets it."""
        fact = facts.WipeIntended(clip=1, docking=self.stay.docking, stores=stores)
        if self.attempt(fact):
            self.world.erase("A", self.station.spool, self.camera, FOOTAGE)

    def finish(self) -> None:
        """Let everything come to rest, as a healthy station does."""
        the_record_is_sound(self.station)
        try:
            run_to_fixpoint(self.station)
            the_record_is_sound(self.station)
            settle(self.world, {"A": self.station})
        except IllegalFact as refused:
            raise Broken("the daemon can go no further") from refused

    def expect_stored(self, content: bytes = CONTENT) -> None:
        assert self.store.holds(content), f"{content!r} never came to the store"
