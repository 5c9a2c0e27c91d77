"""What lifts a cut for safety: a safe reading, or a person who carries the camera elsewhere."""

from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.port_power import CutKind, PortFault
from dockd.errors import NotFound, Refused, RequestInvalid
from dockd.ports.station import Order, Verb
from dockd.stages.obey import Obey
from dockd.stages.remember import HoldMemory
from dockd.stages.slot_power import Paused, SlotPower
from dockd.station.spool.holds import SpoolHolds
from tests.stages.charging import FOR_BOTH, Station, station
from tests.stages.rig import running, until

BURNS = frozenset({PortFault.OVER_CURRENT})


async def burnt(it: Station) -> None:
    """Have a camera in A1 that draws too much, and its slot cut for that."""
    it.film("A1", "CAM-A1")
    it.charger.put_in("A1", "CAM-A1")
    await it.offloaded(1)
    it.charger.faults["A1"] = BURNS
    await it.turns_until(lambda: "A1" in it.charger.off, what="it is cut")
    await until(lambda: it.kinds("docking-paused") == 1, what="its docking pauses")
    del it.charger.faults["A1"]


def carried(it: Station) -> None:
    """Carry the camera, with all that is on it, from A1 to A2."""
    it.charger.take_out("A1")
    it.film("A2", "CAM-A1")
    it.charger.put_in("A2", "CAM-A1")


@pytest.mark.asyncio
async def test_a_slot_whose_burning_camera_was_carried_elsewhere_has_power_again(
    tmp_path: Path,
) -> None:
    """No time lifts the cut, and nobody has to restart anything: the camera's next sighting does.

    What it left behind serves the next camera.
    """
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        await burnt(it)
        for _ in range(100):
            await it.charge.turn()
            await it.rig.clock.sleep(3600.0)
        assert it.charger.off == {"A1": CutKind.SAFETY}
        assert it.rig.open_problems() == {"charge-over-current"}
        carried(it)
        await until(lambda: it.kinds("left-while-cut") == 1, what="it is seen elsewhere")
        await it.turns_until(lambda: not it.charger.off, what="its slot has power again")
        await it.charge.turn()
        assert "charge-over-current" not in it.rig.open_problems()
        it.film("A1", "CAM-OTHER")
        it.charger.put_in("A1", "CAM-OTHER")
        await it.offloaded(3)


@pytest.mark.asyncio
async def test_a_slot_that_still_burns_is_cut_again_for_whoever_is_in_it(tmp_path: Path) -> None:
    """A slot whose own wiring is bad has power for as long as it takes to see that, and is said."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        await burnt(it)
        carried(it)
        it.charger.put_in("A1", "CAM-OTHER")
        await it.turns_until(lambda: "A1" not in it.charger.off, what="it is tried")
        it.charger.faults["A1"] = BURNS
        await it.turns_until(lambda: "A1" in it.charger.off, what="it is cut again")
        assert it.charger.off == {"A1": CutKind.SAFETY}
        assert "charge-over-current" in it.rig.open_problems()


@pytest.mark.asyncio
async def test_a_sighting_that_could_not_be_recorded_lifts_nothing() -> None:
    """A camera that left A2 again before the ledger took that it was there counts as in A1."""
    power = SlotPower()
    async with power.cutting("A1", CutKind.SAFETY):
        power.pause(Paused(slot="A1", camera="CAM-A1", docking="first"))
    _, left = power.seen("A2", "CAM-A1")
    assert power.is_vacated("A1")
    power.unsaid(left, now_s=0.0)
    assert not power.is_vacated("A1")
    assert [one.slot for one in power.away()] == ["A1"]


async def obeying(it: Station) -> Obey:
    """Return who takes a person's orders, with the charging side listening to the record."""
    rig = it.rig
    holds = HoldMemory(
        ledger=rig.ledger,
        file=SpoolHolds(rig.ledger._path.parent),
        problems=rig.problems,
        clock=rig.clock,
    )
    await holds.settle()
    rig.ledger.on_commit(it.charge.heard)
    return Obey(ledger=rig.ledger, holds=holds, safety_cuts=it.charge)


