"""The station's clock and its dice: the one home of both.

Whether the clock is disciplined is the kernel's to say, whoever disciplines it (chrony, ntpd,
systemd-timesyncd): adjtimex(2). Where a sandbox denies that call, systemd-timesyncd's own mark
in ``/run`` stands in.
"""

import asyncio
import ctypes
import os
import random
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dockd.ports.clock import Synchronisation

_TIMESYNC_MARK: Final = Path("/run/systemd/timesync/synchronized")
_ASKED_EVERY_S: Final = 10.0
# struct timex of linux/timex.h begins with: modes, offset, freq, maxerror, esterror, status.
_TIMEX: Final = struct.Struct("@Illlli")
_TIMEX_BYTES: Final = 512
_TIME_ERROR: Final = 5
_STA_UNSYNC: Final = 0x0040
_STA_NANO: Final = 0x2000


def kernel_synchronisation() -> Synchronisation:
    """Return what the kernel says of its clock; asking needs no privilege.

    ``offset_s`` is what the kernel still has to correct, in seconds; None while unsynchronised.

    Raises:
        OSError: the call is denied here.
    """
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(timex)
    if state < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "adjtimex")
    _, offset, _, _, _, status = _TIMEX.unpack_from(timex)
    if state == _TIME_ERROR or status & _STA_UNSYNC:
        return Synchronisation(synchronised=False, offset_s=None)
    unit = 1_000_000_000 if status & _STA_NANO else 1_000_000
    return Synchronisation(synchronised=True, offset_s=offset / unit)


def system_synchronisation() -> Synchronisation:
    """Return what the kernel says, or systemd-timesyncd's mark where it may not be asked."""
    try:
        return kernel_synchronisation()
    except OSError:
        return Synchronisation(synchronised=_TIMESYNC_MARK.exists(), offset_s=None)


class SystemClock:
    """The clock port on the system's own clocks."""

    def __init__(
        self, *, synchronisation: Callable[[], Synchronisation] = system_synchronisation
    ) -> None:
        self._ask = synchronisation
        self._asked_at_s = -_ASKED_EVERY_S
        self._answer = Synchronisation(synchronised=False, offset_s=None)
        self._random = random.SystemRandom()

    def now(self) -> datetime:
        """Return the time in UTC, with its timezone."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return the seconds of CLOCK_MONOTONIC, which the event loop and systemd count in too."""
        return self.monotonic_ns() / 1_000_000_000

    def monotonic_ns(self) -> int:
        """Return the same in nanoseconds."""
        return time.monotonic_ns()

    def synchronisation(self) -> Synchronisation:
        """Return whether the clock can be trusted; asked of the kernel every 10 s at most."""
        now_s = self.monotonic_s()
        if now_s - self._asked_at_s >= _ASKED_EVERY_S:
            self._asked_at_s = now_s
            self._answer = self._ask()
        return self._answer

    def random(self) -> float:
        """Return a number from 0 to 1."""
        return self._random.random()

    def random_bytes(self, count: int) -> bytes:
        """Return `count` unpredictable bytes."""
        return os.urandom(count)

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`."""
        await asyncio.sleep(seconds)
