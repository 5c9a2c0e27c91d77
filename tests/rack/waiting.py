"""Waiting for something that shows itself only to who looks."""

import time
from collections.abc import Callable

_FIRST_LOOK_S = 0.01
_LAST_LOOK_S = 0.25


def wait_until(holds: Callable[[], bool], *, what: str, timeout_s: float) -> None:
    """Look again and again, ever more slowly, until something holds.

    Raises:
        TimeoutError: It did not, within this time.
    """
    deadline_s, pause_s = time.monotonic() + timeout_s, _FIRST_LOOK_S
    while not holds():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {timeout_s:.0f} s in vain for {what}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LAST_LOOK_S)
