"""Opening a ledger: the lock, the schema, and then the writer and its readers."""

import sqlite3
from contextlib import ExitStack
from pathlib import Path

from dockd.core.facts import FACTS
from dockd.ports.clock import Clock
from dockd.station.ledger.connections import Lock, as_write_error, open_for_writing
from dockd.station.ledger.ledger import SqliteLedger
from dockd.station.ledger.migrating import LEDGER_ID_BYTES, migrate
from dockd.station.ledger.writer import FaultPoint


def open_ledger(path: Path, *, clock: Clock, faults: FaultPoint | None = None) -> SqliteLedger:
    """Open the ledger at ``path``, or begin one; blocks while a schema is migrated.

    ``faults`` is told of each fact before and after its commit, in the writer's thread.

    Raises:
        Refused: another process has it open for writing.
        PermanentError: it is damaged, or a newer dockd wrote it.
        SpoolReadOnly, SpoolFull: it cannot be written.
    """
    with ExitStack() as unless_open:
        lock = Lock(path)
        unless_open.callback(lock.release)
        try:
            connection = open_for_writing(path)
            unless_open.callback(connection.close)
            ledger_id = clock.random_bytes(LEDGER_ID_BYTES).hex()
            migrate(connection, path=path, ledger_id=ledger_id)
            ledger = SqliteLedger(
                path, connection=connection, lock=lock, clock=clock, faults=faults
            )
        except sqlite3.Error as error:
            raise as_write_error(error) from error
        unless_open.pop_all()
    return ledger


def fault_points() -> list[str]:
    """Return the kind of every fact: each is a point at which dockd may be killed."""
    return sorted(FACTS)
