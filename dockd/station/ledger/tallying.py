"""Counts that are kept, so that no question has to count: tallies by place, and what waits.

Each count changes in the transaction that changes its clip, by the difference between what the
clip was and what it is. `recount` counts everything anew, which the first way must equal.
"""

import sqlite3
from collections import Counter
from functools import lru_cache
from typing import Final

from dockd.core.clip import CameraCopy, Clip, Place, SpoolCopy
from dockd.core.facts import HoldKind
from dockd.station.ledger.deriving import (
    ALL_STORES,
    STATION,
    Derived,
    Policy,
    Stored,
    camera_scope,
    derive,
    scopes,
)

Described = tuple[Stored, Derived]
_ADD_TO_TALLY: Final = """
INSERT INTO tallies (scope, place, known, clips, size_bytes) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    clips = clips + excluded.clips, size_bytes = size_bytes + excluded.size_bytes
"""
_ADD_TO_QUEUE_TALLY: Final = """
INSERT INTO queue_tallies (store, clips, size_bytes) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET
    clips = clips + excluded.clips, size_bytes = size_bytes + excluded.size_bytes
"""
_ADD_TO_ORIGINALS: Final = """
INSERT INTO originals (scope, clips) VALUES (?, ?)
ON CONFLICT DO UPDATE SET clips = clips + excluded.clips
"""


def update(connection: sqlite3.Connection, *, before: Described | None, after: Described) -> None:
    """Count ``after`` in and ``before`` out; only what differs is written."""
    _update_tallies(connection, before=before, after=after)
    _update_originals(connection, before=before, after=after)
    _update_queue(connection, before=before, after=after)


def _update_tallies(
    connection: sqlite3.Connection, *, before: Described | None, after: Described
) -> None:
    clips: Counter[tuple[str, Place, bool]] = Counter()
    size_bytes: Counter[tuple[str, Place, bool]] = Counter()
    for described, sign in ((before, -1), (after, 1)):
        if described is None:
            continue
        stored, derived = described
        for scope in scopes(stored.clip):
            cell = (scope, derived.place, derived.known)
            clips[cell] += sign
            size_bytes[cell] += sign * stored.clip.size_bytes
    for cell, count in clips.items():
        if count or size_bytes[cell]:
            scope, where, known = cell
            row = (scope, where.value, int(known), count, size_bytes[cell])
            connection.execute(_ADD_TO_TALLY, row)


def _update_originals(
    connection: sqlite3.Connection, *, before: Described | None, after: Described
) -> None:
    was = before is not None and before[0].clip.merged_into is None
    clip = after[0].clip
    difference = int(clip.merged_into is None) - int(was)
    if difference:
        for scope in (STATION, camera_scope(clip.camera)):
            connection.execute(_ADD_TO_ORIGINALS, (scope, difference))


def _update_queue(
    connection: sqlite3.Connection, *, before: Described | None, after: Described
) -> None:
    was = _waits_for(before) if before else frozenset()
    now = _waits_for(after)
    stored = after[0]
    for store in sorted(was - now):
        connection.execute(
            "DELETE FROM queue WHERE store = ? AND clip = ?", (store, stored.clip.number)
        )
        connection.execute(_ADD_TO_QUEUE_TALLY, (store, -1, -stored.clip.stored_size_bytes))
    for store in sorted(now - was):
        connection.execute(
            "INSERT INTO queue (store, clip, unflagged, verified_sequence) VALUES (?, ?, ?, ?)",
            (store, stored.clip.number, _rank(stored.clip), stored.verified_sequence),
        )
        connection.execute(_ADD_TO_QUEUE_TALLY, (store, 1, stored.clip.stored_size_bytes))
    if before is not None and _rank(before[0].clip) != _rank(stored.clip):
        for store in sorted(was & now):
            connection.execute(
                "UPDATE queue SET unflagged = ? WHERE store = ? AND clip = ?",
                (_rank(stored.clip), store, stored.clip.number),
            )


def _rank(clip: Clip) -> int:
    """Return where in the queue a clip stands: what a person asked for, what is flagged, others."""
    return -1 if clip.prioritised else int(not clip.flagged)


def _waits_for(described: Described) -> frozenset[str]:
    awaits = described[1].awaits
    return awaits | {ALL_STORES} if awaits else awaits


