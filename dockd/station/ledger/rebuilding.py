"""A new ledger from the sidecars in the spool, for the day the old one is lost."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dockd.core import facts, readmission, sidecar
from dockd.core.clip import Clip
from dockd.core.sidecar import Sidecar
from dockd.errors import DockdError, Refused
from dockd.ports.clock import Clock
from dockd.station.ledger import recording
from dockd.station.ledger.connections import Lock, fsync_folder, open_for_writing
from dockd.station.ledger.ledger import SqliteLedger
from dockd.station.ledger.opening import open_ledger
from dockd.station.ledger.verifying import check_record

LEDGER_NAME: Final = "ledger.sqlite3"
_SIDE_FILES: Final = ("-wal", "-shm")
_REASON: Final = "rebuilt from the spool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a rebuild made; ``refused`` are files that were left out, each with its reason."""

    ledger_id: str
    clips: int
    size_bytes: int
    refused: tuple[tuple[Path, str], ...]
    moved_aside: Path | None


def rebuild(spool: Path, *, clock: Clock, force: bool = False) -> Report:
    """Make a new ledger of what the sidecars in ``spool`` vouch for; blocks.

    Its clips are proven in the spool and, as far as it knows, still on their cameras; no receipt
    is carried over, and every docking has ended, so that each store proves and each camera is
    hashed again before anything is wiped. A ledger that is there is moved aside, never deleted.

    Raises:
        Refused: the daemon is running, or the ledger is healthy and ``force`` is not given.
        SpoolReadOnly, SpoolFull: the new ledger could not be written.
    """
    path = spool / LEDGER_NAME
    lock = Lock(path)
    try:
        if path.exists() and not force and _healthy(path):
            raise Refused(
                f"the ledger {path} is healthy, and a new one would know of no receipt",
                next_step="Keep it; `dockd rebuild --force` is for one that is wrong all the same.",
            )
        fresh = path.with_name(f"{path.name}.rebuilding")
        _remove(fresh)
        found = _Found.in_spool(spool)
        ledger = open_ledger(fresh, clock=clock)
        try:
            kept, refused = _record_all(ledger, found)
        finally:
            ledger.close()
        ledger_id = _finish(fresh)
        aside = _exchange(path, fresh=fresh, stamp=f"{clock.now():%Y%m%dT%H%M%SZ}")
    finally:
        lock.release()
    return Report(
        ledger_id=ledger_id,
        clips=len(kept),
        size_bytes=sum(one.stored_size_bytes for one in kept),
        refused=(*found.refused, *refused),
        moved_aside=aside,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """The sidecars of a spool whose clips lie beside them, and the files that are none."""

    sidecars: Mapping[Path, Sidecar]
    refused: tuple[tuple[Path, str], ...]

    @classmethod
    def in_spool(cls, spool: Path) -> "_Found":
        sidecars: dict[Path, Sidecar] = {}
        refused: list[tuple[Path, str]] = []
        for path in sorted((spool / "clips").rglob(f"*{sidecar.SUFFIX}")):
            try:
                found = sidecar.decode(path.read_bytes())
            except (ValueError, OSError) as error:
                refused.append((path, str(error)))
                continue
            problem = _missing_footage(path, clip=found.clip)
            if problem:
                refused.append((path, problem))
            else:
                sidecars[path] = found
        return cls(sidecars, tuple(refused))


def _missing_footage(path: Path, *, clip: Clip) -> str:
    footage = path.with_name(path.name.removesuffix(sidecar.SUFFIX))
    try:
        size_bytes = footage.lstat().st_size
    except OSError as error:
        return f"the clip beside it cannot be seen: {error.strerror}"
    if size_bytes != clip.stored_size_bytes:
        return f"the clip beside it has {size_bytes} bytes and not {clip.stored_size_bytes}"
    return ""


def _record_all(
    ledger: SqliteLedger, found: _Found
) -> tuple[Sequence[Clip], Sequence[tuple[Path, str]]]:
    """Record every docking, then every clip, then the end of every docking."""
    clips = {path: each.clip for path, each in found.sidecars.items()}
    dockings = readmission.dockings(list(clips.values()))
    _wait(ledger.record_from_thread(fact) for fact in dockings.values())
    kept: list[Clip] = []
    refused: list[tuple[Path, str]] = []
    taken: set[int] = set()
    highest = max((clip.number for clip in clips.values()), default=0)
    pending: list[tuple[Path, Clip, Future[None]]] = []
    for path, clip in sorted(clips.items(), key=lambda item: (item[1].number, item[0])):
        number = clip.number
        if number in taken or number < 1:
            highest += 1
            number = highest
        taken.add(number)
        future = ledger.record_from_thread(*readmission.clip_facts(clip, number=number))
        pending.append((path, clip, future))
    for path, clip, future in pending:
        try:
            future.result()
        except DockdError as error:
            refused.append((path, error.reason))
        else:
            kept.append(clip)
    ends = (facts.Undocked(docking=docking, reason=_REASON) for docking in dockings)
    _wait(ledger.record_from_thread(end) for end in ends)
    return kept, refused


def _wait(futures: Iterator["Future[None]"]) -> None:
    for future in list(futures):
        future.result()


def _finish(fresh: Path) -> str:
    """Fold the write-ahead log into the new ledger's file, and return the ledger's id."""
    connection = open_for_writing(fresh)
    try:
        ledger_id = recording.meta(connection, key="ledger_id")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return ledger_id


def _exchange(path: Path, *, fresh: Path, stamp: str) -> Path | None:
    """Put ``fresh`` in the place of the ledger at ``path``; return where the old one is now.

    The old ledger gets its second name before its first one goes to the new: at no moment is
    there none. Its write-ahead log leaves first, for it would be taken for the new ledger's; so it
    would where the ledger itself is not there any more.
    """
    aside = _free_name(path.with_name(f"{path.name}.{stamp}.aside"))
    there = path.exists()
    if there:
        aside.hardlink_to(path)
    for suffix in _SIDE_FILES:
        side_file = path.with_name(f"{path.name}{suffix}")
        if side_file.exists():
            side_file.rename(aside.with_name(f"{aside.name}{suffix}"))
    fsync_folder(path.parent)
    fresh.rename(path)
    fsync_folder(path.parent)
    _remove(fresh)
    return aside if there else None


def _free_name(wanted: Path) -> Path:
    names = (wanted, *(wanted.with_name(f"{wanted.name}.{count}") for count in range(1, 1000)))
    return next(name for name in names if not name.exists())


def _remove(fresh: Path) -> None:
    for suffix in ("", ".lock", *_SIDE_FILES):
        fresh.with_name(f"{fresh.name}{suffix}").unlink(missing_ok=True)


def _healthy(path: Path) -> bool:
    """Return whether the ledger can be read, is sound, and its record is intact."""
    try:
        connection = open_for_writing(path)
    except sqlite3.Error:
        return False
    try:
        sound = connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
        return sound and check_record(connection) == "intact"
    except (sqlite3.Error, TypeError, KeyError, IndexError):
        return False
    finally:
        connection.close()
