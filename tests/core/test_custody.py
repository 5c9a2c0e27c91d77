"""The record: whoever changes one bit of it, anywhere, is found out by anyone."""

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.custody import (
    BrokenAt,
    Checkpoint,
    Event,
    Intact,
    Link,
    Standing,
    canonical,
    chain,
    compare,
    encode_checkpoint,
    genesis,
    hash_of,
    parse_checkpoint,
    verify,
)
from dockd.core.facts import JsonValue

LEDGER = "5f0c1c0a"
TIME = "2026-11-23T02:00:00Z"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
FIELDS = st.dictionaries(TEXT, VALUES, max_size=4)


def extended(previous: Link, fields: dict[str, JsonValue], *, kind: str = "clip-seen") -> Event:
    """Chain one event with ordinary surroundings."""
    return chain(
        previous,
        time_utc=TIME,
        clock_quality="synchronised",
        monotonic_ns=previous.sequence * 10**9,
        kind=kind,
        subject=f"clip {previous.sequence}",
        fields=fields,
    )


def record(many_fields: list[dict[str, JsonValue]], *, ledger_id: str = LEDGER) -> list[Event]:
    """Chain a whole record, from its genesis."""
    events: list[Event] = []
    previous = genesis(ledger_id)
    for fields in many_fields:
        events.append(extended(previous, fields))
        previous = events[-1].link
    return events


RECORDS = st.lists(FIELDS, min_size=1, max_size=6).map(record)


@given(events=RECORDS)
def test_an_untouched_record_is_intact(events: list[Event]) -> None:
    """What was chained verifies, from an iterator, and names its head."""
    head = events[-1].link
    assert verify(iter(events), after=genesis(LEDGER)) == Intact(head)
    assert verify(iter(events), after=genesis(LEDGER), until=head) == Intact(head)


@given(data=st.data(), events=RECORDS)
def test_any_single_change_is_found_where_it_is(data: st.DataObject, events: list[Event]) -> None:
    """A change of any attribute of any event breaks the record at that very event."""
    index = data.draw(st.integers(0, len(events) - 1))
    event = events[index]
    changed = data.draw(
        st.sampled_from(
            [
                replace(event, sequence=event.sequence + 1),
                replace(event, time_utc="2026-11-23T02:00:01Z"),
                replace(event, clock_quality="unsynchronised"),
                replace(event, monotonic_ns=event.monotonic_ns + 1),
                replace(event, kind="clip-wiped"),
                replace(event, subject=event.subject + " "),
                replace(event, fields={**event.fields, "a field more": None}),
                replace(event, previous_hash="0" * 64),
                replace(event, own_hash="0" * 64),
            ]
        )
    )
    forged = [*events[:index], changed, *events[index + 1 :]]
    broken = verify(forged, after=genesis(LEDGER))
    assert isinstance(broken, BrokenAt)
    assert broken.sequence == event.sequence


@given(data=st.data(), events=RECORDS)
def test_a_change_that_is_hashed_again_is_found_at_the_next_event(
    data: st.DataObject, events: list[Event]
) -> None:
    """Whoever also repairs the changed event's hash is betrayed by its follower, or the head."""
    index = data.draw(st.integers(0, len(events) - 1))
    changed = replace(events[index], kind="clip-wiped")
    forged = [*events[:index], replace(changed, own_hash=hash_of(changed)), *events[index + 1 :]]
    broken = verify(forged, after=genesis(LEDGER), until=events[-1].link)
    assert isinstance(broken, BrokenAt)
    assert broken.sequence == min(events[index].sequence + 1, len(events))


@given(data=st.data(), events=RECORDS)
def test_any_removal_is_found(data: st.DataObject, events: list[Event]) -> None:
    """An event that is missing, the last included, breaks the record where it stood."""
    index = data.draw(st.integers(0, len(events) - 1))
    shortened = [*events[:index], *events[index + 1 :]]
    broken = verify(shortened, after=genesis(LEDGER), until=events[-1].link)
    assert isinstance(broken, BrokenAt)
    assert broken.sequence == index + 1


@given(data=st.data(), events=RECORDS)
def test_any_reordering_is_found(data: st.DataObject, events: list[Event]) -> None:
    """Events in another order break the record at the first one out of place."""
    shuffled = data.draw(st.permutations(events))
    first_moved = next((i for i, event in enumerate(shuffled) if event != events[i]), None)
    outcome = verify(shuffled, after=genesis(LEDGER))
    if first_moved is None:
        assert isinstance(outcome, Intact)
    else:
        assert isinstance(outcome, BrokenAt)
        assert outcome.sequence == first_moved + 1


