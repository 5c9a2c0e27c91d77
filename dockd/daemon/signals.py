"""What the service manager asks of the daemon: stop, reload; and what the daemon owes it."""

import asyncio
import signal

from dockd.station.notify import Notifier


class Signals:
    """SIGTERM and SIGINT stop; SIGHUP reloads."""

    def __init__(self) -> None:
        """Take the signals over; needs a running loop."""
        self.stop = asyncio.Event()
        self.reload = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)


async def feed_watchdog(notifier: Notifier) -> None:
    """Feed the watchdog for as long as the loop turns; that is just what it is to find out."""
    period_s = notifier.watchdog_s
    if not period_s:
        return
    while True:
        notifier.feed_watchdog()
        await asyncio.sleep(period_s / 3)
