"""One transfer in the ledger: loaded, changed by the core, written back."""

import sqlite3

from dockd.core import facts
from dockd.core import transfer as transfers
from dockd.core.clip import Clip
from dockd.core.custody import Event
from dockd.core.transfer import Transfer
from dockd.errors import IllegalFact
from dockd.station.ledger import rows, tables
from dockd.station.ledger.queries import HOT_QUERIES


def load(connection: sqlite3.Connection, *, clip: int, store: str) -> Transfer | None:
    """Return one transfer, or None."""
    which = {"clip": clip, "store": store}
    row = connection.execute(HOT_QUERIES["transfer"], which).fetchone()
    if row is None:
        return None
    receipt = connection.execute(HOT_QUERIES["receipt"], which).fetchone()
    return rows.transfer_from(row, receipt=rows.receipt_from(receipt) if receipt else None)


def change(
    connection: sqlite3.Connection, fact: facts.TransferFact, *, clip: Clip, event: Event
) -> Transfer:
    """Have the core apply ``fact`` to its transfer, and write back what changed.

    Raises:
        IllegalFact: the transfer was never queued, or its state does not permit the fact.
    """
    before = load(connection, clip=fact.clip, store=fact.store)
    if before is None:
        before = _begin_transfer(connection, fact, clip=clip)
    after = transfers.apply(before, fact)
    old, new = rows.transfer_row(before), rows.transfer_row(after)
    which: dict[str, rows.Value] = {"clip": fact.clip, "store": fact.store}
    changed = {name: value for name, value in new.items() if old[name] != value}
    tables.update(connection, "transfers", changed=changed, where=which)
    _write_transfer_parts(connection, before=before, after=after)
    if after.receipt != before.receipt or isinstance(fact, facts.ReceiptAccepted):
        _write_receipt(connection, after, event=event)
    if isinstance(fact, facts.ReceiptAccepted):
        # In a row of its own: to find the newest of a million receipts would take an index.
        last: dict[str, rows.Value] = {
            "key": rows.last_receipt_of(fact.store),
            "value": event.time_utc,
        }
        tables.insert(connection, "meta", row=last, replace=True)
    return after


def _begin_transfer(
    connection: sqlite3.Connection, fact: facts.TransferFact, *, clip: Clip
) -> Transfer:
    if not isinstance(fact, facts.TransferQueued):
        raise IllegalFact(f"{fact.kind}: the clip was never queued for {fact.store}")
    if clip.key is None or clip.sha256 is None:
        raise IllegalFact(f"{fact.kind}: the clip is not verified")
    transfer = Transfer(
        clip=clip.number,
        store=fact.store,
        key=clip.key,
        size_bytes=clip.stored_size_bytes,
        sha256=clip.sha256,
        parts=len(clip.part_sha256),
    )
    tables.insert(connection, "transfers", row=rows.transfer_row(transfer))
    return transfer


def _write_transfer_parts(
    connection: sqlite3.Connection, *, before: Transfer, after: Transfer
) -> None:
    which = (after.clip, after.store)
    for part in sorted(before.part_states.keys() - after.part_states.keys()):
        connection.execute(
            "DELETE FROM transfer_parts WHERE clip = ? AND store = ? AND part = ?", (*which, part)
        )
    for part, state in after.part_states.items():
        etag = after.etags.get(part)
        if (state, etag) != (before.part_states.get(part), before.etags.get(part)):
            connection.execute(
                "INSERT OR REPLACE INTO transfer_parts VALUES (?, ?, ?, ?, ?)",
                (*which, part, state.value, etag),
            )


def _write_receipt(connection: sqlite3.Connection, transfer: Transfer, *, event: Event) -> None:
    if transfer.receipt is None:
        connection.execute(
            "DELETE FROM receipts WHERE clip = ? AND store = ?", (transfer.clip, transfer.store)
        )
        return
    row = rows.receipt_row(transfer.receipt, received_at=event.time_utc)
    tables.insert(connection, "receipts", row=row, replace=True)
