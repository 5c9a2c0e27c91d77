"""Connections to the ledger's file: who may open it, how, and what SQLite's errors mean."""

import errno
import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final

from dockd.errors import PermanentError, Refused, SpoolFull, SpoolReadOnly, TransientError

BUSY_TIMEOUT_S: Final = 10.0
CACHED_STATEMENTS: Final = 256
LOG_LIMIT_BYTES: Final = 64 * 1024 * 1024


class Lock:
    """The right to write to a ledger: one process at a time, given up with the process."""

    def __init__(self, path: Path) -> None:
        """Take the lock beside the ledger at ``path``.

        Raises:
            Refused: another process has the ledger open for writing.
            SpoolReadOnly, SpoolFull: the lock's file could not be made.
        """
        lock_path = path.with_name(f"{path.name}.lock")
        try:
            self._descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            kind = SpoolFull if error.errno == errno.ENOSPC else SpoolReadOnly
            raise kind(f"the ledger's lock {lock_path}: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise Refused(
                f"another process has the ledger {path} open for writing",
                next_step="Use the running daemon, or stop it first (`systemctl stop dockd`).",
            ) from None

    def release(self) -> None:
        """Give the lock up; doing it twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Return a connection on which a commit is durable: WAL, and an fsync for each commit.

    The writer's thread uses it; it is opened elsewhere, so SQLite's own check is off.
    """
    connection = sqlite3.connect(
        path,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_S,
        check_same_thread=False,
        cached_statements=CACHED_STATEMENTS,
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # One large change (a new policy) must not leave its write-ahead log behind at that size.
    connection.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT_BYTES:d}")
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot write; it never waits for the writer, nor the writer for it.

    Raises:
        sqlite3.OperationalError: there is no such file, or it may not be read.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_S,
        check_same_thread=False,
        cached_statements=CACHED_STATEMENTS,
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA query_only = ON")
    return connection


def fsync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_file(path: Path) -> None:
    """Make the content of ``path`` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def as_write_error(error: sqlite3.Error) -> TransientError | PermanentError:
    """Return what a failed write means for those who wait for it.

    The primary result code is the low byte (SQLite documentation, "Result and Error Codes").
    """
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    code = extended & 0xFF
    # The index of the write-ahead log is extended at a first opening: only room can lack for that.
    if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE:
        return SpoolFull("the ledger could not be written: the spool's file system is full")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return damaged(str(error))
    return SpoolReadOnly(f"the ledger could not be written: {error}")


def as_read_error(error: sqlite3.Error) -> TransientError | PermanentError:
    """Return what a failed read means for whoever asked."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return damaged(str(error))
    return SpoolReadOnly(f"the ledger could not be read: {error}")


def damaged(reason: str) -> PermanentError:
    """Return the error for a ledger whose file is not what SQLite wrote."""
    return PermanentError(
        f"the ledger is damaged: {reason}",
        slug="ledger-damaged",
        owner="operations",
        next_step="Check the disk, then run `dockd rebuild`: the footage and its sidecars are"
        " untouched, and the damaged ledger is kept aside.",
    )
