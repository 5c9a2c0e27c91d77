"""What works on a stopped station too: the ledger is read as it lies on the disk.

`verify` goes this way even while the daemon runs: it is to check the daemon, not to ask it. What
comes of it is the daemon's to record while there is one; `record` does it where there is none.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from dockd.config import Config
from dockd.core import facts
from dockd.core.clip import Clip, Place, SpoolCopy, place
from dockd.core.explain import Situation, explain
from dockd.daemon import building
from dockd.errors import DockdError, NotFound, StoreLostObject
from dockd.ports.answers import ClipReport
from dockd.ports.ledger import ClipFilter, Sent
from dockd.ports.store import Store
from dockd.stages import describe
from dockd.station import ledger as ledgers
from dockd.station.clock import SystemClock
from dockd.station.http.peers import ourselves
from dockd.station.ledger import open_ledger, snapshot, verify_chain
from dockd.station.spool.directory import DirectorySpool
from dockd.stores.rate_limited import SharedRate

LEDGER_NAME: Final = "ledger.sqlite3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """What is wrong with one copy; ``finding`` says of a store's whether anything is to be done.

    ``lost`` is one that the store says it has not, and ``altered`` one that hashes to something
    else, whatever the store says of it. A store that cannot be read has shown neither.
    """

    reason: str
    finding: Literal["lost", "altered"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a verification found: its ``answer``, and each clip with a copy that is bad."""

    answer: Mapping[str, Any]
    bad: Sequence[tuple[Clip, Bad]]


