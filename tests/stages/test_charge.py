"""The charge plan carried out: what it cuts, what it never cuts, and what becomes of a docking."""

import asyncio
import math
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from dockd.core import facts
from dockd.core.charge_curve import ChargeCurve, power_w_at
from dockd.core.charge_words import PlanPolicy
from dockd.core.port_power import CutKind, Light, PortFault, PortMode, PortReading
from dockd.core.shifts import Shift
from dockd.core.slot import SlotState
from dockd.errors import ChargerUnreachable, CutForSafety, PortNotSwitchable, SpoolFull
from dockd.ports.charger import ChargerReading, ChargerTrouble
from dockd.stages.charge import COOLS_WITHIN_S, GIVE_WAY_S, Charge, ChargePolicy
from dockd.stages.docking import end_open_dockings
from dockd.stages.report import Report, ReportPolicy
from dockd.stages.slot_power import BACK_WITHIN_S, Paused, SlotPower
from dockd.stages.uplink import UplinkBoard
from dockd.stages.wellness import Wellness
from tests.stages.rig import Rig, rig_at, running, until

CAMERA_W = 7.5
FOR_ONE, FOR_BOTH = 8.0, 20.0


class RackCharger:
    """Switches the ports of the rig's rack: a camera without power is gone from it."""

    def __init__(self, rig: Rig, *slots: str) -> None:
        self.rig = rig
        self.cameras: dict[str, str | None] = dict.fromkeys(slots)
        self.off: dict[str, CutKind] = {}
        self.stuck: set[str] = set()
        self.lying: set[str] = set()
        self.found_stuck: set[str] = set()
        self.without_data: set[str] = set()
        self.percent: dict[str, float] = {}
        self.watts: dict[str, float] = {}
        self.faults: dict[str, frozenset[PortFault]] = {}
        self.temperature_c: float | None = None
        self.is_away = False
        self.switched: list[tuple[str, PortMode]] = []
        self.lights: dict[str, Light] = {}
        self.most_on: int | None = None

    @property
    def switchable(self) -> frozenset[PortMode]:
        return frozenset({PortMode.SYNC, PortMode.OFF})

    async def read(self) -> ChargerReading:
        if self.is_away:
            raise ChargerUnreachable("nobody is there")
        ports = {
            slot: PortReading(
                slot=slot,
                mode=self.mode(slot),
                is_attached=None if slot in self.off else camera is not None,
                power_w=self.watts_of(slot),
                power_error_w=None if self.watts_of(slot) is None else 0.02,
                faults=self.faults.get(slot, frozenset()),
            )
            for slot, camera in self.cameras.items()
        }
        found_out = tuple(
            ChargerTrouble(
                slot=slot, slug=PortNotSwitchable.slug, reason="its device is still there"
            )
            for slot in self.cameras
            if slot in self.found_stuck or (slot in self.off and slot in self.lying)
        )
        return ChargerReading(ports=ports, temperature_c=self.temperature_c, troubles=found_out)

    def watts_of(self, slot: str) -> float | None:
        """Return what the port of a camera of a known charge delivers."""
        if slot in self.watts:
            return self.watts[slot]
        if slot not in self.percent or slot in self.off:
            return None
        return power_w_at(ChargeCurve(), self.percent[slot])

    def mode(self, slot: str) -> PortMode:
        if slot in self.off:
            return PortMode.OFF
        return PortMode.CHARGE if slot in self.without_data else PortMode.SYNC

    def refuse(self, slot: str, mode: PortMode, *, kind: CutKind) -> None:
        """Refuse what a real one would."""
        if self.is_away:
            raise ChargerUnreachable("nobody is there")
        if slot in self.stuck:
            raise PortNotSwitchable(f"the port of slot {slot} stayed", slot=slot)
        is_safe = self.off.get(slot) is CutKind.SAFETY and kind is not CutKind.SAFETY
        if mode is not PortMode.OFF and is_safe:
            raise CutForSafety(f"the port of slot {slot} is cut for safety", slot=slot)

    async def switch(self, slot: str, mode: PortMode, *, kind: CutKind, lease_s: int) -> None:
        del lease_s
        self.refuse(slot, mode, kind=kind)
        was_off = slot in self.off
        self.switched.append((slot, mode))
        if mode is PortMode.OFF:
            # As with every real one, what is cut for safety stays so.
            if self.off.get(slot) is not CutKind.SAFETY:
                self.off[slot] = kind
            if not was_off and self.cameras[slot] is not None and slot not in self.lying:
                self.rig.rack.undock(slot)
        elif was_off:
            del self.off[slot]
        if mode is PortMode.SYNC and (was_off or slot in self.without_data):
            self.without_data.discard(slot)
            if (camera := self.cameras[slot]) is not None and slot not in self.lying:
                self.rig.rack.dock(slot, camera)

    def keep_within(self, *, most_on: int) -> None:
        self.most_on = most_on

    async def light(self, slot: str, light: Light) -> None:
        self.lights[slot] = light

    async def close(self) -> None:
        return

    def put_in(self, slot: str, camera: str) -> None:
        """Put a camera into a slot; without power nobody sees it."""
        self.cameras[slot] = camera
        if self.mode(slot) is PortMode.SYNC:
            self.rig.rack.dock(slot, camera)

    def take_out(self, slot: str) -> None:
        """Take it out again."""
        self.cameras[slot] = None
        if slot not in self.off:
            self.rig.rack.undock(slot)


