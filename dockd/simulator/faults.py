"""What goes wrong in the demo, and when: decided by the daemon's record, never by a clock.

Each fault reads the facts as they come and names the next move; somebody else makes it. A fault
that did not come to its end, or came at the wrong moment, says so afterwards, and the demo fails.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, Protocol

from dockd.simulator.record import Event

EARLIEST: Final = 0.1
LATEST: Final = 0.9
_PULL_FROM: Final = 0.25
_PARTS_BEFORE_OUTAGE: Final = 2
_RECEIPTS_BEFORE_KILL: Final = 0.25


class Move(StrEnum):
    """Something to be done to the rack, the store or the station."""

    PULL_CAMERA = "pull the camera"
    DOCK_AGAIN = "dock it in another slot"
    KILL_STORE = "kill the store"
    START_STORE = "start the store again"
    KILL_STATION = "kill dockd and start it again"


class Fault(Protocol):
    """One thing that goes wrong."""

    @property
    def title(self) -> str:
        """What it is, in a few words."""

    @property
    def is_over(self) -> bool:
        """Whether it happened and was overcome."""

    def saw(self, event: Event) -> Move | None:
        """Take in one fact and return what is to be done now, if anything."""

    def story(self) -> str:
        """Return how it went, for a person."""

    def complaint(self) -> str | None:
        """Return why it does not count; None: it happened as it should."""


class CablePull:
    """A camera is pulled while its long clip is being copied, and docked in another slot.

    The copy must be between `EARLIEST` and `LATEST` of the clip, and of the camera, when the
    record says that the camera is gone; later it must go on behind the parts that were durable.
    """

    title = "camera pulled in mid-copy"

    def __init__(self, camera: str, *, clip_bytes: int, camera_bytes: int) -> None:
        """``camera`` is the one to pull; its longest clip is the one to interrupt."""
        self._camera = camera
        self._clip_bytes = clip_bytes
        self._camera_bytes = camera_bytes
        self._clip: int | None = None
        self._slots: list[str] = []
        self._dockings: list[str] = []
        self._durable_bytes = 0
        self._other_bytes = 0
        self._pulled = False
        self._left_at_bytes: int | None = None
        self._left_with_others = 0
        self._copied_before_it_left = False
        self._copied_after = False
        self._resumed_at_bytes: int | None = None

    @property
    def clip_fraction(self) -> float:
        """How much of the interrupted clip was durable in the spool when its camera left."""
        return self._left_with / self._clip_bytes

    @property
    def camera_fraction(self) -> float:
        """How much of everything on the camera was."""
        others = self._other_bytes if self._left_at_bytes is None else self._left_with_others
        return (self._left_with + others) / self._camera_bytes

    @property
    def _left_with(self) -> int:
        return self._durable_bytes if self._left_at_bytes is None else self._left_at_bytes

    @property
    def is_over(self) -> bool:
        """Whether the camera left and the copy of the interrupted clip went on, or was over."""
        copied = self._copied_before_it_left or self._copied_after
        return self._left_at_bytes is not None and (copied or self._resumed_at_bytes is not None)

    def saw(self, event: Event) -> Move | None:
        """Pull at the first durable part past a quarter; dock again when the record has it gone."""
        match event.kind:
            case "docked" if event.fields["camera"] == self._camera:
                self._slots.append(event.fields["slot"])
                self._dockings.append(event.fields["docking"])
            case "clip-seen" if event.fields["size_bytes"] == self._clip_bytes:
                if event.fields["camera"] == self._camera:
                    self._clip = event.fields["clip"]
            case "part-spooled" if event.fields["docking"] in self._dockings:
                return self._saw_part(event)
            case "clip-copied" if event.fields["clip"] == self._clip:
                if self._left_at_bytes is None:
                    self._copied_before_it_left = True
                else:
                    self._copied_after = True
            case "undocked" if self._pulled and event.fields["docking"] == self._dockings[0]:
                self._left_at_bytes = self._durable_bytes
                self._left_with_others = self._other_bytes
                return Move.DOCK_AGAIN
            case _:
                pass
        return None

    def _saw_part(self, event: Event) -> Move | None:
        size_bytes, offset = event.fields["size_bytes"], event.fields["offset"]
        if event.fields["clip"] != self._clip:
            self._other_bytes += size_bytes
        elif event.fields["docking"] != self._dockings[0]:
            if self._resumed_at_bytes is None:
                self._resumed_at_bytes = offset
        else:
            # Also after it left: the thread that copies may have been about to say so.
            self._durable_bytes = offset + size_bytes
            if not self._pulled and self.clip_fraction >= _PULL_FROM:
                self._pulled = True
                return Move.PULL_CAMERA
        return None

    def story(self) -> str:
        """Return from where to where, how far the copy was, and where it went on."""
        return (
            f"{self._camera} left {self._slots[0]} with {self.clip_fraction:.0%} of its long clip "
            f"({self.camera_fraction:.0%} of the camera) copied; docked again in "
            f"{self._slots[-1]}, the copy went on at {self._resumed_at_bytes or 0:,} bytes"
        )

    def complaint(self) -> str | None:
        """Return what was not as it should be."""
        if self._left_at_bytes is None:
            return f"{self._camera} was never pulled"
        if self._copied_before_it_left:
            return "the clip was already copied when its camera was pulled"
        for fraction, what in ((self.clip_fraction, "clip"), (self.camera_fraction, "camera")):
            if not EARLIEST <= fraction <= LATEST:
                return f"{fraction:.0%} of the {what} was copied when the camera was pulled"
        if self._resumed_at_bytes is None:
            return f"{self._camera} was not copied any further after it was docked again"
        if self._resumed_at_bytes != self._durable_bytes:
            return (
                f"the copy went on at byte {self._resumed_at_bytes} "
                f"instead of {self._durable_bytes}, where it had stopped"
            )
        return None


class StoreOutage:
    """The store is killed while a part is on its way, and comes back once dockd has said so."""

    title = "store killed while it received"

    def __init__(self) -> None:
        """Nothing is sent yet."""
        self._parts = 0
        self._killed = False
        self._noticed = False
        self._back_with: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether the store received something after it came back."""
        return self._back_with is not None

    def saw(self, event: Event) -> Move | None:
        """Kill it with a part on its way; start it when the station has found it unreachable."""
        match event.kind:
            case "part-stored" | "receipt-accepted" if self._noticed:
                self._back_with = self._back_with or event.kind
            case "part-stored" if not self._killed:
                self._parts += 1
            case "part-sending" if not self._killed and self._parts >= _PARTS_BEFORE_OUTAGE:
                self._killed = True
                return Move.KILL_STORE
            case "problem-opened" if self._killed and not self._noticed:
                if event.fields["slug"] == "store-unreachable":
                    self._noticed = True
                    return Move.START_STORE
            case _:
                pass
        return None

    def story(self) -> str:
        """Return after how many parts, and that the station went on."""
        return (
            f"SIGKILL with a part on its way, after {self._parts} parts; dockd said "
            "store-unreachable; started again on the same data, and the sending went on"
        )

    def complaint(self) -> str | None:
        """Return what did not happen."""
        if not self._killed:
            return "the store was never killed"
        if not self._noticed:
            return "dockd never said that the store was unreachable"
        if not self.is_over:
            return "nothing reached the store after it came back"
        return None


