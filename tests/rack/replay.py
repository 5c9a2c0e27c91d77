"""One docking as the logs of two disks, the spool's and the camera's, and what a cut left of it."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Final, Literal, Self

from tests.rack.camera import Camera
from tests.rack.disk import BlockLog, T, entries_in

Loss = Literal["nothing", "half", "all"]

_LOOK_S: Final = 0.001


@dataclass(frozen=True)
class State:
    """What two disks were when the power went.

    Attributes:
        point: How many entries of the spool's log were there.
        camera_point: How many of the camera's.
        loss: How much of what was not flushed did not make it, on either of them.
    """

    point: int
    camera_point: int
    loss: Loss


class Abreast:
    """Watches two logs grow, and knows how far both were at the same moment."""

    def __init__(self, spool: Path, camera: Path) -> None:
        self._spool: Final = spool
        self._camera: Final = camera
        self._seen: dict[tuple[int, int], None] = {}
        self._ended: Final = Event()
        self._thread: Final = Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_S):
            # The camera's first: so much of it was there, whatever has come to the spool since.
            camera = entries_in(self._camera)
            self._seen[entries_in(self._spool), camera] = None

    def camera_points(self, point: int) -> Sequence[int]:
        """Return how far the camera's log was, for all that is known, while the spool's was there.

        Only the last of what was seen before, where nobody looked just then.
        """
        just_then = [camera for spool, camera in self._seen if spool == point]
        before = [camera for spool, camera in self._seen if spool < point]
        return just_then or [max(before, default=0)]

    def while_camera_was_written(self) -> Sequence[tuple[int, int]]:
        """Return how far both were, whenever there was more to come for the camera."""
        last = max(camera for _, camera in self._seen)
        return [(spool, camera) for spool, camera in self._seen if 0 < camera < last]


@dataclass(frozen=True)
class Life:
    """A docking from its station's first start to a clear camera.

    Attributes:
        spool: The spool's disk as it was before.
        log: What was written to it.
        camera: The camera, with its image as it was before.
        camera_log: What was written to that.
        abreast: Which point of the one goes with which of the other.
    """

    spool: Path
    log: BlockLog
    camera: Camera
    camera_log: BlockLog
    abreast: Abreast

    def states(self, *, points: int, wiping: int, seed: int) -> Sequence[State]:
        """Choose states: at so many points of the spool's log, and some more amid the deletions.

        At a third of the points nothing is lost; the others are where most could be.
        """
        dice = random.Random(seed)
        entries = self.log.entries
        flushes = [
            at for at, entry in enumerate(entries) if entry.is_flush and self.log.unflushed(at)
        ]
        at_flushes = list(_spread(flushes, points - points // 3))
        others = [at for at in range(1, len(entries) + 1) if at not in at_flushes]
        losses: Sequence[Loss] = ("all", "half")
        chosen = [(at, losses[number % 2]) for number, at in enumerate(at_flushes)]
        chosen += [(at, "nothing") for at in _spread(others, points // 3)]
        states = [
            State(at, dice.choice(self.abreast.camera_points(at)), loss) for at, loss in chosen
        ]
        amid = _spread(self.abreast.while_camera_was_written(), wiping)
        states += [State(*both, losses[number % 2]) for number, both in enumerate(amid)]
        return sorted(states, key=lambda state: (state.point, state.camera_point))

    def lay_out(self, state: State, folder: Path) -> tuple[Path, Camera]:
        """Make the two disks as they were; return the spool's, and the camera."""
        spool, image = folder / "spool.img", folder / "camera.img"
        lost = _lost(self.log, state.point, state.loss)
        self.log.replay(self.spool, spool, point=state.point, lost=lost)
        lost = _lost(self.camera_log, state.camera_point, state.loss)
        self.camera_log.replay(self.camera.image, image, point=state.camera_point, lost=lost)
        return spool, replace(self.camera, image=image)


def _lost(log: BlockLog, point: int, loss: Loss) -> Sequence[int]:
    unflushed = log.unflushed(point)
    if loss == "half":
        return random.Random(point).sample(unflushed, -(-len(unflushed) // 2))
    return unflushed if loss == "all" else ()


def _spread(items: Sequence[T], count: int) -> Iterator[T]:
    """Yield so many of the items, evenly, the last one among them; or all where there are fewer."""
    count = min(count, len(items))
    for number in range(1, count + 1):
        yield items[len(items) * number // count - 1]
