"""Exit codes (DESIGN.md section 9; that list is the one that counts), and how errors are shown."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from dockd.core.printable import printable
from dockd.errors import (
    ConfigInvalid,
    DaemonUnreachable,
    DockdError,
    NotFound,
    Refused,
    RequestInvalid,
)


class Exit(IntEnum):
    """What the status of a command means."""

    YES = 0
    NO = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    NOT_FOUND = 5
    SYSTEM = 10
    SPOOL = 11
    STORE = 12
    CLOCK = 13
    NETWORK = 14
    POWER = 15


def exit_of(error: DockdError) -> Exit:
    """Return the status that says what `error` says."""
    match error:
        case ConfigInvalid() | RequestInvalid():
            return Exit.USAGE
        case DaemonUnreachable():
            return Exit.UNREACHABLE
        case NotFound():
            return Exit.NOT_FOUND
        case Refused():
            return Exit.REFUSED
        case _:
            return Exit.NO


@contextmanager
def errors_shown(*, as_json: bool = False) -> Iterator[None]:
    """Show an error of dockd's own on stderr, with owner and next step, and exit as it says."""
    try:
        yield
    except DockdError as error:
        if as_json:
            sys.stderr.write(json.dumps(error.as_problem_details()) + "\n")
        else:
            # A reason may quote a name from a camera: nothing in it may steer the terminal.
            reason = "\n  ".join(printable(line) for line in error.reason.splitlines())
            sys.stderr.write(f"{error.slug}: {reason}\n")
            sys.stderr.write(f"  owner: {error.owner}\n  next:  {error.next_step}\n")
        raise typer.Exit(exit_of(error)) from None
