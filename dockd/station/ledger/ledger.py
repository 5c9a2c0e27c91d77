"""`SqliteLedger`: the port `dockd.ports.ledger.Ledger` on one SQLite file."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from dockd.core import facts
from dockd.core.clip import Clip
from dockd.core.command import Taken
from dockd.core.custody import BrokenAt, Checkpoint, Intact, Link, Standing
from dockd.core.facts import Checkpointed, Fact, ReceiptAccepted, SetAside, UploadsPaused
from dockd.core.health import Problem
from dockd.core.transfer import Transfer
from dockd.errors import DockdError, IllegalFact, SpoolReadOnly
from dockd.ports.clock import Clock
from dockd.ports.ledger import (
    Backlog,
    ClipFilter,
    Completeness,
    DockingRow,
    EventRow,
    Head,
    LeftOnCamera,
    PurgePage,
    PurgePlace,
    Queue,
    Sent,
    StoreMemory,
    Tally,
)
from dockd.station.ledger import checkpoints, dockings, reading, recording, tallying, verifying
from dockd.station.ledger.connections import (
    Lock,
    as_read_error,
    open_for_reading,
)
from dockd.station.ledger.deriving import Policy
from dockd.station.ledger.queries import HOT_QUERIES
from dockd.station.ledger.writer import FaultPoint, Listener, Writer, refusal_of

_READERS: Final = 2
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


class SqliteLedger:
    """What the station knows, in SQLite; see the port for what each method promises."""

    def __init__(
        self,
        path: Path,
        *,
        connection: sqlite3.Connection,
        lock: Lock,
        clock: Clock,
        faults: FaultPoint | None,
    ) -> None:
        """Write through ``connection`` in a thread of its own; `open_ledger` makes one."""
        self._path = path
        self._lock = lock
        self._clock = clock
        highest = connection.execute(HOT_QUERIES["highest number"]).fetchone()[0]
        self._last_number: int = highest or 0
        self._numbers = threading.Lock()
        self._writer = Writer(connection, path=path, clock=clock, faults=faults)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="ledger-reader")
        self._local = threading.local()
        self._open_readers: list[sqlite3.Connection] = []
        self._closed = False

    def close(self) -> None:
        """Commit what was handed in, then let go of the file; blocks until that is done."""
        self._closed = True
        self._readers.shutdown()
        while self._open_readers:
            self._open_readers.pop().close()
        # The writer goes last: only it can fold the write-ahead log into the file, which is then
        # all there is to the ledger, and safe to copy.
        self._writer.close()
        self._lock.release()

    # --- writing -----------------------------------------------------------------------------

    async def record(self, *facts: Fact) -> None:
        """Commit ``facts`` in one transaction; durable on return."""
        await asyncio.wrap_future(self._writer.submit(*facts))

    async def record_each(self, facts: Sequence[Fact]) -> Sequence[DockdError | None]:
        """Commit facts that stand or fall each for itself; return why each was not recorded."""
        futures = [self._writer.submit(fact) for fact in facts]
        if futures:
            # The writer settles them in their order, so this one wait is for all of them.
            with suppress(IllegalFact):
                await asyncio.wrap_future(futures[-1])
        return [refusal_of(future) for future in futures]

    def record_from_thread(self, *facts: Fact) -> "Future[None]":
        """Hand ``facts`` in from a thread; the future is done when they are durable."""
        return self._writer.submit(*facts)

    def write_trouble(self) -> DockdError | None:
        """Return why the newest commit failed, None while they succeed."""
        return self._writer.trouble

    def backlog(self) -> Backlog:
        """Return what was handed in and is not committed yet."""
        return self._writer.backlog()

    def on_commit(self, listener: Listener) -> None:
        """Have ``listener`` called on this event loop with the facts of every commit, in order.

        It hears of facts no later than whoever waited for them to be recorded.
        """
        loop = asyncio.get_running_loop()

        def tell(facts: Sequence[Fact]) -> None:
            # The loop may have ended first; then nobody is left to be told.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(listener, facts)

        self._writer.on_commit(tell)

    def next_clip_number(self) -> int:
        """Return a number that no clip of this ledger has or had."""
        with self._numbers:
            self._last_number += 1
            return self._last_number

    async def set_policy(
        self, *, required: int, stores: frozenset[str], extra: frozenset[str] = frozenset()
    ) -> None:
        """Say which stores count; derives every clip's place anew when that changed."""
        policy = Policy(required, stores, extra)

        def change(connection: sqlite3.Connection) -> None:
            if recording.position(connection).policy == policy:
                return
            recording.set_meta(connection, key="required", value=str(required))
            recording.set_meta(connection, key="stores", value=json.dumps(sorted(stores)))
            recording.set_meta(connection, key="extra stores", value=json.dumps(sorted(extra)))
            tallying.recount(connection, policy=policy)

        await asyncio.wrap_future(self._writer.submit(change=change))

    async def begin_epoch(self, reason: str) -> int:
        """Begin the next epoch, in which no receipt counts before it is confirmed anew."""
        epoch = (await self.head()).epoch + 1
        await self.record(facts.EpochBegun(epoch=epoch, reason=reason))
        return epoch

    # --- reading -----------------------------------------------------------------------------

    async def _read(
        self,
        question: Callable[Concatenate[sqlite3.Connection, Asked], Answer],
        *arguments: Asked.args,
        **named: Asked.kwargs,
    ) -> Answer:
        """Answer ``question`` in a reader's thread, from one consistent view."""

        def answer() -> Answer:
            try:
                connection = self._reader()
                connection.execute("BEGIN")
                try:
                    return question(connection, *arguments, **named)
                finally:
                    connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise as_read_error(error) from error

        if self._closed:
            raise SpoolReadOnly("the ledger is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, answer)

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_for_reading(self._path)
            self._local.connection = connection
            self._open_readers.append(connection)
        return connection

    async def clip(self, number: int) -> Clip:
        """Return one clip. Raises NotFound."""
        return await self._read(reading.clip, number)

    async def numbered(self, numbers: Sequence[int]) -> Mapping[int, Clip]:
        """Return several clips by their numbers."""
        return await self._read(reading.numbered, numbers)

    async def find(self, reference: str) -> Clip:
        """Return the clip with this id, unique prefix of 6 or more, or key. Raises NotFound."""
        return await self._read(reading.find, reference)

    async def clips(self, wanted: ClipFilter) -> Sequence[Clip]:
        """Return clips in the order of their numbers; merged ones are left out."""
        return await self._read(reading.clips, wanted)

    async def on_camera(self, camera: str) -> Sequence[Clip]:
        """Return, for every path this camera ever had, the clip that was last seen there."""
        return await self._read(reading.on_camera, camera)

    async def in_docking(self, docking: str) -> Sequence[Clip]:
        """Return all clips last seen on their camera in this docking."""
        return await self._read(reading.in_docking, docking)

    async def seen_in_docking(self, docking: str) -> Sequence[Clip]:
        """Return all clips seen on their camera in this docking, whenever they were seen last."""
        return await self._read(reading.seen_in_docking, docking)

    async def by_key(self, key: str) -> Clip | None:
        """Return the clip with this store key, if there is one."""
        return await self._read(reading.by_key, key)

    async def by_keys(self, keys: Sequence[str]) -> Mapping[str, Clip]:
        """Return those of the clips with these store keys that there are."""
        return await self._read(reading.by_keys, keys)

    async def partials_left(self) -> Sequence[Clip]:
        """Return clips with a part in the spool whose docking has ended."""
        return await self._read(reading.partials_left)

    async def purgeable(self, *, after: PurgePlace | None, limit: int) -> PurgePage:
        """Return proven copies that no configured store is still to have, behind a place."""
        return await self._read(reading.purgeable, after, limit)

    async def tally(self) -> Tally:
        """Return how many clips are where."""
        return await self._read(reading.tally)

    async def tallies(self, dockings: Sequence[str]) -> Mapping[str, Tally]:
        """Return the same for each of some dockings."""
        return await self._read(reading.tallies, dockings)

    async def transfer(self, clip: int, *, store: str) -> Transfer | None:
        """Return one transfer."""
        return await self._read(reading.transfer, clip, store)

    async def awaiting(self, store: str, *, limit: int) -> Sequence[Clip]:
        """Return what waits for a store: asked for, flagged, and then what was verified first."""
        return await self._read(reading.awaiting, store, limit)

    async def without_copy(self, *, after: int, limit: int) -> Sequence[Clip]:
        """Return clips that no known copy is left of, by their numbers."""
        return await self._read(reading.without_copy, after, limit)

    async def gone_unexplained(self, *, after: int, limit: int) -> Sequence[Clip]:
        """Return verified clips that are gone from their camera, nobody knows where to."""
        return await self._read(reading.gone_unexplained, after, limit)

    async def unproven(self, store: str, *, after: int, limit: int) -> Sequence[Clip]:
        """Return proven clips of which this store has only shown the size, by their numbers."""
        return await self._read(reading.unproven, store, after, limit)

    async def unrepeated(
        self, store: str, *, epoch: int, after: ReceiptAccepted | None, limit: int
    ) -> Sequence[ReceiptAccepted]:
        """Return digest receipts of this store from before ``epoch``, those behind ``after``."""
        return await self._read(reading.unrepeated, store, epoch, after, limit)

    async def doubted(self, store: str, *, after: int, limit: int) -> Sequence[ReceiptAccepted]:
        """Return the receipts of this store that are in doubt, of clips behind ``after``."""
        return await self._read(reading.doubted, store, after, limit)

    async def receipts(self, clip: int) -> Sequence[ReceiptAccepted]:
        """Return the receipts a clip has now, one a store."""
        return await self._read(reading.receipts, clip)

    async def sent(self, clips: Sequence[Clip]) -> Mapping[int, Sent]:
        """Return what became of each of some clips at the stores, by the clips' numbers."""
        return await self._read(reading.sent, clips)

    async def queue(self, store: str | None = None) -> Queue:
        """Return what waits; a clip that waits for several stores counts once among all."""
        return await self._read(reading.queue, store)

    async def dockings(
        self, *, camera: str | None = None, after: str = "", limit: int = 100
    ) -> Sequence[DockingRow]:
        """Return dockings in the order of their ids."""
        return await self._read(reading.dockings, camera, after, limit)

    async def newest_dockings(self, camera: str, *, limit: int) -> Sequence[DockingRow]:
        """Return a camera's last dockings, the newest first."""
        return await self._read(reading.newest_dockings, camera, limit)

    async def docking(self, reference: str) -> DockingRow | None:
        """Return one docking by its id."""
        return await self._read(reading.docking, reference)

    async def stays(self, cameras: Sequence[str]) -> Mapping[str, int]:
        """Return how often each camera was docked; what continues after a cut is the same stay."""
        return await self._read(reading.stays, cameras)

    async def last_listed_at(self, camera: str) -> str | None:
        """Return when this camera was last listed here by a clock that was right, RFC 3339 UTC."""
        return await self._read(reading.last_listed_at, camera)

    async def wiped_unsaid(self, camera: str) -> int:
        """Return how many clips were wiped since it was last said that their camera is clear."""
        return await self._read(reading.wiped_unsaid, camera)

    async def open_dockings(self) -> Sequence[DockingRow]:
        """Return the dockings without an end."""
        return await self._read(reading.open_dockings)

    async def paused_dockings(self) -> Sequence[DockingRow]:
        """Return the dockings that ended as their slot was switched off, and nothing follows."""
        return await self._read(reading.paused_dockings)

    async def left_on_cameras(self) -> Sequence[LeftOnCamera]:
        """Return the cameras that left with clips of which there is no whole copy, and are away."""
        return await self._read(reading.left_on_cameras)

    async def without_manifest(self, *, limit: int) -> Sequence[DockingRow]:
        """Return dockings that were offloaded and whose manifest is not stored yet."""
        return await self._read(reading.without_manifest, limit)

    async def set_aside(self) -> frozenset[str]:
        """Return every camera and docking that a person has set aside, by its bare name."""
        return await self._read(reading.set_aside)

    async def holds(self) -> Sequence[SetAside]:
        """Return every hold on a camera or a docking, as it was made."""
        return await self._read(reading.holds)

    async def problems(self) -> Sequence[Problem]:
        """Return the open problems of the record."""
        return await self._read(reading.problems)

    async def completeness(
        self, *, camera: str | None = None, day: date | None = None
    ) -> Completeness:
        """Return where every original ever seen is."""
        return await self._read(reading.completeness, camera, day)

    async def cameras_of(self, day: date) -> Sequence[str]:
        """Return the cameras that were docked on a day."""
        return await self._read(reading.cameras_of, day)

    async def seen_of(self, cameras: Sequence[str]) -> Mapping[str, int]:
        """Return how many originals each of these cameras ever showed."""
        return await self._read(reading.seen_of, cameras)

    async def paths_of(self, cameras: Sequence[str]) -> Mapping[str, Sequence[bytes]]:
        """Return every path that each of these cameras ever showed."""
        return await self._read(reading.paths_of, cameras)

    async def store_memory(self, store: str) -> StoreMemory:
        """Return how well a store last proved itself, and when it last gave a receipt."""
        return await self._read(reading.store_memory, store)

    async def last_checkpoint(self) -> Checkpointed | None:
        """Return the last checkpoint that was written, None before the first one."""
        return await self._read(reading.last_checkpoint)

    async def uploads_paused(self) -> UploadsPaused | None:
        """Return who paused the uploads and why, None while they go on."""
        return await self._read(reading.uploads_paused)

    async def commands_taken(self) -> Taken:
        """Return which of central's commands count no more."""
        return await self._read(dockings.commands_taken)

    async def history(self, clip: int) -> Sequence[EventRow]:
        """Return everything that happened to one clip."""
        return await self._read(reading.history, clip)

    async def events_after(self, sequence: int, *, limit: int) -> Sequence[EventRow]:
        """Return the record from behind ``sequence`` on."""
        return await self._read(reading.events_after, sequence, limit)

    async def verify_after(self, link: Link, *, limit: int) -> Intact | BrokenAt:
        """Check the next events behind ``link``, which is believed; the head found is the last."""
        return await self._read(verifying.check_after, link, limit)

    async def head(self) -> Head:
        """Return its identity and the end of its record."""
        return await self._read(reading.head)

    # --- checkpoints -------------------------------------------------------------------------

    async def checkpoint(self) -> Checkpoint:
        """Return the head of the record as a checkpoint of this moment."""
        head = await self.head()
        return Checkpoint(
            ledger_id=head.ledger_id,
            epoch=head.epoch,
            sequence=head.sequence,
            root=head.root,
            time_utc=f"{self._clock.now():%Y-%m-%dT%H:%M:%S.%fZ}",
        )

    async def write_checkpoint(self, folder: Path) -> Checkpoint:
        """Write the head of the record to the spool's ``folder``, durably, and return it.

        Raises:
            SpoolReadOnly: it could not be written.
        """
        checkpoint = await self.checkpoint()
        await asyncio.to_thread(checkpoints.write_checkpoint, folder, checkpoint=checkpoint)
        return checkpoint

    async def compare_with(self, checkpoint: Checkpoint) -> Standing:
        """Return how this ledger stands to a checkpoint; ``behind`` and ``forked`` are restores."""
        return await self._read(reading.standing, checkpoint)
