"""What wears: cameras' batteries and slots' contacts, seen over their dockings.

A trend is a Theil-Sen slope: the median of the slopes between all pairs of dockings. Up to 29 %
of the points may be wild and it does not follow them (Sen, "Estimates of the regression
coefficient based on Kendall's tau", JASA 63, 1968). A verdict names what was measured.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import median
from typing import Final

# Fewer say nothing: one bad docking would be a trend.
LEAST_DOCKINGS: Final = 6
# A slope takes the square of them.
_NEWEST: Final = 200
# The usual end of a lithium-ion battery's life is 80 % of its capacity.
_CAPACITY_LEFT: Final = 0.8
_RESETS_PER_DOCKING: Final = 0.5
_ERRORS_PER_GB: Final = 1.0
# One bad card on one day condemns neither its camera nor the slot that it was in.
_ERRORS_IN_DOCKINGS: Final = 0.25
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
        read_errors: Files that could not be read, the listing among them.
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
    usual = _median([each.percent_per_h for each in dockings])
    made = []
    for part in Part:
        of_each: defaultdict[str, list[DockingWear]] = defaultdict(list)
        for each in dockings:
            of_each[each.camera if part is Part.CAMERA else each.slot].append(each)
        for name, own in sorted(of_each.items()):
            newest = sorted(own, key=lambda each: each.day)[-_NEWEST:]
            made.append(_verdict(part, name, newest, usual_percent_per_h=usual))
    return tuple(made)


def _verdict(
    part: Part, name: str, dockings: Sequence[DockingWear], *, usual_percent_per_h: float | None
) -> WearVerdict:
    per_percent = [(each.day, each.wh_per_percent) for each in dockings]
    speeds = [(each.day, each.percent_per_h) for each in dockings]
    enough = len(dockings) >= LEAST_DOCKINGS
    found = _breaks(dockings) if enough else []
    if enough and part is Part.CAMERA:
        # A slot has no capacity: what it shows there is its cameras'.
        found += _capacity(dockings)
    if enough:
        found += _speed(dockings, usual=usual_percent_per_h)
    return WearVerdict(
        part=part,
        name=name,
        dockings=len(dockings),
        replace=bool(found),
        evidence=tuple(found),
        wh_per_percent_trend=_trend(per_percent),
        percent_per_h_trend=_trend(speeds),
    )


def _trend(points: Sequence[tuple[float, float | None]]) -> float | None:
    known = [(day, value) for day, value in points if value is not None]
    per_day = slope(known) if len(known) >= LEAST_DOCKINGS else None
    return None if per_day is None else per_day * 100


def _capacity(dockings: Sequence[DockingWear]) -> list[str]:
    known = [
        (each.day, each.wh_per_percent) for each in dockings if each.wh_per_percent is not None
    ]
    per_day = slope(known) if len(known) >= LEAST_DOCKINGS else None
    if per_day is None:
        return []
    # The line through the medians: what it was at the first docking, and is at the last.
    middle = median(day for day, _ in known), median(value for _, value in known)
    first, last = (middle[1] + per_day * (day - middle[0]) for day in _ends(known))
    if first <= 0 or last / first >= _CAPACITY_LEFT:
        return []
    took = f"its battery takes {last:.3f} Wh per per cent and took {first:.3f}"
    return [f"{took}: {last / first:.0%} of its capacity is left, over {len(known)} dockings"]


def _ends(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    days = [day for day, _ in points]
    return min(days), max(days)


def _speed(dockings: Sequence[DockingWear], *, usual: float | None) -> list[str]:
    own = _median([each.percent_per_h for each in dockings])
    if own is None or usual is None or own >= usual * _SLOWER_THAN:
        return []
    return [f"it charges {own:.1f} % an hour, where the station's usual is {usual:.1f}"]


def _breaks(dockings: Sequence[DockingWear]) -> list[str]:
    count = len(dockings)
    resets = sum(each.resets for each in dockings)
    contacts = sum(each.contact_breaks for each in dockings)
    errors = sum(each.read_errors for each in dockings)
    read_gb = sum(each.read_gb for each in dockings)
    found = []
    if resets >= count * _RESETS_PER_DOCKING:
        found.append(f"{resets} resets in {count} dockings")
    if contacts >= count * _CONTACTS_PER_DOCKING:
        found.append(f"contact was lost {contacts} times in {count} dockings")
    erring = sum(each.read_errors > 0 for each in dockings)
    if erring > count * _ERRORS_IN_DOCKINGS and errors >= read_gb * _ERRORS_PER_GB:
        found.append(
            f"{errors} files could not be read beside {read_gb:.1f} GB that could,"
            f" in {erring} of {count} dockings"
        )
    return found


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
