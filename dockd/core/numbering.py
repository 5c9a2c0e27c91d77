"""The numbers that cameras give their files, and which of them nobody here has ever seen.

DCF (JEITA CP-3461B) numbers the files of a folder on, whatever their kinds; cameras with names of
their own do alike. A number that is missing is a file that was gone before it could be read, or one
that the camera never made: only a person can tell.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from dockd.core.printable import printable

# Digits at the end of a name, before its ending.
_NUMBERED = re.compile(rb"(?P<before>(?:.*[^0-9])?)(?P<number>[0-9]{3,8})(?:\.[^./]*)?", re.DOTALL)


def gaps(paths: Iterable[bytes]) -> tuple[str, ...]:
    """Return the runs of numbers that are missing among the paths of one camera.

    Each as ``DCIM/100MEDIA/0004`` or ``DCIM/100MEDIA/0004 to 0009``. Names whose numbers are a
    time of day or the like have more gaps than names: where less than half is there, none is told.
    """
    series: dict[tuple[bytes, int], set[int]] = defaultdict(set)
    for path in paths:
        if numbered := _NUMBERED.fullmatch(path):
            series[numbered["before"], len(numbered["number"])].add(int(numbered["number"]))
    found: list[str] = []
    for (before, digits), numbers in sorted(series.items()):
        if 2 * len(numbers) <= max(numbers) - min(numbers):
            continue
        for present, following in pairwise(sorted(numbers)):
            if following - present > 1:
                first, last = f"{present + 1:0{digits}}", f"{following - 1:0{digits}}"
                run = first if first == last else f"{first} to {last}"
                found.append(f"{printable(before)}{run}")
    return tuple(found)