class Station:
    """A rig with a charger, whose turns the test takes."""

    def __init__(self, rig: Rig, charger: RackCharger, *, budget_w: float) -> None:
        self.rig = rig
        self.charger = charger
        self.charge = Charge(
            charger,
            ledger=rig.ledger,
            board=rig.board,
            power=rig.slot_power,
            problems=rig.problems,
            clock=rig.clock,
            policy=ChargePolicy(plan=PlanPolicy(budget_w=budget_w, camera_w=CAMERA_W)),
        )

    def film(self, slot: str, camera: str) -> Path:
        """Put a clip on a camera that belongs in a slot."""
        clip = self.rig.rack.folder(slot, camera) / "DCIM/clip.mp4"
        clip.parent.mkdir(parents=True, exist_ok=True)
        clip.write_bytes(camera.encode() * 1000)
        return clip

    def state(self, slot: str) -> SlotState:
        """Return what a slot shows."""
        return {one.slot: one.state for one in self.rig.board.snapshots()}[slot]

    def kinds(self, kind: str) -> int:
        """Count the facts of exactly a kind."""
        return sum(fact.kind == kind for fact in self.rig.committed)

    async def turns_until(self, holds: Callable[[], bool], *, what: str) -> None:
        """Take turns, three seconds each, until something is so; an hour at most."""
        for _ in range(1200):
            if holds():
                return
            await self.charge.turn()
            await self.rig.clock.sleep(3.0)
        raise AssertionError(f"it never came about that {what}")

    def give_both(self) -> None:
        """Have the budget suffice for both."""
        plan = PlanPolicy(budget_w=FOR_BOTH, camera_w=CAMERA_W)
        self.charge.policy = ChargePolicy(plan=plan)

    async def ready(self, slot: str, *, more_than: int) -> None:
        """Wait for one more docking than there were, and for its slot to be ready."""
        await until(lambda: self.kinds("docked") > more_than, what="it is docked")
        await until(lambda: self.state(slot) is SlotState.READY, what="it is ready")

    async def offloaded(self, count: int) -> None:
        """Wait for dockings to be offloaded and at rest."""
        await until(
            lambda: (
                self.rig.count(facts.DockingOffloaded) >= count
                and not any(map(self.rig.slot_power.is_at_work, self.charger.cameras))
            ),
            what="they are offloaded",
        )


@asynccontextmanager
async def station(folder: Path, *, budget_w: float) -> AsyncIterator[Station]:
    """Lend a station with the slots A1 and A2, of which nothing runs yet."""
    async with rig_at(folder) as rig:
        yield Station(rig, RackCharger(rig, "A1", "A2"), budget_w=budget_w)


async def one_cut(it: Station) -> tuple[str, str]:
    """Have both slots filled and offloaded, and one cut; return that slot and the other."""
    for slot in ("A1", "A2"):
        it.film(slot, f"CAM-{slot}")
        it.charger.put_in(slot, f"CAM-{slot}")
    await it.offloaded(2)
    await it.turns_until(lambda: bool(it.charger.off), what="one of two is cut")
    (cut,) = it.charger.off
    await until(lambda: it.kinds("docking-paused") == 1, what="its docking pauses")
    return cut, "A1" if cut == "A2" else "A2"


@pytest.mark.asyncio
async def test_a_cut_is_no_undocking_and_its_end_no_arrival(tmp_path: Path) -> None:
    """A camera cut for the budget is unknown, comes back with the power, and has never left."""
    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        cut, _ = await one_cut(it)
        assert it.state(cut) is SlotState.UNKNOWN
        it.give_both()
        await it.turns_until(lambda: cut not in it.charger.off, what="it has power again")
        await until(lambda: it.kinds("docking-continued") == 1, what="its docking goes on")
        (goes_on,) = (one for one in it.rig.committed if isinstance(one, facts.DockingContinued))
        row = await it.rig.ledger.docking(goes_on.docking)
        assert (goes_on.camera, goes_on.slot) == (f"CAM-{cut}", cut)
        assert row is not None
        assert row.continues == goes_on.continues != goes_on.docking
        assert (it.kinds("docked"), it.kinds("undocked"), it.kinds("left-while-cut")) == (2, 0, 0)