@given(data=st.data(), events=RECORDS, fields=FIELDS)
def test_any_insertion_is_found(
    data: st.DataObject, events: list[Event], fields: dict[str, JsonValue]
) -> None:
    """An event slipped in, however well it is chained to what stands before it, is found."""
    index = data.draw(st.integers(0, len(events)))
    before = events[index - 1].link if index else genesis(LEDGER)
    inserted = extended(before, fields, kind="slipped-in")
    forged = [*events[:index], inserted, *events[index:]]
    outcome = verify(forged, after=genesis(LEDGER), until=events[-1].link)
    assert isinstance(outcome, BrokenAt)


@given(events=RECORDS)
def test_one_stations_record_never_passes_for_anothers(events: list[Event]) -> None:
    """A record is bound to the id of its ledger from the first event on."""
    broken = verify(events, after=genesis("another"))
    assert isinstance(broken, BrokenAt)
    assert broken.sequence == 1


@given(events=RECORDS, data=st.data())
def test_a_record_can_be_checked_from_any_known_link(
    events: list[Event], data: st.DataObject
) -> None:
    """Whoever knows a good link need not read what stands before it."""
    index = data.draw(st.integers(0, len(events) - 1))
    outcome = verify(events[index + 1 :], after=events[index].link)
    assert outcome == Intact(events[-1].link)


def test_a_float_in_a_stored_event_breaks_the_record() -> None:
    """What has no canonical form cannot be part of the record, whatever hash it carries."""
    (event,) = record([{}])
    forged = replace(event, fields=json.loads('{"size": 1.0}'))
    broken = verify([forged], after=genesis(LEDGER))
    assert broken == BrokenAt(
        1, "the event has no canonical form: float has no canonical form here"
    )


@given(value=FIELDS)
def test_the_canonical_form_survives_a_round_trip(value: dict[str, JsonValue]) -> None:
    """Encoding, parsing and encoding again gives the same bytes, in whatever order of keys."""
    encoded = canonical(value)
    assert json.loads(encoded) == value
    assert canonical(json.loads(encoded)) == encoded
    assert canonical(dict(reversed(value.items()))) == encoded


def test_the_canonical_form_is_the_one_of_rfc_8785() -> None:
    """Keys sorted, no spaces, raw UTF-8, short escapes: bytes a stranger can make as well."""
    value: dict[str, JsonValue] = {"b": [1, True, None], "a": 'é"\\\n\x01/', "Z": {}}
    assert canonical(value) == '{"Z":{},"a":"é\\"\\\\\\n\\u0001/","b":[1,true,null]}'.encode()


def test_a_hash_can_be_made_with_standard_tools_alone() -> None:
    """JSON with sorted keys and SHA-256 are all that a stranger needs."""
    first, second = record([{"size_bytes": 1}, {"path": "é"}])
    body = {
        "sequence": 2,
        "time_utc": TIME,
        "clock_quality": "synchronised",
        "monotonic_ns": 10**9,
        "kind": "clip-seen",
        "subject": "clip 1",
        "fields": {"path": "é"},
        "previous_hash": first.own_hash,
    }
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert second.own_hash == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "fields",
    [{"a": 1.5}, {"a": [{"b": float("nan")}]}, {"a": (1,)}, {1: "a"}, {"a": b""}, {"a": "\ud800"}],
)
def test_what_has_no_single_form_is_refused(fields: dict[str, JsonValue]) -> None:
    """Floats, tuples, bytes, keys that are no text and lone surrogates never enter the record."""
    with pytest.raises(ValueError, match=r"canonical form|must be text|surrogates"):
        extended(genesis(LEDGER), fields)


@pytest.mark.parametrize("time_utc", ["", "2026-11-23 02:00:00Z", "2026-11-23T02:00:00+00:00"])
def test_a_time_that_is_not_utc_is_refused(time_utc: str) -> None:
    """Times stand in the record in one form only."""
    with pytest.raises(ValueError, match="RFC 3339"):
        chain(
            genesis(LEDGER),
            time_utc=time_utc,
            clock_quality="synchronised",
            monotonic_ns=0,
            kind="",
            subject="",
            fields={},
        )


