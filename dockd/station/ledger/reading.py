"""Reading the ledger: plain functions over one read-only connection, each one consistent view."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from dockd.core.clip import Clip, Place
from dockd.core.custody import Checkpoint, Link, Standing, compare, genesis
from dockd.core.facts import Checkpointed, ReceiptAccepted, SetAside, UploadsPaused
from dockd.core.health import Problem
from dockd.core.transfer import Transfer
from dockd.errors import NotFound
from dockd.ports.ledger import (
    ClipFilter,
    Completeness,
    DockingRow,
    EventRow,
    Head,
    LeftOnCamera,
    PurgePage,
    PurgePlace,
    Queue,
    Sent,
    StoreMemory,
    Tally,
)
from dockd.station.ledger import rows, transferring
from dockd.station.ledger.deriving import ALL_STORES, STATION, camera_scope, docking_scope
from dockd.station.ledger.queries import HOT_QUERIES
from dockd.station.ledger.recording import clip_subject, meta

_SHORTEST_PREFIX: Final = 6
_ID_DIGITS: Final = 16
_CANDIDATES_SHOWN: Final = 10
_BEHIND_ALL_HEX: Final = "g"
_BEFORE_ALL: Final = PurgePlace(-1, -1)


def _all(connection: sqlite3.Connection, query: str, **values: object) -> list[sqlite3.Row]:
    return connection.execute(HOT_QUERIES[query], values).fetchall()


def _one(connection: sqlite3.Connection, query: str, **values: object) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(HOT_QUERIES[query], values).fetchone()
    return row


def _clips(connection: sqlite3.Connection, query: str, **values: object) -> list[Clip]:
    return [rows.clip_from(row) for row in _all(connection, query, **values)]


# --- clips -----------------------------------------------------------------------------------


def clip(connection: sqlite3.Connection, number: int) -> Clip:
    """Return one clip. Raises NotFound."""
    row = _one(connection, "clip", number=number)
    if row is None:
        raise NotFound(f"there is no clip {number}")
    return rows.clip_from(row)


def numbered(connection: sqlite3.Connection, numbers: Sequence[int]) -> Mapping[int, Clip]:
    """Return several clips by their numbers. Raises NotFound."""
    return {number: clip(connection, number) for number in set(numbers)}


def by_keys(connection: sqlite3.Connection, keys: Sequence[str]) -> Mapping[str, Clip]:
    """Return those of the clips with these store keys that there are."""
    found = ((key, by_key(connection, key)) for key in keys)
    return {key: one for key, one in found if one is not None}


def by_key(connection: sqlite3.Connection, key: str) -> Clip | None:
    """Return the clip with this store key, or None."""
    row = _one(connection, "clip by key", key=key)
    return rows.clip_from(row) if row else None


def find(connection: sqlite3.Connection, reference: str) -> Clip:
    """Return the clip that a person means: by key, by id, or by a unique beginning of one.

    A clip that was merged leads to the one it was merged into. Of several with one id, the one
    whose present id it is counts.

    Raises:
        NotFound: there is none, or there are several; the reason names them.
    """
    found = by_key(connection, reference)
    if found is not None:
        return found
    digits = reference.lower()
    if not (_SHORTEST_PREFIX <= len(digits) <= _ID_DIGITS) or set(digits) - set("0123456789abcdef"):
        raise NotFound(f"{reference!r} is neither a clip's key nor 6 to 16 digits of its id")
    beyond = digits + _BEHIND_ALL_HEX
    limit = _CANDIDATES_SHOWN + 1
    matches = _clips(connection, "clips by id", first=digits, beyond=beyond, limit=limit)
    candidates = {one.number: one for one in (_survivor(connection, each) for each in matches)}
    present = [one for one in candidates.values() if one.id.startswith(digits)]
    if len(candidates) > 1 and len(present) == 1:
        return present[0]
    if len(candidates) == 1:
        return next(iter(candidates.values()))
    raise NotFound(_why_none(reference, candidates=list(candidates.values())))


def _survivor(connection: sqlite3.Connection, found: Clip) -> Clip:
    while found.merged_into is not None:
        found = clip(connection, found.merged_into)
    return found


def _why_none(reference: str, *, candidates: Sequence[Clip]) -> str:
    if not candidates:
        return f"no clip has an id that begins with {reference!r}"
    shown = ", ".join(f"{one.id} (clip {one.number} of camera {one.camera})" for one in candidates)
    return f"{reference!r} is the beginning of several ids: {shown}"


def clips(connection: sqlite3.Connection, wanted: ClipFilter) -> list[Clip]:
    """Return a page of clips in the order of their numbers."""
    if wanted.docking is not None:
        query = "clips of a docking"
    elif wanted.camera is not None:
        query = "clips of a camera"
    elif wanted.place is not None or wanted.held:
        query = "clips at a place"
    else:
        query = "clips"
    place = wanted.place
    if place is None and wanted.held and query == "clips at a place":
        place = Place.HELD
    return _clips(
        connection,
        query,
        camera=wanted.camera,
        docking=wanted.docking,
        place=place,
        held=None if wanted.held is None else int(wanted.held),
        after=wanted.after,
        limit=wanted.limit,
    )


def on_camera(connection: sqlite3.Connection, camera: str) -> list[Clip]:
    """Return, for every path this camera ever had, the clip that was last seen there."""
    return _clips(connection, "on camera", camera=camera)


def in_docking(connection: sqlite3.Connection, docking: str) -> list[Clip]:
    """Return the clips last seen on their camera in this docking."""
    return _clips(connection, "in docking", docking=docking)


def seen_in_docking(connection: sqlite3.Connection, docking: str) -> list[Clip]:
    """Return the clips seen on their camera in this docking, whenever they were seen last."""
    return _clips(connection, "seen in docking", docking=docking)


def partials_left(connection: sqlite3.Connection) -> list[Clip]:
    """Return the clips that a camera left behind half copied."""
    return _clips(connection, "partials left")


def purgeable(connection: sqlite3.Connection, after: PurgePlace | None, limit: int) -> PurgePage:
    """Return a page of the copies that may make room: those gone from their cameras first."""
    rank, sequence = after or _BEFORE_ALL
    found = _all(connection, "purgeable", rank=rank, sequence=sequence, limit=limit)
    last = found[-1] if len(found) == limit else None
    return PurgePage(
        clips=[rows.clip_from(row) for row in found],
        next=PurgePlace(last["purge_rank"], last["verified_sequence"]) if last else None,
    )


def tally(connection: sqlite3.Connection) -> Tally:
    """Return how many clips are where."""
    return _tally(connection, STATION)


def tallies(connection: sqlite3.Connection, dockings: Sequence[str]) -> dict[str, Tally]:
    """Return the same for each of some dockings."""
    return {docking: _tally(connection, docking_scope(docking)) for docking in dockings}


def _tally(connection: sqlite3.Connection, scope: str) -> Tally:
    clips_at = dict.fromkeys(Place, 0)
    bytes_at = dict.fromkeys(Place, 0)
    for row in _all(connection, "tallies", scope=scope):
        clips_at[Place(row["place"])] += row["clips"]
        bytes_at[Place(row["place"])] += row["size_bytes"]
    return Tally(clips=clips_at, size_bytes=bytes_at)


def completeness(
    connection: sqlite3.Connection, camera: str | None, day: date | None
) -> Completeness:
    """Return where every original is; one without any known copy is ``gone`` and nowhere else."""
    scope = STATION if camera is None else camera_scope(camera)
    if day is not None:
        found = _all(connection, "tallies of a day", camera=camera, **_of_day(day))
        return _books(f"day:{day}" if camera is None else f"{scope} day:{day}", found, seen=None)
    return _books(scope, _all(connection, "tallies", scope=scope), seen=_seen(connection, scope))


def _books(scope: str, tallies: list[sqlite3.Row], *, seen: int | None) -> Completeness:
    """Return the books of some tallies; ``seen`` None: nobody counted but they."""
    at = dict.fromkeys(Place, 0)
    gone = 0
    for row in tallies:
        if row["known"]:
            at[Place(row["place"])] += row["clips"]
        else:
            gone += row["clips"]
    counted = sum(at.values()) + gone
    return Completeness(scope=scope, seen=counted if seen is None else seen, at=at, gone=gone)


def _seen(connection: sqlite3.Connection, scope: str) -> int:
    originals = _one(connection, "originals", scope=scope)
    return originals["clips"] if originals else 0


def seen_of(connection: sqlite3.Connection, cameras: Sequence[str]) -> dict[str, int]:
    """Return how many originals each of these cameras ever showed."""
    return {camera: _seen(connection, camera_scope(camera)) for camera in cameras}


def cameras_of(connection: sqlite3.Connection, day: date) -> list[str]:
    """Return the cameras that were docked on a day."""
    return [row["camera"] for row in _all(connection, "cameras of a day", **_of_day(day))]


def paths_of(connection: sqlite3.Connection, cameras: Sequence[str]) -> dict[str, list[bytes]]:
    """Return every path that each of these cameras ever showed."""
    return {
        camera: [row["path"] for row in _all(connection, "paths of a camera", camera=camera)]
        for camera in cameras
    }


def _of_day(day: date) -> dict[str, str]:
    """Return between which ids the dockings of a day are: they begin with it."""
    digits = day.isoformat().replace("-", "")
    return {"first": digits, "beyond": f"{digits}~"}


# --- transfers -------------------------------------------------------------------------------


def transfer(connection: sqlite3.Connection, number: int, store: str) -> Transfer | None:
    """Return one transfer, or None."""
    return transferring.load(connection, clip=number, store=store)


def awaiting(connection: sqlite3.Connection, store: str, limit: int) -> list[Clip]:
    """Return what waits for a store: asked for, flagged, and then what was verified first."""
    return _clips(connection, "awaiting", store=store, limit=limit)


def without_copy(connection: sqlite3.Connection, after: int, limit: int) -> list[Clip]:
    """Return clips that no known copy is left of, by their numbers."""
    return _clips(connection, "without a copy", after=after, limit=limit)


def gone_unexplained(connection: sqlite3.Connection, after: int, limit: int) -> list[Clip]:
    """Return verified clips that are gone from their camera, nobody knows where to."""
    return _clips(connection, "gone unexplained", after=after, limit=limit)


def unproven(connection: sqlite3.Connection, store: str, after: int, limit: int) -> list[Clip]:
    """Return proven clips of which a store has only shown the size."""
    return _clips(connection, "unproven", store=store, after=after, limit=limit)


def unrepeated(
    connection: sqlite3.Connection,
    store: str,
    epoch: int,
    after: ReceiptAccepted | None,
    limit: int,
) -> list[ReceiptAccepted]:
    """Return digest receipts of a store from before an epoch, by their epochs and clips."""
    last_epoch, last_clip = (after.epoch, after.clip) if after else (0, 0)
    found = _all(
        connection,
        "unrepeated",
        store=store,
        epoch=epoch,
        last_epoch=last_epoch,
        last_clip=last_clip,
        limit=limit,
    )
    return [rows.receipt_from(row) for row in found]


def doubted(
    connection: sqlite3.Connection, store: str, after: int, limit: int
) -> list[ReceiptAccepted]:
    """Return the receipts of a store that are in doubt, by their clips."""
    found = _all(connection, "doubted", store=store, after=after, limit=limit)
    return [rows.receipt_from(row) for row in found]


def receipts(connection: sqlite3.Connection, number: int) -> list[ReceiptAccepted]:
    """Return the receipts a clip has now."""
    return [rows.receipt_from(row) for row in _all(connection, "receipts", clip=number)]


def sent(connection: sqlite3.Connection, clips: Sequence[Clip]) -> dict[int, Sent]:
    """Return what became of each of some clips at the stores."""
    return {one.number: _sent(connection, one) for one in clips}


def _sent(connection: sqlite3.Connection, one: Clip) -> Sent:
    # Most of what is listed was never sent, or long ago: what it does not have is not asked for.
    found = _all(connection, "receipts", clip=one.number) if one.store_copies else []
    under_way = [store for store in one.store_copies if store not in one.proven_by]
    transfers = {store: transfer(connection, one.number, store) for store in under_way}
    return Sent(
        transfers={store: known for store, known in transfers.items() if known is not None},
        receipts=[rows.receipt_from(row) for row in found],
        receipt_times={row["store"]: row["received_at"] for row in found},
    )


def queue(connection: sqlite3.Connection, store: str | None) -> Queue:
    """Return what waits for one store, or for any."""
    name = ALL_STORES if store is None else store
    counted = _one(connection, "queue", store=name)
    oldest = _one(connection, "oldest in queue", store=name)
    return Queue(
        clips=counted["clips"] if counted else 0,
        size_bytes=counted["size_bytes"] if counted else 0,
        oldest_verified_at=oldest["verified_at"] if oldest else None,
    )


# --- the station -----------------------------------------------------------------------------


def dockings(
    connection: sqlite3.Connection, camera: str | None, after: str, limit: int
) -> list[DockingRow]:
    """Return a page of dockings in the order of their ids."""
    query = "dockings" if camera is None else "dockings of a camera"
    values = {"after": after, "limit": limit, "camera": camera}
    return [rows.docking_from(row) for row in _all(connection, query, **values)]


def newest_dockings(connection: sqlite3.Connection, camera: str, limit: int) -> list[DockingRow]:
    """Return a camera's last dockings, the newest first."""
    found = _all(connection, "newest dockings of a camera", camera=camera, limit=limit)
    return [rows.docking_from(row) for row in found]


