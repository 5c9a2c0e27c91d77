"""The charge plan carried out: what it costs a docking, what is forecast, and what is said."""

import math
import os
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.charge_words import PlanPolicy
from dockd.core.port_power import CutKind, Light, PortMode
from dockd.core.shifts import Shift
from dockd.core.slot import SlotState
from dockd.errors import SpoolFull
from dockd.stages.charge import ChargePolicy
from dockd.stages.docking import end_open_dockings
from tests.stages.charging import (
    CAMERA_W,
    FOR_BOTH,
    FOR_ONE,
    Station,
    one_cut,
    station,
    unrecordable,
)
from tests.stages.report_parts import report_of
from tests.stages.rig import running, until


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
async def test_a_budget_below_one_camera_is_said_once_and_powers_nothing(tmp_path: Path) -> None:
    """The wiring bears what it bears: nothing has power until the budget is another."""
    async with station(tmp_path, budget_w=5.0) as it:
        for slot in ("A1", "A2"):
            it.charger.cameras[slot] = f"CAM-{slot}"
            it.rig.board.docked(slot, camera=f"CAM-{slot}", docking=f"docking-{slot}")
        for _ in range(20):
            await it.charge.turn()
            await it.rig.clock.sleep(3.0)
        assert openings(it) == [("power-budget", "charger")]
        assert it.charger.off == dict.fromkeys(("A1", "A2"), CutKind.BUDGET)
        it.give_both()
        await it.turns_until(lambda: not it.charger.off, what="both have power")
        assert not it.rig.open_problems()


@pytest.mark.asyncio
async def test_a_port_that_no_hub_has_is_said_once_and_the_others_go_on(tmp_path: Path) -> None:
    """Its slot is named, and its share is kept: nobody knows what its wire gives."""
    async with station(tmp_path, budget_w=FOR_ONE) as it:
        it.charger.found_stuck = {"A1"}
        it.charger.cameras["A2"] = "CAM-A2"
        it.rig.board.has_power("A1")
        it.rig.board.docked("A2", camera="CAM-A2", docking="docking-A2")
        for _ in range(20):
            await it.charge.turn()
            await it.rig.clock.sleep(3.0)
        assert openings(it) == [("port-not-switchable", "port A1")]
        assert set(it.charger.off) == {"A2"}
        it.give_both()
        await it.turns_until(lambda: not it.charger.off, what="the other has power")
        assert {slot for slot, _ in it.charger.switched} == {"A2"}


def openings(it: Station) -> list[tuple[object, object]]:
    """Return the problems that the journal was told of, each as often as it was."""
    return [
        (fields["slug"], fields["subject"])
        for event, fields in it.rig.journal.said
        if event == "problem-opened"
    ]


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
            ("port-not-switchable", "port A2"),
            ("slot-worn", "port A1"),
        ):
            await it.rig.problems.open(slug, subject=subject, reason="as an earlier run found it")
        await it.charge.turn()
        assert [one.slug for one in it.rig.problems.current()] == ["slot-worn"]


@pytest.mark.asyncio
async def test_a_slots_light_is_its_advice(tmp_path: Path) -> None:
    """Dark where nobody is, `leave` until footage and charge suffice, `take` then, as is reported.

    A charge of which nobody knows keeps no camera.
    """
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        report = report_of(it)
        every_day = Shift(start=time(2, 30), cameras=1, days=frozenset(range(7)))
        it.charge.policy = replace(it.charge.policy, shifts=(every_day,))
        for slot in ("A1", "A2"):
            it.rig.board.has_power(slot)
        await it.charge.turn()
        assert it.charger.lights == dict.fromkeys(("A1", "A2"), Light.EMPTY)
        it.film("A1", "CAM-A1")
        it.charger.put_in("A1", "CAM-A1")
        await it.offloaded(1)

        async def shows(light: Light) -> None:
            told: tuple[object, ...] = ()
            # Between two listings, of which the rig makes many.
            for _ in range(1200):
                await it.charge.turn()
                one = (await report.slots()).slots[0]
                told = (one.slot, one.state, one.advice, it.charger.lights["A1"])
                if told == ("A1", SlotState.READY, light, light):
                    return
                await it.rig.clock.sleep(3.0)
            raise AssertionError(told)

        # Only a falling power tells of a charge: that of the first says no more than "not full".
        for percent, light in ((30.0, Light.TAKE), (84.0, Light.LEAVE), (99.5, Light.TAKE)):
            it.charger.percent["A1"] = percent
            await shows(light)
