"""What is done beside the thread that reads: writing or hashing, each in order.

Reading, hashing and writing one after another would leave the disk idle while the processor works
and the processor idle while the disk does. Each of them releases the GIL, so each has a thread;
what one hands to the next is a buffer that stays its own until that is done with it.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from queue import SimpleQueue
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from dockd.station.spool.buffers import Buffers

T = TypeVar("T")


class Beside(Generic[T]):
    """Does ``work`` on what is handed over, in order, at most ``room`` things behind.

    A context: leaving it waits until all is done, and raises what ``work`` raised unless something
    else was raised before. The first thing is done at once and by the caller, so that a clip of a
    single buffer costs no thread.
    """

    def __init__(self, work: Callable[[T], None], *, room: int, name: str) -> None:
        self._work: Final = work
        self._name: Final = name
        self._room: Final = threading.Semaphore(room)
        self._waiting: Final[SimpleQueue[T | threading.Event | None]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._used = False
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
        if kind is None:
            self._raise()

    def wait_for_room(self) -> None:
        """Return when one more thing may be handed over.

        Raises what ``work`` raised; nothing is done any more after that.
        """
        self._room.acquire()
        self._raise()

    def hand_over(self, item: T) -> None:
        """Have ``item`` worked on; it must not change until there is room for as many more."""
        if not self._used:
            self._used = True
            self._do(item)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._waiting.put(item)

    def drain(self) -> None:
        """Return when everything that was handed over is done; raises what ``work`` raised."""
        if self._thread is not None:
            done = threading.Event()
            self._waiting.put(done)
            done.wait()
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _do(self, item: T) -> None:
        try:
            if self._error is None:
                self._work(item)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that hands over
            self._error = error
        finally:
            self._room.release()

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._do(item)


class Ring:
    """Buffers that take turns; a context."""

    def __init__(self, buffers: Buffers, *, count: int) -> None:
        self._buffers: Final = buffers
        self._count: Final = count
        self._leases: Final = ExitStack()
        self._turns: list[memoryview] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._turns.clear()
        self._leases.close()

    def next(self) -> memoryview:
        """Return the buffer whose turn it is; a new one only while there are fewer than agreed."""
        if len(self._turns) < self._count:
            self._turns.append(self._leases.enter_context(self._buffers.lease()))
            return self._turns[-1]
        self._turns.append(self._turns.pop(0))
        return self._turns[-1]