def docking(connection: sqlite3.Connection, reference: str) -> DockingRow | None:
    """Return one docking, or None."""
    row = _one(connection, "docking", docking=reference)
    return rows.docking_from(row) if row else None


def stays(connection: sqlite3.Connection, cameras: Sequence[str]) -> dict[str, int]:
    """Return how often each camera was docked; what continues after a cut is the same stay."""
    found = {camera: _one(connection, "stays", camera=camera) for camera in cameras}
    return {camera: row["stays"] if row else 0 for camera, row in found.items()}


def last_listed_at(connection: sqlite3.Connection, camera: str) -> str | None:
    """Return when this camera was last listed by a clock that was right, or None."""
    row = _one(connection, "last listed", camera=camera)
    return row["listed_at"] if row else None


def wiped_unsaid(connection: sqlite3.Connection, camera: str) -> int:
    """Return how many clips were wiped since it was last said that their camera is clear."""
    row = _one(connection, "wiped unsaid", camera=camera)
    return (row["clips"] if row else 0) or 0


def open_dockings(connection: sqlite3.Connection) -> list[DockingRow]:
    """Return the dockings without an end."""
    return [rows.docking_from(row) for row in _all(connection, "open dockings")]


def paused_dockings(connection: sqlite3.Connection) -> list[DockingRow]:
    """Return the dockings that ended as their slot was switched off, and that nothing follows."""
    return [rows.docking_from(row) for row in _all(connection, "paused dockings")]


