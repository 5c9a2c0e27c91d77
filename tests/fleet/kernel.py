"""Virtual time: coroutines that wait for one another, and a heap of what is due when.

dockd's own wrappers around a store are coroutines that wait only through the clock port, so they
run here as they are. A library such as simpy waits with generators, which cannot await them; an
event loop of asyncio with another clock can, at several times the price of this one.
"""

import heapq
from collections.abc import Awaitable, Callable, Coroutine, Generator
from itertools import count
from typing import Any, Final

Work = Coroutine["Pause", None, None]


class Cancelled(BaseException):
    """Thrown into a task that is cancelled; no error of dockd's, as asyncio's is none."""


class Pause:
    """What a task waits for: somebody calls `end`, once, and the task goes on."""

    __slots__ = ("_ended", "_error", "task")

    def __init__(self) -> None:
        self.task: Task | None = None
        self._ended = False
        self._error: BaseException | None = None

    def __await__(self) -> Generator["Pause", None, None]:
        if not self._ended:
            yield self
        if self._error is not None:
            raise self._error

    def end(self, error: BaseException | None = None) -> None:
        """Let the task go on now, with an error where there is one; only the first end counts."""
        if self._ended:
            return
        self._ended = True
        self._error = error
        task = self.task
        if task is not None and task.pause is self:
            task.kernel.soon(task.go_on, self)

    def lapse(self, _: object) -> None:
        """Let the task go on, its time having come."""
        task = self.task
        if task is not None and task.pause is self:
            task.go_on(self)


class Task:
    """One coroutine under way."""

    __slots__ = ("_coroutine", "_done", "error", "kernel", "pause")

    def __init__(self, kernel: "Kernel", coroutine: Work, done: Callable[["Task"], None]) -> None:
        self.kernel: Final = kernel
        # Until it has begun it waits for just that, and may be cancelled there as well.
        self.pause: Pause | None = Pause()
        self.error: Exception | None = None
        self._coroutine = coroutine
        self._done = done

    def go_on(self, pause: object) -> None:
        """Run on to the next pause, unless it went on otherwise since ``pause`` was ended."""
        if self.pause is pause:
            self._run(None)

    def cancel(self) -> None:
        """End it where it waits; it is over on return."""
        self._run(Cancelled())

    def _run(self, error: BaseException | None) -> None:
        self.pause = None
        try:
            pause = self._coroutine.throw(error) if error else self._coroutine.send(None)
        except (StopIteration, Cancelled):
            self._done(self)
        except Exception as raised:  # noqa: BLE001 - whoever started it decides
            self.error = raised
            self._done(self)
        else:
            pause.task = self
            self.pause = pause


class Kernel:
    """The one heap, and the time of the event that is happening.

    Attributes:
        now_s: Seconds since the simulation began.
        events: How many happened so far.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.events = 0
        self._heap: list[tuple[float, int, Callable[[Any], None], object]] = []
        self._numbers = count()

    def at(self, when_s: float, call: Callable[[Any], None], argument: object = None) -> None:
        """Call at a time; what is due at one time happens in the order of asking."""
        heapq.heappush(self._heap, (when_s, next(self._numbers), call, argument))

    def soon(self, call: Callable[[Any], None], argument: object = None) -> None:
        """Call once what is happening now is over."""
        self.at(self.now_s, call, argument)

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return a pause of so many seconds."""
        pause = Pause()
        self.at(self.now_s + seconds, pause.lapse)
        return pause

    def start(self, coroutine: Work, *, done: Callable[[Task], None] = lambda _: None) -> Task:
        """Start a task now; ``done`` is called with it when it is over."""
        task = Task(self, coroutine, done)
        self.soon(task.go_on, task.pause)
        return task

    def run(self, *, until_s: float) -> None:
        """Let everything happen that is due by then."""
        heap = self._heap
        while heap and heap[0][0] <= until_s:
            self.now_s, _, call, argument = heapq.heappop(heap)
            self.events += 1
            call(argument)
