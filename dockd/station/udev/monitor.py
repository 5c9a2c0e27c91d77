"""udev's events: that something changed; what changed is read from sysfs.

pyudev's own way of polling breaks when block events come in bursts, which is what a shift change
is; so its descriptor is watched by the loop and drained without waiting.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol

import pyudev

from dockd.ports.journal import Journal

_RECEIVE_BUFFER_BYTES: Final = 4 * 1024 * 1024
_AGAIN_S: Final = 5.0


class Monitor(Protocol):
    """Something to be watched by the loop that has events for us."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable."""

    def drain(self) -> None:
        """Take in every event there is, without waiting.

        Raises:
            OSError: events were lost, or the monitor is of no use any more.
        """


class UdevMonitor:
    """What udev tells once it has done with a device itself."""

    def __init__(self) -> None:
        """Listen from now on.

        Raises:
            OSError: there is nothing to listen to.
        """
        self._monitor: Final = pyudev.Monitor.from_netlink(pyudev.Context(), source="udev")
        # What a slot holds is a device. Its interfaces and its disk come and go with it: a dozen
        # events for each camera, none of them news.
        self._monitor.filter_by("usb", "usb_device")
        # Beyond net.core.rmem_max only a privileged process may go; libudev then leaves it there.
        with suppress(PermissionError):
            self._monitor.set_receive_buffer_size(_RECEIVE_BUFFER_BYTES)
        self._monitor.start()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable."""
        return self._monitor.fileno()

    def drain(self) -> None:
        """Take in every event there is, without waiting."""
        while self._monitor.poll(timeout=0) is not None:
            pass


@contextmanager
def listening(
    changed: Callable[[], None],
    *,
    journal: Journal,
    open_monitor: Callable[[], Monitor] = UdevMonitor,
) -> Iterator[None]:
    """Call ``changed`` in the running loop after every burst of events, until the context ends."""
    ear = _Ear(changed, journal=journal, open_monitor=open_monitor)
    ear.listen()
    try:
        yield
    finally:
        ear.close()


class _Ear:
    """One monitor after another: one that fails is replaced, and what it missed is looked for."""

    def __init__(
        self,
        changed: Callable[[], None],
        *,
        journal: Journal,
        open_monitor: Callable[[], Monitor],
    ) -> None:
        self._changed: Final = changed
        self._journal: Final = journal
        self._open_monitor: Final = open_monitor
        self._loop: Final = asyncio.get_running_loop()
        self._monitor: Monitor | None = None
        self._again: asyncio.TimerHandle | None = None

    def listen(self) -> None:
        """Open a monitor; where that fails, try again until closed: the sweeps go on meanwhile."""
        self._again = None
        try:
            self._monitor = self._open_monitor()
        except OSError as error:
            self._say(error)
            self._again = self._loop.call_later(_AGAIN_S, self.listen)
            return
        self._loop.add_reader(self._monitor.fileno(), self._hear)
        # Listen first, look second: what came in between is seen twice, never missed.
        self._changed()

    def _hear(self) -> None:
        monitor = self._monitor
        if monitor is None:
            return
        try:
            monitor.drain()
        except OSError as error:
            # ENOBUFS: the kernel dropped events, and the monitor may never be readable again.
            self._say(error)
            self.close()
            self.listen()
            return
        self._changed()

    def _say(self, error: OSError) -> None:
        self._journal.say(
            "udev-events-lost",
            "Events of udev were lost; dockd listens anew and looks at every slot.",
            level="warning",
            reason=str(error),
        )

    def close(self) -> None:
        """Listen no more."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._monitor is not None:
            self._loop.remove_reader(self._monitor.fileno())
            self._monitor = None
