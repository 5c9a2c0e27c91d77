"""Commands that central signed: what is understood, what is taken, and what counts no more."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.command import (
    LONGEST_S,
    Command,
    Taken,
    fact_of,
    parse,
    remembered,
    why_refused,
)

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
SITE, STATION = "north", "desk"
NONCE = "0123456789abcdef" * 2
COMMAND = Command(
    site=SITE,
    station=STATION,
    nonce=NONCE,
    expires=NOW + timedelta(minutes=5),
    verb="pause-uploads",
    why="x",
)
seconds = st.integers(min_value=-3000, max_value=3000)


def document(**changes: Any) -> bytes:  # noqa: ANN401 - any JSON, right or wrong
    """Return a hold, with changes; what is changed to None is left out."""
    words = {
        "format": "dockd-command/1",
        "site": SITE,
        "station": STATION,
        "nonce": NONCE,
        "expires": "2026-11-23T02:05:00Z",
        "command": "hold",
        "subject": "camera BWC-1",
        "kind": "legal",
        "why": "case 7",
        **changes,
    }
    return json.dumps({name: word for name, word in words.items() if word is not None}).encode()


def test_a_command_says_what_it_says() -> None:
    """Each verb has its own words and no others."""
    assert parse(document()) == replace(
        COMMAND, verb="hold", why="case 7", subject=("camera", "BWC-1"), hold="legal"
    )
    asked = parse(document(command="prioritise", subject="clip BWC-1/ab/a b.MP4", kind=None))
    assert asked.subject == ("clip", "BWC-1/ab/a b.MP4")
    for verb in ("pause-uploads", "resume-uploads"):
        assert parse(document(command=verb, subject=None, kind=None)).verb == verb


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        document(format="dockd-shared-holds/1"),
        document(format="dockd-command/2"),
        document(command="release"),
        document(command="retry"),
        document(command=1),
        document(subject=None),
        document(kind=None),
        document(kind="any"),
        document(kind=1),
        document(algorithm="none"),
        document(command="prioritise"),
        document(command="pause-uploads"),
        document(subject="BWC-1"),
        document(subject="slot A1"),
        document(subject="camera "),
        document(subject=7),
        document(site=None),
        document(station=7),
        document(nonce="1"),
        document(nonce=NONCE.upper()),
        document(nonce=NONCE + "\n"),
        document(nonce=7),
        document(expires="tomorrow"),
        document(expires="2026-13-23T02:00:00Z"),
        document(expires="2026-11-23T02:05:00+01:00"),
        document(expires="\uff12026-11-23T02:05:00Z"),
        document(expires=7),
        document(why=" "),
        document(why="x" * 2001),
        document(why=7),
        document(why="\ud800"),
        document(subject="camera \udfff"),
    ],
)
def test_what_is_not_understood_whole_is_no_command(content: bytes) -> None:
    """A word too many, too few or of another kind: nothing is done by halves."""
    with pytest.raises(ValueError, match=r"."):
        parse(content)


def refused(
    asked: Command = COMMAND, *, now: datetime | None = NOW, taken: Taken | None = None
) -> str:
    """Return why a command is refused here, "" where it is not."""
    return why_refused(asked, site=SITE, station=STATION, now=now, taken=taken or Taken()) or ""


def test_a_command_counts_here_now_and_once() -> None:
    """Not another station's, nor one out of its time, and none where nobody can tell the time."""
    assert not refused()
    assert "for station desk of south" in refused(replace(COMMAND, site="south"))
    assert "for station 01 of north" in refused(replace(COMMAND, station="01"))
    assert "nobody can tell" in refused(now=None)
    assert "it ended" in refused(now=COMMAND.expires)
    late = NOW + timedelta(seconds=LONGEST_S)
    assert not refused(replace(COMMAND, expires=late))
    assert "over 15 minutes" in refused(replace(COMMAND, expires=late + timedelta(seconds=1)))
    taken = remembered(Taken(), fact_of(COMMAND, key="k", now=NOW, taken=Taken()))
    assert refused(taken=taken) == "it was taken before"


def test_a_fact_names_what_was_asked() -> None:
    """The record has the key, the nonce, both times and the subject."""
    asked = replace(COMMAND, verb="hold", subject=("camera", "BWC-1"), hold="legal")
    fact = fact_of(asked, key="k", now=NOW, taken=Taken())
    assert (fact.key, fact.nonce, fact.subject) == ("k", NONCE, "camera BWC-1")
    assert (fact.at, fact.expires) == ("2026-11-23T02:00:00Z", "2026-11-23T02:05:00Z")
    assert fact_of(COMMAND, key="k", now=NOW, taken=Taken()).subject == ""


def test_what_ended_is_forgotten_and_stays_refused() -> None:
    """The memory does not grow, and a clock that is set back makes no old command new."""
    taken = remembered(Taken(), fact_of(COMMAND, key="k", now=NOW, taken=Taken()))
    later = NOW + timedelta(minutes=6)
    other = replace(COMMAND, nonce="f" * 32, expires=later + timedelta(minutes=5))
    taken = remembered(taken, fact_of(other, key="k", now=later, taken=taken))
    assert set(taken.nonces) == {other.nonce}
    assert "it ended" in refused(now=NOW, taken=taken)
    third = replace(other, nonce="e" * 32)
    back = remembered(taken, fact_of(third, key="k", now=NOW, taken=taken))
    assert back.until == later


@given(
    steps=st.lists(st.tuples(seconds, st.integers(min_value=0, max_value=5)), max_size=30),
    ends=st.lists(seconds, min_size=6, max_size=6),
)
def test_no_command_counts_twice_whatever_the_clock_does(
    steps: list[tuple[int, int]], ends: list[int]
) -> None:
    """Six commands, repeated at any times in any order, the memory written and read in between."""
    commands = [
        replace(COMMAND, nonce=f"{number:032x}", expires=NOW + timedelta(seconds=end))
        for number, end in enumerate(ends)
    ]
    taken, counted = Taken(), []
    for second, number in steps:
        now = NOW + timedelta(seconds=second)
        if not refused(commands[number], now=now, taken=taken):
            assert now < commands[number].expires <= now + timedelta(seconds=LONGEST_S)
            counted.append(number)
            taken = remembered(taken, fact_of(commands[number], key="k", now=now, taken=taken))
            taken = Taken.read(json.loads(json.dumps(taken.written())))
    assert len(counted) == len(set(counted))


def test_the_memory_is_read_as_it_was_written() -> None:
    """An empty one, too."""
    assert Taken.read(Taken().written()) == Taken()
    taken = Taken(nonces={NONCE: NOW}, until=NOW)
    assert Taken.read(taken.written()) == taken
