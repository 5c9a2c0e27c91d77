"""Clips that are gone from their camera: explained by another station, or said to be gone.

A camera that was docked at another station may have been cleared there. That station's manifest of
the docking stands in the stores, so they are asked before anybody is alarmed. What nothing explains
is `clip-gone`, for as long as no store has proven a copy either. The beginning of a clip whose
camera is back with all of it is not gone: the whole file is a clip of its own.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from dockd.core import elsewhere, facts
from dockd.core.clip import Clip
from dockd.errors import DockdError
from dockd.ports.ledger import Ledger
from dockd.ports.store import Store
from dockd.stages.other_stations import manifests_behind
from dockd.stages.problems import ProblemBoard

_AT_ONCE: Final = 256
_LONGEST_WAIT_S: Final = 3600.0
_SLUG: Final = "clip-gone"
_REASON: Final = (
    "it left its camera without dockd, no other station is known to have had it since, and no "
    "store has proven a copy yet"
)
_LOSSES: Final = (facts.ClipGone, facts.ClipOverwritten, facts.ReceiptLost)
_GAINS: Final = (facts.ReceiptAccepted, facts.ClipSeenAgain, facts.ClipMerged)


class Elsewhere:
    """Explains what is gone; opens and clears `clip-gone`."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        stores: Mapping[str, Store],
        problems: ProblemBoard,
        station: str,
        look_again_s: float = 60.0,
    ) -> None:
        """``stores`` are asked in turn; again after ``look_again_s``, then less and less often."""
        self._ledger = ledger
        self._stores = stores
        self._problems = problems
        self._station = station
        self._look_again_s = look_again_s
        self._noted: set[int] = set()
        self._wait_s = look_again_s
        self._wake = asyncio.Event()

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Note the clips that left their camera, and those of which a problem may be over."""
        for fact in committed:
            if isinstance(fact, _LOSSES) or (
                isinstance(fact, _GAINS) and self._problems.any_about("clip")
            ):
                self._noted.add(fact.clip)
                self._wait_s = self._look_again_s
                self._wake.set()

    async def run(self) -> None:
        """Look at what is unexplained now, then at what is noted, until cancelled."""
        after = 0
        # The daemon may have been killed between the loss and its explanation.
        while found := await self._ledger.gone_unexplained(after=after, limit=_AT_ONCE):
            self._noted.update(clip.number for clip in found)
            after = found[-1].number
        while True:
            self._wake.clear()
            await self._look_at_noted()
            # Whatever is still noted is looked at again, without being noted again.
            try:
                async with asyncio.timeout(self._wait_s if self._noted else None):
                    await self._wake.wait()
            except TimeoutError:
                self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)

    async def _look_at_noted(self) -> None:
        by_camera: defaultdict[str, list[Clip]] = defaultdict(list)
        for number in sorted(self._noted):
            clip = await self._ledger.clip(number)
            if elsewhere.is_unexplained(clip) and not await self._is_back(clip):
                by_camera[clip.camera].append(clip)
            else:
                await self._problems.clear(_SLUG, subject=_subject(clip))
                self._noted.discard(number)
        for camera, clips in by_camera.items():
            all_asked = await self._explain(camera, clips)
            for clip in clips:
                now = await self._ledger.clip(clip.number)
                await self._settle(now)
                # The other station's manifest may only be on its way.
                if all_asked and not elsewhere.is_alarming(now):
                    self._noted.discard(clip.number)

    async def _is_back(self, clip: Clip) -> bool:
        """Return whether all of a clip that was cut short was shown again, as a clip of its own.

        What becomes of that one is its own matter from there on.
        """
        return clip.partial and any(
            elsewhere.is_of_whole(clip, newest=newest)
            for newest in await self._ledger.on_camera(clip.camera)
        )

    async def _explain(self, camera: str, clips: Sequence[Clip]) -> bool:
        """Record of each clip where it was since, as far as that is known; False to ask again."""
        all_asked = True
        unexplained = list(clips)
        for store in self._stores.values():
            try:
                manifests = await manifests_behind(
                    min(clip.docking for clip in clips), camera=camera, store=store
                )
            except DockdError:
                # Whatever is wrong with a store is said where clips are sent to it.
                all_asked = False
                continue
            for clip in tuple(unexplained):
                found = [
                    manifest
                    for manifest in manifests
                    if elsewhere.explains(manifest, clip, station=self._station)
                ]
                if found:
                    await self._ledger.record(
                        facts.ClipElsewhere(
                            clip=clip.number,
                            station=found[-1].station,
                            docking=found[-1].docking,
                            store=store.name,
                        )
                    )
                    unexplained.remove(clip)
        return all_asked or not unexplained

    async def _settle(self, clip: Clip) -> None:
        if elsewhere.is_alarming(clip):
            await self._problems.open(_SLUG, subject=_subject(clip), reason=_REASON)
        else:
            await self._problems.clear(_SLUG, subject=_subject(clip))


def _subject(clip: Clip) -> str:
    return f"clip {clip.id}"
