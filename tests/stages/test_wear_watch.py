"""Wear from the ledger: what is measured at each docking names the parts that stand out."""

from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.wear import Part
from dockd.stages.wear_watch import WearWatch
from tests.stages.charging import FOR_BOTH, station
from tests.stages.report_parts import report_of
from tests.stages.rig import Rig, rig_at

DAY_S = 86_400.0


async def dock(
    rig: Rig,
    camera: str,
    slot: str,
    *,
    energy_mwh: int = 3000,
    after_s: float = DAY_S,
    read_errors: int = 0,
) -> None:
    """Have a camera docked for an hour, in which it gained 20 %."""
    rig.clock.advance(after_s)
    docking = f"{rig.clock.now():%Y%m%dT%H%M%SZ}-{camera}"
    await rig.ledger.record(
        facts.Docked(docking=docking, camera=camera, slot=slot, family="directory")
    )
    rig.clock.advance(3600)
    await rig.ledger.record(
        facts.Undocked(
            docking=docking,
            reason="the camera left",
            read_bytes=2_000_000_000,
            read_errors=read_errors,
        ),
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
async def test_what_is_answered_of_a_camera_has_its_trend_and_the_evidence(tmp_path: Path) -> None:
    """`/v1/cameras/{serial}` says of a camera to be replaced why, and of another that it is well.

    Until its dockings were looked at it says nothing of either.
    """
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        watch = WearWatch(ledger=it.rig.ledger, problems=it.rig.problems, clock=it.rig.clock)
        report = report_of(it)
        report.wear = watch
        for number in range(12):
            await dock(it.rig, "OLD", "A1", energy_mwh=3000 - 100 * number)
            await dock(it.rig, "NEW", "A2")
        assert (await report.camera("OLD")).wear is None
        await watch.look()
        worn, well = await report.camera("OLD"), await report.camera("NEW")
        assert worn.wear is not None
        assert well.wear is not None
        assert (worn.wear.dockings, worn.wear.replace) == (12, True)
        (evidence,) = worn.wear.evidence
        (problem,) = worn.problems
        assert (problem.slug, problem.reason) == ("camera-worn", evidence)
        # 100 mWh less in each docking, of which there is one in two days, for 20 % each.
        assert worn.wear.wh_per_percent_trend == pytest.approx(-0.1 / 20 * 50, rel=0.1)
        assert (well.wear.replace, well.wear.evidence, well.problems) == (False, (), ())
        assert well.wear.wh_per_percent_trend == pytest.approx(0)


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
        rig.clock.advance(181 * DAY_S)
        await watch.look()
        assert not rig.problems.current()


@pytest.mark.asyncio
async def test_files_that_cannot_be_read_are_counted_against_their_camera(tmp_path: Path) -> None:
    """A camera with bad sectors is named wherever it was docked; the slots and the others are not.

    What was read in between, and in how many dockings it went wrong, is the evidence.
    """
    async with rig_at(tmp_path) as rig:
        watch = WearWatch(ledger=rig.ledger, problems=rig.problems, clock=rig.clock)
        for number in range(8):
            await dock(rig, "BAD", f"A{number % 4}", read_errors=3)
            for other in range(4):
                await dock(rig, f"GOOD-{other}", f"A{number % 4}")
        await watch.look()
        (problem,) = rig.problems.current()
        assert (problem.slug, problem.subject) == ("camera-worn", "camera BAD")
        said = "24 files could not be read beside 16.0 GB that could, in 8 of 8 dockings"
        assert problem.reason == said
        assert watch.verdicts[Part.CAMERA, "BAD"].evidence == (said,)
