"""Carrying facts out: one fact becomes one event and the state it leads to, in one transaction.

Whether a clip or a transfer may go from one state to another is decided in `dockd.core` alone;
this loads what a fact is about, has the core apply it, and writes back what changed.
"""

import json
import sqlite3
from dataclasses import dataclass, replace
from typing import Final

from dockd.core import clip_life, facts
from dockd.core import transfer as transfers
from dockd.core.clip import Clip
from dockd.core.custody import Event, Link, chain, genesis
from dockd.errors import IllegalFact
from dockd.ports.clock import Clock
from dockd.station.ledger import dockings, rows, tables, tallying, transferring
from dockd.station.ledger.connections import damaged
from dockd.station.ledger.deriving import Policy, Stored, derive
from dockd.station.ledger.queries import HOT_QUERIES

_ADD_EVENT: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Position:
    """What the writer knows by heart: the end of the record and the policy."""

    head: Link
    policy: Policy


def position(connection: sqlite3.Connection) -> Position:
    """Return what the ledger's file says now."""
    last = connection.execute(HOT_QUERIES["last event"]).fetchone()
    if last is None:
        head = genesis(meta(connection, key="ledger_id"))
    else:
        head = Link(last["sequence"], last["own_hash"])
    stores: list[str] = json.loads(meta(connection, key="stores"))
    extra: list[str] = json.loads(meta(connection, key="extra stores"))
    required = int(meta(connection, key="required"))
    return Position(head, Policy(required, frozenset(stores), frozenset(extra)))


def meta(connection: sqlite3.Connection, *, key: str) -> str:
    """Return one of the ledger's few settings. Raises PermanentError when it is not there."""
    row = connection.execute(HOT_QUERIES["meta"], {"key": key}).fetchone()
    if row is None:
        raise damaged(f"it does not say its {key}")
    return str(row["value"])


def set_meta(connection: sqlite3.Connection, *, key: str, value: str) -> None:
    """Change one of the ledger's few settings."""
    connection.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))


def subject_of(fact: facts.Fact) -> str:
    """Return what ``fact`` is about, as its event names it."""
    match fact:
        case facts.ClipFact():
            return clip_subject(fact.clip)
        case facts.DockingFact():
            return f"docking:{fact.docking}"
        case _:
            return "station"


def clip_subject(number: int) -> str:
    """Return the subject of one clip's events."""
    return f"clip:{number}"


def append(connection: sqlite3.Connection, fact: facts.Fact, *, after: Link, clock: Clock) -> Event:
    """Write the event of ``fact`` behind ``after``.

    Raises:
        IllegalFact: a field has no canonical form, such as a text that is not Unicode.
    """
    synchronised = clock.synchronisation().synchronised
    try:
        event = chain(
            after,
            time_utc=f"{clock.now():%Y-%m-%dT%H:%M:%S.%fZ}",
            clock_quality="synchronised" if synchronised else "unsynchronised",
            monotonic_ns=clock.monotonic_ns(),
            kind=fact.kind,
            subject=subject_of(fact),
            fields=fact.fields(),
        )
    except (ValueError, TypeError) as error:
        raise IllegalFact(f"{fact.kind}: {error}") from error
    connection.execute(_ADD_EVENT, rows.event_row(event))
    return event


def carry_out(
    connection: sqlite3.Connection, fact: facts.Fact, *, event: Event, policy: Policy
) -> None:
    """Bring the state to where ``fact`` leads.

    Raises:
        IllegalFact: the present state does not permit it; the caller rolls back.
    """
    try:
        match fact:
            case facts.ClipSeen():
                _bear(connection, fact, policy=policy)
            case facts.ClipFact():
                _change(connection, fact, event=event, policy=policy)
            case facts.DockingFact():
                dockings.carry_out(connection, fact, event=event)
            case _:
                dockings.carry_out_for_station(connection, fact, event=event)
    except sqlite3.IntegrityError as error:
        # Keys and foreign keys: a docking that never began, a clip that is known already.
        raise IllegalFact(f"{fact.kind}: {error}") from error
    except OverflowError as error:
        raise IllegalFact(f"{fact.kind}: a number is beyond 64 bits") from error


# --- clips -----------------------------------------------------------------------------------


def _bear(connection: sqlite3.Connection, fact: facts.ClipSeen, *, policy: Policy) -> None:
    stored = Stored(clip_life.born(fact))
    derived = derive(stored, policy=policy)
    row: dict[str, rows.Value] = {
        **rows.clip_row(stored.clip),
        "place": derived.place.value,
        "known": int(derived.known),
        "purge_rank": derived.purge_rank,
    }
    tables.insert(connection, "clips", row=row)
    _write_sightings(connection, before=(), after=stored.clip)
    _add_id(connection, stored.clip)
    _remember_path(connection, stored.clip, number=fact.clip)
    tallying.update(connection, before=None, after=(stored, derived))


