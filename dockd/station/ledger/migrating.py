"""Bringing a ledger to the schema that this dockd knows; a backup first, always."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dockd.errors import PermanentError
from dockd.station.ledger.connections import fsync_file, fsync_folder
from dockd.station.ledger.schema import MIGRATIONS, Migration

LEDGER_ID_BYTES: Final = 16


def migrate(
    connection: sqlite3.Connection,
    *,
    path: Path,
    ledger_id: str,
    migrations: Sequence[Migration] = MIGRATIONS,
) -> None:
    """Bring the ledger to the newest of ``migrations``; a new one gets ``ledger_id``.

    Each migration is one transaction. Before the first one a ledger that holds anything is
    copied to ``<name>.v<N>.bak``, durable before anything is changed.

    Raises:
        PermanentError: the ledger is of a newer dockd.
    """
    present = schema_version(connection)
    newest = migrations[-1].version
    if present > newest:
        raise PermanentError(
            f"the ledger has schema {present} and this dockd knows {newest} at most",
            slug="ledger-too-new",
            owner="operations",
            next_step="Install the dockd that wrote it, or a newer one.",
        )
    if 0 < present < newest:
        back_up(connection, to=path.with_name(f"{path.name}.v{present}.bak"))
    for migration in migrations:
        if migration.version > present:
            _carry_out(connection, migration, ledger_id=ledger_id)
    if present < newest:
        # Into the file itself, in whose header the package looks for it before a downgrade.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if present == 0:
        fsync_folder(path.parent)


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the version of the schema in the file; 0 is a file that holds nothing yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def back_up(connection: sqlite3.Connection, *, to: Path) -> None:
    """Copy the whole ledger, as of now, to a file that is durable on return."""
    unfinished = to.with_name(f"{to.name}.part")
    unfinished.unlink(missing_ok=True)
    copy = sqlite3.connect(unfinished)
    try:
        connection.backup(copy)
    finally:
        copy.close()
    fsync_file(unfinished)
    unfinished.rename(to)
    fsync_folder(to.parent)


def _carry_out(connection: sqlite3.Connection, migration: Migration, *, ledger_id: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in migration.statements:
            connection.execute(statement)
        if migration.version == 1:
            _name(connection, ledger_id=ledger_id)
        # A pragma takes no parameters; the version is ours, an integer.
        connection.execute(f"PRAGMA user_version = {migration.version:d}")
    except BaseException:
        # SQLite takes some back by itself, on a full disk for one, and would complain of that here.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _name(connection: sqlite3.Connection, *, ledger_id: str) -> None:
    first = {
        "ledger_id": ledger_id,
        "epoch": "1",
        "spool_id": "",
        "required": "1",
        "stores": json.dumps([]),
    }
    connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", first.items())
