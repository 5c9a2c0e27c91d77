"""The ledger when things go wrong: kills, full disks, damage, and many at once."""

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.custody import Checkpoint
from dockd.errors import NotFound, PermanentError, SpoolFull, SpoolReadOnly
from dockd.station.ledger import SqliteLedger, verify_chain
from dockd.station.ledger.checkpoints import FILE_NAME, read_checkpoint
from tests.station import ledger_parts as parts

MEBIBYTE = 1024 * 1024
ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the test's ledger is."""
    return tmp_path / "ledger.sqlite3"


def loaded(path: Path, *, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start a process that records at full speed."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.station.ledger_load", str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
    )


def acknowledged(process: "subprocess.Popen[str]", *, kill_after: int | None) -> set[int]:
    """Return what was acknowledged before the end of ``process``, which is killed if asked."""
    assert process.stdout is not None
    numbers: set[int] = set()
    with process.stdout as lines:
        for line in lines:
            # A line that the kill cut short was never an acknowledgement.
            if line.endswith("\n"):
                numbers.add(int(line))
            if kill_after is not None and len(numbers) == kill_after:
                process.kill()
    assert process.wait(timeout=60) == -signal.SIGKILL
    return numbers


def known_clips(path: Path) -> set[int]:
    """Return the clips in the file of a ledger that nobody has open."""
    with parts.writable(path) as connection:
        return {row["number"] for row in connection.execute("SELECT number FROM clips")}


@pytest.mark.real
@pytest.mark.parametrize("kill_after", [1, 57, 333])
def test_a_kill_loses_nothing_that_was_acknowledged(path: Path, kill_after: int) -> None:
    """After SIGKILL under load every acknowledged fact is there, and the record is intact."""
    numbers = acknowledged(loaded(path), kill_after=kill_after)
    assert len(numbers) >= kill_after
    assert numbers <= known_clips(path)
    assert verify_chain(path) == "intact"
    with parts.ledger_at(path) as ledger:
        assert ledger.next_clip_number() > max(numbers)


@pytest.mark.real
@pytest.mark.parametrize(("kill", "expected"), [("kill", 30), ("kill-before", None)])
def test_a_fault_point_kills_at_its_fact(path: Path, kill: str, expected: int | None) -> None:
    """DOCKD_FAULT ends the process once the nth such fact is durable, or just before it is."""
    log = path.with_name("faults.log")
    environment = {"DOCKD_FAULT": f"clip-seen:30:{kill}", "DOCKD_FAULT_LOG": str(log)}
    numbers = acknowledged(loaded(path, environment=environment), kill_after=None)
    lines = log.read_text().splitlines()
    there = known_clips(path)
    assert numbers <= there
    assert lines[-1] == f"clip-seen {kill}"
    if expected is None:
        assert len(there) < 30
        assert lines.count("clip-seen") == len(there)
    else:
        assert len(there) >= expected
        assert lines.count("clip-seen") == expected


@pytest.mark.asyncio
async def test_many_are_committed_at_once(path: Path) -> None:
    """What is handed in while a commit is under way shares the next one."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked())
        commits = ledger._writer.commits
        await asyncio.gather(*(ledger.record(parts.seen(number)) for number in range(1, 401)))
        assert ledger._writer.commits - commits < 100
        assert (await ledger.head()).sequence == 401
    assert verify_chain(path) == "intact"


@pytest.mark.asyncio
async def test_reading_goes_on_beside_a_writer_at_work(path: Path) -> None:
    """A reader sees whole submissions only, and never waits for a transaction to end."""
    held, free = threading.Event(), threading.Event()

    def hold(kind: str, moment: str) -> None:
        if kind == "clip-seen" and moment == "before":
            held.set()
            free.wait(30)

    with parts.ledger_at(path, faults=hold) as ledger:
        await ledger.record(parts.docked())
        future = ledger.record_from_thread(parts.seen(1), parts.seen(2))
        await asyncio.to_thread(held.wait, 30)
        assert await ledger.in_docking(parts.DOCKING) == []
        assert len(await ledger.open_dockings()) == 1
        free.set()
        await asyncio.wrap_future(future)
        assert len(await ledger.in_docking(parts.DOCKING)) == 2


@pytest.mark.asyncio
async def test_a_full_disk_is_said_and_the_next_attempt_is_a_fresh_one(path: Path) -> None:
    """Everyone who waits hears spool-full; once there is room the same facts are recorded."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked())
        before = await ledger.head()
        _writing_connection(ledger).execute("PRAGMA max_page_count = 1")
        long = facts.StationStopped(reason="x" * 100_000)
        waiting = [ledger.record_from_thread(fact) for fact in (long, parts.seen(1), long)]
        results = await asyncio.gather(*map(asyncio.wrap_future, waiting), return_exceptions=True)
        assert [type(result) for result in results if result is not None] == [SpoolFull] * sum(
            result is not None for result in results
        )
        assert isinstance(results[0], SpoolFull)
        assert (await ledger.head()).sequence >= before.sequence
        await ledger.record(long, parts.seen(2))
        assert (await ledger.clip(2)).number == 2
    assert verify_chain(path) == "intact"


