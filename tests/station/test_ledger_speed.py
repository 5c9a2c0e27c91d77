"""What the station asks all day costs the same at its millionth clip as at its thousandth."""

# ruff: noqa: S608 - all of the SQL below is this file's own

import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from dockd.core.facts import SWITCHED_OFF
from dockd.station.ledger import migrating, reading, tallying
from dockd.station.ledger.connections import open_for_writing
from dockd.station.ledger.deriving import Policy
from dockd.station.ledger.queries import HOT_QUERIES

POLICY: Final = Policy(1, frozenset({"central"}))
CLIPS_PER_DOCKING: Final = 20
CLIPS_PER_CAMERA: Final = 200
LIVE: Final = 400
TOLERANCE: Final = 1.2

# One row of every table for each clip. The last few hundred clips are at work, in every state
# there is; those before them are history, wiped and purged long ago.
_NUMBERS: Final = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :clips)"
_DOCKING: Final = f"printf('D%07d', (i - 1) / {CLIPS_PER_DOCKING})"
_CAMERA: Final = f"printf('C%07d', (i - 1) / {CLIPS_PER_CAMERA})"
_LIVE: Final = f"(i > :clips - {LIVE})"
_SPOOL: Final = (
    f"CASE WHEN NOT {_LIVE} THEN 'purged' WHEN i % 4 = 0 THEN 'partial'"
    " WHEN i % 4 = 1 THEN 'none' ELSE 'proven' END"
)
_HAS_RECEIPT: Final = f"(NOT {_LIVE} OR i % 4 = 2)"
FILLING: Final = (
    f"""
    INSERT INTO dockings (docking, camera, slot, family, started_at, ended_at)
    {_NUMBERS} SELECT {_DOCKING}, {_CAMERA}, 'A1', 'f', 't', CASE WHEN i % 40 = 1 THEN 't' END
    FROM n WHERE i % {CLIPS_PER_DOCKING} = 1 AND {_LIVE}
    """,
    f"""
    INSERT INTO dockings (docking, camera, slot, family, started_at, ended_at)
    {_NUMBERS} SELECT {_DOCKING}, {_CAMERA}, 'A1', 'f', 't', 't'
    FROM n WHERE i % {CLIPS_PER_DOCKING} = 1 AND NOT {_LIVE}
    """,
    f"""
    INSERT INTO clips {_NUMBERS} SELECT i, {_CAMERA}, {_DOCKING}, {_DOCKING}, 'A1',
    CAST(printf('DCIM/%d.mp4', i) AS BLOB), 100, i, 0,
    CASE WHEN {_LIVE} THEN 'present' ELSE 'wiped' END, {_SPOOL}, 1, '[]', NULL, 0,
    NULL, printf('%064x', i), NULL, printf('key-%d', i), NULL, '[]', NULL, 100, 16, NULL, 0,
    'seen', 1, NULL, i, 't', '[]', NULL, 0 FROM n
    """,
    f"INSERT INTO sightings {_NUMBERS} SELECT i, 0, {_DOCKING} FROM n",
    f"INSERT INTO ids {_NUMBERS} SELECT printf('%016x', i * 1000003), i FROM n",
    f"""
    INSERT INTO camera_paths
    {_NUMBERS} SELECT {_CAMERA}, CAST(printf('DCIM/%d.mp4', i) AS BLOB), i FROM n
    """,
    f"""
    INSERT INTO store_copies {_NUMBERS} SELECT i, 'central', 'receipted', 1 FROM n
    WHERE {_HAS_RECEIPT}
    """,
    f"""
    INSERT INTO transfers {_NUMBERS} SELECT i, 'central', printf('key-%d', i), 100, 's', 1,
    'receipted', NULL, 'v', 0 FROM n WHERE {_HAS_RECEIPT}
    """,
    f"""
    INSERT INTO receipts {_NUMBERS} SELECT i, 'central', 'digest', printf('key-%d', i), 'v', 100,
    's', 'checksum', 1, 't' FROM n WHERE {_HAS_RECEIPT}
    """,
    """
    UPDATE receipts SET strength = 'size' WHERE clip > (SELECT max(number) - 100 FROM clips)
    """,
    """
    UPDATE store_copies SET state = 'doubted' WHERE clip > (SELECT max(number) - 100 FROM clips)
    """,
    "UPDATE dockings SET offloaded = 1 WHERE ended_at IS NULL",
    "UPDATE dockings SET listed = 1",
    """
    INSERT INTO dockings (docking, camera, slot, family, started_at, ended_at)
    VALUES ('A0000000', 'Z0000000', 'A1', 'f', 't', 't')
    """,
    "UPDATE dockings SET wiped_unsaid = 1",
    f"""
    UPDATE dockings SET end_reason = '{SWITCHED_OFF}'
    WHERE docking = (SELECT max(docking) FROM dockings WHERE ended_at IS NOT NULL)
    """,
    # The first of the two cameras that are at work left with much of what it had.
    f"""
    UPDATE clips SET copied = 0 WHERE spool_copy IN ('none', 'partial')
    AND number <= (SELECT max(number) FROM clips) - {CLIPS_PER_CAMERA}
    """,
    f"""
    UPDATE dockings SET ended_at = 't'
    WHERE camera = (SELECT camera FROM clips ORDER BY number DESC LIMIT 1 OFFSET {CLIPS_PER_CAMERA})
    """,
    f"""
    INSERT INTO events {_NUMBERS} SELECT i, 't', 'synchronised', 1, 'clip-seen',
    printf('clip:%d', i), '{{}}', 'p', 'o' FROM n
    """,
    (
        f"INSERT INTO holds {_NUMBERS} SELECT printf('camera X%d', i), 'legal', '', '', 't' FROM n"
        " WHERE i <= 3"
    ),
    (
        f"INSERT INTO problems {_NUMBERS} SELECT i, 's', printf('%d', i), 'warn', 't', '', '', ''"
        " FROM n WHERE i <= 10"
    ),
)


