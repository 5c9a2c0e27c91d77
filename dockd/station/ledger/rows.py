"""Rows of the ledger as the words of the core, and back."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, cast

from dockd.core.camera_clock import CameraClock, ClockSource
from dockd.core.clip import CameraCopy, Clip, Elsewhere, Part, SpoolCopy, StoreCopy, Trouble
from dockd.core.custody import Event, canonical
from dockd.core.facts import ChargeMeasured, HoldKind, JsonValue, ReceiptAccepted, Strength
from dockd.core.health import Problem
from dockd.core.transfer import PartState, State, Transfer
from dockd.ports.ledger import DockingRow, EventRow

Value = str | int | bytes | None

# A clip in one row. The lists in it are small aggregates over primary keys, so that a page of clips
# is one query.
CLIP_COLUMNS: Final = """
clips.number, clips.camera, clips.docking, clips.birth_docking, clips.slot, clips.path,
clips.size_bytes, clips.mtime_ns, clips.flagged, clips.camera_copy, clips.spool_copy, clips.copied,
clips.copied_in, clips.hashed_in, clips.rehashed, clips.copied_sha256, clips.sha256, clips.xxh128,
clips.key, clips.merged_into, clips.holds, clips.trouble, clips.stored_size_bytes,
clips.part_size_bytes, clips.proof, clips.partial, clips.part_sha256, clips.elsewhere,
clips.prioritised,
(SELECT json_group_array(json_array(position, docking))
 FROM sightings WHERE clip = clips.number) AS seen_in,
(SELECT json_group_array(json_array(part, offset, size_bytes, sha256))
 FROM spool_parts WHERE clip = clips.number) AS spool_parts,
(SELECT json_group_array(json_array(store, state, proven))
 FROM store_copies WHERE clip = clips.number) AS store_copies
"""

TRANSFER_COLUMNS: Final = """
transfers.clip, transfers.store, transfers.key, transfers.size_bytes, transfers.sha256,
transfers.parts, transfers.state, transfers.upload_id, transfers.version, transfers.restarts,
(SELECT json_group_array(json_array(part, state, etag)) FROM transfer_parts
 WHERE clip = transfers.clip AND store = transfers.store) AS part_states
"""

# Rows of ``meta`` that are written as things happen.
LAST_CHECKPOINT: Final = "last checkpoint"
UPLOADS_PAUSED: Final = "uploads paused"
COMMANDS_TAKEN: Final = "commands taken"


def last_receipt_of(store: str) -> str:
    """Return the key in ``meta`` of the time of a store's last receipt."""
    return f"last receipt of {store}"


def last_told_to(store: str) -> str:
    """Return the key in ``meta`` of up to where in the record a store was last told of it."""
    return f"last told to {store}"


def clip_row(clip: Clip) -> dict[str, Value]:
    """Return the columns of ``clips`` that are the clip's own."""
    return {
        "number": clip.number,
        "camera": clip.camera,
        "docking": clip.docking,
        "birth_docking": clip.birth_docking,
        "slot": clip.slot,
        "path": clip.path,
        "size_bytes": clip.size_bytes,
        "mtime_ns": clip.mtime_ns,
        "flagged": int(clip.flagged),
        "camera_copy": clip.camera_copy.value,
        "spool_copy": clip.spool_copy.value,
        "copied": int(clip.copied),
        "copied_in": json.dumps(clip.copied_in),
        "hashed_in": clip.hashed_in,
        "rehashed": int(clip.rehashed),
        "copied_sha256": clip.copied_sha256,
        "sha256": clip.sha256,
        "xxh128": clip.xxh128,
        "key": clip.key,
        "merged_into": clip.merged_into,
        "holds": json.dumps(clip.holds),
        "trouble": _trouble_column(clip.trouble),
        "stored_size_bytes": clip.stored_size_bytes,
        "part_size_bytes": clip.part_size_bytes,
        "proof": clip.proof,
        "partial": int(clip.partial),
        "part_sha256": json.dumps(clip.part_sha256),
        "elsewhere": _elsewhere_column(clip.elsewhere),
        "prioritised": int(clip.prioritised),
    }


def clip_from(row: sqlite3.Row) -> Clip:
    """Return the clip in a row of `CLIP_COLUMNS`."""
    copies: list[tuple[str, str, int]] = json.loads(row["store_copies"])
    holds: list[HoldKind] = json.loads(row["holds"])
    return Clip(
        number=row["number"],
        camera=row["camera"],
        docking=row["docking"],
        birth_docking=row["birth_docking"],
        seen_in=tuple(docking for _, docking in sorted(json.loads(row["seen_in"]))),
        slot=row["slot"],
        path=row["path"],
        size_bytes=row["size_bytes"],
        mtime_ns=row["mtime_ns"],
        flagged=bool(row["flagged"]),
        camera_copy=CameraCopy(row["camera_copy"]),
        spool_copy=SpoolCopy(row["spool_copy"]),
        spool_parts=_spool_parts(row["spool_parts"]),
        copied=bool(row["copied"]),
        copied_in=tuple(json.loads(row["copied_in"])),
        hashed_in=row["hashed_in"],
        rehashed=bool(row["rehashed"]),
        copied_sha256=row["copied_sha256"],
        sha256=row["sha256"],
        xxh128=row["xxh128"],
        key=row["key"],
        part_size_bytes=row["part_size_bytes"],
        part_sha256=tuple(json.loads(row["part_sha256"])),
        stored_size_bytes=row["stored_size_bytes"],
        proof=row["proof"],
        partial=bool(row["partial"]),
        merged_into=row["merged_into"],
        holds=tuple(holds),
        trouble=_trouble_from(row["trouble"]),
        elsewhere=_elsewhere_from(row["elsewhere"]),
        prioritised=bool(row["prioritised"]),
        store_copies={store: StoreCopy(state) for store, state, _ in copies},
        proven_by=tuple(sorted(store for store, _, proven in copies if proven)),
    )


