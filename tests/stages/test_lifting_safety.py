"""What lifts a cut for safety: a safe reading, or a person who carries the camera elsewhere."""

from pathlib import Path

import pytest

from dockd.core.port_power import CutKind, PortFault
from dockd.stages.slot_power import Paused, SlotPower
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
