"""What cameras say of their batteries, carried from the camera to the plan and to people."""

from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.battery import BatteryReading, ChargeSource, Nonsense
from dockd.core.battery_word import BatteryWord
from dockd.core.slot import SlotState
from tests.stages.charging import FOR_BOTH, FOR_ONE, Station, one_cut, station
from tests.stages.report_parts import report_of
from tests.stages.rig import running, until


def gauge(it: Station, slot: str, content: str) -> None:
    """Have the camera of a slot say how full it is."""
    folder = it.rig.rack.folder(slot, f"CAM-{slot}")
    (folder.parent / f".{folder.name}.battery").write_text(content)


async def docked(it: Station, slot: str, content: str) -> None:
    """Dock a camera that says how full it is, and offload it."""
    it.film(slot, f"CAM-{slot}")
    gauge(it, slot, content)
    it.charger.put_in(slot, f"CAM-{slot}")
    await it.offloaded(1)


@pytest.mark.asyncio
async def test_a_cameras_own_charge_is_shown_with_its_source_and_error(tmp_path: Path) -> None:
    """It reaches the plan and /v1/slots as the camera's, and so does what it says later."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        report = report_of(it)
        await docked(it, "A1", "41")
        await it.charge.turn()
        found = {one.slot: one for one in (await report.slots()).slots}["A1"]
        shown = (found.battery_percent, found.battery_error_percent, found.battery_source)
        assert shown == (41, 3, ChargeSource.CAMERA)
        assert found.advice == "leave"
        gauge(it, "A1", "97")
        await until(lambda: _says(it, "A1", 97), what="it is asked again")
        await it.charge.turn()
        charge = it.charge.slots["A1"].charge
        assert charge == BatteryReading(percent=97, error_percent=3, source=ChargeSource.CAMERA)


def _says(it: Station, slot: str, percent: float) -> bool:
    words = {one.slot: one.battery for one in it.rig.board.snapshots()}
    word = words[slot]
    return (
        word is not None
        and isinstance(word.reading, BatteryReading)
        and word.reading.percent == percent
    )


@pytest.mark.asyncio
async def test_a_charge_that_cannot_be_is_said_once_until_it_can(tmp_path: Path) -> None:
    """A camera that says 400 % is one problem of its slot; its charge is unknown, nothing cut."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        await docked(it, "A1", "400")
        for _ in range(20):
            await it.charge.turn()
            await it.rig.clock.sleep(3.0)
        said = [fields for event, fields in it.rig.journal.said if event == "problem-opened"]
        assert [(one["slug"], one["subject"]) for one in said] == [
            ("charge-reading-refused", "port A1")
        ]
        assert it.charge.slots["A1"].charge is None
        assert not it.charger.switched
        gauge(it, "A1", "40")
        await until(lambda: _says(it, "A1", 40), what="it is asked again")
        await it.charge.turn()
        assert not it.rig.open_problems()


@pytest.mark.asyncio
async def test_the_emptier_by_their_own_word_gets_the_power(tmp_path: Path) -> None:
    """With power for one, it goes to the camera that says that it has less; the other is known."""
    async with station(tmp_path, budget_w=FOR_ONE) as it, running(it.rig, uploads=False):
        gauge(it, "A1", "70")
        gauge(it, "A2", "20")
        await one_cut(it)
        for _ in range(300):
            await it.charge.turn()
            await it.rig.clock.sleep(3.0)
        assert set(it.charger.off) == {"A1"}
        known = it.charge.slots["A1"].charge
        assert known is not None
        # Its port had power for a while before.
        assert known.percent == pytest.approx(70, abs=5)


