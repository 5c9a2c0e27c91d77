"""How many parts may be in flight at once: additive increase, multiplicative decrease.

One whole window of successes adds one part; a sign of congestion (a timeout, a 503) halves
the window: once for all parts that were on their way together, whose failures are one sign and
not several. Many stations behind one link thereby come to share it evenly (Chiu and Jain,
"Analysis of the Increase and Decrease Algorithms", 1989).
"""

from dataclasses import dataclass, replace
from typing import Final

MOST_PARTS: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The window and its limits.

    Attributes:
        parts: How many parts may be in flight.
        successes: Parts that arrived since the window last changed.
        smallest: Never fewer parts; at least 1, or nothing would ever move again.
        largest: Never more parts.
        era: Counts the halvings; a part of an older era was on its way before the last one.
    """

    parts: int = 1
    successes: int = 0
    smallest: int = 1
    largest: int = MOST_PARTS
    era: int = 0

    def __post_init__(self) -> None:
        """Refuse limits that exclude one another.

        Raises:
            ValueError: `1 <= smallest <= parts <= largest` does not hold.
        """
        if not 1 <= self.smallest <= self.parts <= self.largest:
            message = (
                "need 1 <= smallest <= parts <= largest, "
                f"got {self.smallest}, {self.parts} and {self.largest}"
            )
            raise ValueError(message)


def after_success(window: Window) -> Window:
    """Return the window after one part arrived."""
    successes = window.successes + 1
    if successes < window.parts:
        return replace(window, successes=successes)
    return replace(window, parts=min(window.largest, window.parts + 1), successes=0)


def after_congestion(window: Window, *, era: int | None = None) -> Window:
    """Return the window after a sign that the link or the store has too much to do.

    ``era`` is the window's when the part that failed set out; None is its present one.
    """
    if era is not None and era != window.era:
        return window
    parts = max(window.smallest, window.parts // 2)
    return replace(window, parts=parts, successes=0, era=window.era + 1)