def left_on_cameras(connection: sqlite3.Connection) -> list[LeftOnCamera]:
    """Return the cameras that left with what has no whole copy, or before they were listed."""
    left = [LeftOnCamera(**row) for row in _all(connection, "left on cameras")]
    told = {one.camera for one in left}
    unlisted = [
        LeftOnCamera(**row, clips=0, size_bytes=0)
        for row in _all(connection, "left unlisted")
        if row["camera"] not in told
    ]
    return [*left, *unlisted]


def without_manifest(connection: sqlite3.Connection, limit: int) -> list[DockingRow]:
    """Return dockings that were offloaded and whose manifest is not stored yet."""
    return [rows.docking_from(row) for row in _all(connection, "without manifest", limit=limit)]


def set_aside(connection: sqlite3.Connection) -> frozenset[str]:
    """Return every camera and docking that a person has set aside, by its bare name."""
    subjects = (row["subject"] for row in _all(connection, "set aside"))
    return frozenset(subject.partition(" ")[2] for subject in subjects)


def holds(connection: sqlite3.Connection) -> list[SetAside]:
    """Return every hold on a camera or a docking."""
    return [
        SetAside(subject=row["subject"], hold=row["hold"], why=row["why"], actor=row["actor"])
        for row in _all(connection, "holds")
    ]


