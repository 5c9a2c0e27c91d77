"""A slot that a hub feels a device in, and that shows none."""

from pathlib import Path

import pytest

from dockd.core.port_power import Light
from dockd.stages.slot_silence import SILENT_S
from tests.stages.charging import FOR_BOTH, Station, station
from tests.stages.rig import running, until

LOOKS = int(SILENT_S / 3.0) + 1


async def looks(it: Station, count: int) -> list[str]:
    """Take turns of three seconds; return what is said of the silence of slots then."""
    for _ in range(count):
        await it.charge.turn()
        await it.rig.clock.sleep(3.0)
    current = it.rig.problems.current()
    return [problem.reason for problem in current if problem.slug == "slot-silent"]


async def emptied(it: Station) -> None:
    """Have a camera come, be read, and leave again: the slot works."""
    it.film("A1", "CAM-1")
    it.charger.put_in("A1", "CAM-1")
    await it.offloaded(1)
    it.charger.take_out("A1")
    await until(lambda: it.kinds("undocked") == 1, what="it has left")


@pytest.mark.asyncio
async def test_a_slot_that_stays_silent_is_said_until_something_shows_itself(
    tmp_path: Path,
) -> None:
    """Two minutes after the hub feels a device that no bus shows: a camera may have to boot."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig):
        await emptied(it)
        it.charger.cameras["A1"] = "one with a bent contact"
        assert await looks(it, LOOKS - 2) == []
        (reason,) = await looks(it, 3)
        assert reason.startswith("The hub feels a device in slot A1, and for 2 min none has shown")
        assert [one.subject for one in it.rig.problems.current()] == ["port A1"]
        assert it.charger.lights["A1"] is Light.REPORT
        it.charger.put_in("A1", "CAM-1")
        await it.offloaded(2)
        assert await looks(it, 1) == []
        assert ("problem-closed", "slot-silent") in [
            (event, fields.get("slug")) for event, fields in it.rig.journal.said
        ]


@pytest.mark.asyncio
async def test_a_slot_whose_device_is_refused_or_taken_out_is_not_silent(tmp_path: Path) -> None:
    """What is said to be refused did show itself, and an empty slot has nothing to show."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it, running(it.rig):
        await emptied(it)
        assert await looks(it, LOOKS + 1) == []
        it.charger.cameras["A1"] = "a stranger"
        await it.rig.problems.open(
            "camera-not-storage", subject="slot A1", reason="it is a keyboard"
        )
        assert await looks(it, LOOKS + 1) == []
        assert it.charger.lights["A1"] is Light.REPORT
