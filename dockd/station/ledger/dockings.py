"""What facts about dockings and about the station itself change in the ledger."""

import json
import sqlite3
from typing import Final, assert_never

from dockd.core import command, facts
from dockd.core.custody import Event
from dockd.errors import IllegalFact
from dockd.station.ledger import rows, tables
from dockd.station.ledger.queries import HOT_QUERIES

_IN_AN_OPEN_DOCKING: Final = "WHERE docking = ? AND ended_at IS NULL"


def carry_out(connection: sqlite3.Connection, fact: facts.DockingFact, *, event: Event) -> None:
    """Bring a docking to where ``fact`` leads.

    Raises:
        IllegalFact: the docking is not open, or began already.
    """
    if isinstance(fact, facts.Docked):
        continues = fact.continues if isinstance(fact, facts.DockingContinued) else None
        connection.execute(
            "INSERT INTO dockings (docking, camera, slot, family, started_at, continues)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (fact.docking, fact.camera, fact.slot, fact.family, event.time_utc, continues),
        )
        return
    if isinstance(fact, facts.ManifestStored):
        # Often after the camera left, and harmless to say twice.
        connection.execute("UPDATE dockings SET manifested = 1 WHERE docking = ?", (fact.docking,))
        return
    if isinstance(fact, facts.ChargeMeasured):
        # Known only when the camera has left, or was switched off for good.
        _note_charge(connection, fact)
        return
    if isinstance(fact, facts.BatterySaid):
        connection.execute(
            "UPDATE dockings SET battery_said = ? WHERE docking = ?", (fact.said, fact.docking)
        )
        return
    if isinstance(fact, facts.LeftWhileCut):
        # It ended as a pause, and now it is known for what.
        connection.execute(
            "UPDATE dockings SET end_reason = ? WHERE docking = ?", (fact.reason, fact.docking)
        )
        return
    changed = _change_of(connection, fact, event=event)
    if changed != 1:
        raise IllegalFact(f"{fact.kind}: the docking {fact.docking} is not open")


def _note_charge(connection: sqlite3.Connection, fact: facts.ChargeMeasured) -> None:
    values = {name: value for name, value in fact.fields().items() if name != "docking"}
    assignment = ", ".join(f"charge_{name} = ?" for name in values)
    connection.execute(
        f"UPDATE dockings SET {assignment} WHERE docking = ?",  # noqa: S608 - the fact's own names
        (*values.values(), fact.docking),
    )


def _change_of(connection: sqlite3.Connection, fact: facts.DockingFact, *, event: Event) -> int:
    values: tuple[str | int | None, ...] = ()
    match fact:
        case facts.Listed():
            assignment, values = _of_listing(fact, event=event)
        case facts.DockingOffloaded():
            # There is more in it than the manifest that was stored before says.
            assignment = "offloaded = 1, manifested = 0"
        case facts.DockingCleared():
            assignment = "cleared = 1"
            _settle_unsaid(connection, fact)
        case facts.Undocked():
            assignment = "ended_at = ?, end_reason = ?, read_bytes = ?, read_errors = ?"
            values = (event.time_utc, fact.reason, fact.read_bytes, fact.read_errors)
        case _:
            raise IllegalFact(f"{fact.kind}: the ledger does not know this kind of fact")
    cursor = connection.execute(
        f"UPDATE dockings SET {assignment} {_IN_AN_OPEN_DOCKING}",  # noqa: S608 - from above
        (*values, fact.docking),
    )
    return cursor.rowcount


def _of_listing(fact: facts.Listed, *, event: Event) -> tuple[str, tuple[str | int | None, ...]]:
    assignment = "listed = 1"
    values: tuple[str | int | None, ...] = ()
    if event.clock_quality == "synchronised" and not fact.refused:
        # What was hidden may be older than what comes to light later.
        assignment += ", listed_at = ?"
        values += (event.time_utc,)
    if fact.clock_source:
        # A later listing of the same docking with nothing new in it takes nothing back.
        assignment += (
            ", clock_source = ?, clock_offset_s = coalesce(?, clock_offset_s)"
            ", clock_uncertainty_s = coalesce(?, clock_uncertainty_s)"
        )
        values += (fact.clock_source, fact.clock_offset_s, fact.clock_uncertainty_s)
    return assignment, values


def note_wiped(connection: sqlite3.Connection, fact: facts.ClipWiped) -> None:
    """Note that it is still to be said that the camera is clear, when it is."""
    connection.execute(
        "UPDATE dockings SET wiped_unsaid = wiped_unsaid + 1 WHERE docking = ?", (fact.docking,)
    )


def _settle_unsaid(connection: sqlite3.Connection, fact: facts.DockingCleared) -> None:
    connection.execute(
        "UPDATE dockings SET wiped_unsaid = 0 WHERE wiped_unsaid > 0"
        " AND camera = (SELECT camera FROM dockings WHERE docking = ?)",
        (fact.docking,),
    )