@pytest.mark.asyncio
async def test_nothing_is_wiped_after_a_cut_that_was_not_hashed_after_it(tmp_path: Path) -> None:
    """A file that changed behind a cut port is other footage, however like the old one it looks."""
    async with station(tmp_path, budget_w=FOR_ONE) as it:
        async with running(it.rig, uploads=False):
            cut, _ = await one_cut(it)
            clip = it.film(cut, f"CAM-{cut}")
            (known,) = (one for one in await it.rig.clips() if one.slot == cut)
            clip.write_bytes(b"x" * known.size_bytes)
            os.utime(clip, ns=(known.mtime_ns, known.mtime_ns))
            it.charge.policy = ChargePolicy(plan=PlanPolicy(budget_w=FOR_BOTH, camera_w=CAMERA_W))
            await it.turns_until(lambda: not it.charger.off, what="both have power")
            await until(lambda: it.kinds("docking-continued") == 1, what="it goes on")
        async with running(it.rig):
            it.charger.put_in(cut, f"CAM-{cut}")
            await until(lambda: not clip.exists(), what="what is there now is stored and cleared")
        clips = [one for one in await it.rig.clips() if one.slot == cut]
        assert len(clips) == 2
        assert len({one.sha256 for one in clips}) == 2


@pytest.mark.asyncio
async def test_an_offload_is_never_interrupted(tmp_path: Path) -> None:
    """While a camera is read its port stays on, whatever the budget; then it may be cut."""
    reading: set[str] = set()
    go_on = threading.Event()

    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        camera = it.rig.rack.camera_class

        class Slow(camera):  # type: ignore[misc, valid-type]  # the rig's own, with a hook
            def listing(self) -> object:
                reading.add(self.slot)
                assert go_on.wait(20)
                return super().listing()

        it.rig.rack.camera_class = Slow
        for slot in ("A1", "A2"):
            it.film(slot, f"CAM-{slot}")
            it.charger.put_in(slot, f"CAM-{slot}")
        await until(lambda: reading == {"A1", "A2"}, what="both are read")
        for _ in range(50):
            await it.charge.turn()
            await it.rig.clock.sleep(3.0)
        assert not it.charger.switched
        go_on.set()
        await it.offloaded(2)
        await it.turns_until(lambda: bool(it.charger.off), what="one is cut then")
        await until(lambda: it.kinds("docking-paused") == 1, what="its docking pauses")
        assert it.kinds("docking-offloaded") == 2


@pytest.mark.asyncio
async def test_a_stay_that_is_broken_off_keeps_its_power_until_it_let_go(tmp_path: Path) -> None:
    """A refused camera is still in its slot, and a thread may still be writing to it."""
    go_on = threading.Event()
    closing = threading.Event()

    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        camera = it.rig.rack.camera_class

        class Slow(camera):  # type: ignore[misc, valid-type]  # the rig's own, with a hook
            def close(self) -> None:
                if self.slot == "A1":
                    closing.set()
                    assert go_on.wait(20)
                super().close()

        it.rig.rack.camera_class = Slow
        for slot in ("A1", "A2"):
            it.film(slot, f"CAM-{slot}")
            it.charger.put_in(slot, f"CAM-{slot}")
        await it.offloaded(2)
        it.rig.rack.undock("A1")
        await until(closing.is_set, what="its camera is let go of")
        # Power for nobody: whatever may be cut is.
        plan = PlanPolicy(budget_w=1.0, camera_w=CAMERA_W)
        it.charge.policy = ChargePolicy(plan=plan)
        await it.turns_until(lambda: "A2" in it.charger.off, what="the other is cut")
        for _ in range(10):
            await it.charge.turn()
            await it.rig.clock.sleep(3.0)
        assert "A1" not in it.charger.off
        go_on.set()
        await it.turns_until(lambda: "A1" in it.charger.off, what="it may be cut then")


@pytest.mark.asyncio
async def test_cameras_take_turns_while_no_store_answers(tmp_path: Path) -> None:
    """With power for one, each of two has some within the hour, footage to be wiped or not."""
    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        cut, other = await one_cut(it)
        await it.turns_until(lambda: set(it.charger.off) == {other}, what="they change places")
        await until(lambda: it.kinds("docking-continued") == 1, what="the other is back")
        assert [one for one in it.charger.switched if one[0] == cut][-1] == (cut, PortMode.SYNC)
        assert it.kinds("undocked") == 0


@pytest.mark.asyncio
async def test_a_yank_behind_a_cut_port_is_noticed_with_the_power(tmp_path: Path) -> None:
    """Who took a camera out of a cut slot is found out when that slot shows nobody with power."""
    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        cut, _ = await one_cut(it)
        it.charger.take_out(cut)
        assert it.state(cut) is SlotState.UNKNOWN
        it.give_both()
        await it.turns_until(lambda: it.kinds("left-while-cut") == 1, what="it is missed")
        assert it.kinds("docking-continued") == 0
        assert it.state(cut) is SlotState.EMPTY