def problems(connection: sqlite3.Connection) -> list[Problem]:
    """Return the open problems, oldest first."""
    return [rows.problem_from(row) for row in _all(connection, "problems")]


def store_memory(connection: sqlite3.Connection, store: str) -> StoreMemory:
    """Return what was last known of a store."""
    probe = _one(connection, "probe", store=store)
    receipt = _one(connection, "meta", key=rows.last_receipt_of(store))
    told = _one(connection, "meta", key=rows.last_told_to(store))
    return StoreMemory(
        strength=probe["strength"] if probe else None,
        last_receipt_at=receipt["value"] if receipt else None,
        told_up_to=int(told["value"]) if told else None,
    )


def uploads_paused(connection: sqlite3.Connection) -> UploadsPaused | None:
    """Return who paused the uploads and why, or None."""
    row = _one(connection, "meta", key=rows.UPLOADS_PAUSED)
    paused = None if row is None else json.loads(row["value"])
    return None if paused is None else UploadsPaused(**paused)


def last_checkpoint(connection: sqlite3.Connection) -> Checkpointed | None:
    """Return the last checkpoint that was written, or None."""
    row = _one(connection, "meta", key=rows.LAST_CHECKPOINT)
    return Checkpointed(**json.loads(row["value"])) if row else None


# --- the record ------------------------------------------------------------------------------


