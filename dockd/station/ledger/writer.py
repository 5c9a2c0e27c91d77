"""The one writer: a thread that commits what was handed in, as many at once as there are.

Each submission is a savepoint inside one transaction, so that one illegal fact takes back its own
submission and nobody else's. A future is resolved only after the commit that made it durable.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, Literal, Protocol

from dockd.core.facts import Fact
from dockd.errors import DockdError, IllegalFact, SpoolReadOnly
from dockd.ports.clock import Clock
from dockd.ports.ledger import Backlog
from dockd.station.ledger import recording
from dockd.station.ledger.connections import as_write_error, open_for_writing
from dockd.station.ledger.recording import Position

MOST_AT_ONCE: Final = 512
Moment = Literal["before", "after"]


class FaultPoint(Protocol):
    """Told of each fact just before its commit and just after; it may end the process."""

    def __call__(self, kind: str, moment: Moment) -> None:
        """Act on a fact of ``kind``."""


# Told of the facts of each commit, in the writer's thread.
Listener = Callable[[Sequence[Fact]], None]

# A change that is not a fact (the policy): it is done in the same thread and transaction.
Change = Callable[[sqlite3.Connection], None]


@dataclass(slots=True)
class Submission:
    """What one caller handed in, and the future it waits on."""

    facts: tuple[Fact, ...] = ()
    change: Change | None = None
    future: "Future[None]" = field(default_factory=Future)
    problem: Exception | None = None
    handed_in_s: float = 0.0


class Writer:
    """The writer's thread and its queue."""

    def __init__(
        self, connection: sqlite3.Connection, *, path: Path, clock: Clock, faults: FaultPoint | None
    ) -> None:
        """Begin to write through ``connection``, which is the writer's own from here on."""
        self._connection: sqlite3.Connection | None = connection
        self._path = path
        self._clock = clock
        self._faults = faults
        self._position = recording.position(connection)
        self._queue: SimpleQueue[Submission | None] = SimpleQueue()
        self._in_hand: Sequence[Submission] = ()
        self._closed = False
        self._door = threading.Lock()
        self._listeners: list[Listener] = []
        self.commits = 0
        # Why the newest commit failed; None while they succeed.
        self.trouble: DockdError | None = None
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def submit(self, *facts: Fact, change: Change | None = None) -> "Future[None]":
        """Hand in facts that stand or fall together; from any thread."""
        submission = Submission(facts, change, handed_in_s=self._clock.monotonic_s())
        # What happened, happened: a waiter that is cancelled does not take its facts back.
        submission.future.set_running_or_notify_cancel()
        with self._door:
            if self._closed:
                submission.future.set_exception(SpoolReadOnly("the ledger is closed"))
            else:
                self._queue.put(submission)
        return submission.future

    def backlog(self) -> Backlog:
        """Return what was handed in and is not committed yet; from any thread."""
        in_hand = self._in_hand
        if not in_hand:
            # What lies in the queue is taken out of it at once.
            return Backlog(waiting=0, waiting_s=0.0)
        waited_s = self._clock.monotonic_s() - in_hand[0].handed_in_s
        return Backlog(waiting=len(in_hand) + self._queue.qsize(), waiting_s=waited_s)

    def on_commit(self, listener: Listener) -> None:
        """Have ``listener`` called with the facts of every commit from now on."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Commit everything that was handed in, then stop."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        going_on = True
        while going_on:
            batch, going_on = self._next_batch()
            if batch:
                self._in_hand = batch
                self._write(batch)
                self._in_hand = ()
        if self._connection is not None:
            self._connection.close()

    def _next_batch(self) -> tuple[list[Submission], bool]:
        """Wait for one submission and take all that are there; False when it is time to stop."""
        batch: list[Submission] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) == MOST_AT_ONCE:
                return batch, True
            try:
                item = self._queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _write(self, batch: Sequence[Submission]) -> None:
        try:
            done = self._commit(batch)
        except sqlite3.Error as error:
            self._start_afresh()
            self.trouble = as_write_error(error)
            _fail(batch, self.trouble)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            self._start_afresh()
            _fail(batch, error)
        else:
            self.trouble = None
            self._announce(done)
            _resolve(batch)

    def _commit(self, batch: Sequence[Submission]) -> Sequence[Fact]:
        """Write what can be written of ``batch`` in one transaction; return what is durable."""
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        position = self._position
        for submission in batch:
            position = self._attempt(connection, submission, position=position)
        done = [fact for item in batch if item.problem is None for fact in item.facts]
        self._tell(done, moment="before")
        connection.execute("COMMIT")
        self._position = position
        self.commits += 1
        return done

    def _announce(self, done: Sequence[Fact]) -> None:
        """Tell of facts that are durable; those who listen can no longer change that."""
        try:
            self._tell(done, moment="after")
            for listener in self._listeners:
                listener(done)
        except Exception as error:  # noqa: BLE001 - said aloud, as if it had ended the thread
            told = (type(error), error, error.__traceback__, threading.current_thread())
            threading.excepthook(threading.ExceptHookArgs(told))

    def _attempt(
        self, connection: sqlite3.Connection, submission: Submission, *, position: Position
    ) -> Position:
        """Carry one submission out, or none of it; return where the record stands then."""
        connection.execute("SAVEPOINT submission")
        try:
            reached = self._carry_out(connection, submission, position=position)
        except Exception as error:
            # The file's trouble is everybody's; anything else is this submission's own.
            if _is_of_the_file(error):
                raise
            connection.execute("ROLLBACK TO submission")
            submission.problem = error
            reached = position
        connection.execute("RELEASE submission")
        return reached

    def _carry_out(
        self, connection: sqlite3.Connection, submission: Submission, *, position: Position
    ) -> Position:
        head, policy = position.head, position.policy
        for fact in submission.facts:
            event = recording.append(connection, fact, after=head, clock=self._clock)
            recording.carry_out(connection, fact, event=event, policy=policy)
            head = event.link
        if submission.change is not None:
            submission.change(connection)
            return recording.position(connection)
        return Position(head, policy)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = open_for_writing(self._path)
            self._position = recording.position(connection)
            self._connection = connection
        return self._connection

    def _start_afresh(self) -> None:
        """Let go of a connection whose last write failed; the next attempt opens another.

        What a failed fsync left behind is unknown to the connection that saw it fail.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _tell(self, done: Sequence[Fact], *, moment: Moment) -> None:
        if self._faults is not None:
            for fact in done:
                self._faults(fact.kind, moment)


def refusal_of(future: "Future[None]") -> IllegalFact | None:
    """Return why a settled submission was refused, None where it was recorded.

    Raises:
        DockdError: the ledger could not be written.
    """
    try:
        future.result()
    except IllegalFact as refused:
        return refused
    return None


def _is_of_the_file(error: Exception) -> bool:
    """Whether SQLite failed at the file: full, read-only, unreadable, damaged."""
    return isinstance(error, sqlite3.OperationalError | sqlite3.InternalError) or (
        type(error) is sqlite3.DatabaseError
    )


def _resolve(batch: Sequence[Submission]) -> None:
    for submission in batch:
        if submission.problem is None:
            submission.future.set_result(None)
        else:
            submission.future.set_exception(submission.problem)


def _fail(batch: Sequence[Submission], error: Exception) -> None:
    for submission in batch:
        submission.future.set_exception(submission.problem or error)
