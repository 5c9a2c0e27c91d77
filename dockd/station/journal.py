"""The station's journal: systemd's where stderr is connected to it, else one readable line each.

A line is a constant sentence plus fields. Values come from cameras and stores as well, so every
one is escaped: none can begin a line, move a cursor or look like another field.
"""

import os
import re
import sys
import uuid
from functools import cache
from typing import Any, Final, TextIO

from dockd.core.printable import printable
from dockd.ports.clock import Clock
from dockd.ports.journal import Journal, Level

_NAMESPACE: Final = uuid.UUID("8d3c9f6e-6f0b-4c52-9a55-0d0cd0c5a9e1")
# The numbers of syslog(3).
PRIORITIES: Final[dict[Level, int]] = {
    "error": 3,
    "warning": 4,
    "notice": 5,
    "info": 6,
    "debug": 7,
}
_NEEDS_QUOTES: Final = re.compile(r"[\s\"=]|^$")


@cache
def message_id(event: str) -> str:
    """Return the MESSAGE_ID of a kind of event: 32 hex digits, the same in every release."""
    return uuid.uuid5(_NAMESPACE, event).hex


def line(sentence: str, fields: dict[str, object]) -> str:
    """Return the sentence with its fields as ``key=value``, quoted where they need it."""
    pairs = (f"{name}={_quoted(value)}" for name, value in fields.items() if value is not None)
    return " ".join((sentence, *pairs))


def _text(value: object) -> bytes | str:
    return value if isinstance(value, bytes) else str(value)


def _quoted(value: object) -> str:
    text = printable(_text(value))
    if not _NEEDS_QUOTES.search(text):
        return text
    quoted = text.replace('"', '\\"')
    return f'"{quoted}"'


class LineJournal:
    """The journal as lines on a terminal or in a file: time, level, sentence, fields."""

    def __init__(self, stream: TextIO, *, clock: Clock, threshold: Level = "info") -> None:
        self._stream = stream
        self._clock = clock
        self._threshold = PRIORITIES[threshold]

    def say(
        self,
        event: str,  # noqa: ARG002 - the sentence says it to a person
        sentence: str,
        *,
        level: Level = "info",
        **fields: object,
    ) -> None:
        """Write one line; a stream that is gone must not stop the station."""
        if PRIORITIES[level] > self._threshold:
            return
        try:
            self._stream.write(
                f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ} {level:<7} {line(sentence, fields)}\n"
            )
            self._stream.flush()
        except (OSError, ValueError):
            return


class SystemdJournal:
    """The systemd journal, with a field for everything that can be searched for."""

    def __init__(self) -> None:
        # Here, not above: the library is loaded only where there is a journal.
        from systemd import journal  # noqa: PLC0415 - only where there is a journal

        self._send = journal.send

    def say(self, event: str, sentence: str, *, level: Level = "info", **fields: object) -> None:
        """Write one entry: the line as MESSAGE, and each field as DOCKD_<NAME>."""
        present = {name: value for name, value in fields.items() if value is not None}
        entry: dict[str, Any] = {
            f"DOCKD_{name.upper()}": printable(_text(value)) for name, value in present.items()
        }
        entry |= {
            "PRIORITY": PRIORITIES[level],
            "SYSLOG_IDENTIFIER": "dockd",
            "DOCKD_EVENT": event,
        }
        # Left to itself the library names the line below, and reads this file to find it.
        caller = sys._getframe(1)  # noqa: SLF001 - the documented way to the caller's frame
        entry |= {
            "CODE_FILE": caller.f_code.co_filename,
            "CODE_LINE": caller.f_lineno,
            "CODE_FUNC": caller.f_code.co_name,
        }
        try:
            self._send(line(sentence, present), MESSAGE_ID=message_id(event), **entry)
        except OSError:
            # A journal that is restarting must not stop the station; the ledger has the facts.
            return


def stderr_is_the_journal() -> bool:
    """Return whether stderr is the stream that systemd connected (systemd.exec(5))."""
    named = os.environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


def open_journal(*, clock: Clock) -> Journal:
    """Return the systemd journal where stderr is connected to it, else lines on stderr."""
    if stderr_is_the_journal():
        return SystemdJournal()
    return LineJournal(sys.stderr, clock=clock)