def history(connection: sqlite3.Connection, number: int) -> list[EventRow]:
    """Return everything that happened to one clip."""
    found = _all(connection, "history", subject=clip_subject(number))
    return [rows.event_from(row) for row in found]


def events_after(connection: sqlite3.Connection, sequence: int, limit: int) -> list[EventRow]:
    """Return the record from behind ``sequence`` on."""
    found = _all(connection, "events after", after=sequence, limit=limit)
    return [rows.event_from(row) for row in found]


def head(connection: sqlite3.Connection) -> Head:
    """Return the ledger's identity and the end of its record."""
    ledger_id = meta(connection, key="ledger_id")
    last = _one(connection, "last event")
    begin = genesis(ledger_id)
    return Head(
        ledger_id=ledger_id,
        epoch=int(meta(connection, key="epoch")),
        spool_id=meta(connection, key="spool_id"),
        sequence=last["sequence"] if last else begin.sequence,
        root=last["own_hash"] if last else begin.own_hash,
    )


def standing(connection: sqlite3.Connection, checkpoint: Checkpoint) -> Standing:
    """Return how this ledger stands to a checkpoint that was taken of it."""
    now = head(connection)

    def own_hash_at(sequence: int) -> str | None:
        row = _one(connection, "event", sequence=sequence)
        return str(row["own_hash"]) if row else None

    return compare(
        Link(now.sequence, now.root),
        ledger_id=now.ledger_id,
        checkpoint=checkpoint,
        own_hash_at=own_hash_at,
    )