def _spool_parts(column: str) -> tuple[Part, ...]:
    parts: list[tuple[int, int, int, str]] = sorted(json.loads(column))
    return tuple(
        Part(index=index, offset=offset, size_bytes=size_bytes, sha256=sha256)
        for index, offset, size_bytes, sha256 in parts
    )


def _trouble_column(trouble: Trouble | None) -> str | None:
    if trouble is None:
        return None
    return json.dumps([trouble.slug, trouble.reason, trouble.owner, trouble.next_step])


def _trouble_from(column: str | None) -> Trouble | None:
    if column is None:
        return None
    slug, reason, owner, next_step = json.loads(column)
    return Trouble(slug=slug, reason=reason, owner=owner, next_step=next_step)


def _elsewhere_column(elsewhere: Elsewhere | None) -> str | None:
    return None if elsewhere is None else json.dumps([elsewhere.station, elsewhere.docking])


def _elsewhere_from(column: str | None) -> Elsewhere | None:
    if column is None:
        return None
    station, docking = json.loads(column)
    return Elsewhere(station=station, docking=docking)


def transfer_row(transfer: Transfer) -> dict[str, Value]:
    """Return the columns of ``transfers``."""
    return {
        "clip": transfer.clip,
        "store": transfer.store,
        "key": transfer.key,
        "size_bytes": transfer.size_bytes,
        "sha256": transfer.sha256,
        "parts": transfer.parts,
        "state": transfer.state.value,
        "upload_id": transfer.upload_id,
        "version": transfer.version,
        "restarts": transfer.restarts,
    }


def transfer_from(row: sqlite3.Row, *, receipt: ReceiptAccepted | None) -> Transfer:
    """Return the transfer in a row of `TRANSFER_COLUMNS`."""
    parts: list[tuple[int, str, str | None]] = sorted(json.loads(row["part_states"]))
    return Transfer(
        clip=row["clip"],
        store=row["store"],
        key=row["key"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        parts=row["parts"],
        state=State(row["state"]),
        upload_id=row["upload_id"],
        part_states={part: PartState(state) for part, state, _ in parts},
        etags={part: etag for part, _, etag in parts if etag is not None},
        version=row["version"],
        receipt=receipt,
        restarts=row["restarts"],
    )


def receipt_row(receipt: ReceiptAccepted, *, received_at: str) -> dict[str, Value]:
    """Return the columns of ``receipts``."""
    fields = cast("dict[str, Value]", receipt.fields())
    return {**fields, "received_at": received_at}


def receipt_from(row: sqlite3.Row) -> ReceiptAccepted:
    """Return the receipt in a row of ``receipts``."""
    strength: Strength = row["strength"]
    return ReceiptAccepted(
        clip=row["clip"],
        store=row["store"],
        strength=strength,
        key=row["key"],
        version=row["version"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        how=row["how"],
        epoch=row["epoch"],
    )


def docking_from(row: sqlite3.Row) -> DockingRow:
    """Return the docking in a row of ``dockings``."""
    return DockingRow(
        docking=row["docking"],
        camera=row["camera"],
        slot=row["slot"],
        family=row["family"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        end_reason=row["end_reason"],
        listed=bool(row["listed"]),
        offloaded=bool(row["offloaded"]),
        cleared=bool(row["cleared"]),
        clock=CameraClock(
            source=ClockSource(row["clock_source"]),
            offset_s=row["clock_offset_s"],
            uncertainty_s=row["clock_uncertainty_s"],
        ),
        continues=row["continues"],
        charge=_charge_from(row),
        read_bytes=row["read_bytes"],
        read_errors=row["read_errors"],
        battery_said=row["battery_said"],
    )


def _charge_from(row: sqlite3.Row) -> ChargeMeasured | None:
    if row["charge_seconds"] is None:
        return None
    measured = {
        field.name: row[f"charge_{field.name}"]
        for field in fields(ChargeMeasured)
        if field.name != "docking"
    }
    return ChargeMeasured(docking=row["docking"], **measured)


def problem_from(row: sqlite3.Row) -> Problem:
    """Return the problem in a row of ``problems``."""
    return Problem(
        slug=row["slug"],
        severity=row["severity"],
        since=row["since"],
        subject=row["subject"],
        reason=row["reason"],
        owner=row["owner"],
        next_step=row["next_step"],
    )


def event_row(event: Event) -> tuple[Value, ...]:
    """Return the columns of ``events``; the fields stand in their canonical form."""
    return (
        event.sequence,
        event.time_utc,
        event.clock_quality,
        event.monotonic_ns,
        event.kind,
        event.subject,
        canonical(event.fields).decode(),
        event.previous_hash,
        event.own_hash,
    )


def event_from(row: sqlite3.Row) -> EventRow:
    """Return the event in a row of ``events``."""
    fields: Mapping[str, JsonValue] = json.loads(row["fields"])
    return EventRow(**{**_plain_members(row), "fields": fields})


def chained_event_from(row: sqlite3.Row) -> Event:
    """Return the event in a row of ``events`` as it is chained.

    Raises:
        ValueError: the fields are not in the form in which they were hashed.
    """
    fields = json.loads(row["fields"])
    if not isinstance(fields, dict) or canonical(fields).decode() != row["fields"]:
        message = "the fields are not in their canonical form"
        raise ValueError(message)
    return Event(**{**_plain_members(row), "fields": fields})


def _plain_members(row: sqlite3.Row) -> dict[str, Any]:
    return {name: row[name] for name in row.keys() if name != "fields"}  # noqa: SIM118 - a Row iterates over values
