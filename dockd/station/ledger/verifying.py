"""Checking a ledger's record offline, one event at a time, without trusting the ledger."""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

from dockd.core.custody import BrokenAt, Checkpoint, Event, Intact, Link, genesis, verify
from dockd.errors import NotFound
from dockd.station.ledger.connections import as_read_error, open_for_reading
from dockd.station.ledger.queries import HOT_QUERIES
from dockd.station.ledger.recording import meta
from dockd.station.ledger.rows import chained_event_from

Outcome = Literal["intact"] | int
_ALL_EVENTS: Final = "SELECT * FROM events ORDER BY sequence"
_NEXT_EVENTS: Final = HOT_QUERIES["events after"]


def verify_chain(path: Path, *, checkpoint: Checkpoint | None = None) -> Outcome:
    """Return ``"intact"``, or the sequence from which on the record cannot be believed.

    The daemon may be running or stopped; nothing is written. A record whose end is missing, or
    that was written anew, is intact by itself: only a ``checkpoint`` of this ledger tells. One of
    another ledger, such as the one before a rebuild, says nothing about this.

    Raises:
        NotFound: there is no ledger at ``path``.
        PermanentError: the file is damaged so far that SQLite cannot read it.
        SpoolReadOnly: it cannot be opened.
    """
    if not path.exists():
        raise NotFound(f"there is no ledger at {path}")
    try:
        connection = open_for_reading(path)
        try:
            return check_record(connection, checkpoint=checkpoint)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise as_read_error(error) from error


def check_record(
    connection: sqlite3.Connection, *, checkpoint: Checkpoint | None = None
) -> Outcome:
    """Return what `verify_chain` returns, for a ledger that is open."""
    ledger_id = meta(connection, key="ledger_id")
    if checkpoint is not None and checkpoint.ledger_id != ledger_id:
        checkpoint = None
    begin = genesis(ledger_id)
    rows = connection.execute(_ALL_EVENTS)
    reading = _Reading(rows, watched=checkpoint.sequence if checkpoint else None)
    result = verify(iter(reading), after=begin)
    if reading.unreadable_at is not None:
        return reading.unreadable_at
    if isinstance(result, BrokenAt):
        return result.sequence
    if checkpoint is None or (reading.seen or begin) == _link(checkpoint):
        return "intact"
    return min(checkpoint.sequence, result.head.sequence + 1)


def check_after(connection: sqlite3.Connection, link: Link, limit: int) -> Intact | BrokenAt:
    """Check up to ``limit`` events behind ``link``, which is believed."""
    rows = connection.execute(_NEXT_EVENTS, {"after": link.sequence, "limit": limit})
    reading = _Reading(rows, expected=link.sequence + 1)
    result = verify(iter(reading), after=link)
    if reading.unreadable_at is not None:
        return BrokenAt(
            reading.unreadable_at, "the event is not in the form in which it was hashed"
        )
    return result


def _link(checkpoint: Checkpoint) -> Link:
    return Link(checkpoint.sequence, checkpoint.root)


class _Reading:
    """The record as events; ends at one that does not even read as an event.

    ``seen`` is the link at the sequence that is watched for, once it was read.
    """

    def __init__(
        self, rows: Iterable[sqlite3.Row], *, expected: int = 1, watched: int | None = None
    ) -> None:
        self._rows = rows
        self._expected = expected
        self._watched = watched
        self.seen: Link | None = None
        self.unreadable_at: int | None = None

    def __iter__(self) -> Iterator[Event]:
        expected = self._expected
        for row in self._rows:
            try:
                event = chained_event_from(row)
            except ValueError:
                self.unreadable_at = expected
                return
            if event.sequence == self._watched:
                self.seen = event.link
            yield event
            expected += 1