def recount(connection: sqlite3.Connection, *, policy: Policy) -> None:
    """Derive every clip's columns, every tally and the queue anew, inside a transaction.

    The columns come from `derive` through SQL functions; a station has few kinds of clips, so
    that a million clips cost a million look-ups in its cache and not a million clips loaded.
    """
    _offer_derive(connection, policy=policy)
    facts_of_a_clip = """
        holds, camera_copy, spool_copy, copied, merged_into IS NOT NULL, flagged,
        (SELECT group_concat(store, char(10)) FROM store_copies WHERE clip = number AND proven = 1)
    """
    connection.execute(
        f"UPDATE clips SET place = derived_place({facts_of_a_clip}),"  # noqa: S608 - a constant
        f" known = derived_known({facts_of_a_clip}), purge_rank = derived_rank({facts_of_a_clip})"
    )
    for table in ("tallies", "originals", "queue", "queue_tallies"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names from this line
    for statement in _COUNT_ALL:
        connection.execute(statement)
    for store in sorted(policy.stores | policy.extra):
        values = {"store": store, "unflagged_too": int(store in policy.stores)}
        connection.execute(_QUEUE_FOR_ONE, values)
    connection.execute(_QUEUE_FOR_ALL)
    connection.execute(_COUNT_QUEUE)


def _offer_derive(connection: sqlite3.Connection, *, policy: Policy) -> None:
    @lru_cache(maxsize=4096)
    def derived(
        holds: str,
        camera_copy: str,
        spool_copy: str,
        copied: int,
        merged: int,
        flagged: int,
        proven: str | None,
    ) -> Derived:
        any_hold: tuple[HoldKind, ...] = () if holds == "[]" else ("error",)
        clip = Clip(
            number=0,
            camera="",
            docking="",
            birth_docking="",
            slot="",
            path=b"",
            size_bytes=0,
            mtime_ns=0,
            camera_copy=CameraCopy(camera_copy),
            spool_copy=SpoolCopy(spool_copy),
            copied=bool(copied),
            flagged=bool(flagged),
            merged_into=1 if merged else None,
            holds=any_hold,
            proven_by=tuple(proven.split("\n")) if proven else (),
        )
        return derive(Stored(clip), policy=policy)

    options = {"deterministic": True}
    connection.create_function(
        "derived_place", 7, lambda *row: derived(*row).place.value, **options
    )
    connection.create_function("derived_known", 7, lambda *row: int(derived(*row).known), **options)
    connection.create_function("derived_rank", 7, lambda *row: derived(*row).purge_rank, **options)


_COUNT_ALL: Final = tuple(
    f"""
    INSERT INTO tallies (scope, place, known, clips, size_bytes)
    SELECT {scope}, place, known, count(*), sum(size_bytes) FROM clips
    WHERE merged_into IS NULL GROUP BY 1, 2, 3
    """  # noqa: S608 - constants
    for scope in ("'station'", "'camera:' || camera", "'docking:' || docking")
) + tuple(
    f"""
    INSERT INTO originals (scope, clips)
    SELECT {scope}, count(*) FROM clips WHERE merged_into IS NULL GROUP BY 1
    """  # noqa: S608 - constants
    for scope in ("'station'", "'camera:' || camera")
)
_QUEUE_FOR_ONE: Final = """
INSERT INTO queue (store, clip, unflagged, verified_sequence)
SELECT :store, number, CASE WHEN prioritised THEN -1 ELSE NOT flagged END, verified_sequence
FROM clips
WHERE merged_into IS NULL AND spool_copy = 'proven' AND (:unflagged_too OR flagged)
AND NOT EXISTS (SELECT 1 FROM store_copies
    WHERE clip = number AND store = :store AND store_copies.state IN ('receipted', 'doubted'))
AND NOT EXISTS (SELECT 1 FROM transfers
    WHERE clip = number AND store = :store AND transfers.state = 'refused')
"""
_QUEUE_FOR_ALL: Final = """
INSERT INTO queue (store, clip, unflagged, verified_sequence)
SELECT DISTINCT '', clip, unflagged, verified_sequence FROM queue
"""
_COUNT_QUEUE: Final = """
INSERT INTO queue_tallies (store, clips, size_bytes)
SELECT store, count(*), sum(stored_size_bytes) FROM queue JOIN clips ON number = clip GROUP BY store
"""
