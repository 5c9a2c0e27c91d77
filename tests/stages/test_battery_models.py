"""What a docking showed of a camera's battery, carried over the ledger to its next one."""

from pathlib import Path

import pytest

from dockd.core.battery import BatteryReading, ChargeSource
from dockd.core.battery_word import BatteryWord
from dockd.core.charge_curve import ChargeCurve, percent_after
from dockd.errors import NotFound
from tests.stages.charging import FOR_BOTH, Station, station
from tests.stages.report_parts import report_of
from tests.stages.rig import running, until

TRUE = ChargeCurve(full_wh=14.0, power_w=6.2, taper_from_percent=85.0, end_fraction=0.06)
OFFSET_PERCENT = 2.0
TICK_S = 20.0


def speaks(it: Station, percent: float, *, said: str) -> None:
    """Have the gauge of the camera in A1, which is off by two per cent, say something new."""
    word = BatteryWord(
        reading=BatteryReading(
            percent=min(100.0, percent + OFFSET_PERCENT),
            error_percent=3.0,
            source=ChargeSource.CAMERA,
        ),
        said=said,
    )
    it.rig.board.heard("A1", word, now_s=it.rig.clock.monotonic_s())


async def docked(it: Station) -> None:
    """Dock the camera, and have it offloaded."""
    it.film("A1", "CAM-A1")
    before = it.kinds("docked")
    it.charger.put_in("A1", "CAM-A1")
    await it.ready("A1", more_than=before)


async def charged(it: Station, *, from_percent: float, to_percent: float) -> None:
    """Let it charge, and say how far at each look; others sleep on the same clock meanwhile."""
    clock, percent = it.rig.clock, from_percent
    while percent < to_percent:
        looked_s = clock.monotonic_s()
        speaks(it, percent, said=str(looked_s))
        await it.charge.turn()
        await clock.sleep(TICK_S)
        percent = percent_after(TRUE, from_percent=percent, seconds=clock.monotonic_s() - looked_s)


async def left(it: Station) -> None:
    """Take it out, and have what it showed kept."""
    before = it.kinds("undocked")
    it.charger.take_out("A1")
    await until(lambda: it.kinds("undocked") > before, what="it has left")
    await it.charge.turn()


@pytest.mark.asyncio
async def test_a_gauge_that_was_off_in_one_docking_is_corrected_in_the_next(tmp_path: Path) -> None:
    """Also over a restart of dockd; the camera's page says what is known and how well."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        report = report_of(it)
        await docked(it)
        speaks(it, 20.0, said="first")
        await it.charge.turn()
        first = it.charge.slots["A1"].charge
        assert first is not None
        assert (first.percent, first.error_percent) == (22.0, 3.0)
        assert (await report.camera("CAM-A1")).battery is None
        await charged(it, from_percent=20.0, to_percent=96.5)
        await left(it)
        assert it.kinds("charge-measured") == 1
        battery = (await report.camera("CAM-A1")).battery
        assert battery is not None
        assert battery.gauge_offset_percent == pytest.approx(OFFSET_PERCENT, abs=0.7)
        assert battery.gauge_error_percent is not None
        assert battery.gauge_error_percent < 1
        assert battery.percent_per_h == pytest.approx(44.3, abs=1.0)
        assert battery.taper_percent == pytest.approx(85.0, abs=1.5)
        assert battery.stays == 1
        with pytest.raises(NotFound):
            await report.camera("CAM-A2")
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        it.rig.clock.advance(86_400.0)
        await docked(it)
        speaks(it, 50.0, said="next night")
        await it.charge.turn()
        charge = it.charge.slots["A1"].charge
        assert charge is not None
        assert charge.percent == pytest.approx(50.0, abs=0.7)
        assert charge.error_percent < 1
        assert charge.source is ChargeSource.CAMERA


@pytest.mark.asyncio
async def test_readiness_is_forecast_by_what_was_learned(tmp_path: Path) -> None:
    """In its second night a camera's forecast is right to five minutes, from 30 per cent on."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        await docked(it)
        await charged(it, from_percent=20.0, to_percent=96.5)
        await left(it)
        it.rig.clock.advance(43_200.0)
        await docked(it)
        speaks(it, 30.0, said="again")
        await it.charge.turn()
        ready_at_s = it.charge.slots["A1"].ready_at_s
        assert ready_at_s is not None
        # Without a shift what suffices is a little below the hold.
        takes_s = ready_at_s - it.rig.clock.monotonic_s()
        there = percent_after(TRUE, from_percent=30.0, seconds=takes_s)
        assert there == pytest.approx(it.charge.enough_percent, abs=3.0)
