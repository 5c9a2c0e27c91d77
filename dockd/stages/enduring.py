"""Work that goes on for as long as the daemon does: what fails in it is said, and begun again.

A station is many parts in one TaskGroup, and any error that leaves one of them would end them
all. A disk that is full for a minute must not do that, nor one clip that nobody foresaw.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from dockd.core import backoff
from dockd.core.backoff import Backoff
from dockd.core.catalogue import CATALOGUE
from dockd.errors import DockdError
from dockd.ports.clock import Clock
from dockd.stages.problems import ProblemBoard

_AGAIN: Final = Backoff(base_s=1.0, cap_s=60.0)
_WELL_AFTER_S: Final = 60.0
_UNEXPECTED: Final = "internal-error"


async def enduring(
    name: str,
    work: Callable[[], Awaitable[object]],
    *,
    problems: ProblemBoard,
    clock: Clock,
    slug: str | None = None,
) -> None:
    """Run ``work`` until it returns; when it fails, say so and run it again after a while.

    The problem is the error's own, or ``slug`` where one is given, with ``task <name>`` as its
    subject; it is cleared once the work has gone on for a minute, or is done.
    """
    subject = f"task {name}"
    attempt = 0
    while True:
        began_s = clock.monotonic_s()
        try:
            async with asyncio.TaskGroup() as group:
                settling = group.create_task(_settle(problems, subject=subject, clock=clock))
                await work()
                settling.cancel()
        except ExceptionGroup as raised:
            error = first_of(raised)
        else:
            await problems.clear_subject(subject)
            return
        if clock.monotonic_s() - began_s > _WELL_AFTER_S:
            attempt = 0
        await _say(error, problems=problems, subject=subject, slug=slug)
        await clock.sleep(backoff.delay_s(_AGAIN, attempt=attempt, random_unit=clock.random()))
        attempt += 1


async def _settle(problems: ProblemBoard, *, subject: str, clock: Clock) -> None:
    await clock.sleep(_WELL_AFTER_S)
    await problems.clear_subject(subject)


async def _say(error: Exception, *, problems: ProblemBoard, subject: str, slug: str | None) -> None:
    if isinstance(error, DockdError) and (slug or error.slug) in CATALOGUE:
        await problems.open(slug or error.slug, subject=subject, reason=error.reason)
    else:
        await problems.mistake(slug or _UNEXPECTED, subject=subject, error=error)


def first_of(raised: ExceptionGroup[Exception]) -> Exception:
    """Return the first error of a group, however deep it lies in groups of groups."""
    error = raised.exceptions[0]
    return first_of(error) if isinstance(error, ExceptionGroup) else error