@pytest.mark.asyncio
async def test_a_read_only_disk_is_said(path: Path) -> None:
    """A ledger that takes no more writes goes on answering, and says spool-read-only."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked())
        _writing_connection(ledger).execute("PRAGMA query_only = ON")
        with pytest.raises(SpoolReadOnly):
            await ledger.record(parts.seen(1))
        assert len(await ledger.open_dockings()) == 1
        assert isinstance(ledger.write_trouble(), SpoolReadOnly)
        await ledger.record(parts.seen(1))
        assert ledger.write_trouble() is None
    assert verify_chain(path) == "intact"


def _writing_connection(ledger: SqliteLedger) -> sqlite3.Connection:
    connection = ledger._writer._connection
    assert connection is not None
    return connection


@pytest.mark.asyncio
async def test_the_record_is_append_only(path: Path) -> None:
    """SQLite itself refuses to change or to delete an event."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked())
    with parts.writable(path) as connection:
        for statement in ("UPDATE events SET kind = 'x'", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "column",
    [
        "time_utc",
        "clock_quality",
        "monotonic_ns",
        "kind",
        "subject",
        "fields",
        "previous_hash",
        "own_hash",
    ],
)
async def test_a_change_anywhere_in_the_record_is_found(path: Path, column: str) -> None:
    """Any one byte of any event changed behind dockd's back is found, and where."""
    with parts.ledger_at(path) as ledger:
        # Letters beyond ASCII, and an escape, whose other spelling would be the same text.
        await ledger.record(
            parts.docked(), parts.seen(1), facts.StationStopped(reason="a\u00e9\u0001/\u20ac")
        )
    with parts.writable(path) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        rows = connection.execute(f"SELECT sequence, {column} AS value FROM events").fetchall()  # noqa: S608 - ours, no input
        for row in rows:
            for changed in _changes_of(row["value"]):
                _put(connection, row["sequence"], column, changed)
                assert verify_chain(path) == row["sequence"], changed
            _put(connection, row["sequence"], column, row["value"])
    assert verify_chain(path) == "intact"


def _changes_of(value: str | int) -> list[str | int]:
    """Return ``value`` with each of its bytes changed in turn; what is not UTF-8 is left out."""
    if isinstance(value, int):
        return [value ^ 1, -value - 1]
    changes: list[str | int] = []
    for index in range(len(value.encode())):
        for bit in (0x01, 0x20):
            content = bytearray(value.encode())
            content[index] ^= bit
            try:
                changes.append(content.decode())
            except UnicodeDecodeError:
                continue
    return changes


def _put(connection: sqlite3.Connection, sequence: int, column: str, value: str | int) -> None:
    connection.execute(f"UPDATE events SET {column} = ? WHERE sequence = ?", (value, sequence))  # noqa: S608 - ours, no input