@pytest.mark.asyncio
async def test_a_camera_is_where_it_was_seen_last(tmp_path: Path) -> None:
    """A camera seen elsewhere has left the slot that was cut, and is a new arrival there."""
    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        cut, _ = await one_cut(it)
        it.charger.cameras[cut] = None
        it.rig.rack.dock("B1", f"CAM-{cut}")
        await until(lambda: it.kinds("left-while-cut") == 1, what="it is known to have left")
        (left,) = (one for one in it.rig.committed if isinstance(one, facts.LeftWhileCut))
        assert "B1" in left.reason
        assert (it.kinds("docked"), it.kinds("docking-continued")) == (3, 0)
        assert it.state(cut) is SlotState.UNKNOWN


@pytest.mark.asyncio
async def test_a_hub_that_only_charges_is_given_its_data_line(tmp_path: Path) -> None:
    """A charging hub comes up with power and no data; its cameras are read all the same."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        it.charger.without_data = {"A1", "A2"}
        for slot in ("A1", "A2"):
            # As a configured slot is: known, and seen empty.
            it.rig.board.has_power(slot)
        it.film("A1", "CAM-A1")
        it.charger.put_in("A1", "CAM-A1")
        await it.turns_until(lambda: not it.charger.without_data, what="both have data")
        await it.offloaded(1)
        assert set(it.charger.switched) == {("A1", PortMode.SYNC), ("A2", PortMode.SYNC)}


@pytest.mark.asyncio
async def test_a_port_that_does_not_switch_is_said_once_and_left_on(tmp_path: Path) -> None:
    """A hub that accepts a command and does nothing is one problem, and costs no docking."""
    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        it.charger.stuck = {"A1", "A2"}
        for slot in ("A1", "A2"):
            it.film(slot, f"CAM-{slot}")
            it.charger.put_in(slot, f"CAM-{slot}")
        await it.offloaded(2)
        await it.turns_until(
            lambda: "port-not-switchable" in it.rig.open_problems(), what="it is said"
        )
        for _ in range(20):
            await it.charge.turn()
            await it.rig.clock.sleep(3.0)
        said = [
            fields["subject"]
            for event, fields in it.rig.journal.said
            if event == "problem-opened" and fields["slug"] == "port-not-switchable"
        ]
        assert len(said) == len(set(said))
        assert it.kinds("docking-paused") == 0
        assert not it.charger.switched
        # Between two listings, of which the rig makes many.
        await until(
            lambda: {it.state("A1"), it.state("A2")} == {SlotState.READY}, what="both are ready"
        )


@pytest.mark.asyncio
async def test_a_port_that_only_says_that_it_is_off_hides_no_camera(tmp_path: Path) -> None:
    """Found out, such a slot shows again the camera that was there all the time."""
    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        it.charger.lying = {"A1", "A2"}
        for slot in ("A1", "A2"):
            it.film(slot, f"CAM-{slot}")
            it.charger.put_in(slot, f"CAM-{slot}")
        await it.offloaded(2)
        await it.turns_until(
            lambda: "port-not-switchable" in it.rig.open_problems(), what="it is found out"
        )
        await it.turns_until(lambda: not it.charger.off, what="the cut is taken back")
        await until(
            lambda: {it.state("A1"), it.state("A2")} == {SlotState.READY}, what="both are shown"
        )
        assert {one.camera for one in it.rig.board.snapshots()} == {"CAM-A1", "CAM-A2"}
        assert all(one.docking for one in it.rig.board.snapshots())
        assert (it.kinds("docking-paused"), it.kinds("undocked")) == (0, 0)


@pytest.mark.asyncio
async def test_a_charger_that_is_silent_is_said_until_it_answers(tmp_path: Path) -> None:
    """Nothing is switched blindly, and the problem ends with its cause."""
    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        await it.charge.turn()
        it.charger.is_away = True
        await it.charge.turn()
        assert it.rig.open_problems() == {"charger-unreachable"}
        it.charger.is_away = False
        await it.charge.turn()
        assert "charger-unreachable" not in it.rig.open_problems()


@pytest.mark.asyncio
async def test_readiness_is_forecast_and_its_error_recorded(tmp_path: Path) -> None:
    """A slot says when its camera will be ready; what came of it is a fact of its docking."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        soon = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
        it.charge.policy = ChargePolicy(
            plan=PlanPolicy(budget_w=FOR_BOTH, camera_w=CAMERA_W),
            shifts=(Shift(start=soon.time(), cameras=1, days=frozenset(range(7))),),
        )
        it.film("A1", "CAM-A1")
        it.charger.put_in("A1", "CAM-A1")
        await it.offloaded(1)
        for percent in (84.0, 88.0, 92.0, 99.5):
            it.charger.percent["A1"] = percent
            for _ in range(100):
                await it.charge.turn()
                await it.rig.clock.sleep(3.0)
            if percent == 88.0:
                forecast = it.charge.slots["A1"].ready_at_s
                assert forecast is not None
                assert forecast > it.rig.clock.monotonic_s()
        assert it.charge.slots["A1"].is_sufficient
        it.charger.take_out("A1")
        await until(lambda: it.kinds("undocked") == 1, what="it has left")
        await it.charge.turn()
        (measured,) = (one for one in it.rig.committed if isinstance(one, facts.ChargeMeasured))
        row = await it.rig.ledger.docking(measured.docking)
        assert row is not None
        assert row.charge == measured
        assert measured.forecast_s
        assert measured.ready_s
        assert list(it.charge.forecast_errors_s) == [abs(measured.ready_s - measured.forecast_s)]


