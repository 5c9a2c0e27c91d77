"""One part's trouble is said and got over; it never ends the station."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.errors import SpoolChanged, SpoolFull
from dockd.stages.enduring import enduring
from tests.stages.rig import rig_at, running, until


@pytest.mark.asyncio
async def test_work_that_fails_is_said_and_begun_again(tmp_path: Path) -> None:
    """Whatever a part fails with, alone or in a group, it is a problem until the part works."""
    errors = [
        SpoolFull("the ledger's disk is full"),
        ExceptionGroup("several", [SpoolChanged("another disk")]),
        RuntimeError("a mistake of dockd's own"),
    ]
    said: list[set[str]] = []
    async with rig_at(tmp_path) as rig:

        async def work() -> None:
            said.append(rig.open_problems())
            if errors:
                raise errors.pop(0)

        await enduring("part", work, problems=rig.problems, clock=rig.clock)
        assert said[:2] == [set(), {"spool-full"}]
        assert said[-1] == {"spool-full", "spool-changed", "internal-error"}
        assert rig.open_problems() == set()


@pytest.mark.asyncio
async def test_a_part_that_works_again_is_no_problem_any_more(tmp_path: Path) -> None:
    """A part that was begun again and goes on for good loses its problem, while it still runs."""
    errors = [RuntimeError("once")]
    async with rig_at(tmp_path) as rig, asyncio.TaskGroup() as group:

        async def work() -> None:
            if errors:
                raise errors.pop()
            await asyncio.Event().wait()

        task = group.create_task(
            enduring("part", work, problems=rig.problems, clock=rig.clock, slug="detection-failed")
        )
        await until(lambda: "detection-failed" in rig.open_problems(), what="it is said")
        await until(lambda: not rig.open_problems(), what="it is well again")
        task.cancel()


@pytest.mark.asyncio
async def test_a_rack_that_could_not_be_watched_is_watched_again(tmp_path: Path) -> None:
    """A dock whose source of sightings failed begins anew, and the camera in it is offloaded."""
    async with rig_at(tmp_path) as rig, asyncio.TaskGroup() as group:
        sightings = rig.rack.sightings
        failures = [OSError("no more inotify instances")]

        async def failing() -> AsyncIterator[object]:
            async for sighting in sightings():
                yield sighting
                if failures:
                    rig.rack.dock("A1", "BWC-1")
                    raise failures.pop()

        rig.rack.sightings = failing  # type: ignore[method-assign,assignment]  # a part is made to fail
        dock = group.create_task(
            enduring("dock", rig.dock.run, problems=rig.problems, clock=rig.clock)
        )
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(b"footage")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipVerified) == 1, what="it is offloaded")
        dock.cancel()


@pytest.mark.asyncio
async def test_a_camera_is_docked_once_the_ledger_takes_it(tmp_path: Path) -> None:
    """A camera that comes while the ledger cannot be written is offloaded as soon as it can."""
    async with rig_at(tmp_path) as rig, running(rig):
        record, full = rig.ledger.record, [3]

        async def recording(*recorded: facts.Fact) -> None:
            if full[0] and isinstance(recorded[0], facts.Docked):
                full[0] -= 1
                raise SpoolFull("the ledger's disk is full")
            await record(*recorded)

        rig.ledger.record = recording  # type: ignore[method-assign]  # a disk that fills up
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(b"footage")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipVerified) == 1, what="it is offloaded")
        await until(lambda: rig.open_problems() == set(), what="nothing is wrong any more")
