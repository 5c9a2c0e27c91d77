"""The two statements that every table is written with; names come from this package alone."""

import sqlite3
from collections.abc import Mapping

from dockd.station.ledger.rows import Value


def insert(
    connection: sqlite3.Connection,
    table: str,
    *,
    row: Mapping[str, Value],
    replace: bool = False,
) -> None:
    """Insert one row, or put it in the place of the one with its key."""
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    verb = "INSERT OR REPLACE" if replace else "INSERT"
    connection.execute(f"{verb} INTO {table} ({names}) VALUES ({marks})", (*row.values(),))


def update(
    connection: sqlite3.Connection,
    table: str,
    *,
    changed: Mapping[str, Value],
    where: Mapping[str, Value],
) -> None:
    """Set what ``changed`` in the row that ``where`` names; nothing, when nothing changed."""
    if not changed:
        return
    assignments = ", ".join(f"{name} = ?" for name in changed)
    conditions = " AND ".join(f"{name} = ?" for name in where)
    connection.execute(
        f"UPDATE {table} SET {assignments} WHERE {conditions}",  # noqa: S608 - names of columns
        (*changed.values(), *where.values()),
    )
