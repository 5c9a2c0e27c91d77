"""Waiting for something that shows itself only to who looks."""

import time
from collections.abc import Callable

_FIRST_LOOK_S = 0.01
_LAST_LOOK_S = 0.25
# A look at a guest takes of the little that it can do: nine tenths of the time it is left alone.
_ALONE = 9
_LONGEST_PAUSE_S = 1.5


def wait_until(
    holds: Callable[[], bool], *, what: str, timeout_s: float, closely: bool = False
) -> None:
    """Look again and again, ever more slowly, until something holds.

    Looks that take long are rare; `closely` is for what soon would hold no more.

    Raises:
        TimeoutError: It did not, within this time.
    """
    began_s = looked_s = time.monotonic()
    pause_s = _FIRST_LOOK_S
    while not holds():
        now_s = time.monotonic()
        if now_s > began_s + timeout_s:
            raise TimeoutError(f"waited {timeout_s:.0f} s in vain for {what}")
        alone_s = min(_ALONE * (now_s - looked_s), _LONGEST_PAUSE_S)
        time.sleep(pause_s if closely else max(pause_s, alone_s))
        pause_s = min(pause_s * 1.5, _LAST_LOOK_S)
        looked_s = time.monotonic()
