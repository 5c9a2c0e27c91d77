"""The journal: one line a message, whatever the fields hold."""

import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dockd.core.catalogue import CATALOGUE
from dockd.core.facts import FACTS
from dockd.ports.journal import Journal
from dockd.station.journal import LineJournal, message_id, open_journal, stderr_is_the_journal
from tests.fakes.still_clock import StillClock


def said(level: str = "info", threshold: str = "info", **fields: object) -> str:
    """Return what is written for one message."""
    stream = io.StringIO()
    journal: Journal = LineJournal(stream, clock=StillClock(), threshold=threshold)  # type: ignore[arg-type]  # fields chosen at run time
    journal.say("clip-seen", "A clip was seen.", level=level, **fields)  # type: ignore[arg-type]  # fields chosen at run time
    return stream.getvalue()


def test_a_line_has_time_level_sentence_and_fields() -> None:
    """A line reads from left to right: when, how bad, what, and the particulars."""
    assert said(slot="A1", why="it was there", size_bytes=5, owner=None) == (
        '2026-11-23T02:00:00Z info    A clip was seen. slot=A1 why="it was there" size_bytes=5\n'
    )


@pytest.mark.parametrize("name", [b"a\nb", "a\x1b[2Jb", b"\xff=x y", 'say "hi"', "", "a\u2028b"])
def test_a_hostile_name_stays_on_its_line(name: bytes | str) -> None:
    """No name can begin a line, steer the terminal or pass for another field."""
    line = said(path=name)
    assert line.count("\n") == 1
    assert line.strip().isprintable()
    assert line.count(" path=") == 1


def test_what_is_below_the_threshold_is_not_said() -> None:
    """Debug lines are left out unless they are asked for."""
    assert said(level="debug") == ""
    assert said(level="debug", threshold="debug") != ""


def test_a_stream_that_is_gone_stops_nothing() -> None:
    """A closed stderr must not stop the station."""
    stream = io.StringIO()
    journal = LineJournal(stream, clock=StillClock())
    stream.close()
    journal.say("x", "y")


def test_message_ids_are_stable_and_differ() -> None:
    """Each kind has its own MESSAGE_ID, the same in every release."""
    kinds = [*FACTS, *CATALOGUE]
    assert len({message_id(kind) for kind in kinds}) == len(set(kinds))
    assert message_id("clip-seen") == "67431990f5b85b509235b78fe01f9379"


def test_without_a_journal_lines_go_to_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, or with stderr in a file, people get lines."""
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    assert not stderr_is_the_journal()
    assert isinstance(open_journal(clock=StillClock()), LineJournal)


def test_with_a_journal_every_field_can_be_searched_for(tmp_path: Path) -> None:
    """Where stderr is the journal's, entries carry MESSAGE_ID, priority and DOCKD_ fields."""
    # journald's own protocol on a socket of ours: sd_journal_send(3) has a fixed address, so the
    # process that speaks gets a /run of its own.
    script = (
        "import os, sys\n"
        "status = os.fstat(2)\n"
        "os.environ['JOURNAL_STREAM'] = f'{status.st_dev}:{status.st_ino}'\n"
        "from dockd.station.journal import SystemdJournal, open_journal\n"
        "from dockd.station.clock import SystemClock\n"
        "journal = open_journal(clock=SystemClock())\n"
        "assert isinstance(journal, SystemdJournal)\n"
        "journal.say('clip-seen', 'A clip was seen.', level='warning', slot='A1', "
        "path=b'a\\nb\\xff', owner=None)\n"
    )
    run = tmp_path / "run"
    as_root = () if os.geteuid() == 0 else ("--map-root-user",)
    (run / "systemd" / "journal").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(os.fspath(run / "systemd" / "journal" / "socket"))
        journald.settimeout(30)
        subprocess.run(
            ["unshare", *as_root, "--mount", "sh", "-c", 'mount --bind "$0" /run && exec "$@"',
             os.fspath(run), sys.executable, "-c", script],
            check=True,
            timeout=60,
        )  # fmt: skip
        entry = journald.recv(65536).decode()
    fields = set(entry.splitlines())
    assert fields >= {
        f"MESSAGE_ID={message_id('clip-seen')}",
        "PRIORITY=4",
        "DOCKD_EVENT=clip-seen",
        "DOCKD_SLOT=A1",
        "DOCKD_PATH=a\\x0ab\\xff",
        "MESSAGE=A clip was seen. slot=A1 path=a\\x0ab\\xff",
        # Where it was said, not where it was passed on.
        "CODE_FILE=<string>",
        "CODE_LINE=8",
        "CODE_FUNC=<module>",
    }
    assert not any(field.startswith("DOCKD_OWNER") for field in fields)