def clips(config: Config, query: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what `/v1/clips` would, as the ledger has it; no camera is in a slot."""
    wanted = ClipFilter(
        camera=query["camera"],
        docking=query["docking"],
        place=None if query["place"] is None else Place(query["place"]),
        held=query["held"],
        after=int(query["after"] or 0),
        limit=query["limit"],
    )
    with snapshot.opened(config.spool.path / LEDGER_NAME) as ledger:
        found = ledger.clips(wanted)
        sent = ledger.sent(found)
        reports = [_report(ledger, clip, sent[clip.number], config=config) for clip in found]
    more = len(found) == wanted.limit and bool(found)
    return {
        "clips": [asdict(report) for report in reports],
        "next": str(found[-1].number) if more else None,
    }


def _report(ledger: snapshot.Snapshot, clip: Clip, sent: Sent, *, config: Config) -> ClipReport:
    stores = config.counting_stores
    at = place(clip, required=config.stores.required, stores=stores)
    situation = Situation(
        clip=clip,
        place=at,
        docked=False,
        set_aside=not ledger.set_aside().isdisjoint({clip.camera, clip.docking}),
        stores=stores,
        transfers=sent.transfers,
        problems=ledger.problems(),
        wiping=config.wipe.after == "receipt",
    )
    return describe.clip_report(
        clip,
        place=at,
        sent=sent,
        explanation=explain(situation),
        now=SystemClock().now(),
    )


def verify(config: Config, *, docking: str | None, store: str | None) -> Verified:
    """Hash every copy again, in the spool or in one store, and check the record's chain.

    Raises:
        NotFound: no such store is configured, or there is no ledger to read.
    """
    with snapshot.opened(config.spool.path / LEDGER_NAME) as ledger:
        listed = list(ledger.all_clips(docking=docking))
        head = ledger.head()
        versions = {
            clip.number: receipt.version
            for clip in listed
            for receipt in ledger.receipts(clip)
            if receipt.store == store
        }
    if docking is not None and not listed:
        raise NotFound(f"the record has no clip of a docking {docking!r}")
    if store is None:
        proven = [clip for clip in listed if clip.spool_copy is SpoolCopy.PROVEN]
        opened = DirectorySpool(
            config.spool.path, reserve_bytes=0, expected_spool_id=head.spool_id or None
        )
        with closing(opened) as spool:
            results = [(clip, _in_spool(spool, clip)) for clip in proven]
    else:
        sent = [clip for clip in listed if clip.number in versions]
        results = asyncio.run(_in_store(config, sent, store=store, versions=versions))
    bad = [(clip, wrong) for clip, wrong in results if wrong is not None]
    chain = verify_chain(config.spool.path / LEDGER_NAME)
    answer = {
        "checked": len(results),
        "ok": len(results) - len(bad),
        "bad": [{"id": clip.id, "key": clip.key, "reason": wrong.reason} for clip, wrong in bad],
        "chain": chain if chain == "intact" else {"broken_at": chain},
    }
    return Verified(answer=answer, bad=bad)


def _in_spool(spool: DirectorySpool, clip: Clip) -> Bad | None:
    """Return what is wrong with a clip's copy in the spool; None when nothing is."""
    try:
        proof = spool.verify(clip, stop=lambda: False)
    except FileNotFoundError:
        return Bad(reason="the spool's copy is missing")
    except (DockdError, OSError) as error:
        return Bad(reason=error.reason if isinstance(error, DockdError) else str(error))
    if proof.sha256 != clip.sha256:
        return Bad(reason=f"the spool's copy hashes to {proof.sha256}")
    return None


async def _in_store(
    config: Config, sent: list[Clip], *, store: str, versions: Mapping[int, str]
) -> list[tuple[Clip, Bad | None]]:
    clock = SystemClock()
    lanes = building.stores(config, rate=SharedRate(clock=clock), clock=clock)
    if store not in lanes:
        raise NotFound(f"no store {store!r} is configured; there are: {', '.join(lanes) or 'none'}")
    asked = lanes[store].store
    try:
        return [(clip, await _read(asked, clip, version=versions[clip.number])) for clip in sent]
    finally:
        for lane in lanes.values():
            await lane.store.close()


async def _read(store: Store, clip: Clip, *, version: str) -> Bad | None:
    """Return what is wrong with a store's copy; None when nothing is."""
    hasher = hashlib.sha256()
    try:
        async for piece in store.read_back(clip.key or "", version=version):
            hasher.update(piece)
    except StoreLostObject as error:
        return Bad(reason=error.reason, finding="lost")
    except DockdError as error:
        # Nothing is known of it: not asking the store again is all that an outage calls for.
        return Bad(reason=error.reason)
    if hasher.hexdigest() == clip.sha256:
        return None
    return Bad(reason=f"the store's copy hashes to {hasher.hexdigest()}", finding="altered")


def record(config: Config, verified: Verified, *, store: str) -> int:
    """Record what a verification of a store found, for the next start to act on; return how much.

    As a running daemon is ordered to: what was lost is in doubt, and what was altered is held.

    Raises:
        Refused: the daemon runs after all.
        SpoolReadOnly, SpoolFull: it cannot be written.
    """
    return asyncio.run(_record(config, verified, store=store))


async def _record(config: Config, verified: Verified, *, store: str) -> int:
    recorded = 0
    actor = ourselves().actor
    with closing(open_ledger(config.spool.path / LEDGER_NAME, clock=SystemClock())) as ledger:
        for found, bad in verified.bad:
            clip = await ledger.clip(found.number)
            why = because(bad, store=store)
            fact: facts.ClipHeld | facts.ClipRetried
            if bad.finding == "altered" and "error" not in clip.holds:
                fact = facts.ClipHeld(clip=clip.number, hold="error", why=why, actor=actor)
            elif bad.finding == "lost" and not clip.holds:
                fact = facts.ClipRetried(clip=clip.number, why=why, actor=actor)
            else:
                continue
            await ledger.record(fact)
            recorded += 1
    return recorded


def because(bad: Bad, *, store: str) -> str:
    """Return why something is ordered or recorded of a clip, for the record."""
    return f"dockd verify --store {store}: {bad.reason}"


def rebuild(config: Config, *, force: bool) -> Mapping[str, Any]:
    """Make the ledger anew from the sidecars. Raises Refused while the daemon runs."""
    report = ledgers.rebuild(config.spool.path, clock=SystemClock(), force=force)
    return {
        "ledger_id": report.ledger_id,
        "clips": report.clips,
        "size_bytes": report.size_bytes,
        "moved_aside": None if report.moved_aside is None else str(report.moved_aside),
        "refused": [{"file": str(file), "reason": reason} for file, reason in report.refused],
    }