def checkpoint_of(events: list[Event], *, ledger_id: str = LEDGER) -> Checkpoint:
    """Take a checkpoint of the head of `events`."""
    head = events[-1].link if events else genesis(ledger_id)
    return Checkpoint(
        ledger_id=ledger_id, epoch=1, sequence=head.sequence, root=head.own_hash, time_utc=TIME
    )


def standing(events: list[Event], checkpoint: Checkpoint) -> Standing:
    """Hold a ledger with `events` against `checkpoint`."""
    own_hashes = {event.sequence: event.own_hash for event in events}
    head = events[-1].link if events else genesis(LEDGER)
    return compare(head, ledger_id=LEDGER, checkpoint=checkpoint, own_hash_at=own_hashes.get)


@given(events=RECORDS, data=st.data())
def test_a_ledger_knows_how_it_stands_to_each_of_its_checkpoints(
    events: list[Event], data: st.DataObject
) -> None:
    """Ahead, same or behind follows from the sequences alone while the history is one."""
    ledger = data.draw(st.integers(0, len(events)))
    taken = data.draw(st.integers(0, len(events)))
    expected = "same" if ledger == taken else "ahead" if ledger > taken else "behind"
    assert standing(events[:ledger], checkpoint_of(events[:taken])) == expected


@given(events=RECORDS, more=st.integers(0, 3), data=st.data())
def test_a_restored_ledger_that_went_on_is_seen_as_forked(
    events: list[Event], more: int, data: st.DataObject
) -> None:
    """A ledger that caught up with its checkpoint by another history is no continuation."""
    kept = events[: data.draw(st.integers(0, len(events) - 1))]
    checkpoint = checkpoint_of(events)
    while len(kept) < len(events) + more:
        kept = [*kept, extended(kept[-1].link if kept else genesis(LEDGER), {}, kind="again")]
    assert standing(kept, checkpoint) == "forked"


def test_another_ledgers_checkpoint_is_recognised() -> None:
    """A checkpoint of another ledger is told apart before anything is compared."""
    other = checkpoint_of(record([{}], ledger_id="another"), ledger_id="another")
    assert standing(record([{}]), other) == "other-ledger"


def test_a_hash_that_the_ledger_cannot_find_is_a_fork() -> None:
    """A gap where the checkpoint was taken is not taken for agreement."""
    events = record([{}, {}, {}])
    outcome = standing([events[0], events[2]], checkpoint_of(events[:2]))
    assert outcome == "forked"


@given(events=st.lists(FIELDS, max_size=3).map(record), epoch=st.integers(1, 2**40))
def test_a_checkpoint_survives_a_round_trip(events: list[Event], epoch: int) -> None:
    """What is written to spool and store comes back as it was."""
    checkpoint = replace(checkpoint_of(events), epoch=epoch)
    assert parse_checkpoint(encode_checkpoint(checkpoint)) == checkpoint


def test_a_checkpoint_leaves_room_for_a_signature() -> None:
    """A later version may add keys, and this one still reads what it knows."""
    checkpoint = checkpoint_of(record([{}]))
    document = json.loads(encode_checkpoint(checkpoint)) | {"signatures": [{"key": "k"}]}
    assert parse_checkpoint(json.dumps(document).encode()) == checkpoint


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"dockd": "genesis"},
        {"root": "F" * 64},
        {"root": 1},
        {"sequence": -1},
        {"sequence": True},
        {"epoch": 0},
        {"epoch": True},
        {"time_utc": "yesterday"},
    ],
)
def test_a_checkpoint_that_makes_no_sense_is_refused(change: dict[str, JsonValue]) -> None:
    """A value out of its range is an error, never a head to compare with."""
    document = json.loads(encode_checkpoint(checkpoint_of(record([{}])))) | change
    with pytest.raises(ValueError, match="no checkpoint"):
        parse_checkpoint(json.dumps(document).encode())


@given(cut=st.integers(0, 100))
def test_a_torn_checkpoint_is_refused(cut: int) -> None:
    """Half a checkpoint, as a power cut leaves it, is an error."""
    with pytest.raises(ValueError, match=r"."):
        parse_checkpoint(encode_checkpoint(checkpoint_of(record([{}])))[:cut])


def test_a_hostile_checkpoint_is_an_error_like_any_other() -> None:
    """A store that answers with a bomb of brackets does not bring the daemon down."""
    with pytest.raises(ValueError, match="nested"):
        parse_checkpoint(b"[" * 100_000)
