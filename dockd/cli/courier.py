"""`dockd export`'s work: the record read, each docking brought out or looked at.

Like `verify` it reads the ledger and the spool as they lie on the disk, and asks no daemon.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from dockd.cli.offline import LEDGER_NAME
from dockd.cli.vouching import Record, unvouched, vouchers
from dockd.config import Config
from dockd.core.clip import Clip, SpoolCopy
from dockd.core.printable import printable
from dockd.errors import NotFound, Refused, RequestInvalid
from dockd.station import mhl
from dockd.station.clock import SystemClock
from dockd.station.export import Absent, Export, Outcome, Present, Target
from dockd.station.export.copying import Told
from dockd.station.ledger import snapshot
from dockd.station.spool.directory import DirectorySpool

State = Literal["exported", "already", "checked"]
Shown = Callable[[int], AbstractContextManager[Told]]
"""What shows how far it is, given how many bytes there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asked for: dockings by name, or every one, or those not stored yet."""

    dockings: Sequence[str]
    every: bool
    unstored: bool
    check: bool


@dataclass(frozen=True, slots=True)
class Brought:
    """What is there of a docking, and what is wrong with the files that vouch for it."""

    state: State
    outcomes: Sequence[Outcome]
    unvouched: Sequence[str]


def export(config: Config, wanted: Wanted, *, folder: Path, shown: Shown) -> Mapping[str, Any]:
    """Bring out what is wanted, docking by docking, and return what is there then.

    Raises:
        ExportFailed: the disk does not take it.
        NotFound, Refused, RequestInvalid
    """
    if bool(wanted.dockings) == (wanted.every or wanted.unstored):
        raise RequestInvalid(
            "what is to be exported was not said, or said twice",
            next_step="Name dockings, or give --all or --unstored: dockd export [DOCKING]... DIR.",
        )
    if folder.resolve().is_relative_to(config.spool.path.resolve()):
        raise Refused(
            f"{folder} lies in the spool", next_step="Name a folder on another disk: a courier's."
        )
    records = _records(config, wanted)
    spool_id = records[0].head.spool_id if records else ""
    opened = DirectorySpool(config.spool.path, reserve_bytes=0, expected_spool_id=spool_id or None)
    done: list[Mapping[str, Any]] = []
    with (
        closing(opened) as spool,
        Target.at(folder, make=not wanted.check) as into,
        shown(_work_bytes(records)) as told,
    ):
        for record in records:
            share = _Share(told, size_bytes=_work_bytes([record]))
            one = Export(
                record.row.docking,
                record.clips,
                into=into,
                told=share.did,
                now=partial(_now, config.spool.path / LEDGER_NAME),
            )
            brought = _one(one, record, spool=spool, config=config, check=wanted.check)
            done.append(_answer(record, brought, into=into, wanted=wanted))
            share.rest()
    return {"dockings": done, "whole": all(each["whole"] for each in done)}


class _Share:
    """One docking's part of the work: what of it was there already counts as done at its end."""

    def __init__(self, told: Told, *, size_bytes: int) -> None:
        self._told = told
        self._left_bytes = size_bytes

    def did(self, count: int) -> None:
        """Tell of bytes that were copied or read back."""
        count = min(count, self._left_bytes)
        self._left_bytes -= count
        self._told(count)

    def rest(self) -> None:
        """Tell of what there was no need to do."""
        self.did(self._left_bytes)


def _records(config: Config, wanted: Wanted) -> Sequence[Record]:
    """Return what the ledger says of the dockings that are wanted, read at one go."""
    with snapshot.opened(config.spool.path / LEDGER_NAME) as ledger:
        names = dict.fromkeys(wanted.dockings) or [row.docking for row in ledger.dockings()]
        records = [_record(ledger, docking, named=bool(wanted.dockings)) for docking in names]
    if wanted.unstored:
        return [each for each in records if _unstored(each.clips, config)]
    # Of a docking without a clip there is something to say only to who asked for it by name.
    return [each for each in records if each.clips or wanted.dockings]


def _record(ledger: snapshot.Snapshot, docking: str, *, named: bool) -> Record:
    """Return what is to be brought of a docking.

    Of one that was asked for by name that is all it showed; of many, each clip once, with the
    docking that saw it last.
    """
    row = ledger.docking(docking)
    if row is None:
        raise NotFound(f"the record has no docking {docking!r}")
    clips = ledger.seen_in_docking(docking) if named else ledger.in_docking(docking)
    receipts = {clip.number: ledger.receipts(clip) for clip in clips}
    return Record(row=row, head=ledger.head(), clips=clips, receipts=receipts)


def _now(path: Path, clip: Clip) -> Clip:
    """Return a clip as the ledger has it by now."""
    with snapshot.opened(path) as ledger:
        return ledger.clip(clip.number)


def _unstored(clips: Sequence[Clip], config: Config) -> bool:
    """Return whether too few stores have one of these, whoever has set it aside."""
    counting, required = config.counting_stores, max(config.stores.required, 1)
    return any(len(counting.intersection(clip.proven_by)) < required for clip in clips)


def _one(
    one: Export, record: Record, *, spool: DirectorySpool, config: Config, check: bool
) -> Brought:
    """Bring one docking out, or look at what is there of it."""
    finished = one.finished()
    if finished is None and check:
        return Brought("checked", (), ("there is no whole export of it",))
    if finished is not None and (check or one.lacks_nothing(finished)):
        outcomes = one.check(finished) if check else one.outcomes(finished)
        wrong = unvouched(one.vouchers(below=mhl.FOLDER), outcomes)
        if check or not wrong:
            one.tidy()
            return Brought("checked" if check else "already", outcomes, wrong)
    made = one.make(spool, vouchers=vouchers(record, config=config, now=SystemClock().now))
    return Brought("exported", made, ())


def _work_bytes(records: Sequence[Record]) -> int:
    """Return how many bytes are copied and read back when nothing is there yet."""
    return 2 * sum(
        clip.stored_size_bytes
        for record in records
        for clip in record.clips
        if clip.spool_copy is SpoolCopy.PROVEN
    )


def _is_elsewhere(absent: Absent) -> bool:
    """Return whether a courier misses nothing by this: it made room here, and a store has it."""
    purged = absent.clip.spool_copy is SpoolCopy.PURGED
    return purged and not absent.bad and bool(absent.clip.proven_by)


def _answer(record: Record, brought: Brought, *, into: Target, wanted: Wanted) -> Mapping[str, Any]:
    present = [each for each in brought.outcomes if isinstance(each, Present)]
    absent = [each for each in brought.outcomes if isinstance(each, Absent)]
    return {
        "docking": record.row.docking,
        "camera": record.row.camera,
        "folder": into.called(record.row.docking),
        "state": brought.state,
        "files": len(present),
        "size_bytes": sum(each.digests.size_bytes for each in present),
        "partial": [each.place for each in present if each.clip.partial],
        "absent": [
            {
                "id": each.clip.id,
                "key": each.clip.key,
                "path": printable(each.clip.path),
                "reason": each.reason,
                "bad": each.bad,
            }
            for each in absent
        ],
        "unvouched": brought.unvouched,
        "whole": not brought.unvouched
        and all(wanted.unstored and _is_elsewhere(each) for each in absent),
    }
