"""A slot whose camera changed goes on with the next one, whatever became of the stay before."""

import asyncio

import pytest

from dockd.errors import CameraGone
from dockd.ports.camera import Sighting
from dockd.stages.dock import SlotWorker
from dockd.stages.groups import task_group
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


@pytest.mark.asyncio
async def test_a_failure_in_the_moment_of_a_cancellation_does_not_hide_it() -> None:
    """Whoever cancels a group of tasks is not left waiting because one of them failed just then."""

    async def fails_when_cancelled() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            raise CameraGone("it left just then") from None

    async def grouped() -> None:
        async with task_group() as group:
            group.create_task(fails_when_cancelled())

    task = asyncio.create_task(grouped())  # noqa: TID251 - cancelled and awaited right below
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
