"""The daemon's own record, read along while it is written: what the demo acts on and judges by."""

import contextlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_NEWS: Final = "SELECT sequence, kind, fields FROM events WHERE sequence > ? ORDER BY sequence"
_WAIT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One durable fact: its place in the record, its kind and its fields (core/facts)."""

    sequence: int
    kind: str
    fields: Mapping[str, Any]


class Record:
    """Follows the table of events over a read-only connection; it never holds the writer up."""

    def __init__(self, ledger: Path) -> None:
        """``ledger`` need not exist yet."""
        self._ledger = ledger
        self._connection: sqlite3.Connection | None = None
        self._seen = 0

    def news(self) -> Sequence[Event]:
        """Return what was committed since the last call.

        Raises:
            sqlite3.Error: the ledger was readable, and is no more.
        """
        if self._connection is None and not self._opened():
            return ()
        assert self._connection is not None  # noqa: S101 - for the type checker
        rows = self._connection.execute(_NEWS, (self._seen,)).fetchall()
        if rows:
            self._seen = rows[-1][0]
        return [
            Event(sequence=sequence, kind=kind, fields=json.loads(fields))
            for sequence, kind, fields in rows
        ]

    def close(self) -> None:
        """Let go of the ledger."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> bool:
        """Tell whether the daemon has made its ledger yet, and if so, open it."""
        if not self._ledger.exists():
            return False
        connection = sqlite3.connect(
            f"{self._ledger.as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=_WAIT_S
        )
        # Until its first migration is committed there is a file without tables.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute(_NEWS, (0,)).close()
            self._connection = connection
            return True
        connection.close()
        return False
