"""Wear from the ledger: what is measured at each docking names the parts that stand out."""

from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.wear import Part
from dockd.stages.wear_watch import WearWatch
from tests.stages.rig import Rig, rig_at

DAY_S = 86_400.0


async def dock(
    rig: Rig, camera: str, slot: str, *, energy_mwh: int = 3000, after_s: float = DAY_S
) -> None:
    """Have a camera docked for an hour, in which it gained 20 %."""
    rig.clock.advance(after_s)
    docking = f"{rig.clock.now():%Y%m%dT%H%M%SZ}-{camera}"
    await rig.ledger.record(
        facts.Docked(docking=docking, camera=camera, slot=slot, family="directory")
    )
    rig.clock.advance(3600)
    await rig.ledger.record(
        facts.Undocked(docking=docking, reason="the camera left"),
        facts.ChargeMeasured(
            docking=docking,
            seconds=3600,
            from_percent=30,
            to_percent=50,
            energy_mwh=energy_mwh,
            resets=0,
            forecast_s=None,
            ready_s=None,
        ),
    )


@pytest.mark.asyncio
async def test_a_battery_that_loses_capacity_is_a_problem_with_its_evidence(tmp_path: Path) -> None:
    """The camera is named and its neighbour is not; a new battery ends the problem."""
    async with rig_at(tmp_path) as rig:
        watch = WearWatch(ledger=rig.ledger, problems=rig.problems, clock=rig.clock)
        for number in range(12):
            await dock(rig, "OLD", "A1", energy_mwh=3000 - 100 * number)
            await dock(rig, "NEW", "A2")
        await watch.look()
        (problem,) = rig.problems.current()
        assert (problem.slug, problem.subject) == ("camera-worn", "camera OLD")
        assert "of its capacity is left, over 12 dockings" in problem.reason
        trend = watch.verdicts[Part.CAMERA, "OLD"].wh_per_percent_trend
        assert trend is not None
        assert trend < 0
        rig.clock.advance(181 * DAY_S)
        await watch.look()
        assert not rig.problems.current()


@pytest.mark.asyncio
async def test_a_slot_that_loses_contact_is_told_from_its_cameras(tmp_path: Path) -> None:
    """Cameras that vanish and are back within a minute, in one slot, are that slot's contacts."""
    async with rig_at(tmp_path) as rig:
        watch = WearWatch(ledger=rig.ledger, problems=rig.problems, clock=rig.clock)
        for number in range(8):
            for after_s in (DAY_S, 20.0):
                await dock(rig, f"CAM-{number}", "A1", after_s=after_s)
            await dock(rig, f"CAM-{number}", "A2")
        await watch.look()
        (problem,) = rig.problems.current()
        assert (problem.slug, problem.subject) == ("slot-worn", "port A1")
        assert "contact was lost 8 times in 16 dockings" in problem.reason
