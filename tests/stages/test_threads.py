"""Blocking work beside the loop: the loop goes on at once, whoever else wants to run."""

import asyncio
import sys
import threading
from collections.abc import Iterator

import pytest

from dockd.stages.threads import in_thread


@pytest.fixture
def _nobody_gives_way() -> Iterator[None]:
    """Have a thread of Python's run until it waits by itself."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before_s)


@pytest.mark.asyncio
@pytest.mark.usefixtures("_nobody_gives_way")
async def test_the_loop_does_not_wait_for_a_thread_to_begin() -> None:
    """With a busy rack a new thread has its turn late, and every answer would wait for that."""
    began = threading.Event()
    work = in_thread(began.set)
    work.send(None)
    assert not began.is_set()
    work.close()
    # Whoever waited is gone; what was begun is done all the same.
    await asyncio.to_thread(began.wait)