def carry_out_for_station(
    connection: sqlite3.Connection, fact: facts.Fact, *, event: Event
) -> None:
    """Bring the station's own tables to where ``fact`` leads.

    Raises:
        IllegalFact: an epoch that is not the next one, or a kind of fact that is not known.
    """
    match fact:
        case facts.EpochBegun():
            _begin_epoch(connection, fact)
        case facts.SpoolAdopted():
            connection.execute("UPDATE meta SET value = ? WHERE key = 'spool_id'", (fact.spool_id,))
        case facts.StoreProbed():
            row = (fact.store, fact.strength, fact.detail, event.time_utc)
            connection.execute("INSERT OR REPLACE INTO probes VALUES (?, ?, ?, ?)", row)
        case facts.SetAside() | facts.SetFree():
            _change_hold(connection, fact, event=event)
        case facts.ProblemOpened() | facts.ProblemClosed():
            _change_problem(connection, fact, event=event)
        case (
            facts.Checkpointed()
            | facts.UploadsPaused()
            | facts.UploadsResumed()
            | facts.CommandTaken()
        ):
            _note(connection, fact)
        case (
            facts.StationStarted()
            | facts.StationStopped()
            | facts.HoldsListed()
            | facts.SafetyCutReleased()
        ):
            # On record, and no state of the ledger's.
            pass
        case _:
            raise IllegalFact(f"{fact.kind}: the ledger does not know this kind of fact")


def _note(
    connection: sqlite3.Connection,
    fact: facts.Checkpointed | facts.UploadsPaused | facts.UploadsResumed | facts.CommandTaken,
) -> None:
    """Put what is to be remembered of a fact in the place of what stood in ``meta`` before."""
    value: object = fact.fields()
    match fact:
        case facts.Checkpointed():
            key = rows.LAST_CHECKPOINT
            _note_told(connection, fact)
        case facts.UploadsPaused():
            key = rows.UPLOADS_PAUSED
        case facts.UploadsResumed():
            key, value = rows.UPLOADS_PAUSED, None
        case facts.CommandTaken():
            key, value = rows.COMMANDS_TAKEN, _remembered(connection, fact).written()
        case _:
            assert_never(fact)
    row: dict[str, rows.Value] = {"key": key, "value": json.dumps(value)}
    tables.insert(connection, "meta", row=row, replace=True)


def _note_told(connection: sqlite3.Connection, fact: facts.Checkpointed) -> None:
    # The spool's folder comes first, and a store may be called as it is.
    for place in fact.where.split(", ")[1:]:
        row: dict[str, rows.Value] = {"key": rows.last_told_to(place), "value": str(fact.sequence)}
        tables.insert(connection, "meta", row=row, replace=True)


def _remembered(connection: sqlite3.Connection, fact: facts.CommandTaken) -> command.Taken:
    taken = commands_taken(connection)
    if fact.nonce in taken.nonces:
        raise IllegalFact(f"{fact.kind}: the command {fact.nonce} was taken before")
    return command.remembered(taken, fact)


def commands_taken(connection: sqlite3.Connection) -> command.Taken:
    """Return which of central's commands count no more."""
    row = connection.execute(HOT_QUERIES["meta"], {"key": rows.COMMANDS_TAKEN}).fetchone()
    return command.Taken() if row is None else command.Taken.read(json.loads(row["value"]))


def _begin_epoch(connection: sqlite3.Connection, fact: facts.EpochBegun) -> None:
    changed = connection.execute(
        "UPDATE meta SET value = ? WHERE key = 'epoch' AND value = ?",
        (str(fact.epoch), str(fact.epoch - 1)),
    ).rowcount
    if changed != 1:
        raise IllegalFact(f"{fact.kind}: {fact.epoch} is not the next epoch")


def _change_hold(
    connection: sqlite3.Connection, fact: facts.SetAside | facts.SetFree, *, event: Event
) -> None:
    if isinstance(fact, facts.SetFree):
        connection.execute(
            "DELETE FROM holds WHERE subject = ? AND hold = ?", (fact.subject, fact.hold)
        )
        return
    hold = (fact.subject, fact.hold, fact.why, fact.actor, event.time_utc)
    connection.execute("INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, ?)", hold)


def _change_problem(
    connection: sqlite3.Connection,
    fact: facts.ProblemOpened | facts.ProblemClosed,
    *,
    event: Event,
) -> None:
    if isinstance(fact, facts.ProblemClosed):
        connection.execute(
            "DELETE FROM problems WHERE slug = ? AND subject = ?", (fact.slug, fact.subject)
        )
        return
    # A problem that is open already keeps its beginning and takes the newer words.
    connection.execute(
        "INSERT INTO problems VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (slug, subject)"
        " DO UPDATE SET severity = excluded.severity, reason = excluded.reason,"
        " owner = excluded.owner, next_step = excluded.next_step",
        (
            event.sequence,
            fact.slug,
            fact.subject,
            fact.severity,
            event.time_utc,
            fact.reason,
            fact.owner,
            fact.next_step,
        ),
    )