def _change(
    connection: sqlite3.Connection, fact: facts.ClipFact, *, event: Event, policy: Policy
) -> None:
    before = load(connection, number=fact.clip)
    if before is None:
        raise IllegalFact(f"{fact.kind}: there is no clip {fact.clip}")
    after = replace(before, clip=clip_life.apply(before.clip, fact))
    if isinstance(fact, facts.TransferFact):
        transfer = transferring.change(connection, fact, clip=after.clip, event=event)
        others = after.refused - {fact.store}
        refused = transfer.state is transfers.State.REFUSED
        after = replace(after, refused=others | {fact.store} if refused else others)
    if isinstance(fact, facts.ClipVerified):
        after = replace(after, verified_sequence=event.sequence, verified_at=event.time_utc)
    _write(connection, before=before, after=after, policy=policy)
    _write_names(connection, fact, clip=after.clip)
    if isinstance(fact, facts.ClipWiped):
        dockings.note_wiped(connection, fact)


def load(connection: sqlite3.Connection, *, number: int) -> Stored | None:
    """Return a clip as the ledger has it, or None."""
    row = connection.execute(HOT_QUERIES["clip"], {"number": number}).fetchone()
    if row is None:
        return None
    verified = connection.execute(HOT_QUERIES["verified"], {"number": number}).fetchone()
    refused = connection.execute(HOT_QUERIES["refused"], {"clip": number}).fetchall()
    return Stored(
        rows.clip_from(row),
        refused=frozenset(store for (store,) in refused),
        verified_sequence=verified["verified_sequence"],
        verified_at=verified["verified_at"],
    )


def _write(
    connection: sqlite3.Connection, *, before: Stored, after: Stored, policy: Policy
) -> None:
    was, now = derive(before, policy=policy), derive(after, policy=policy)
    old, new = rows.clip_row(before.clip), rows.clip_row(after.clip)
    old.update(place=was.place.value, known=int(was.known), purge_rank=was.purge_rank)
    new.update(place=now.place.value, known=int(now.known), purge_rank=now.purge_rank)
    old.update(verified_sequence=before.verified_sequence, verified_at=before.verified_at)
    new.update(verified_sequence=after.verified_sequence, verified_at=after.verified_at)
    # Only what changed is named, so that SQLite leaves the indexes of the rest alone.
    tables.update(
        connection,
        "clips",
        changed={name: value for name, value in new.items() if old[name] != value},
        where={"number": after.clip.number},
    )
    _write_sightings(connection, before=before.clip.seen_in, after=after.clip)
    _write_spool_parts(connection, before=before.clip, after=after.clip)
    _write_store_copies(connection, before=before.clip, after=after.clip)
    tallying.update(connection, before=(before, was), after=(after, now))


def _write_sightings(
    connection: sqlite3.Connection, *, before: tuple[str, ...], after: Clip
) -> None:
    for position in range(len(before), len(after.seen_in)):
        row = (after.number, position, after.seen_in[position])
        connection.execute("INSERT INTO sightings VALUES (?, ?, ?)", row)


def _write_spool_parts(connection: sqlite3.Connection, *, before: Clip, after: Clip) -> None:
    kept = {part.index: part for part in after.spool_parts}
    known = {part.index: part for part in before.spool_parts}
    for index in sorted(index for index in known if known[index] != kept.get(index)):
        connection.execute(
            "DELETE FROM spool_parts WHERE clip = ? AND part = ?", (after.number, index)
        )
    for part in after.spool_parts:
        if known.get(part.index) != part:
            row = (after.number, part.index, part.offset, part.size_bytes, part.sha256)
            connection.execute("INSERT INTO spool_parts VALUES (?, ?, ?, ?, ?)", row)


def _write_store_copies(connection: sqlite3.Connection, *, before: Clip, after: Clip) -> None:
    for store, state in after.store_copies.items():
        proven = store in after.proven_by
        if (state, proven) != (before.store_copies.get(store), store in before.proven_by):
            connection.execute(
                "INSERT OR REPLACE INTO store_copies VALUES (?, ?, ?, ?)",
                (after.number, store, state.value, int(proven)),
            )


def _write_names(connection: sqlite3.Connection, fact: facts.ClipFact, *, clip: Clip) -> None:
    match fact:
        case facts.ClipVerified():
            _add_id(connection, clip)
        case facts.ClipSeenAgain():
            _remember_path(connection, clip, number=clip.number)
        case facts.ClipMerged():
            # What lies at this path is the clip that was known already.
            _remember_path(connection, clip, number=fact.into)
        case _:
            pass


def _add_id(connection: sqlite3.Connection, clip: Clip) -> None:
    connection.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (clip.id, clip.number))


def _remember_path(connection: sqlite3.Connection, clip: Clip, *, number: int) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO camera_paths VALUES (?, ?, ?)", (clip.camera, clip.path, number)
    )
