"""Opening the ledger and the spool, and finding out whether they are the ones they were.

What can have happened while the daemon was away: a crash in the middle of anything; the ledger
lost, or restored from an earlier day; the spool's disk swapped, or not mounted.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dockd.config import Config
from dockd.core import facts
from dockd.core.custody import Checkpoint
from dockd.errors import SpoolChanged
from dockd.ports.clock import Clock
from dockd.ports.journal import Journal
from dockd.ports.ledger import ClipFilter
from dockd.stages.problems import ProblemBoard
from dockd.stages.threads import in_thread
from dockd.station.faults import Faults
from dockd.station.ledger import SqliteLedger, open_ledger, rebuild
from dockd.station.ledger.checkpoints import read_checkpoint
from dockd.station.spool.directory import DirectorySpool
from dockd.station.spool.witness import Witness

LEDGER_NAME = "ledger.sqlite3"
_RESTORED: Mapping[str, str] = {"behind": "is behind", "forked": "has forked from"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The station's memory; ``rebuilt`` tells that the ledger was lost."""

    ledger: SqliteLedger
    spool: DirectorySpool
    rebuilt: bool


async def open_station(
    config: Config, *, clock: Clock, journal: Journal, faults: Faults | None, witness: Witness
) -> Opened:
    """Open both. A ledger that is missing beside footage is rebuilt from the sidecars.

    Raises:
        SpoolChanged: the station's footage is in another spool than what is there.
        Refused: another dockd has the ledger open.
        PermanentError: the ledger is damaged, or a newer dockd wrote it.
        SpoolReadOnly, SpoolFull: it cannot be written.
    """
    folder = config.spool.path
    # Before anything is made there: it may be what is beneath a mount point.
    await in_thread(witness.refuse_other, folder)
    folder.mkdir(parents=True, exist_ok=True)
    lost = not (folder / LEDGER_NAME).exists() and (folder / "spool.json").exists()
    if lost:
        journal.say(
            "ledger-lost",
            "The ledger is missing beside footage; it is rebuilt from the sidecars.",
            level="warning",
        )
        await in_thread(rebuild, folder, clock=clock)
    ledger = await in_thread(open_ledger, folder / LEDGER_NAME, clock=clock, faults=faults)
    head = await ledger.head()
    disk = os.statvfs(folder)
    spool = DirectorySpool(
        folder,
        reserve_bytes=config.spool.reserve_bytes(disk.f_blocks * disk.f_frsize),
        expected_spool_id=head.spool_id or None,
    )
    return Opened(ledger=ledger, spool=spool, rebuilt=lost)


async def settle_spool(opened: Opened, *, problems: ProblemBoard) -> None:
    """Adopt a spool that is new to a new ledger, and say so when it is another than it was."""
    head = await opened.ledger.head()
    try:
        spool_id = await in_thread(opened.spool.adopt)
    except SpoolChanged as error:
        await problems.open(error.slug, subject="spool", reason=error.reason)
        return
    await problems.clear("spool-changed", subject="spool")
    if head.spool_id != spool_id:
        await opened.ledger.record(facts.SpoolAdopted(spool_id=spool_id))


async def note_spool(
    opened: Opened, *, folder: Path, witness: Witness, footage: asyncio.Event
) -> None:
    """Note on the box's own disk which spool it is, as soon as there is footage in it."""
    if not await opened.ledger.clips(ClipFilter(limit=1)):
        await footage.wait()
    spool_id = (await opened.ledger.head()).spool_id
    await in_thread(partial(witness.note, folder, spool_id=spool_id))


async def settle_epoch(opened: Opened, *, folder: Path, problems: ProblemBoard) -> None:
    """Begin a new epoch when the ledger was rebuilt, or is behind the spool's checkpoint.

    Or is another one: of before a rebuild, say. A store's may be that of the box before this.
    """
    if opened.rebuilt:
        await begin_epoch(opened.ledger, "the ledger was rebuilt from the sidecars", problems)
        return
    words = {**_RESTORED, "other-ledger": "is not that of"}
    checkpoint = await in_thread(read_checkpoint, folder)
    await _settle_with(opened.ledger, checkpoint, problems, words=words)


async def settle_epoch_with_store(
    ledger: SqliteLedger, checkpoint: Checkpoint | None, *, problems: ProblemBoard
) -> None:
    """Begin a new epoch when the ledger is behind what a store was last told of it."""
    await _settle_with(ledger, checkpoint, problems, words=_RESTORED)


async def _settle_with(
    ledger: SqliteLedger,
    checkpoint: Checkpoint | None,
    problems: ProblemBoard,
    *,
    words: Mapping[str, str],
) -> None:
    if checkpoint is None or checkpoint.epoch < (await ledger.head()).epoch:
        # What an older epoch's checkpoint could tell led to the epoch that has begun already.
        return
    standing = await ledger.compare_with(checkpoint)
    if standing in words:
        reason = f"the ledger {words[standing]} the checkpoint of {checkpoint.time_utc}"
        await begin_epoch(ledger, reason, problems)


async def begin_epoch(ledger: SqliteLedger, reason: str, problems: ProblemBoard) -> None:
    """Begin an epoch and say why; no receipt counts before it was repeated."""
    await ledger.begin_epoch(reason)
    await problems.open("ledger-restored", subject="ledger", reason=reason)
