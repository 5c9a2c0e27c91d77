"""How many clips are sent side by side, and who need not wait for a lane of those.

What is under way is never taken off its lane. So a short clip that comes when every lane was just
given away would wait for all of that, and then for whoever comes meanwhile and has the better
claim: for minutes, where a few seconds are all that it asks for. For what is sent in one part there
is one lane more. It costs the others little, for it carries one such clip at a time.
"""

from collections.abc import Iterable
from typing import Final

from dockd.core.transfer import SMALL_PART_BYTES

# What a small clip waits for is not the link but one answer after another: several share a lane.
_SMALL_BYTES: Final = 256 * 1024
_SMALL_IN_A_LANE: Final = 8


def is_free(size_bytes: int, *, under_way_bytes: Iterable[int], lanes: int) -> bool:
    """Return whether a clip of this size may be sent beside those of the other sizes."""
    taken = sum(1 / _SMALL_IN_A_LANE if size <= _SMALL_BYTES else 1 for size in under_way_bytes)
    return taken < lanes + (size_bytes <= SMALL_PART_BYTES)
