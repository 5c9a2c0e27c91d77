"""Tasks that live and end together, out of which dockd's own errors come as themselves.

An ``asyncio.TaskGroup`` alone does not do. It raises groups of errors; a task that fails in the
moment of a cancellation hides the cancellation, and whoever cancelled waits for ever; and after
a task's failure the parent counts as being cancelled (``Task.cancelling``, Python 3.11), so that
the two cannot be told apart afterwards. Here a task's failure never reaches the ``TaskGroup``:
the only cancellation that it sees comes from outside.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from dockd.errors import CameraGone, DockdError


class Group:
    """What `task_group` gives: the first of dockd's errors ends the other tasks and the body."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.body: asyncio.Timeout | None = None
        self.errors: Final[list[DockdError]] = []
        self._tasks: Final = tasks
        self._running: Final[set[asyncio.Task[None]]] = set()

    def start(
        self,
        coroutine: Coroutine[Any, Any, None],
        *,
        name: str | None = None,
        afterwards: Callable[[], object] | None = None,
    ) -> None:
        """Start a task, which ends before the group does.

        ``afterwards`` is called whatever becomes of it, also when it ends before it began.
        """
        task = self._tasks.create_task(self._heard(coroutine), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # A task that is cancelled before it began never came to await what it was given.
        task.add_done_callback(lambda _: coroutine.close())
        if afterwards is not None:
            task.add_done_callback(lambda _: afterwards())
        if self.errors:
            task.cancel()

    def failed(self, error: DockdError) -> None:
        """Take an error in, and end everything."""
        self.errors.append(error)
        for task in self._running:
            if task is not asyncio.current_task():
                task.cancel()
        # A body that is ending already is not told again, which a Timeout would not have.
        if self.body is not None and not self.body.expired():
            self.body.reschedule(asyncio.get_running_loop().time())

    async def _heard(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except DockdError as error:
            self.failed(error)


@asynccontextmanager
async def task_group() -> AsyncGenerator[Group, None]:
    """Run tasks together; when dockd's errors end them, raise the one that says most.

    That is CameraGone where it is among them, for it explains the others. A cancellation from
    outside goes before any error; an error that is not dockd's comes out in a group.
    """
    async with asyncio.TaskGroup() as tasks:
        group = Group(tasks)
        try:
            async with asyncio.timeout(None) as group.body:
                yield group
        except DockdError as error:
            group.body = None
            group.failed(error)
        except TimeoutError:
            if not group.errors:
                raise
        finally:
            group.body = None
    if group.errors:
        raise next((e for e in group.errors if isinstance(e, CameraGone)), group.errors[0])
