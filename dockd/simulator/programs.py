"""Programs that the demo starts, each in a session of its own, so that none is missed."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_REAP_S: Final = 10.0
_STAT_SESSION: Final = 3


class Program:
    """One program, started as often as need be; its output is added to ``FOLDER/NAME.log``."""

    def __init__(
        self,
        name: str,
        *,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        """``environment`` is added to this process's own."""
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = list(command)
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: list[int] = []

    def start(self) -> None:
        """Start it, for the first time or again.

        Raises:
            OSError: it cannot be started.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command is the demo's own
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._sessions.append(self._process.pid)

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_REAP_S)

    def end(self, *, within_s: float) -> int | None:
        """Ask it to end with SIGTERM and return its exit status; None: it had to be killed."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def sweep(self) -> list[int]:
        """Kill whatever is left of any of its starts; return the ids of what had to be killed."""
        if self._process is not None:
            self._process.poll()
        left = [pid for session in self._sessions for pid in _members(session)]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_REAP_S)
        return left

    def last_words(self, *, lines: int) -> list[str]:
        """Return the end of its log."""
        if not self.log.exists():
            return []
        return self.log.read_text(errors="replace").splitlines()[-lines:]


def _members(session: int) -> list[int]:
    """Return the ids of all living processes of a session (proc_pid_stat(5), field 6)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything; what follows the last one is plain.
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[_STAT_SESSION]) == session and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found
