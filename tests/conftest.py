"""What holds for every test: no excuses, nothing left behind, and repeatable chance."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.tooling.no_excuses"]

THREAD_GRACE_S = 5.0

# No deadlines: they would measure the machine's load.
settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, print_blob=True)
settings.register_profile(
    "nightly",
    max_examples=5000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)


# Whose tests reach every branch of the core; others the tracer would only slow down, to the half.
_COVERING = "core"
_TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure coverage of the core where it is meant to come from: its own tests."""
    for item in items:
        if item.path.relative_to(_TESTS).parts[0] != _COVERING:
            item.add_marker(pytest.mark.no_cover)


def pytest_configure() -> None:
    """Leave no implicit event loop, whose unclosed socket would fail some innocent test."""
    asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fail the test that leaves a thread running which would keep the process from ending."""
    before = set(threading.enumerate())
    yield
    left = [
        thread for thread in threading.enumerate() if thread not in before and not thread.daemon
    ]
    for thread in left:
        thread.join(THREAD_GRACE_S)
    still_there = [thread.name for thread in left if thread.is_alive()]
    if still_there:
        pytest.fail(f"the test left threads behind: {', '.join(still_there)}")


@pytest_asyncio.fixture
async def _task_watch() -> AsyncIterator[None]:
    """Fail the test that leaves a task on its loop."""
    yield
    # Whatever was cancelled at the very end gets one turn to finish.
    await asyncio.sleep(0)
    left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    if left:
        pytest.fail(f"the test left tasks behind: {', '.join(left)}")


@pytest.fixture(autouse=True)
def _no_task_left(request: pytest.FixtureRequest, _no_thread_left: None) -> None:
    """Watch the loop of an asynchronous test; a plain one has none.

    Asked for after the watch on threads, so that the loop's own threads are gone when those are
    counted, and before the test's own fixtures, so that what they leave is seen as well.
    """
    if request.node.get_closest_marker("asyncio") is not None:
        request.getfixturevalue("_task_watch")
