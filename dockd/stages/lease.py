"""Who may write a ``.part``: whoever claimed it, until the last thread that works on it is done.

A stay that is cancelled does not stop its threads at once: one may hang in a read from a camera
that was pulled. Were the ``.part`` given up with the stay, the next docking could write it too.
"""

import threading
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from dockd.core.clip import Clip
from dockd.ports.spool import CopyTarget, Spool
from dockd.stages.threads import obtained

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class PartLease:
    """One claim of a ``.part``; it ends when `close` was called and no thread works on it."""

    def __init__(self, spool: Spool, target: CopyTarget) -> None:
        """Take over a claim that was just made."""
        self.target = target
        self._spool = spool
        self._lock = threading.Lock()
        self._holders = 1
        self._closed = False

    def close(self) -> None:
        """Give the claim up; again does no harm."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._drop()

    def held_by(self, work: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """Return ``work``, which holds the claim from now until it has run in its thread."""
        with self._lock:
            self._holders += 1

        def holding(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            try:
                return work(*args, **kwargs)
            finally:
                self._drop()

        return holding

    def _drop(self) -> None:
        with self._lock:
            self._holders -= 1
            ended = self._holders == 0
        if ended:
            self._spool.release(self.target)


def all_held_by(
    leases: Sequence[PartLease], work: Callable[Arguments, Result]
) -> Callable[Arguments, Result]:
    """Return ``work``, which holds every claim from now until it has run in its thread."""
    for lease in leases:
        work = lease.held_by(work)
    return work


async def claimed(spool: Spool, clip: Clip) -> PartLease:
    """Claim the ``.part`` of a clip.

    Raises:
        SpoolFull, SpoolChanged, SpoolReadOnly
    """
    return await obtained(
        lambda: PartLease(spool, spool.claim(clip)), give_back=lambda lease: lease.close()
    )
