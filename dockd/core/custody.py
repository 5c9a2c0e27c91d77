"""The record that can be checked by someone who trusts nobody here: a chain of hashes.

Each event's `own_hash` is the SHA-256 of the event's canonical encoding without that hash, and
the encoding holds the hash of the event before. The first event points at a genesis made from
the ledger's id, so that no stretch of one station's record passes for another's.

The canonical encoding is JSON as RFC 8785 writes it, for the types that dockd records: keys
sorted (by code point), no spaces, UTF-8, shortest escapes. There are no floats, because their
shortest form is where encoders differ, and integers are written out in full. Python's `json`
with sorted keys gives the same bytes, and `sha256sum` the same hash.

A chain alone cannot show that its end is missing. Checkpoints can: they name the head, and
stand where the ledger is not (the spool, the store). A checkpoint's root is the own hash at
its sequence; keys beyond those of version 1 are ignored, so that a signature can be added.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from dockd.core.facts import JsonValue

ClockQuality = Literal["synchronised", "unsynchronised"]
Standing = Literal["ahead", "same", "behind", "other-ledger", "forked"]

FORMAT_VERSION: Final = 1
_RFC_3339_UTC: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
_SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: a sequence number and the own hash (64 hex digits) there."""

    sequence: int
    own_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the record.

    Attributes:
        sequence: 1 for the first event of a ledger, then without gaps.
        time_utc: The station's time, RFC 3339 with `Z`; only as good as `clock_quality`.
        clock_quality: `synchronised` or `unsynchronised`.
        monotonic_ns: The station's uptime clock; orders events of one boot whatever the time.
        kind: What happened, a fact's kind.
        subject: What it happened to.
        fields: The fact's fields, without floats.
        previous_hash: `own_hash` of the event before, or of the genesis.
        own_hash: SHA-256 over everything above, 64 hex digits.
    """

    sequence: int
    time_utc: str
    clock_quality: str
    monotonic_ns: int
    kind: str
    subject: str
    fields: Mapping[str, JsonValue]
    previous_hash: str
    own_hash: str

    @property
    def link(self) -> Link:
        """Where the next event attaches."""
        return Link(self.sequence, self.own_hash)


@dataclass(frozen=True, slots=True)
class Intact:
    """Every event follows from the one before; `head` is the last."""

    head: Link


@dataclass(frozen=True, slots=True)
class BrokenAt:
    """The record cannot be believed from `sequence` on."""

    sequence: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The head of a ledger at one moment, kept outside that ledger."""

    ledger_id: str
    epoch: int
    sequence: int
    root: str
    time_utc: str


def canonical(value: Mapping[str, JsonValue]) -> bytes:
    """Return the one encoding of `value` that is hashed and signed (RFC 8785, no floats).

    Raises:
        ValueError: It holds a float, a key that is no string, a type that JSON would change
            on its way back, or text that is not Unicode.
    """
    _refuse_ambiguous(value)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    # A lone surrogate raises UnicodeEncodeError, which is a ValueError.
    return text.encode("utf-8")


def genesis(ledger_id: str) -> Link:
    """Return what the first event of the ledger `ledger_id` attaches to."""
    begin: dict[str, JsonValue] = {
        "dockd": "genesis",
        "ledger_id": ledger_id,
        "version": FORMAT_VERSION,
    }
    return Link(0, _sha256_hex(begin))


def chain(
    previous: Link,
    *,
    time_utc: str,
    clock_quality: ClockQuality,
    monotonic_ns: int,
    kind: str,
    subject: str,
    fields: Mapping[str, JsonValue],
) -> Event:
    """Return the event that follows `previous`, hashed.

    Raises:
        ValueError: `time_utc` is not RFC 3339 in UTC, or a field has no canonical form.
    """
    if not _RFC_3339_UTC.fullmatch(time_utc):
        message = f"time_utc must be RFC 3339 with Z, got {time_utc!r}"
        raise ValueError(message)
    unsealed = Event(
        sequence=previous.sequence + 1,
        time_utc=time_utc,
        clock_quality=clock_quality,
        monotonic_ns=monotonic_ns,
        kind=kind,
        subject=subject,
        fields=fields,
        previous_hash=previous.own_hash,
        own_hash="",
    )
    return replace(unsealed, own_hash=hash_of(unsealed))


def hash_of(event: Event) -> str:
    """Return the own hash that `event` should have, 64 hex digits.

    Raises:
        ValueError: A field has no canonical form.
    """
    return _sha256_hex(
        {
            "sequence": event.sequence,
            "time_utc": event.time_utc,
            "clock_quality": event.clock_quality,
            "monotonic_ns": event.monotonic_ns,
            "kind": event.kind,
            "subject": event.subject,
            "fields": dict(event.fields),
            "previous_hash": event.previous_hash,
        }
    )


