"""Tasks that live together end together, and say what ended them."""

import asyncio

import pytest

from dockd.errors import CameraGone, StoreUnreachable
from dockd.stages.groups import task_group


async def _fails(error: Exception) -> None:
    await asyncio.sleep(0)
    raise error


@pytest.mark.asyncio
async def test_an_error_of_a_task_comes_out_as_itself() -> None:
    """A store's error reaches the stage that settles it, and is no cancellation of anybody."""
    with pytest.raises(StoreUnreachable):
        async with task_group() as group:
            group.start(_fails(StoreUnreachable("it is down")))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@pytest.mark.asyncio
async def test_an_error_ends_the_other_tasks_and_the_body() -> None:
    """Nothing goes on for a stay whose camera has left, and its leaving is what is told."""
    ended = asyncio.Event()

    async def other() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            ended.set()
            raise StoreUnreachable("it fails as well, because it was ended") from None

    async def together() -> None:
        async with task_group() as group:
            group.start(other())
            await asyncio.sleep(0)
            group.start(_fails(CameraGone("it left")))
            await asyncio.get_running_loop().create_future()

    with pytest.raises(CameraGone):
        await together()
    assert ended.is_set()


@pytest.mark.asyncio
async def test_a_task_that_fails_while_the_body_is_ending_hides_nothing() -> None:
    """A body may take its time to end, as one does that waits for its own tasks."""
    failed = asyncio.Event()

    async def other() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            failed.set()
            raise StoreUnreachable("it fails as well, because it was ended")

    async def together() -> None:
        async with task_group() as group:
            group.start(other())
            await asyncio.sleep(0)
            group.start(_fails(CameraGone("it left")))
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                await failed.wait()

    with pytest.raises(CameraGone):
        await together()


@pytest.mark.asyncio
async def test_an_error_of_the_body_ends_its_tasks() -> None:
    """What the body raises comes out as itself too, when nothing of its tasks is left."""
    ended = asyncio.Event()

    async def together() -> None:
        async with task_group() as group:
            group.start(asyncio.sleep(3600), afterwards=ended.set)
            raise CameraGone("it left")

    with pytest.raises(CameraGone):
        await together()
    assert ended.is_set()


@pytest.mark.asyncio
async def test_a_deadline_around_a_group_is_still_a_deadline() -> None:
    """The group's own way to end its body is never taken for somebody else's deadline."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), task_group() as group:
            group.start(asyncio.sleep(3600))


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
            group.start(fails_when_cancelled())

    task = asyncio.create_task(grouped())  # noqa: TID251 - cancelled and awaited right below
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