@pytest.mark.asyncio
async def test_a_station_that_charges_nothing_quotes_its_cameras_while_they_speak(
    tmp_path: Path,
) -> None:
    """Without a charger a gauge is shown as it speaks; what it said long ago is unknown again."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        report = report_of(it)
        report.charge = None
        board, clock = it.rig.board, it.rig.clock
        board.docked("A1", camera="CAM-A1", docking="docking")

        async def shown() -> tuple[int | None, str | None]:
            found = {one.slot: one for one in (await report.slots()).slots}["A1"]
            return found.battery_percent, found.battery_source

        said = BatteryReading(percent=41, error_percent=3, source=ChargeSource.CAMERA)
        board.heard("A1", BatteryWord(reading=said, said="1"), now_s=clock.monotonic_s())
        assert await shown() == (41, "camera")
        clock.advance(600)
        board.heard("A1", BatteryWord(reading=said, said="1"), now_s=clock.monotonic_s())
        assert await shown() == (None, None)
        board.heard("A1", BatteryWord(reading=said, said="2"), now_s=clock.monotonic_s())
        assert await shown() == (41, "camera")
        nonsense = Nonsense(slot="A1", what="percent", reason="400 %")
        board.heard("A1", BatteryWord(reading=nonsense, said="3"), now_s=clock.monotonic_s())
        assert await shown() == (None, None)


def _is_ready(it: Station, slot: str) -> bool:
    shown = {one.slot: one.state for one in it.rig.board.snapshots()}
    return shown.get(slot) is SlotState.READY


async def _turns(it: Station, *, hours: float) -> None:
    """Let hours pass, with a look every minute."""
    for _ in range(round(hours * 60)):
        await it.charge.turn()
        await it.rig.clock.sleep(60.0)


@pytest.mark.asyncio
@pytest.mark.parametrize("written_anew", [False, True])
async def test_a_charge_from_before_a_restart_is_not_taken_for_the_present_one(
    tmp_path: Path, written_anew: bool
) -> None:
    """A camera wrote 41 % and was docked; two hours later dockd starts anew and reads that again.

    It may have charged all the while, or not at all: 41 % is the least, and no word of the
    camera's. What was written since is its word.
    """
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        async with running(it.rig, uploads=False):
            await docked(it, "A1", "41")
            await _turns(it, hours=2)
            await until(lambda: it.kinds("battery-said") == 1, what="it is on record")
        began = it.rig.clock.now()
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        it.rig.clock.advance((began - it.rig.clock.now()).total_seconds())
        if written_anew:
            gauge(it, "A1", "41")
        it.charger.put_in("A1", "CAM-A1")
        await until(lambda: _is_ready(it, "A1"), what="it is found again")
        await it.charge.turn()
        charge = it.charge.slots["A1"].charge
        assert charge is not None
        if written_anew:
            assert charge == BatteryReading(percent=41, error_percent=3, source=ChargeSource.CAMERA)
        else:
            assert charge.source is ChargeSource.INFERRED
            assert charge.low_percent == pytest.approx(38)
            assert charge.high_percent > 95


@pytest.mark.asyncio
async def test_what_a_camera_brings_is_recorded_once_a_stay(tmp_path: Path) -> None:
    """However often it is asked; what it says anew is recorded once as well."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        await docked(it, "A1", "41")
        await until(lambda: it.kinds("battery-said") == 1, what="it is on record")
        await _turns(it, hours=0.5)
        assert it.kinds("battery-said") == 1
        gauge(it, "A1", "42")
        await until(lambda: it.kinds("battery-said") == 2, what="it is on record")
        await _turns(it, hours=0.5)
        said = [one.said for one in it.rig.committed if isinstance(one, facts.BatterySaid)]
        assert [mark.rpartition("=")[2] for mark in said] == ["41", "42"]


@pytest.mark.asyncio
async def test_a_clock_that_was_set_back_says_nothing_of_how_old_a_word_is(tmp_path: Path) -> None:
    """Then it may be of any age, and the charge anything from there on."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        it.rig.clock.advance(86_400.0)
        await docked(it, "A1", "41")
        await until(lambda: it.kinds("battery-said") == 1, what="it is on record")
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig, uploads=False):
        it.charger.put_in("A1", "CAM-A1")
        await until(lambda: _is_ready(it, "A1"), what="it is found again")
        await it.charge.turn()
        charge = it.charge.slots["A1"].charge
        assert charge is not None
        assert (charge.source, charge.high_percent) == (ChargeSource.INFERRED, 100.0)