@pytest.mark.asyncio
async def test_the_least_used_camera_is_to_be_taken_first(tmp_path: Path) -> None:
    """Of two that suffice, the one that was out more often is taken second."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        report = report_of(it)
        for slot in ("A1", "A1", "A2"):
            it.film(slot, f"CAM-{slot}")
            if it.charger.cameras[slot]:
                it.charger.take_out(slot)
                await until(lambda: it.kinds("undocked") == 1, what="it has left")
            it.charger.put_in(slot, f"CAM-{slot}")
            docked = it.kinds("docked")
            await it.ready(slot, more_than=docked)
        it.charger.percent = {"A1": 96.0, "A2": 90.0}
        await it.charge.turn()
        await it.offloaded(1)
        orders = {one.slot: one.issue for one in (await report.slots()).slots}
        assert orders == {"A1": 2, "A2": 1}


def report_of(it: Station) -> Report:
    """Make the report of a station's slots; what it says beyond them is not asked for."""
    report = Report(
        ledger=it.rig.ledger,
        spool=it.rig.spool,
        board=it.rig.board,
        problems=it.rig.problems,
        uplink=cast("UplinkBoard", None),
        clock=it.rig.clock,
        policy=ReportPolicy(
            station="rig",
            site="",
            version="",
            required=1,
            stores=frozenset(it.rig.stores),
            wiping=True,
            power_driver="usb-port",
            budget_w=FOR_BOTH,
        ),
        wellness=cast("Wellness", None),
        shared_holds=it.rig.shared_holds,
    )
    report.charge = it.charge
    return report


@pytest.mark.asyncio
@pytest.mark.parametrize("watts", [math.nan, 65.535 * 5, -1.0, math.inf])
async def test_numbers_that_cannot_be_are_said_once_and_not_used(
    tmp_path: Path, watts: float
) -> None:
    """A hub that talks nonsense is one problem of that slot until it stops; nothing is cut."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        it.film("A1", "CAM-A1")
        it.charger.put_in("A1", "CAM-A1")
        await it.offloaded(1)
        it.charger.watts["A1"] = watts
        for _ in range(20):
            await it.charge.turn()
            await it.rig.clock.sleep(3.0)
        said = [fields for event, fields in it.rig.journal.said if event == "problem-opened"]
        assert [one["slug"] for one in said] == ["charge-reading-refused"]
        assert not it.charger.switched
        del it.charger.watts["A1"]
        await it.charge.turn()
        assert not it.rig.open_problems()


@pytest.mark.asyncio
async def test_a_torn_sensor_cuts_nothing_and_is_said(tmp_path: Path) -> None:
    """-40 C is what a torn-off thermistor reads, and no cold night."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        it.rig.board.has_power("A1")
        it.charger.temperature_c = -40.0
        await it.charge.turn()
        assert it.rig.open_problems() == {"charge-reading-refused"}
        assert not it.charger.switched


@pytest.mark.asyncio
@pytest.mark.parametrize("warmth_c", [None, 20.0])
async def test_a_safety_cut_of_an_earlier_dockd_is_lifted_when_it_has_cooled(
    tmp_path: Path, warmth_c: float | None
) -> None:
    """A slot that is found cut for safety has no power for an hour, then it has; a lease at once.

    So it is where nothing measures a temperature, as on a hub's plain ports.
    """
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        it.charger.temperature_c = warmth_c
        it.charger.off = {"A1": CutKind.SAFETY, "A2": CutKind.BUDGET}
        for slot in ("A1", "A2"):
            it.rig.board.has_power(slot)
        began_s = it.rig.clock.monotonic_s()
        await it.turns_until(lambda: "A2" not in it.charger.off, what="the lease is given back")
        assert it.rig.clock.monotonic_s() - began_s < 60
        assert it.rig.open_problems() == {"cut-for-safety"}
        for _ in range(2):
            await it.turns_until(
                lambda: it.rig.clock.monotonic_s() - began_s > COOLS_WITHIN_S - 10, what="it cools"
            )
        assert "A1" in it.charger.off
        await it.turns_until(lambda: "A1" not in it.charger.off, what="it is lifted")
        await it.charge.turn()
        assert not it.rig.open_problems()


