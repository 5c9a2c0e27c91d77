"""Checking a ledger's record offline, one event at a time, without trusting the ledger."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from dockd.core.custody import BrokenAt, Event, genesis, verify
from dockd.station.ledger.connections import damaged, open_for_reading
from dockd.station.ledger.rows import chained_event_from

_ALL_EVENTS = "SELECT * FROM events ORDER BY sequence"


def verify_chain(path: Path) -> Literal["intact"] | int:
    """Return ``"intact"``, or the sequence from which on the record cannot be believed.

    The daemon may be running or stopped; nothing is written. A record whose end is missing is
    intact by itself: only a checkpoint can tell (`SqliteLedger.compare_with`).

    Raises:
        PermanentError: the file is damaged so far that SQLite cannot read it.
        sqlite3.OperationalError: there is no such file.
    """
    connection = open_for_reading(path)
    try:
        return check_record(connection)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise damaged(str(error)) from error
    finally:
        connection.close()


def check_record(connection: sqlite3.Connection) -> Literal["intact"] | int:
    """Return what `verify_chain` returns, for a ledger that is open."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'ledger_id'").fetchone()
    reading = _Reading(connection)
    result = verify(iter(reading), after=genesis(row["value"]))
    if reading.unreadable_at is not None:
        return reading.unreadable_at
    return result.sequence if isinstance(result, BrokenAt) else "intact"


class _Reading:
    """The record as events; ends at one that does not even read as an event."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.unreadable_at: int | None = None

    def __iter__(self) -> Iterator[Event]:
        expected = 1
        for row in self._connection.execute(_ALL_EVENTS):
            try:
                event = chained_event_from(row)
            except ValueError:
                self.unreadable_at = expected
                return
            yield event
            expected += 1
