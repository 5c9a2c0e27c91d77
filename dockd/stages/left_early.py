"""Says of each camera that left with footage nobody has a copy of, until it is docked again.

A camera that left before it was listed may have such footage: what nobody can tell is said as well.

One problem for each camera, however many clips are on it, and none of a camera that is put back
soon: a loose contact, or a start of dockd, must not flood the journal. Nobody misses a camera that
another station has emptied since: its manifest of that docking stands in the stores.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from dockd.core import elsewhere, facts
from dockd.errors import DockdError
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger, LeftOnCamera
from dockd.ports.store import Store
from dockd.stages.other_stations import manifests_behind
from dockd.stages.problems import ProblemBoard

SLUG: Final = "camera-left-early"
AWAY_S: Final = 120.0
_UNLISTED: Final = (
    "It left before its files were listed, so nobody knows what is on it. It was in slot {slot} "
    "last."
)
_LOOK_EVERY_S: Final = 30.0
_ASK_AGAIN_S: Final = 60.0
_LONGEST_WAIT_S: Final = 3600.0
# Of a store that hangs nobody waits to hear that a camera is back.
_PATIENCE_S: Final = 20.0


class LeftEarly:
    """Opens and clears `camera-left-early`."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        stores: Mapping[str, Store],
        problems: ProblemBoard,
        clock: Clock,
        station: str,
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        """``stores`` are asked whether another station had a camera since."""
        self._ledger = ledger
        self._stores = stores
        self._problems = problems
        self._clock = clock
        self._station = station
        self._look_every_s = look_every_s
        self._since_s: dict[str, float] = {}
        self._asking: dict[str, _Asking] = {}
        self._wake = asyncio.Event()

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Look at once when a camera comes back: what is said of it is true no longer."""
        if any(isinstance(fact, facts.Docked) for fact in committed):
            self._wake.set()

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            self._wake.clear()
            await self.look()
            try:
                async with asyncio.timeout(self._look_every_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Hold what is said against which cameras are away, and with what."""
        now_s = self._clock.monotonic_s()
        away = {left.camera: left for left in await self._ledger.left_on_cameras()}
        self._since_s = {camera: self._since_s.get(camera, now_s) for camera in away}
        self._asking = {
            camera: asking
            for camera, asking in self._asking.items()
            if camera in away and asking.docking == away[camera].docking
        }
        for problem in self._problems.current():
            if problem.slug == SLUG and problem.subject not in map(_subject, away):
                await self._problems.clear(SLUG, subject=problem.subject)
        hanging: set[str] = set()
        for camera, left in away.items():
            if now_s - self._since_s[camera] >= AWAY_S:
                await self._settle(left, hanging=hanging)

    async def _settle(self, left: LeftOnCamera, *, hanging: set[str]) -> None:
        asking = self._asking.setdefault(left.camera, _Asking(left.docking))
        if asking.is_due(self._clock.monotonic_s()):
            found = await self._is_elsewhere(left, hanging=hanging)
            asking.asked(found=found, now_s=self._clock.monotonic_s())
        if asking.found:
            await self._problems.clear(SLUG, subject=_subject(left.camera))
        else:
            await self._say(left)

    async def _say(self, left: LeftOnCamera) -> None:
        subject = _subject(left.camera)
        if not left.clips:
            await self._problems.open(
                SLUG, subject=subject, reason=_UNLISTED.format(slot=left.slot)
            )
            return
        await self._problems.open(
            SLUG,
            subject=subject,
            clips=left.clips,
            size_bytes=left.size_bytes,
            slot=left.slot,
        )

    async def _is_elsewhere(self, left: LeftOnCamera, *, hanging: set[str]) -> bool:
        for name, store in self._stores.items():
            if name in hanging:
                continue
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    manifests = await manifests_behind(
                        left.docking, camera=left.camera, store=store
                    )
            except (DockdError, TimeoutError):
                # Whatever is wrong with a store is said where clips are sent to it.
                hanging.add(name)
                continue
            if any(
                elsewhere.was_docked(
                    manifest, camera=left.camera, after=left.docking, station=self._station
                )
                for manifest in manifests
            ):
                return True
        return False


class _Asking:
    """When the stores are asked about a camera next: less often each time."""

    def __init__(self, docking: str) -> None:
        self.docking = docking
        self.found = False
        self._next_s = 0.0
        self._wait_s = _ASK_AGAIN_S

    def is_due(self, now_s: float) -> bool:
        return not self.found and now_s >= self._next_s

    def asked(self, *, found: bool, now_s: float) -> None:
        self.found = found
        self._next_s = now_s + self._wait_s
        self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)


def _subject(camera: str) -> str:
    return f"camera {camera}"