@pytest.mark.asyncio
async def test_a_rack_that_has_cooled_has_power_in_every_slot_again(tmp_path: Path) -> None:
    """What waits for its turn to come back is still cut for safety, and given back as that."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        for slot in ("A1", "A2"):
            it.film(slot, f"CAM-{slot}")
            it.charger.put_in(slot, f"CAM-{slot}")
        await it.offloaded(2)
        it.charger.temperature_c = 46.0
        await it.turns_until(lambda: len(it.charger.off) == 2, what="both are too hot")
        it.charger.temperature_c = 41.0
        await it.turns_until(lambda: not it.charger.off, what="both have power again")
        await until(lambda: it.kinds("docking-continued") == 2, what="both are back")
        assert not it.rig.problems.any_about("port")
        assert it.charger.most_on == 2


@pytest.mark.asyncio
async def test_a_read_that_hangs_keeps_no_burning_camera_on_its_power(tmp_path: Path) -> None:
    """A danger asks the read to end; one that does not is cut off after a minute, and proves none.

    Whatever was read until then is not taken for a copy: with the power back it is read again.
    """
    reading, go_on = threading.Event(), threading.Event()

    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        camera = it.rig.rack.camera_class

        class Hanging(camera):  # type: ignore[misc, valid-type]  # the rig's own, with a hook
            def listing(self) -> object:
                reading.set()
                assert go_on.wait(20)
                return super().listing()

        it.rig.rack.camera_class = Hanging
        it.film("A1", "CAM-A1")
        it.charger.put_in("A1", "CAM-A1")
        await until(reading.is_set, what="it is read")
        it.charger.faults["A1"] = frozenset({PortFault.OVER_CURRENT})
        began_s = it.rig.clock.monotonic_s()
        await it.charge.turn()
        assert it.rig.slot_power.must_yield("A1")
        assert not it.charger.switched
        await it.turns_until(lambda: "A1" in it.charger.off, what="it is cut")
        assert it.rig.clock.monotonic_s() - began_s >= GIVE_WAY_S
        assert it.charger.off == {"A1": CutKind.SAFETY}
        assert "cut-while-busy" in it.rig.open_problems()
        go_on.set()
        await until(lambda: it.kinds("docking-paused") == 1, what="its docking pauses")
        assert it.kinds("clip-verified") == 0
        assert it.kinds("docking-offloaded") == 0


@pytest.mark.asyncio
async def test_a_read_that_gives_way_is_not_interrupted_even_for_safety(tmp_path: Path) -> None:
    """The cut comes when the read has ended by itself, between two of its steps."""
    reading, go_on = threading.Event(), threading.Event()

    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        camera = it.rig.rack.camera_class

        class Slow(camera):  # type: ignore[misc, valid-type]  # the rig's own, with a hook
            def listing(self) -> object:
                reading.set()
                assert go_on.wait(20)
                return super().listing()

        it.rig.rack.camera_class = Slow
        it.film("A1", "CAM-A1")
        it.charger.put_in("A1", "CAM-A1")
        await until(reading.is_set, what="it is read")
        it.charger.faults["A1"] = frozenset({PortFault.OVER_CURRENT})
        await it.charge.turn()
        assert not it.charger.switched
        go_on.set()
        await until(lambda: not it.rig.slot_power.is_at_work("A1"), what="it gives way")
        began_s = it.rig.clock.monotonic_s()
        await it.turns_until(lambda: "A1" in it.charger.off, what="it is cut")
        assert it.rig.clock.monotonic_s() - began_s < GIVE_WAY_S


@pytest.mark.asyncio
async def test_work_that_begins_after_a_failed_cut_is_asked_before_it_is_cut_off(
    tmp_path: Path,
) -> None:
    """Whoever was asked to give way did; who comes later has a minute of its own to do so."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        power = it.rig.slot_power
        it.charger.cameras["A1"] = "CAM-A1"
        it.rig.board.docked("A1", camera="CAM-A1", docking="docking")
        it.charger.faults["A1"] = frozenset({PortFault.OVER_CURRENT})
        it.charger.stuck = {"A1"}
        async with power.work("A1"):
            await it.charge.turn()
            assert power.must_yield("A1")
        await it.charge.turn()
        assert "port-not-switchable" in it.rig.open_problems()
        assert not power.must_yield("A1")
        it.charger.stuck.clear()
        await it.rig.clock.sleep(3601.0)
        async with power.work("A1"):
            await it.charge.turn()
            assert power.must_yield("A1")
            assert not it.charger.off
        await it.charge.turn()
        assert "A1" in it.charger.off


@pytest.mark.asyncio
async def test_a_read_that_hangs_stays_asked_when_its_cut_fails(tmp_path: Path) -> None:
    """What could not be cut off is tried again as soon as it may switch, not a minute later."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        power = it.rig.slot_power
        it.charger.cameras["A1"] = "CAM-A1"
        it.rig.board.docked("A1", camera="CAM-A1", docking="docking")
        it.charger.faults["A1"] = frozenset({PortFault.OVER_CURRENT})
        it.charger.stuck = {"A1"}
        async with power.work("A1"):
            await it.turns_until(
                lambda: "port-not-switchable" in it.rig.open_problems(), what="its cut fails"
            )
            assert power.must_yield("A1")
            it.charger.stuck.clear()
            await it.rig.clock.sleep(3601.0)
            await it.charge.turn()
            assert "A1" in it.charger.off


@pytest.mark.asyncio
async def test_a_charger_that_falls_silent_keeps_no_slot_from_its_work(tmp_path: Path) -> None:
    """Work that gave way to a cut that cannot come goes on; a read that hangs stays asked."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        power = it.rig.slot_power
        for slot in ("A1", "A2"):
            it.charger.cameras[slot] = f"CAM-{slot}"
            it.rig.board.docked(slot, camera=f"CAM-{slot}", docking=f"docking-{slot}")
            it.charger.faults[slot] = frozenset({PortFault.OVER_CURRENT})
        async with power.work("A2"):
            async with power.work("A1"):
                await it.charge.turn()
                assert power.must_yield("A1")
            it.charger.is_away = True
            await it.charge.turn()
            assert not power.must_yield("A1")
            assert power.must_yield("A2")
            async with asyncio.timeout(5), power.work("A1"):
                pass
        await it.charge.turn()
        assert not power.must_yield("A2")


