"""The numbers that are missing among a camera's files, kept until the camera has shown more."""

from collections.abc import Sequence
from typing import Final

from dockd.core.numbering import gaps
from dockd.core.printable import printable
from dockd.ports.ledger import Ledger
from dockd.stages.threads import in_thread

_TOLD_AT_MOST: Final = 1000


class Gaps:
    """Answers from what was found before wherever no file has come since."""

    def __init__(self, ledger: Ledger) -> None:
        """Nothing was looked at yet."""
        self._ledger = ledger
        self._seen: dict[str, int] = {}
        self._found: dict[str, Sequence[str]] = {}

    async def of(self, cameras: Sequence[str]) -> Sequence[str]:
        """Return the gaps of some cameras, each with its camera; the first thousand of them."""
        seen = await self._ledger.seen_of(cameras)
        # Nothing is kept of a camera that was never here: anybody may ask for any name.
        stale = [one for one, count in seen.items() if self._seen.get(one, 0) != count]
        if stale:
            paths = await self._ledger.paths_of(stale)
            self._found |= await in_thread(lambda: {one: gaps(paths[one]) for one in stale})
            self._seen |= {camera: seen[camera] for camera in stale}
        told = [
            f"{printable(camera)}: {gap}" for camera in seen for gap in self._found.get(camera, ())
        ]
        return told[:_TOLD_AT_MOST]
