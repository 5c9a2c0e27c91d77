"""The station's ledger: facts in, state out. A fact is durable when `record` returns.

State and its hash-chained events are one transaction. Facts of one call stand or fall together.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from dockd.core.camera_clock import CameraClock
from dockd.core.clip import Clip, Place
from dockd.core.command import Taken
from dockd.core.custody import BrokenAt, Intact, Link
from dockd.core.facts import (
    ChargeMeasured,
    Checkpointed,
    Fact,
    JsonValue,
    ReceiptAccepted,
    SetAside,
    Strength,
    UploadsPaused,
)
from dockd.core.health import Problem
from dockd.core.transfer import Transfer
from dockd.errors import DockdError


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFilter:
    """Which clips to list; None means any. ``after`` is the number to go on behind."""

    camera: str | None = None
    docking: str | None = None
    place: Place | None = None
    held: bool | None = None
    after: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many clips stand at each place, and their bytes."""

    clips: Mapping[Place, int]
    size_bytes: Mapping[Place, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DockingRow:
    """One stay of a camera; times are RFC 3339 UTC, ``ended_at`` None while it lasts.

    ``read_errors`` are the files that could not be read; both counts are known when it has ended.
    ``battery_said`` is which saying of its battery the camera brought, None where it said nothing.
    """

    docking: str
    camera: str
    slot: str
    family: str
    started_at: str
    ended_at: str | None
    end_reason: str | None
    listed: bool
    offloaded: bool
    cleared: bool
    clock: CameraClock
    continues: str | None = None
    charge: ChargeMeasured | None = None
    read_bytes: int = 0
    read_errors: int = 0
    battery_said: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOnCamera:
    """What an undocked camera has that nobody else is known to have; where it was docked last.

    No ``clips``: it left before it was listed, and nobody knows what is on it.
    """

    camera: str
    docking: str
    slot: str
    clips: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event of the record."""

    sequence: int
    time_utc: str
    clock_quality: str
    monotonic_ns: int
    kind: str
    subject: str
    fields: Mapping[str, JsonValue]
    previous_hash: str
    own_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The ledger's identity and the end of its record."""

    ledger_id: str
    epoch: int
    spool_id: str
    sequence: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many submissions wait for their commit, and since when the first of them does."""

    waiting: int
    waiting_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What waits on the uplink of one store (or of all). Ages in seconds of uptime or wall."""

    clips: int
    size_bytes: int
    oldest_verified_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one clip at the stores; ``receipt_times`` are RFC 3339 UTC, by store."""

    transfers: Mapping[str, Transfer]
    receipts: Sequence[ReceiptAccepted]
    receipt_times: Mapping[str, str]


class PurgePlace(NamedTuple):
    """Where a clip stands among those whose copies may make room."""

    rank: int
    verified_sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgePage:
    """Some of the clips whose copies may make room; ``next`` is None behind the last."""

    clips: Sequence[Clip]
    next: PurgePlace | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """Every original ever seen in a scope, each counted once at its furthest place."""

    scope: str
    seen: int
    at: Mapping[Place, int]
    gone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreMemory:
    """What was last known of a store; None where it never was. Times are RFC 3339 UTC.

    ``told_up_to`` is the sequence of the last checkpoint that it took.
    """

    strength: Strength | None
    last_receipt_at: str | None
    told_up_to: int | None = None


class Ledger(Protocol):
    """What the station knows."""

    # --- writing -----------------------------------------------------------------------------

    async def record(self, *facts: Fact) -> None:
        """Commit ``facts`` in one transaction; durable on return.

        Raises:
            IllegalFact: the state does not permit one of them; none was recorded.
            SpoolReadOnly, SpoolFull: the ledger could not be written.
        """

    async def record_each(self, facts: Sequence[Fact]) -> Sequence[DockdError | None]:
        """Commit facts that stand or fall each for itself; durable on return.

        Returns, in their order, why each was not recorded: None where it was.

        Raises:
            SpoolReadOnly, SpoolFull: the ledger could not be written.
        """

    def record_from_thread(self, *facts: Fact) -> "Future[None]":
        """Hand ``facts`` in from a thread; the future is done when they are durable."""

    def write_trouble(self) -> DockdError | None:
        """Return why the newest commit failed, None while they succeed."""

    def on_commit(self, listener: Callable[[Sequence[Fact]], None]) -> None:
        """Have ``listener`` called on the event loop with the facts of every commit, in order."""

    def next_clip_number(self) -> int:
        """Return a number for a clip that is about to be seen; safe from any thread."""

    # --- clips -------------------------------------------------------------------------------

    async def clip(self, number: int) -> Clip:
        """Return one clip. Raises NotFound."""

    async def numbered(self, numbers: Sequence[int]) -> Mapping[int, Clip]:
        """Return several clips by their numbers, as they were at one moment."""

    async def find(self, reference: str) -> Clip:
        """Return the clip with this id, unique prefix of 6 or more, or key. Raises NotFound."""

    async def clips(self, wanted: ClipFilter) -> Sequence[Clip]:
        """Return clips in the order of their numbers; merged ones are left out."""

    async def on_camera(self, camera: str) -> Sequence[Clip]:
        """Return the newest clip of every path that this camera ever had here."""

    async def in_docking(self, docking: str) -> Sequence[Clip]:
        """Return all clips last seen on their camera in this docking."""

    async def seen_in_docking(self, docking: str) -> Sequence[Clip]:
        """Return all clips seen on their camera in this docking, whenever they were seen last."""

    async def by_key(self, key: str) -> Clip | None:
        """Return the clip with this store key, if there is one."""

    async def by_keys(self, keys: Sequence[str]) -> Mapping[str, Clip]:
        """Return those of the clips with these store keys that there are."""

    async def partials_left(self) -> Sequence[Clip]:
        """Return clips with a part in the spool whose docking has ended."""

    async def purgeable(self, *, after: PurgePlace | None, limit: int) -> PurgePage:
        """Return proven copies that no configured store is still to have, behind a place.

        Those whose cameras are clear come first, and then the oldest.
        """

    async def tally(self) -> Tally:
        """Return how many clips are where."""

    async def tallies(self, dockings: Sequence[str]) -> Mapping[str, Tally]:
        """Return the same for each of some dockings, as they were at one moment."""

    # --- transfers ---------------------------------------------------------------------------

    async def transfer(self, clip: int, *, store: str) -> Transfer | None:
        """Return one transfer."""

    async def awaiting(self, store: str, *, limit: int) -> Sequence[Clip]:
        """Return proven clips without a receipt of this store, in the order of their urgency.

        What a person asked for comes first, then what is flagged, then the oldest.

        Those that this store refused are left out; what is held goes to the stores all the same.
        """

    async def without_copy(self, *, after: int, limit: int) -> Sequence[Clip]:
        """Return clips that no known copy is left of, by their numbers."""

    async def gone_unexplained(self, *, after: int, limit: int) -> Sequence[Clip]:
        """Return verified clips that are gone from their camera, nobody knows where to."""

    async def unproven(self, store: str, *, after: int, limit: int) -> Sequence[Clip]:
        """Return proven clips of which this store has only shown the size, by their numbers."""

    async def unrepeated(
        self, store: str, *, epoch: int, after: ReceiptAccepted | None, limit: int
    ) -> Sequence[ReceiptAccepted]:
        """Return digest receipts of this store from before ``epoch``, those behind ``after``."""

    async def doubted(self, store: str, *, after: int, limit: int) -> Sequence[ReceiptAccepted]:
        """Return the receipts of this store that are in doubt, of clips behind ``after``."""

    async def receipts(self, clip: int) -> Sequence[ReceiptAccepted]:
        """Return the receipts a clip has now, one a store."""

    async def sent(self, clips: Sequence[Clip]) -> Mapping[int, Sent]:
        """Return what became of each of some clips at the stores, by the clips' numbers."""

    async def queue(self, store: str | None = None) -> Queue:
        """Return what waits."""

    # --- the station -------------------------------------------------------------------------

    async def dockings(
        self, *, camera: str | None = None, after: str = "", limit: int = 100
    ) -> Sequence[DockingRow]:
        """Return dockings in the order of their ids."""

    async def newest_dockings(self, camera: str, *, limit: int) -> Sequence[DockingRow]:
        """Return a camera's last dockings, the newest first."""

    async def docking(self, reference: str) -> DockingRow | None:
        """Return one docking by its id."""

    async def stays(self, cameras: Sequence[str]) -> Mapping[str, int]:
        """Return how often each camera was docked; what continues after a cut is the same stay."""

    async def last_listed_at(self, camera: str) -> str | None:
        """Return when this camera was last listed here by a clock that was right, RFC 3339 UTC."""

    async def wiped_unsaid(self, camera: str) -> int:
        """Return how many clips were wiped since it was last said that their camera is clear."""

    async def open_dockings(self) -> Sequence[DockingRow]:
        """Return the dockings without an end."""

    async def paused_dockings(self) -> Sequence[DockingRow]:
        """Return the dockings that ended as their slot was switched off, and nothing follows."""

    async def left_on_cameras(self) -> Sequence[LeftOnCamera]:
        """Return the cameras that left with clips of which there is no whole copy, and are away.

        Those among them that left before they were listed, too: there may be clips on them.
        Of a clip that was given up as partial its own problem tells.
        """

    async def without_manifest(self, *, limit: int) -> Sequence[DockingRow]:
        """Return dockings that were offloaded and whose manifest is not stored yet."""

    async def set_aside(self) -> frozenset[str]:
        """Return every camera and docking that a person has set aside, by its bare name."""

    async def holds(self) -> Sequence[SetAside]:
        """Return every hold on a camera or a docking, as it was made."""

    async def problems(self) -> Sequence[Problem]:
        """Return the open problems of the record."""

    async def completeness(
        self, *, camera: str | None = None, day: date | None = None
    ) -> Completeness:
        """Return where every original ever seen is.

        Of a day (UTC) count those last seen in a docking that began on it; all days are all of it.
        """

    async def cameras_of(self, day: date) -> Sequence[str]:
        """Return the cameras that were docked on a day (UTC)."""

    async def seen_of(self, cameras: Sequence[str]) -> Mapping[str, int]:
        """Return how many originals each of these cameras ever showed."""

    async def paths_of(self, cameras: Sequence[str]) -> Mapping[str, Sequence[bytes]]:
        """Return every path that each of these cameras ever showed."""

    async def store_memory(self, store: str) -> StoreMemory:
        """Return how well a store last proved itself, and when it last gave a receipt."""

    async def last_checkpoint(self) -> Checkpointed | None:
        """Return the last checkpoint that was written, None before the first one."""

    async def uploads_paused(self) -> UploadsPaused | None:
        """Return who paused the uploads and why, None while they go on."""

    async def commands_taken(self) -> Taken:
        """Return which of central's commands count no more."""

    async def history(self, clip: int) -> Sequence[EventRow]:
        """Return everything that happened to one clip."""

    async def events_after(self, sequence: int, *, limit: int) -> Sequence[EventRow]:
        """Return the record from behind ``sequence`` on."""

    async def verify_after(self, link: Link, *, limit: int) -> Intact | BrokenAt:
        """Check the next events behind ``link``, which is believed; the head found is the last."""

    def backlog(self) -> Backlog:
        """Return what was handed in and is not committed yet."""

    async def head(self) -> Head:
        """Return its identity and the end of its record."""

    async def set_policy(
        self, *, required: int, stores: frozenset[str], extra: frozenset[str] = frozenset()
    ) -> None:
        """Say which stores count, so that places are derived by it; recounts when it changed.

        ``extra`` stores get flagged clips, too, and do not count.
        """
