"""Blocking work in threads of its own: one thread for one whole piece, never joined at the end.

asyncio's own executor joins its threads when the interpreter exits, and a thread stuck in the
kernel (a read from a camera that was pulled) would then hold the shutdown for good.
"""

import _thread
import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def in_thread(
    work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Run ``work`` in a daemon thread and return what it returns.

    Cancelling the waiter does not stop the thread: whoever hands in long work also hands in a
    stop flag, and sets it.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if outcome.cancelled():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]  # None is a Result where it comes from

    def run() -> None:
        result: Result | None = None
        error: BaseException | None = None
        try:
            result = work(*args, **kwargs)
        except BaseException as raised:  # noqa: BLE001 - it is raised again where it is awaited
            error = raised
        # The loop is closed when the daemon ended without this thread: nobody waits any more.
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    # `Thread.start` waits until the thread runs, which beside threads that hash and write is
    # milliseconds in which the whole loop stands still. Such a thread is never joined either.
    _thread.start_new_thread(run, ())
    return await outcome


async def obtained(get: Callable[[], Result], *, give_back: Callable[[Result], None]) -> Result:
    """Run ``get`` in a thread and return what it got.

    When the waiter is cancelled before it has it, ``give_back`` is called in its stead: what a
    thread opens or claims for somebody who is no longer there would stay so for good.
    """
    lock = threading.Lock()
    got: list[Result] = []
    nobody_waits = False

    def getting() -> None:
        result = get()
        with lock:
            got.append(result)
            too_late = nobody_waits
        if too_late:
            give_back(result)

    try:
        await in_thread(getting)
    except asyncio.CancelledError:
        with lock:
            nobody_waits = True
            left = list(got)
        for result in left:
            # Letting go may block as getting does, and this is the loop's thread.
            threading.Thread(target=give_back, args=(result,), daemon=True).start()
        raise
    return got[0]
