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
        self._found: dict[str, tuple[int, tuple[str, ...]]] = {}

    async def of(self, cameras: Sequence[str]) -> Sequence[str]:
        """Return the gaps of some cameras, each with its camera; the first thousand of them."""
        told: list[str] = []
        for camera, seen in (await self._ledger.seen_of(cameras)).items():
            told += [f"{printable(camera)}: {gap}" for gap in await self._of(camera, seen)]
        return told[:_TOLD_AT_MOST]

    async def _of(self, camera: str, seen: int) -> Sequence[str]:
        known = self._found.get(camera)
        if known is None or known[0] != seen:
            paths = await self._ledger.paths_of(camera)
            known = seen, await in_thread(lambda: gaps(paths))
            self._found[camera] = known
        return known[1]