class StationKill:
    """dockd is killed at a receipt, once the faults before it are over."""

    title = "dockd killed"

    def __init__(self, *, after: Sequence[Fault], clips: int) -> None:
        """``clips`` is how many there are in all."""
        self._after = after
        self._clips = clips
        self._receipted: set[int] = set()
        self._killed_at: int | None = None
        self._started = False

    @property
    def is_over(self) -> bool:
        """Whether the station came back."""
        return self._started

    def saw(self, event: Event) -> Move | None:
        """Kill at the first receipt after the other faults and a quarter of all receipts."""
        match event.kind:
            case "station-started" if self._killed_at is not None:
                self._started = True
            case "receipt-accepted":
                self._receipted.add(event.fields["clip"])
                due = len(self._receipted) >= self._clips * _RECEIPTS_BEFORE_KILL
                if self._killed_at is None and due and all(one.is_over for one in self._after):
                    self._killed_at = len(self._receipted)
                    return Move.KILL_STATION
            case _:
                pass
        return None

    def story(self) -> str:
        """Return how much was still to be done."""
        return (
            f"SIGKILL at receipt {self._killed_at} of {self._clips}; started again, "
            "it read its ledger and went on"
        )

    def complaint(self) -> str | None:
        """Return what did not happen."""
        if self._killed_at is None:
            return "dockd was never killed"
        return None if self._started else "dockd did not come back"


class Script:
    """All faults of one run; each of them sees every fact."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """An empty script is a quiet day."""
        self.faults = tuple(faults)

    def saw(self, event: Event) -> list[Move]:
        """Take in one fact and return what is to be done now."""
        moves = (fault.saw(event) for fault in self.faults)
        return [move for move in moves if move is not None]

    def complaints(self) -> list[str]:
        """Return every fault that does not count, with the reason."""
        return [
            f"{fault.title}: {complaint}"
            for fault in self.faults
            if (complaint := fault.complaint()) is not None
        ]
