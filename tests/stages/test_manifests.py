"""Manifests of dockings: what was on the camera then, whatever became of it since."""

import asyncio
import json
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.stages.manifests import Manifests
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import Rig, rig_at, running, until


async def offloaded(rig: Rig, *, times: int) -> None:
    """Have the camera docked once more, all of it proven, and taken out."""
    rig.rack.dock("A1", "BWC-1")
    await until(lambda: rig.count(facts.DockingOffloaded) == times, what="all of it is proven")
    rig.rack.undock("A1")
    await until(lambda: rig.count(facts.Undocked) == times, what="the camera is away")


@pytest.mark.asyncio
async def test_a_manifest_that_comes_late_has_all_that_was_there(tmp_path: Path) -> None:
    """A store is away for two nights, and the camera docked in both with what it held before."""
    store = MemoryStore(name="central")
    async with rig_at(tmp_path, stores=(store,)) as rig, running(rig, uploads=False):
        folder = rig.rack.folder("A1", "BWC-1")
        (folder / "first").write_bytes(b"of the first night")
        await offloaded(rig, times=1)
        (folder / "second").write_bytes(b"of the second night")
        await offloaded(rig, times=2)
        manifests = Manifests(ledger=rig.ledger, stores=rig.stores, clock=rig.clock, station="rig")
        writing = asyncio.create_task(manifests.run())  # noqa: TID251 - ended below
        await until(lambda: len(store.bucket.records) == 2, what="both manifests are there")
        writing.cancel()
    written = [json.loads(store.bucket.records[key]) for key in sorted(store.bucket.records)]
    assert [[clip["name"] for clip in one["clips"]] for one in written] == [
        ["first"],
        ["first", "second"],
    ]
