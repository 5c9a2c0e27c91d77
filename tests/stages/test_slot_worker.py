"""A slot whose camera changed goes on with the next one, whatever became of the stay before."""

import asyncio

import pytest

from dockd.ports.camera import Sighting
from dockd.stages.dock import SlotWorker
from dockd.station.clock import SystemClock


def seen(serial: str) -> Sighting:
    """Return a camera in slot A1."""
    return Sighting(slot="A1", port=None, family="directory", serial=serial, token=serial)


async def never(sighting: Sighting, error: Exception) -> None:
    """Fail: no mistake is expected."""
    raise AssertionError(f"{sighting.serial}: {error}")


@pytest.mark.asyncio
async def test_a_cancellation_that_was_swallowed_does_not_keep_the_next_camera_out() -> None:
    """A camera that leaves in the very moment its stay is ended leaves a slot that goes on."""
    stays: asyncio.Queue[str] = asyncio.Queue()

    async def stay(sighting: Sighting) -> None:
        stays.put_nowait(sighting.serial or "")
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            if sighting.serial != "first":
                raise

    worker = SlotWorker(stay, never, clock=SystemClock())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(worker.run())
        worker.saw(seen("first"))
        assert await stays.get() == "first"
        worker.saw(seen("second"))
        assert await stays.get() == "second"
        task.cancel()