@pytest.mark.asyncio
async def test_a_port_found_not_to_switch_keeps_no_slot_from_its_work(tmp_path: Path) -> None:
    """Nothing is ordered of such a port for an hour, and its camera is read meanwhile."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        power = it.rig.slot_power
        it.charger.cameras["A1"] = "CAM-A1"
        it.rig.board.docked("A1", camera="CAM-A1", docking="docking")
        it.charger.faults["A1"] = frozenset({PortFault.OVER_CURRENT})
        async with power.work("A1"):
            await it.charge.turn()
            assert power.must_yield("A1")
        it.charger.found_stuck = {"A1"}
        await it.charge.turn()
        assert not it.charger.switched
        assert not power.must_yield("A1")


@pytest.mark.asyncio
async def test_a_camera_awaited_in_a_slot_that_is_cut_again_has_not_left(tmp_path: Path) -> None:
    """A dark slot shows nobody: its camera's time to come back begins anew with its power."""
    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        cut, _ = await one_cut(it)
        # It is slow to enumerate: with the power nobody is seen yet.
        camera, it.charger.cameras[cut] = it.charger.cameras[cut], None
        it.give_both()
        await it.turns_until(lambda: cut not in it.charger.off, what="it has power again")
        assert it.rig.slot_power.is_awaited(cut)
        it.charger.faults[cut] = frozenset({PortFault.OVER_CURRENT})
        await it.turns_until(lambda: cut in it.charger.off, what="it is cut again")
        it.charger.cameras[cut] = camera
        for _ in range(20):
            await it.charge.turn()
            await it.rig.clock.sleep(3.0)
        assert it.kinds("left-while-cut") == 0
        assert it.state(cut) is SlotState.UNKNOWN
        assert [one.camera for one in it.rig.slot_power.away()] == [camera]
        assert not it.rig.slot_power.is_awaited(cut)


@pytest.mark.asyncio
async def test_a_cut_that_fails_under_an_awaited_camera_goes_on_awaiting_it() -> None:
    """Whatever was tried with its port, a camera that does not come back is missed."""
    power = SlotPower()
    gone = Paused(slot="A1", camera="CAM-A1", docking="docking")
    async with power.cutting("A1", CutKind.BUDGET):
        power.pause(gone)
    power.restored("A1", now_s=0.0)
    with pytest.raises(PortNotSwitchable):
        async with power.cutting("A1", CutKind.BUDGET):
            raise PortNotSwitchable("it stayed", slot="A1")
    power.restored("A1", now_s=10.0)
    assert power.overdue(now_s=10.0 + BACK_WITHIN_S) == [gone]
    assert power.away() == ()


def unrecordable(it: Station, kind: type[facts.Fact], *, times: int) -> list[facts.Fact]:
    """Have the ledger refuse a kind of fact so often; return what it refused so far."""
    record = it.rig.ledger.record
    refused: list[facts.Fact] = []

    async def refusing(*recorded: facts.Fact) -> None:
        if len(refused) < times and any(isinstance(one, kind) for one in recorded):
            refused.extend(one for one in recorded if isinstance(one, kind))
            raise SpoolFull("the disk is full")
        await record(*recorded)

    it.rig.ledger.record = refusing  # type: ignore[method-assign]  # until the rig is gone
    return refused


@pytest.mark.asyncio
async def test_a_camera_that_left_in_the_dark_is_recorded_when_the_ledger_can(
    tmp_path: Path,
) -> None:
    """A ledger that refuses once that a camera was missed is told it again."""
    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        cut, _ = await one_cut(it)
        it.charger.take_out(cut)
        it.give_both()
        refused = unrecordable(it, facts.LeftWhileCut, times=1)
        with pytest.raises(SpoolFull):
            await it.turns_until(lambda: bool(refused), what="it is refused")
        await it.turns_until(lambda: it.kinds("left-while-cut") == 1, what="it is missed")
        assert it.rig.slot_power.away() == ()


