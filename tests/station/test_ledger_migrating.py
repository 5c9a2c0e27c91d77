"""A ledger of an earlier dockd is brought up to date, and nothing of it is ever at risk."""

import sqlite3
from pathlib import Path
from typing import Final

import pytest

from dockd.errors import PermanentError
from dockd.station.ledger import verify_chain
from dockd.station.ledger.connections import open_for_writing
from dockd.station.ledger.migrating import migrate, schema_version
from dockd.station.ledger.schema import MIGRATIONS, Migration
from tests.station import ledger_parts as parts

LATER: Final = (
    *MIGRATIONS,
    Migration(
        len(MIGRATIONS) + 1,
        (
            "ALTER TABLE dockings ADD COLUMN note TEXT",
            "UPDATE dockings SET note = 'from before'",
        ),
    ),
)
BROKEN: Final = (
    *MIGRATIONS,
    Migration(len(MIGRATIONS) + 1, ("DELETE FROM dockings", "SELECT no_such_function()")),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a ledger with one docking is."""
    path = tmp_path / "ledger.sqlite3"
    with parts.ledger_at(path) as ledger:
        ledger.record_from_thread(parts.docked()).result()
    return path


def dockings(path: Path) -> list[sqlite3.Row]:
    """Return the dockings in a ledger's file."""
    with parts.writable(path) as connection:
        return connection.execute("SELECT * FROM dockings").fetchall()


def test_a_migration_backs_up_first(path: Path) -> None:
    """The ledger as it was stands beside the migrated one, whole and with its record intact."""
    connection = open_for_writing(path)
    migrate(connection, path=path, ledger_id="", migrations=LATER)
    connection.close()
    backup = path.with_name(f"{path.name}.v{len(MIGRATIONS)}.bak")
    assert [row["note"] for row in dockings(path)] == ["from before"]
    assert "note" not in dockings(backup)[0].keys()  # noqa: SIM118 - a Row iterates over values
    assert verify_chain(path) == verify_chain(backup) == "intact"
    assert not list(path.parent.glob("*.part"))


def test_the_file_itself_says_its_schema(path: Path) -> None:
    """Who looks at the header alone (the package, before a downgrade) sees the newest schema."""
    connection = open_for_writing(path)
    migrate(connection, path=path, ledger_id="", migrations=LATER)
    header = path.read_bytes()[60:64]
    connection.close()
    assert int.from_bytes(header, "big") == len(LATER)


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    """A migration is one transaction: half of one is never seen."""
    connection = open_for_writing(path)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, path=path, ledger_id="", migrations=BROKEN)
    assert schema_version(connection) == len(MIGRATIONS)
    connection.close()
    assert len(dockings(path)) == 1


def test_what_a_migration_failed_at_is_what_is_said(path: Path) -> None:
    """Where SQLite takes a transaction back by itself, as on a full disk, its own word stands."""
    twice = "INSERT OR ROLLBACK INTO meta SELECT key, value FROM meta"
    failing = (*MIGRATIONS, Migration(len(MIGRATIONS) + 1, ("DELETE FROM dockings", twice)))
    connection = open_for_writing(path)
    with pytest.raises(sqlite3.IntegrityError):
        migrate(connection, path=path, ledger_id="", migrations=failing)
    connection.close()
    assert len(dockings(path)) == 1


def test_a_ledger_that_is_up_to_date_is_left_alone(path: Path) -> None:
    """Opening a ledger of the present schema changes nothing, and backs nothing up."""
    before = path.read_bytes()
    with parts.ledger_at(path):
        pass
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.bak"))


def test_a_newer_ledger_is_refused(path: Path) -> None:
    """A ledger that a newer dockd wrote is left alone, and the error says which dockd is needed."""
    with parts.ledger_at(path):
        pass
    with parts.writable(path) as connection:
        known = schema_version(connection)
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(PermanentError, match="schema 999") as raised, parts.ledger_at(path):
        pass
    assert raised.value.slug == "ledger-too-new"
    assert "Install" in raised.value.next_step
    with parts.writable(path) as connection:
        connection.execute(f"PRAGMA user_version = {known}")
    with parts.ledger_at(path):
        pass
