"""What the service manager asks of the daemon: stop, reload; and what the daemon owes it."""

import asyncio
import os
import signal
import sys
import threading
from typing import Final

from dockd.ports.clock import Clock
from dockd.station.notify import Notifier

_UNWATCHED_S: Final = 15.0


class Signals:
    """SIGTERM and SIGINT stop, within ``stop_within_s`` whatever happens; SIGHUP reloads."""

    def __init__(self, *, stop_within_s: float) -> None:
        """Take the signals over; needs a running loop."""
        self._stop_within_s = stop_within_s
        self.stop = asyncio.Event()
        self.reload = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)

    def _stop(self) -> None:
        """Ask for the end, and see to it that it comes, also in the middle of a start.

        A thread that reads from a dead device cannot be joined; all that is lost with it is a copy
        that is made again.
        """
        if not self.stop.is_set():
            self.stop.set()
            timer = threading.Timer(self._stop_within_s, _give_up)
            timer.daemon = True
            timer.start()


def _give_up() -> None:
    sys.stderr.flush()
    os._exit(0)


class Pulse:
    """Beats for as long as the loop turns; that is just what the watchdog is to find out.

    Attributes:
        beat_s: When it last did, on the monotonic clock.
    """

    def __init__(self, notifier: Notifier, *, clock: Clock) -> None:
        """Begin with a first beat."""
        self._notifier = notifier
        self._clock = clock
        self.beat_s = clock.monotonic_s()

    async def run(self) -> None:
        """Beat until cancelled, three times within what the watchdog allows."""
        period_s = (self._notifier.watchdog_s or _UNWATCHED_S) / 3
        while True:
            self.beat_s = self._clock.monotonic_s()
            self._notifier.feed_watchdog()
            await asyncio.sleep(period_s)
