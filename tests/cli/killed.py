"""Runs `dockd export` again and again, each time killed before the next change it makes to a disk.

    python -m tests.cli.killed DISKS CONFIG ARGUMENT...

Below DISKS each moment has a disk of its own, on which a second, undisturbed run follows. Each run
is a fork, so that hundreds of moments cost seconds.
"""

import importlib
import os
import signal
import sys
from pathlib import Path

from dockd.__main__ import dispatch

# What changes names, and what opens to write; Python tells an audit hook before each of these.
_CHANGES = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.utime"})


def _run(arguments: list[str], *, killed_at: int | None) -> int:
    """Run one export in a process of its own; return its wait status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    changes = 0

    def heard(event: str, details: tuple[object, ...]) -> None:
        nonlocal changes
        opened = event == "open" and isinstance(details[2], int) and details[2] & os.O_EXCL
        if event in _CHANGES or opened:
            changes += 1
            if changes == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(heard)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os._exit(dispatch(arguments))


def main(disks: Path, config: str, *arguments: str) -> int:
    """Kill it at the first change, then at the second, until one run ends before its turn comes."""
    # Once for all: what a fork inherits it need not load.
    importlib.import_module("dockd.cli.courier")
    killed_at = 1
    while True:
        disk = disks / f"{killed_at:04}"
        disk.mkdir()
        command = ["export", "--config", config, *arguments, str(disk)]
        if os.waitstatus_to_exitcode(_run(command, killed_at=killed_at)) == 0:
            return 0
        again = os.waitstatus_to_exitcode(_run(command, killed_at=None))
        if again:
            return again
        killed_at += 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
