"""A TaskGroup out of which dockd's own errors come as themselves."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dockd.errors import CameraGone, DockdError


@asynccontextmanager
async def task_group() -> AsyncGenerator[asyncio.TaskGroup, None]:
    """Run tasks together; when dockd's errors end them, raise the one that says most.

    That is CameraGone where it is among them, for it explains the others. ``except*`` would not
    do: what is raised in it is wrapped into a group again. Anything else stays a group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as raised:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # A TaskGroup whose task fails in the moment of a cancellation raises the failure, and
            # the cancellation is forgotten; whoever cancelled would then wait for ever.
            raise asyncio.CancelledError from raised
        expected, others = raised.split(DockdError)
        if expected is None or others is not None:
            raise
        gone, _ = expected.split(CameraGone)
        raise _first(gone or expected) from None


def _first(raised: BaseExceptionGroup[DockdError]) -> DockdError:
    error = raised.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