def verify(events: Iterable[Event], *, after: Link, until: Link | None = None) -> Intact | BrokenAt:
    """Check `events`, one at a time, and say where the record first fails.

    Args:
        events: The record in its order; read once, never held.
        after: What the first event attaches to: the genesis, or a link known to be good.
        until: The head that the record must end at; without it a missing end goes unseen.
    """
    head = after
    for event in events:
        reason = _fault(event, after=head)
        if reason:
            return BrokenAt(head.sequence + 1, reason)
        head = event.link
    if until is not None and head.sequence < until.sequence:
        return BrokenAt(head.sequence + 1, f"the record ends before {until.sequence}")
    if until is not None and head != until:
        return BrokenAt(until.sequence, "the record does not end at the head that is known")
    return Intact(head)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the canonical bytes of `checkpoint`: what is stored, and what will be signed."""
    return canonical(
        {
            "dockd": "checkpoint",
            "version": FORMAT_VERSION,
            "ledger_id": checkpoint.ledger_id,
            "epoch": checkpoint.epoch,
            "sequence": checkpoint.sequence,
            "root": checkpoint.root,
            "time_utc": checkpoint.time_utc,
        }
    )


def parse_checkpoint(data: bytes) -> Checkpoint:
    """Return the checkpoint in `data`; keys that are not of version 1 are ignored.

    Raises:
        ValueError: It is torn, of another format or version, or a value makes no sense.
    """
    try:
        document = json.loads(data)
    except RecursionError:
        # A checkpoint comes back from a store, and a store may send anything.
        message = "this is nested too deeply to be a checkpoint"
        raise ValueError(message) from None
    match document:
        case {
            "dockd": "checkpoint",
            "version": 1,
            "ledger_id": str(ledger_id),
            "epoch": int(epoch),
            "sequence": int(sequence),
            "root": str(root),
            "time_utc": str(time_utc),
        } if _is_plausible(epoch=epoch, sequence=sequence, root=root, time_utc=time_utc):
            return Checkpoint(
                ledger_id=ledger_id, epoch=epoch, sequence=sequence, root=root, time_utc=time_utc
            )
        case _:
            message = "this is no checkpoint of version 1"
            raise ValueError(message)


def compare(
    head: Link,
    *,
    ledger_id: str,
    checkpoint: Checkpoint,
    own_hash_at: Callable[[int], str | None],
) -> Standing:
    """Say how a ledger stands to a checkpoint that was once taken of it.

    `behind` means that the ledger was restored from before the checkpoint; `forked` that it
    was restored and has gone on since, or was rewritten.

    Args:
        head: The ledger's last event, or its genesis.
        ledger_id: The ledger's id.
        checkpoint: What it is held against.
        own_hash_at: Looks up the ledger's own hash at a sequence between 1 and the head's.
    """
    if checkpoint.ledger_id != ledger_id:
        return "other-ledger"
    if head.sequence < checkpoint.sequence:
        return "behind"
    begin = genesis(ledger_id)
    if checkpoint.sequence == begin.sequence:
        own_hash: str | None = begin.own_hash
    elif checkpoint.sequence == head.sequence:
        own_hash = head.own_hash
    else:
        own_hash = own_hash_at(checkpoint.sequence)
    if own_hash != checkpoint.root:
        return "forked"
    return "same" if head.sequence == checkpoint.sequence else "ahead"


def _fault(event: Event, *, after: Link) -> str:
    if event.sequence != after.sequence + 1:
        return f"event {event.sequence} stands where {after.sequence + 1} belongs"
    if event.previous_hash != after.own_hash:
        return "the event does not follow the one before it"
    try:
        expected = hash_of(event)
    except ValueError as error:
        return f"the event has no canonical form: {error}"
    return "" if event.own_hash == expected else "the event was changed after it was written"


def _sha256_hex(value: Mapping[str, JsonValue]) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def _refuse_ambiguous(value: object) -> None:
    match value:
        case None | bool() | int() | str():
            return
        case list():
            for item in value:
                _refuse_ambiguous(item)
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    message = f"a key must be text, got {type(key).__name__}"
                    raise ValueError(message)  # noqa: TRY004 - one error for all of canonical
                _refuse_ambiguous(item)
        case _:
            message = f"{type(value).__name__} has no canonical form here"
            raise ValueError(message)


def _is_plausible(*, epoch: int, sequence: int, root: str, time_utc: str) -> bool:
    # JSON's true and false arrive as Python's integers 1 and 0.
    numbers = not isinstance(epoch, bool) and not isinstance(sequence, bool)
    texts = _SHA256_HEX.fullmatch(root) and _RFC_3339_UTC.fullmatch(time_utc)
    return numbers and epoch >= 1 and sequence >= 0 and texts is not None
