"""What footage is dated by: a camera's clock is measured at every docking, and said when wrong."""

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.camera_clock import CameraClock, ClockSource
from dockd.stages.dating import recorded_at
from dockd.stages.manifests import manifest
from tests.cameras.usb_parts import Rack
from tests.fakes.memory_store import MemoryObject, MemoryStore
from tests.stages.rig import Rig, running, until
from tests.stages.test_usb_cameras import usb_station

HOUR_S = 3600


def film(rack: Rack, rig: Rig, *, name: str, ahead_s: float) -> None:
    """Have a camera film now, by a clock that is ahead of the station's."""
    clip = rack.medium("BWC-1") / "DCIM/100" / name
    clip.parent.mkdir(parents=True, exist_ok=True)
    clip.write_bytes(name.encode() * 1000)
    written_s = rig.clock.now().timestamp() + ahead_s
    os.utime(clip, (written_s, written_s))


async def docked(rack: Rack, rig: Rig) -> CameraClock:
    """Have it docked until it is clear, and return what the docking's record says of its clock."""
    cleared = rig.count(facts.DockingCleared)
    left = rig.count(facts.Undocked)
    rack.dock("A1", "BWC-1")
    await until(lambda: rig.count(facts.DockingCleared) > cleared, what="it is clear")
    rack.pull("A1")
    await until(lambda: rig.count(facts.Undocked) > left, what="it left")
    return (await rig.ledger.dockings(camera="BWC-1"))[-1].clock


def stored(rig: Rig) -> dict[str, MemoryObject]:
    """Return what the store has, by the names of the camera's files."""
    store = rig.stores["central"]
    assert isinstance(store, MemoryStore)
    newest = {key: versions[-1] for key, versions in store.bucket.objects.items()}
    return {key.rpartition("/")[2]: found for key, found in newest.items()}


@pytest.mark.asyncio
async def test_a_clock_that_is_ahead_is_measured_and_goes_with_the_footage(tmp_path: Path) -> None:
    """From the second docking on the offset is known: record, store and manifest all have it."""
    async with usb_station(tmp_path) as (rig, rack), running(rig):
        film(rack, rig, name="first.mp4", ahead_s=2 * HOUR_S)
        first = await docked(rack, rig)
        assert not first.is_known
        assert "camera-clock-wrong" in rig.open_problems()
        film(rack, rig, name="second.mp4", ahead_s=2 * HOUR_S)
        rig.clock.advance(600)
        second = await docked(rack, rig)
        row = (await rig.ledger.dockings(camera="BWC-1"))[-1]
        written = json.loads(manifest(row, await rig.ledger.in_docking(row.docking), station="rig"))
        assert "camera-clock-wrong" in rig.open_problems()
        (reason,) = (problem.reason for problem in rig.problems.current())
    assert second.is_known
    assert second.offset_s is not None
    assert second.uncertainty_s is not None
    assert abs(second.offset_s - 2 * HOUR_S) <= second.uncertainty_s <= HOUR_S
    assert "ahead" in reason
    kept = stored(rig)
    assert kept["second.mp4"].metadata["clock-offset-s"] == str(second.offset_s)
    assert kept["second.mp4"].metadata["clock-uncertainty-s"] == str(second.uncertainty_s)
    assert "clock-offset-s" not in kept["first.mp4"].metadata
    assert written["clock"] == {
        "source": "mtime-utc",
        "offset_s": second.offset_s,
        "uncertainty_s": second.uncertainty_s,
    }


@pytest.mark.asyncio
async def test_a_clock_that_was_set_right_is_wrong_no_longer(tmp_path: Path) -> None:
    """The problem ends with the first footage that shows it."""
    async with usb_station(tmp_path) as (rig, rack), running(rig):
        film(rack, rig, name="first.mp4", ahead_s=-40 * 365 * 24 * HOUR_S)
        await docked(rack, rig)
        assert "camera-clock-wrong" in rig.open_problems()
        film(rack, rig, name="second.mp4", ahead_s=0)
        rig.clock.advance(600)
        await docked(rack, rig)
        assert "camera-clock-wrong" not in rig.open_problems()


@pytest.mark.asyncio
async def test_a_station_without_the_time_judges_no_clock(tmp_path: Path) -> None:
    """Neither now, nor later by a listing that it made while it did not know the time."""
    async with usb_station(tmp_path) as (rig, rack), running(rig):
        rig.clock.synchronised = False
        film(rack, rig, name="first.mp4", ahead_s=2 * HOUR_S)
        found = await docked(rack, rig)
        assert found == CameraClock(source=ClockSource.MTIME_UTC)
        assert await rig.ledger.last_listed_at("BWC-1") is None
        assert not rig.open_problems()


@pytest.fixture
def london() -> Iterator[None]:
    """Have the station stand in London."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/London"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("london")
@pytest.mark.parametrize(
    ("shown", "source", "meant"),
    [
        ("2017-07-01T12:00:00", ClockSource.MTIME_LOCAL, "2017-07-01T11:00:00Z"),
        ("2017-12-01T12:00:00", ClockSource.MTIME_LOCAL, "2017-12-01T12:00:00Z"),
        ("2017-07-01T12:00:00", ClockSource.MTIME_UTC, "2017-07-01T12:00:00Z"),
        ("2017-07-01T12:00:00", ClockSource.NONE, "2017-07-01T12:00:00Z"),
    ],
)
def test_local_time_becomes_utc(shown: str, source: ClockSource, meant: str) -> None:
    """A camera that keeps local time keeps the station's, summer time included."""
    shown_s = int(datetime.fromisoformat(shown).replace(tzinfo=UTC).timestamp())
    assert recorded_at(shown_s * 10**9, source) == meant


@pytest.mark.usefixtures("london")
@pytest.mark.parametrize("mtime_ns", [-(2**63), 2**63 - 1, 2**70, -(2**70), 0])
@pytest.mark.parametrize("source", ClockSource)
def test_any_mtime_can_be_written_down(mtime_ns: int, source: ClockSource) -> None:
    """A folder's files may claim any year; what cannot be a date becomes the nearest one."""
    assert datetime.fromisoformat(recorded_at(mtime_ns, source)).tzinfo is not None
