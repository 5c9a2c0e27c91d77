"""Ports that are switched: never under work that goes on, always for safety, and never for good."""

import asyncio
import threading
from pathlib import Path

import pytest

from dockd.core.charge_words import PlanPolicy
from dockd.core.port_power import CutKind, PortFault, PortMode
from dockd.core.slot import SlotState
from dockd.errors import PortNotSwitchable
from dockd.stages.charge import ChargePolicy
from dockd.stages.port_switching import COOLS_WITHIN_S, GIVE_WAY_S
from dockd.stages.slot_power import BACK_WITHIN_S, Paused, SlotPower
from tests.stages.charging import (
    CAMERA_W,
    FOR_BOTH,
    FOR_ONE,
    Station,
    one_cut,
    station,
)
from tests.stages.rig import running, until


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


async def burns_while_read(it: Station, reading: threading.Event, go_on: threading.Event) -> None:
    """Have a camera draw too much while it is listed, for as long as the test wants it to be."""
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


@pytest.mark.asyncio
async def test_a_read_that_hangs_keeps_no_burning_camera_on_its_power(tmp_path: Path) -> None:
    """A danger asks the read to end; one that does not is cut off after a minute, and proves none.

    Whatever was read until then is not taken for a copy: with the power back it is read again.
    """
    reading, go_on = threading.Event(), threading.Event()

    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        await burns_while_read(it, reading, go_on)
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
        await burns_while_read(it, reading, go_on)
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
async def test_a_danger_in_a_slot_that_does_not_switch_is_not_forgotten(tmp_path: Path) -> None:
    """A hub that does nothing leaves a burning camera on: that is said, and it is cut when it can.

    What drew too much once is not safe because an hour passed in which nobody could cut it.
    """
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        it.charger.cameras["A1"] = "CAM-A1"
        it.rig.board.docked("A1", camera="CAM-A1", docking="docking")
        it.charger.stuck = {"A1"}
        it.charger.faults["A1"] = frozenset({PortFault.OVER_CURRENT})
        await it.charge.turn()
        it.charger.faults.clear()
        await it.charge.turn()
        said = {problem.slug: problem.reason for problem in it.rig.problems.current()}
        assert set(said) == {"port-not-switchable", "charge-over-current"}
        assert "take the camera out" in said["charge-over-current"]
        it.charger.stuck.clear()
        await it.rig.clock.sleep(3601.0)
        await it.charge.turn()
        assert it.charger.off == {"A1": CutKind.SAFETY}


@pytest.mark.asyncio
async def test_a_budget_that_stuck_ports_use_up_is_said_in_its_own_numbers(tmp_path: Path) -> None:
    """The budget is what the configuration says, whoever keeps how much of it."""
    async with station(tmp_path, budget_w=FOR_ONE) as it:
        for slot in ("A1", "A2"):
            it.charger.cameras[slot] = f"CAM-{slot}"
            it.rig.board.docked(slot, camera=f"CAM-{slot}", docking=f"docking-{slot}")
        it.charger.stuck = {"A1", "A2"}
        for _ in range(5):
            await it.charge.turn()
            await it.rig.clock.sleep(700.0)
        (reason,) = (
            problem.reason
            for problem in it.rig.problems.current()
            if problem.slug == "power-budget"
        )
        assert "15 W of a budget of 8 W" in reason


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
