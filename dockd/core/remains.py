"""What is left of a copy that failed: the parts at its beginning that still hold, and no more.

Nothing without a receipt is ever thrown away, and what was read of a clip may be all that anybody
will ever have of it: its camera may not come back, or may not give it a second time.
"""

from collections.abc import Sequence

from dockd.core import facts
from dockd.core.clip import Clip, Part, SpoolCopy


def shortened(clip: Clip, *, parts: int, reason: str) -> tuple[facts.ClipFact, ...]:
    """Return how it is recorded that of a clip's copy only the first ``parts`` are relied on.

    A part that is recorded once more is the last: what stood behind it is forgotten.
    """
    if clip.spool_copy is not SpoolCopy.PARTIAL:
        return ()
    if parts == 0:
        return (facts.CopyDiscarded(clip=clip.number, reason=reason),)
    if parts == len(clip.spool_parts) and not clip.copied:
        return ()
    last = clip.spool_parts[parts - 1]
    return (
        facts.PartSpooled(
            clip=clip.number,
            docking=clip.copied_in[-1],
            index=last.index,
            offset=last.offset,
            size_bytes=last.size_bytes,
            sha256=last.sha256,
        ),
    )


def in_common(before: Sequence[Part], now: Sequence[Part]) -> int:
    """Return how many parts at the beginning were recorded before and are recorded still."""
    common = 0
    for was, still in zip(before, now, strict=False):
        if was != still:
            break
        common += 1
    return common
