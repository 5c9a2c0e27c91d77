"""What the service manager is told: sd_notify(3), and nothing where there is no manager."""

import os
import socket
from typing import Final

from dockd.ports.clock import Clock

# For what is said once and must arrive: a turn in the service's life.
_TURN_PATIENCE_S: Final = 1.0


class Notifier:
    """The service manager's socket; every method is a no-op without ``NOTIFY_SOCKET``."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        named = os.environ.get("NOTIFY_SOCKET", "")
        # An abstract socket is written with @ in front.
        self._address = f"\0{named[1:]}" if named.startswith("@") else named
        self._status = ""

    @property
    def watchdog_s(self) -> float | None:
        """How often the watchdog wants to be fed at the latest, in seconds; None: it is off."""
        limit_us = os.environ.get("WATCHDOG_USEC", "")
        meant_for_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        return int(limit_us) / 1_000_000 if limit_us.isdecimal() and meant_for_us else None

    def ready(self) -> None:
        """Say that the station is up, or that a reload is done."""
        self._send("READY=1")

    def status(self, sentence: str) -> None:
        """Show `sentence` in ``systemctl status``; the same one again is not sent."""
        if sentence != self._status:
            shown = sentence.replace("\n", " ")
            # What found no room in the manager's queue is said again with the next look.
            self._status = sentence if self._send(f"STATUS={shown}", patience_s=0) else ""

    def feed_watchdog(self) -> None:
        """Say that the loop still turns."""
        self._send("WATCHDOG=1", patience_s=0)

    def reloading(self) -> None:
        """Say that a reload began; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={self._clock.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the station is going down in good order."""
        self._send("STOPPING=1")

    def _send(self, message: str, *, patience_s: float = _TURN_PATIENCE_S) -> bool:
        """Send a message; return whether the manager has it now or there is none."""
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                # A manager that does not empty its queue (ten messages by default) would
                # otherwise hold up the loop, and with it the station, for good.
                sender.settimeout(patience_s)
                sender.sendto(message.encode(), self._address)
        except OSError:
            # A manager that does not listen must not stop the station.
            return False
        return True