def filled(path: Path, *, clips: int) -> sqlite3.Connection:
    """Return a ledger of so many clips."""
    connection = open_for_writing(path)
    migrating.migrate(connection, path=path, ledger_id="l")
    # Nothing here has to survive anything; it only has to be there soon.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    connection.execute("BEGIN")
    for statement in FILLING:
        connection.execute(statement, {"clips": clips} if ":clips" in statement else {})
    tallying.recount(connection, policy=POLICY)
    connection.execute("UPDATE clips SET known = 0 WHERE number > ?", (clips - 20,))
    connection.execute("UPDATE clips SET camera_copy = 'gone' WHERE number <= 20")
    connection.execute("COMMIT")
    return connection


def asked(clips: int) -> Mapping[str, Mapping[str, object]]:
    """Return what each hot query is asked: of a clip at work, and of its camera and docking."""
    number = clips - 2
    page: dict[str, object] = {
        "camera": None,
        "docking": None,
        "place": None,
        "held": None,
        "after": 0,
        "limit": 50,
    }
    camera = f"C{(number - 1) // CLIPS_PER_CAMERA:07d}"
    docking = f"D{(number - 1) // CLIPS_PER_DOCKING:07d}"
    first = f"{number * 1000003:016x}"
    ones = {"number": number, "clip": number, "store": "central", "key": f"key-{number}"}
    # One docking, in a small ledger as in a large one.
    day: dict[str, object] = {"first": docking, "beyond": f"{docking}~"}
    every = {**ones, "camera": camera, "docking": docking, "subject": f"clip:{number}"}
    special: dict[str, dict[str, object]] = {
        "clips": page,
        "clips of a camera": {**page, "camera": camera},
        "clips of a docking": {**page, "docking": docking},
        "clips at a place": {**page, "place": "stored"},
        "clips by id": {"first": first, "beyond": first + "g", "limit": 11},
        "purgeable": {"rank": -1, "sequence": -1, "limit": 50},
        "awaiting": {"store": "central", "limit": 50},
        "unproven": {"store": "central", "after": 0, "limit": 50},
        "unrepeated": {
            "store": "central",
            "epoch": 2,
            "last_epoch": 1,
            "last_clip": 100,
            "limit": 50,
        },
        "doubted": {"store": "central", "after": 0, "limit": 50},
        "without a copy": {"after": 0, "limit": 50},
        "gone unexplained": {"after": 0, "limit": 50},
        "without manifest": {"limit": 50},
        "dockings": {"after": "", "limit": 50},
        "dockings of a camera": {"camera": camera, "after": "", "limit": 50},
        "newest dockings of a camera": {"camera": camera, "limit": 50},
        "tallies": {"scope": "station"},
        "originals": {"scope": "station"},
        "tallies of a day": {**day, "camera": None},
        "cameras of a day": day,
        "meta": {"key": "epoch"},
        "events after": {"after": clips - 60, "limit": 50},
        "event": {"sequence": number},
    }
    return {name: special.get(name, every) for name in HOT_QUERIES}


def steps(connection: sqlite3.Connection, sql: str, values: Mapping[str, object]) -> int:
    """Return how many steps SQLite's machine takes for a query."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(step, 1)
    try:
        connection.execute(sql, values).fetchall()
    finally:
        connection.set_progress_handler(None, 1)
    return count


@pytest.fixture
def thousand(tmp_path: Path) -> sqlite3.Connection:
    """Return a ledger of a thousand clips."""
    return filled(tmp_path / "thousand.sqlite3", clips=1000)


@pytest.mark.parametrize("name", HOT_QUERIES)
def test_no_hot_query_walks_a_table(thousand: sqlite3.Connection, name: str) -> None:
    """No plan of a hot query has a SCAN: each finds its rows by an index."""
    plan = [
        row["detail"]
        for row in thousand.execute(f"EXPLAIN QUERY PLAN {HOT_QUERIES[name]}", asked(1000)[name])
    ]
    thousand.close()
    assert plan
    # CONSTANT ROW is the one row of a SELECT without a table.
    assert not [detail for detail in plan if re.search(r"\bSCAN\b(?! CONSTANT)", detail)], plan


def test_whoever_reads_takes_the_hot_queries() -> None:
    """The reading code has no SQL of its own, so that no query escapes the list."""
    source = Path(reading.__file__).read_text()
    assert "HOT_QUERIES[" in source
    assert not re.search(r"\b(SELECT|FROM|WHERE)\b", source)


def test_every_kind_of_row_is_asked_for(thousand: sqlite3.Connection) -> None:
    """The queries measured below have rows to find, so that their steps mean something."""
    values = asked(1000)
    empty = {
        name
        for name, sql in HOT_QUERIES.items()
        if not thousand.execute(sql, values[name]).fetchall()
    }
    thousand.close()
    assert empty == {"probe", "refused"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_millionth_clip_costs_what_the_thousandth_did(
    thousand: sqlite3.Connection, tmp_path: Path
) -> None:
    """At a million clips every hot query takes the steps it took at a thousand, within 20 %."""
    million = filled(tmp_path / "million.sqlite3", clips=1_000_000)
    few, many = asked(1000), asked(1_000_000)
    taken = {
        name: (steps(thousand, sql, few[name]), steps(million, sql, many[name]))
        for name, sql in HOT_QUERIES.items()
    }
    thousand.close()
    million.close()
    slower = {name: pair for name, pair in taken.items() if pair[1] > pair[0] * TOLERANCE}
    assert not slower