@pytest.mark.asyncio
async def test_a_camera_that_was_back_for_a_moment_is_missed_all_the_same(tmp_path: Path) -> None:
    """One that leaves before it could be recorded that it is back has left while cut."""
    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        cut, _ = await one_cut(it)
        refused = unrecordable(it, facts.DockingContinued, times=10_000)
        it.give_both()
        await it.turns_until(lambda: bool(refused), what="it is back, which is refused")
        it.charger.take_out(cut)
        await it.turns_until(lambda: it.kinds("left-while-cut") == 1, what="it is missed")
        assert it.kinds("docking-continued") == 0


@pytest.mark.asyncio
async def test_a_pause_ends_with_the_dockd_that_made_it(tmp_path: Path) -> None:
    """What was cut when dockd stopped is nobody's to continue, and its docking says so, once."""
    async with station(tmp_path, budget_w=FOR_ONE) as it:
        async with running(it.rig, uploads=False):
            await one_cut(it)
            it.give_both()
            await it.turns_until(lambda: not it.charger.off, what="both have power")
            await until(lambda: it.kinds("docking-continued") == 1, what="its docking goes on")
            it.charge.policy = ChargePolicy(plan=PlanPolicy(budget_w=FOR_ONE, camera_w=CAMERA_W))
            await it.turns_until(lambda: bool(it.charger.off), what="one of two is cut again")
            await until(lambda: it.kinds("docking-paused") == 2, what="its docking pauses")
        paused = [one for one in it.rig.committed if isinstance(one, facts.DockingPaused)][-1]
        for _ in range(2):
            await end_open_dockings(it.rig.ledger)
        (left,) = (one for one in it.rig.committed if isinstance(one, facts.LeftWhileCut))
        assert left == facts.LeftWhileCut(docking=paused.docking, reason="dockd was away")
        row = await it.rig.ledger.docking(paused.docking)
        assert row is not None
        assert row.end_reason == "dockd was away"


@pytest.mark.asyncio
async def test_a_stay_that_was_never_recorded_to_begin_does_not_pause(tmp_path: Path) -> None:
    """Cut while the ledger refuses its beginning, a camera is a new arrival when it is back."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        refused = unrecordable(it, facts.Docked, times=10_000)
        it.film("A1", "CAM-A1")
        it.charger.put_in("A1", "CAM-A1")
        await until(lambda: bool(refused), what="its docking is refused")
        it.charger.temperature_c = 46.0
        await it.turns_until(lambda: "A1" in it.charger.off, what="it is cut")
        await until(lambda: it.state("A1") is SlotState.UNKNOWN, what="its stay has ended")
        await until(lambda: not it.rig.slot_power.is_at_work("A1"), what="nobody is at work")
        assert it.rig.slot_power.away() == ()
        refused.extend([refused[0]] * 10_000)
        it.charger.temperature_c = 20.0
        await it.turns_until(lambda: not it.charger.off, what="it has power")
        await until(lambda: it.kinds("docked") == 1, what="it is docked")
        assert it.kinds("docking-paused") == it.kinds("docking-continued") == 0


@pytest.mark.asyncio
async def test_what_an_earlier_run_said_of_a_port_ends_with_its_cause(tmp_path: Path) -> None:
    """A problem that was open when dockd was killed closes at the first look that finds it gone."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        for slug, subject in (
            ("charge-temperature", "port A1"),
            ("power-budget", "charger"),
            ("slot-worn", "port A1"),
        ):
            await it.rig.problems.open(slug, subject=subject, reason="as an earlier run found it")
        await it.charge.turn()
        assert [one.slug for one in it.rig.problems.current()] == ["slot-worn"]


@pytest.mark.asyncio
async def test_a_wipe_that_hangs_is_cut_off_said_and_done_again(tmp_path: Path) -> None:
    """A wipe is asked to end between two files; one that cannot costs its clip nothing but time."""
    wiping, go_on = threading.Event(), threading.Event()

    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig):
        camera = it.rig.rack.camera_class

        class Hanging(camera):  # type: ignore[misc, valid-type]  # the rig's own, with a hook
            def writable(self) -> object:
                wiping.set()
                assert go_on.wait(20)
                return super().writable()

        it.rig.rack.camera_class = Hanging
        clip = it.film("A1", "CAM-A1")
        it.charger.put_in("A1", "CAM-A1")
        await until(wiping.is_set, what="it is wiped")
        it.charger.temperature_c = 46.0
        began_s = it.rig.clock.monotonic_s()
        await it.turns_until(lambda: "A1" in it.charger.off, what="it is cut")
        assert it.rig.clock.monotonic_s() - began_s >= GIVE_WAY_S
        await it.charge.turn()
        assert "cut-while-busy" in it.rig.open_problems()
        go_on.set()
        await until(lambda: it.kinds("docking-paused") == 1, what="its docking pauses")
        assert it.kinds("clip-wiped") == 0
        it.charger.temperature_c = 20.0
        await it.turns_until(lambda: not it.charger.off, what="it has power again")
        await it.charge.turn()
        assert "cut-while-busy" not in it.rig.open_problems()
        await until(lambda: it.kinds("clip-wiped") == 1, what="it is clear after all")
        assert not clip.exists()
