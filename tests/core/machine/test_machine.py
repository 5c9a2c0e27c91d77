"""Clips through their whole life, with every fault between any two facts."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from dockd.core.clip import CameraCopy, SpoolCopy
from dockd.core.facts import HoldKind
from dockd.errors import IllegalFact
from tests.core.machine.box import Ledger, Rules
from tests.core.machine.settling import settle, the_record_is_sound
from tests.core.machine.station import Station
from tests.core.machine.world import Behaviour, Camera, File, Spool, Store, World

STATIONS = ("A", "B")
STORES = ("s1", "s2")
CAMERAS = ("c1", "c2")
PATHS = (b"DCIM/1", b"DCIM/2", b"settings")
CONTENTS = (b"", b"a", b"bb", b"aabb", b"aacc", b"ccbb", b"aabbc")
HOLDS: tuple[HoldKind, ...] = ("error", "legal")

stations = st.sampled_from(STATIONS)
stores = st.sampled_from(STORES)
cameras = st.sampled_from(CAMERAS)
holds = st.sampled_from(HOLDS)
a_few = st.one_of(st.integers(1, 12), st.just(60))
index = st.integers(min_value=0, max_value=30)


def new_world(rules: Rules | None = None) -> tuple[World, dict[str, Station]]:
    """Return two stations with their stores and two empty cameras."""
    world = World(
        cameras={serial: Camera(serial=serial) for serial in CAMERAS},
        stores={name: Store(name=name) for name in STORES},
        configured=frozenset(STORES[:1]),
    )
    boxes = {
        name: Station(
            name=name,
            world=world,
            spool=Spool(spool_id=name),
            ledger=Ledger(rules=rules or Rules(), spool_id=name),
        )
        for name in STATIONS
    }
    return world, boxes


class WholeLife(RuleBasedStateMachine):
    """The life of clips on two cameras, two stations and two stores."""

    @initialize(required=st.integers(1, 2), two=st.booleans(), rehash=st.booleans())
    def begin(self, required: int, two: bool, rehash: bool) -> None:
        self.world, self.stations = new_world()
        self.world.configured = frozenset(STORES if two else STORES[:1])
        self.world.required = required if two else 1
        self.world.rehash = "always" if rehash else "after-break"
        self.saved: dict[str, Ledger] = {}
        self.spares = {name: Spool(spool_id=f"other-{name}") for name in STATIONS}
        self.mtime = 0
        for serial, path, content in zip(CAMERAS * 2, PATHS * 2, CONTENTS[1:5], strict=False):
            self.write(serial, path, content, same_mtime=False)
        self.world.cameras["c1"].dock("A")

    # --- cameras -------------------------------------------------------------------------------

    @rule(
        serial=cameras,
        path=st.sampled_from(PATHS),
        content=st.sampled_from(CONTENTS),
        same_mtime=st.booleans(),
    )
    def write(self, serial: str, path: bytes, content: bytes, same_mtime: bool) -> None:
        """A file is recorded, or overwritten; in a slot it never keeps its mtime."""
        camera = self.world.cameras[serial]
        self.mtime += 1
        was = camera.files.get(path)
        mtime = was.mtime_ns if was and same_mtime and camera.at is None else self.mtime
        camera.files[path] = File(content=content, mtime_ns=mtime)

    @rule(serial=cameras, path=st.sampled_from(PATHS))
    def overwrite_alike(self, serial: str, path: bytes) -> None:
        """Away from the rack, other content takes the same name, size and mtime."""
        camera = self.world.cameras[serial]
        was = camera.files.get(path)
        if camera.at is None and was is not None and was.content:
            other = was.content[:-1] + bytes([was.content[-1] ^ 1])
            camera.files[path] = File(content=other, mtime_ns=was.mtime_ns)

    @rule(serial=cameras, path=st.sampled_from(PATHS))
    def remove(self, serial: str, path: bytes) -> None:
        """Somebody deletes a file."""
        self.world.cameras[serial].files.pop(path, None)

    @rule(serial=cameras, at=stations, troubled=st.booleans())
    def dock(self, serial: str, at: str, troubled: bool) -> None:
        camera = self.world.cameras[serial]
        if camera.at is None:
            camera.dock(at)
            camera.troubled = troubled

    @rule(serial=cameras, undeletes=st.booleans())
    def yank(self, serial: str, undeletes: bool) -> None:
        self.world.cameras[serial].yank(undeletes=undeletes)

    # --- work ----------------------------------------------------------------------------------

    @rule(at=stations, which=index, steps=a_few)
    def advance(self, at: str, which: int, steps: int) -> None:
        """One piece of work goes on for a few steps."""
        tasks = self.stations[at].tasks()
        if tasks:
            self.stations[at].advance(tasks[which % len(tasks)], steps=steps)

    @rule(serial=cameras, at=stations, steps=a_few)
    def dock_and_work(self, serial: str, at: str, steps: int) -> None:
        """A camera is docked, and its stay goes on for a few steps."""
        self.dock(serial, at, troubled=False)
        station = self.stations[self.world.cameras[serial].at or at]
        station.tasks()
        if serial in station.stays:
            station.advance(station.stays[serial], steps=steps)

    @rule(at=stations, steps=a_few)
    def upload(self, at: str, steps: int) -> None:
        """Everything on its way to a store goes on for a few steps."""
        self.stations[at].tasks()
        for work in list(self.stations[at].uploads.values()):
            self.stations[at].advance(work, steps=steps)

    @rule(serial=cameras, at=stations, back_at=stations, steps=a_few, undeletes=st.booleans())
    def interrupt(self, serial: str, at: str, back_at: str, steps: int, undeletes: bool) -> None:
        """A camera is pulled in the middle of its stay and docked again."""
        self.dock_and_work(serial, at, steps)
        self.yank(serial, undeletes)
        self.dock_and_work(serial, back_at, 60)

    @rule(rounds=st.integers(1, 3))
    def advance_all(self, rounds: int) -> None:
        """All work of all stations goes on for a while."""
        for at in STATIONS * rounds:
            for task in self.stations[at].tasks():
                self.stations[at].advance(task, steps=60)

    @rule(at=stations)
    def crash(self, at: str) -> None:
        self.stations[at].boot()

    @rule(seconds=st.sampled_from([1, 400]))
    def time_passes(self, seconds: int) -> None:
        self.world.now_s += seconds

    # --- ledgers and spools --------------------------------------------------------------------

    @rule(at=stations)
    def checkpoint(self, at: str) -> None:
        self.stations[at].checkpoint()

    @rule(at=stations)
    def back_up(self, at: str) -> None:
        self.saved[at] = self.stations[at].ledger.snapshot()

    @rule(at=stations)
    def restore(self, at: str) -> None:
        """Yesterday's ledger takes the place of today's; what people said since is not in it."""
        if at in self.saved:
            station = self.stations[at]
            station.ledger = self.saved[at].snapshot()
            for held_at in [where for where in self.world.held if where[0] == at]:
                del self.world.held[held_at]
            for where in [where for where in self.world.set_aside if where[0] == at]:
                self.world.set_aside[where] &= station.ledger.set_aside.get(where[1], frozenset())
            station.boot()

    @rule(at=stations)
    def swap_spool(self, at: str) -> None:
        station = self.stations[at]
        station.spool, self.spares[at] = self.spares[at], station.spool

    @rule(at=stations, which=index)
    def lose_spool_copy(self, at: str, which: int) -> None:
        kept = self.stations[at].spool.kept
        if kept:
            name = sorted(kept)[which % len(kept)]
            del kept[name]
            self.stations[at].spool.sidecars.pop(name, None)

    @rule(at=stations, corrupts=st.booleans())
    def spool_disk(self, at: str, corrupts: bool) -> None:
        self.stations[at].spool.corrupts = corrupts

    # --- stores and the network ----------------------------------------------------------------

    @rule(
        name=stores,
        behaviour=st.sampled_from(Behaviour),
        corrupts=st.booleans(),
        readable=st.booleans(),
        authentic=st.booleans(),
    )
    def store_turns(
        self, name: str, behaviour: Behaviour, corrupts: bool, readable: bool, authentic: bool
    ) -> None:
        store = self.world.stores[name]
        store.behaviour, store.corrupts = behaviour, corrupts
        store.readable, store.authentic = readable, authentic

    @rule(name=stores, reachable=st.booleans(), drops_replies=st.booleans())
    def network(self, name: str, reachable: bool, drops_replies: bool) -> None:
        self.world.stores[name].reachable = reachable
        self.world.stores[name].drops_replies = drops_replies

    @rule(name=stores, which=index, uploads=st.booleans())
    def store_loses(self, name: str, which: int, uploads: bool) -> None:
        store = self.world.stores[name]
        there: dict[str, object] = {**(store.uploads if uploads else store.objects)}
        if there:
            key = sorted(there)[which % len(there)]
            store.uploads.pop(key, None)
            store.objects.pop(key, None)

    @rule(at=stations)
    def audit(self, at: str) -> None:
        self.stations[at].audit()

    # --- people --------------------------------------------------------------------------------

    @rule(at=stations, which=index, kind=holds, release=st.booleans())
    def hold_or_release(self, at: str, which: int, kind: HoldKind, release: bool) -> None:
        station = self.stations[at]
        living = list(station.ledger.living())
        if living:
            number = living[which % len(living)].number
            (station.release if release else station.hold)(number, kind)

    @rule(at=stations, serial=cameras, which=index, kind=holds, free=st.booleans())
    def set_aside(self, at: str, serial: str, which: int, kind: HoldKind, free: bool) -> None:
        """A camera, or a docking that was, is set aside or set free."""
        # A station knows its own dockings; holds are shared between stations only later.
        dockings = sorted(docking for docking in self.world.seen_in if docking.startswith(at))
        subject = serial if which % 2 or not dockings else dockings[which % len(dockings)]
        station = self.stations[at]
        (station.set_free if free else station.set_aside)(subject, kind)

    @rule(required=st.integers(0, 2), two=st.booleans(), never=st.booleans())
    def configure(self, required: int, two: bool, never: bool) -> None:
        self.world.configured = frozenset(STORES if two else STORES[1:])
        self.world.required = required
        self.world.after = "never" if never else "receipt"

    @rule(at=stations, which=index)
    def purge(self, at: str, which: int) -> None:
        """Room is made, of whatever the core lets go."""
        proven = [
            clip
            for clip in self.stations[at].ledger.living()
            if clip.spool_copy is SpoolCopy.PROVEN
        ]
        if proven:
            clip = proven[which % len(proven)]
            try:
                self.stations[at].purge(clip.number)
            except IllegalFact:
                assert clip.holds or not clip.vouched_by or clip.camera_copy is CameraCopy.WIPING

    @rule(at=stations, which=index)
    def accept_partial(self, at: str, which: int) -> None:
        """A camera did not come back for a day: what there is of its clips is kept as partial."""
        station = self.stations[at]
        left = [
            clip
            for clip in station.ledger.living()
            if clip.spool_parts
            and not clip.copied
            and clip.sha256 is None
            and self.world.cameras[clip.camera].at != at
        ]
        if left and station.spool_is_ours:
            station.stays.pop(left[which % len(left)].camera, None)
            station.accept_partial(left[which % len(left)].number)

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    def every_record_is_sound(self) -> None:
        """Nothing is two pieces of evidence, and a kept copy is what its clip says, to the byte."""
        for station in getattr(self, "stations", {}).values():
            the_record_is_sound(station)

    def teardown(self) -> None:
        """Once faults stop, everything becomes stored and, where allowed, wiped."""
        if hasattr(self, "stations"):
            settle(self.world, self.stations)


def run(*, examples: int, steps: int) -> None:
    """Try so many histories of so many events each."""
    run_state_machine_as_test(
        WholeLife,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_order_of_events_breaks_a_promise() -> None:
    """In any order of events: both keys, one piece of evidence, and in the end all is stored."""
    run(examples=settings().max_examples, steps=40)


@pytest.mark.slow
def test_no_long_order_of_events_breaks_a_promise() -> None:
    """The same, for longer histories and many more of them."""
    run(examples=5 * settings().max_examples, steps=80)