@pytest.mark.asyncio
async def test_a_missing_event_is_found(path: Path) -> None:
    """A record from which an event was taken is broken there."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked(), parts.seen(1), parts.seen(2))
    with parts.writable(path) as connection:
        connection.execute("DROP TRIGGER events_no_delete")
        connection.execute("DELETE FROM events WHERE sequence = 2")
    assert verify_chain(path) == 2


@pytest.mark.asyncio
async def test_a_missing_end_is_found_by_a_checkpoint(path: Path) -> None:
    """A record that lost its end, or has another one, is found out by its checkpoint alone."""
    with parts.ledger_at(path) as ledger:
        empty = await ledger.checkpoint()
        await ledger.record(parts.docked(), parts.seen(1))
        checkpoint = await ledger.checkpoint()
        await ledger.record(parts.seen(2))
    for known in (empty, checkpoint, replace(checkpoint, ledger_id="other", sequence=99)):
        assert verify_chain(path, checkpoint=known) == "intact"
    assert verify_chain(path, checkpoint=replace(checkpoint, root="0" * 64)) == 2
    with parts.writable(path) as connection:
        connection.execute("DROP TRIGGER events_no_delete")
        connection.execute("DELETE FROM events WHERE sequence >= 2")
    assert verify_chain(path) == "intact"
    assert verify_chain(path, checkpoint=checkpoint) == 2


def test_a_ledger_that_is_not_there_is_not_made(path: Path) -> None:
    """Verifying never makes a ledger where there is none."""
    with pytest.raises(NotFound):
        verify_chain(path)
    assert not path.exists()


@pytest.mark.asyncio
async def test_a_disk_that_fails_a_write_is_said(path: Path) -> None:
    """A write that the system refuses is reported to whoever waits, and tried afresh after."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked())
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEBIBYTE, hard))
        try:
            with pytest.raises(SpoolReadOnly, match="could not be written"):
                await ledger.record(facts.StationStopped(reason="x" * 2 * MEBIBYTE))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await ledger.record(parts.seen(1))
        assert [event.kind for event in await ledger.events_after(0, limit=9)] == [
            "docked",
            "clip-seen",
        ]
    assert verify_chain(path) == "intact"


@pytest.mark.asyncio
async def test_a_ledger_that_is_no_database_is_said_to_be_damaged(path: Path) -> None:
    """A file that SQLite cannot read is a permanent error that says what to do."""
    path.write_bytes(b"not a database " * 1000)
    with pytest.raises(PermanentError, match="damaged") as raised, parts.ledger_at(path):
        pass
    assert raised.value.slug == "ledger-damaged"
    assert "rebuild" in raised.value.next_step
    with pytest.raises(PermanentError, match="damaged"):
        verify_chain(path)


@pytest.mark.asyncio
async def test_a_restored_ledger_is_behind_its_checkpoint(path: Path, tmp_path: Path) -> None:
    """A ledger from before its checkpoint is behind it; one that went on since then is forked."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked())
    yesterday = path.read_bytes()
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.seen(1), parts.seen(2))
        written = await ledger.write_checkpoint(tmp_path)
        assert read_checkpoint(tmp_path) == written
        assert await ledger.compare_with(written) == "same"
        await ledger.record(parts.seen(3))
        assert await ledger.compare_with(written) == "ahead"
    path.write_bytes(yesterday)
    with parts.ledger_at(path) as ledger:
        assert await ledger.compare_with(written) == "behind"
        assert await ledger.begin_epoch("restored") == 2
        await ledger.record(parts.seen(1), parts.seen(7))
        assert await ledger.compare_with(written) == "forked"


@pytest.mark.asyncio
async def test_a_torn_checkpoint_says_nothing(path: Path, tmp_path: Path) -> None:
    """A checkpoint that cannot be read counts as none; one of another ledger is told apart."""
    assert read_checkpoint(tmp_path) is None
    (tmp_path / FILE_NAME).write_bytes(b'{"dockd":"checkp')
    assert read_checkpoint(tmp_path) is None
    other = Checkpoint(
        ledger_id="other", epoch=1, sequence=0, root="0" * 64, time_utc="2026-11-23T02:00:00Z"
    )
    with parts.ledger_at(path) as ledger:
        assert await ledger.compare_with(other) == "other-ledger"
