"""What stands still although it should move: silence is an alarm, and ends when something moves."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from dockd.core.catalogue import CATALOGUE
from dockd.core.slot import SlotState
from dockd.ports.clock import Clock
from dockd.stages.board import SlotBoard
from dockd.stages.problems import ProblemBoard

LOOK_S: Final = 30.0
STILL_S: Final = 900.0
_AT_WORK: Final = frozenset({SlotState.SETTLING, SlotState.OFFLOADING})


class Silence:
    """Watches one count for as long as there is something that should make it grow."""

    def __init__(
        self,
        slug: str,
        *,
        subject: str,
        moved: Callable[[], int],
        due: Callable[[], Mapping[str, int] | None],
        problems: ProblemBoard,
        clock: Clock,
    ) -> None:
        """``moved`` is the count; ``due`` is what should move it, as fields of the reason.

        The last field of the reason, minutes, is this watch's own.
        """
        self._slug = slug
        self.subject = subject
        self._moved = moved
        self._due = due
        self._problems = problems
        self._clock = clock
        self._seen = 0
        self._since_s: float | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once; what stood still for a quarter of an hour is said, what moves is well."""
        now_s, moved, due = self._clock.monotonic_s(), self._moved(), self._due()
        if self._since_s is None or moved != self._seen or due is None:
            self._since_s, self._seen = now_s, moved
            await self._problems.clear(self._slug, subject=self.subject)
        elif now_s - self._since_s >= STILL_S:
            minutes = int(now_s - self._since_s) // 60
            reason = CATALOGUE[self._slug].reason.format(**due, minutes=minutes)
            await self._problems.open_or_reword(self._slug, subject=self.subject, reason=reason)


def of_the_rack(board: SlotBoard, *, problems: ProblemBoard, clock: Clock) -> Silence:
    """Return the watch over a station that copies nothing although cameras are docked."""

    def due() -> Mapping[str, int] | None:
        states = [slot.state for slot in board.snapshots() if slot.camera is not None]
        waiting = sum(state is not SlotState.READY for state in states)
        # A spare that stands here for days is no sign that the next one is copied. A camera at
        # fault has a problem of its own, and is the station's where it is so with all of them.
        if not waiting or (_AT_WORK.isdisjoint(states) and SlotState.READY in states):
            return None
        return {"docked": len(states), "waiting": waiting}

    return Silence(
        "station-silent",
        subject="station",
        moved=lambda: board.bytes_read_ever,
        due=due,
        problems=problems,
        clock=clock,
    )


def of_an_upload(
    store: str,
    *,
    under_way: Callable[[], Collection[int]],
    sent_bytes: Callable[[], int],
    breaker: Callable[[], str],
    is_paused: Callable[[], bool],
    problems: ProblemBoard,
    clock: Clock,
) -> Silence:
    """Return the watch over uploads to one store, which counts while parts are sent at all."""

    def due() -> Mapping[str, int] | None:
        clips = 0 if is_paused() or breaker() != "closed" else len(under_way())
        return {"clips": clips} if clips else None

    return Silence(
        "upload-stalled",
        subject=f"store {store}",
        moved=sent_bytes,
        due=due,
        problems=problems,
        clock=clock,
    )
