"""What wears: cameras' batteries and slots' contacts, seen over their dockings.

A trend is a Theil-Sen slope: the median of the slopes between all pairs of dockings. Up to 29 %
of the points may be wild and it does not follow them (Sen, "Estimates of the regression
coefficient based on Kendall's tau", JASA 63, 1968). A verdict names what was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import median
from typing import Final

# Fewer say nothing: one bad docking would be a trend.
LEAST_DOCKINGS: Final = 6
# The usual end of a lithium-ion battery's life is 80 % of its capacity.
_CAPACITY_LEFT: Final = 0.8
_RESETS_PER_DOCKING: Final = 0.5
_ERRORS_PER_GB: Final = 1.0
_CONTACTS_PER_DOCKING: Final = 0.5
_SLOWER_THAN: Final = 0.6


class Part(StrEnum):
    """What a verdict is about."""

    CAMERA = "camera"
    SLOT = "slot"


@dataclass(frozen=True, slots=True, kw_only=True)
class DockingWear:
    """What one docking showed; None is what could not be measured.

    Attributes:
        day: When, in days since 1970, a fraction allowed.
        camera: The camera.
        slot: The slot.
        percent_per_h: How fast it charged in the first phase.
        wh_per_percent: What a per cent took: it falls as a battery loses its capacity.
        resets: How often the port or the camera reset itself.
        read_errors: Reads that had to be made again.
        read_gb: How much was read.
        contact_breaks: How often it vanished and came back without being taken out.
    """

    day: float
    camera: str
    slot: str
    percent_per_h: float | None = None
    wh_per_percent: float | None = None
    resets: int = 0
    read_errors: int = 0
    read_gb: float = 0.0
    contact_breaks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WearVerdict:
    """Whether a part should be replaced, with the evidence in words.

    Attributes:
        part: What it is about.
        name: The camera's serial number, or the slot.
        dockings: On how many it rests.
        replace: Whether it should be replaced.
        evidence: One sentence per finding; empty when nothing stands out.
        wh_per_percent_trend: The change per 100 days; None when it cannot be said.
        percent_per_h_trend: The same of the charge slope.
    """

    part: Part
    name: str
    dockings: int
    replace: bool
    evidence: tuple[str, ...] = ()
    wh_per_percent_trend: float | None = None
    percent_per_h_trend: float | None = None


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Return the Theil-Sen slope; None when no two points differ in their first value."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2]
    return median(slopes) if slopes else None


def verdicts(dockings: Sequence[DockingWear]) -> tuple[WearVerdict, ...]:
    """Return a verdict of every camera and of every slot that the dockings show."""
    raise NotImplementedError