def release(slot: str, *, verb: Verb = "release", why: str = "contacts cleaned") -> Order:
    """Return a person's order about a slot."""
    return Order(verb=verb, kind="slots", reference=slot, why=why, hold="error", actor="alice")


@pytest.mark.asyncio
async def test_a_person_lifts_a_cut_and_who_and_why_is_on_record(tmp_path: Path) -> None:
    """The slot has power at the next turns, its camera is back, and the problem has ended."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        obey = await obeying(it)
        await burnt(it)
        await it.charge.turn()
        await obey.carry_out(release("A1"))
        assert facts.SafetyCutReleased(slot="A1", why="contacts cleaned", actor="alice") in (
            it.rig.committed
        )
        await it.turns_until(lambda: not it.charger.off, what="its slot has power again")
        await until(lambda: it.kinds("docking-continued") == 1, what="its camera is back")
        await it.charge.turn()
        assert "charge-over-current" not in it.rig.open_problems()
        with pytest.raises(Refused, match="not cut for safety"):
            await obey.carry_out(release("A1"))


@pytest.mark.asyncio
async def test_what_still_burns_after_a_persons_word_is_cut_again(tmp_path: Path) -> None:
    """An order lifts what was, and not what is measured after it."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        obey = await obeying(it)
        await burnt(it)
        await it.charge.turn()
        await obey.carry_out(release("A1"))
        await it.turns_until(lambda: not it.charger.off, what="its slot has power again")
        it.charger.faults["A1"] = BURNS
        await it.turns_until(lambda: "A1" in it.charger.off, what="it is cut again")
        assert it.charger.off == {"A1": CutKind.SAFETY}
        with pytest.raises(Refused, match="reports over-current at this moment"):
            await obey.carry_out(release("A1"))


@pytest.mark.asyncio
async def test_a_persons_word_does_not_lift_a_heat_that_stands(tmp_path: Path) -> None:
    """A hot rack stays cut, nothing is on record, and the answer says what will end it."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        obey = await obeying(it)
        for slot in ("A1", "A2"):
            it.rig.board.has_power(slot)
        it.charger.temperature_c = 46.0
        await it.turns_until(lambda: len(it.charger.off) == 2, what="both are too hot")
        with pytest.raises(Refused, match=r"above 45 C.*no order lifts that"):
            await obey.carry_out(release("A1"))
        await it.charge.turn()
        assert len(it.charger.off) == 2
        assert it.kinds("safety-cut-released") == 0


@pytest.mark.asyncio
async def test_a_persons_word_lifts_a_cut_that_was_found_at_once(tmp_path: Path) -> None:
    """What an earlier dockd cut, for whatever reason, has power without the hour of waiting."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        obey = await obeying(it)
        it.charger.off = {"A1": CutKind.SAFETY}
        it.rig.board.has_power("A1")
        await it.charge.turn()
        await it.charge.turn()
        assert it.charger.off
        began_s = it.rig.clock.monotonic_s()
        await obey.carry_out(release("A1"))
        await it.turns_until(lambda: not it.charger.off, what="it is lifted")
        assert it.rig.clock.monotonic_s() - began_s < 60
        await it.charge.turn()
        assert not it.rig.open_problems()


@pytest.mark.asyncio
async def test_orders_about_slots_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    """No such slot, another verb than release, no reason, or a station that charges nothing."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        obey = await obeying(it)
        await it.charge.turn()
        with pytest.raises(NotFound, match="no slot 'B9'"):
            await obey.carry_out(release("B9"))
        for verb in ("hold", "retry", "prioritise"):
            with pytest.raises(Refused, match="a slot can be released, and nothing else"):
                await obey.carry_out(release("A1", verb=verb))
        with pytest.raises(RequestInvalid):
            await obey.carry_out(release("A1", why=" "))
        uncharged = Obey(ledger=it.rig.ledger, holds=obey._holds)
        with pytest.raises(Refused, match="switches no slots"):
            await uncharged.carry_out(release("A1"))
