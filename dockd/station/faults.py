"""Being killed on purpose: ``DOCKD_FAULT`` ends the process at a chosen fact (DESIGN.md section 9).

``DOCKD_FAULT=<fact>:<n>:kill`` sends SIGKILL right after the commit that made the nth such fact
durable, ``<fact>:<n>:kill-before`` right before that commit. ``DOCKD_FAULT_LOG`` names a file that
gets one line for every fact that became durable, ``<fact>``, and one for the kill itself,
``<fact> <kill>``; what was written there survives the process.
"""

import os
import signal
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final, Literal, NoReturn

from dockd.core.facts import FACTS
from dockd.errors import ConfigInvalid, ConfigProblem

VARIABLE: Final = "DOCKD_FAULT"
LOG_VARIABLE: Final = "DOCKD_FAULT_LOG"
_KILLS: Final[Mapping[str, Literal["before", "after"]]] = {
    "kill": "after",
    "kill-before": "before",
}


def faults_from(environment: Mapping[str, str]) -> "Faults | None":
    """Return the faults that the environment asks for, or None.

    Raises:
        ConfigInvalid: the fact is not known, or the rest makes no sense.
    """
    wanted = environment.get(VARIABLE, "")
    log = environment.get(LOG_VARIABLE, "")
    if not wanted:
        return Faults(log=log) if log else None
    kind, _, rest = wanted.partition(":")
    count, _, kill = rest.partition(":")
    if kind not in FACTS:
        raise _invalid(f"there is no fact {kind!r}", known=sorted(FACTS))
    if not (count.isascii() and count.isdigit() and int(count) >= 1):
        raise _invalid(f"{count!r} is not which of the facts counts", known=("1, 2, 3 and so on",))
    if kill not in _KILLS:
        raise _invalid(f"{kill!r} is no way to end", known=sorted(_KILLS))
    return Faults(kind=kind, count=int(count), kill=kill, log=log)


def _invalid(reason: str, *, known: Collection[str]) -> ConfigInvalid:
    would_be_right = f"<fact>:<n>:<kill>, with one of: {', '.join(known)}"
    problem = ConfigProblem(key_path=VARIABLE, reason=reason, would_be_right=would_be_right)
    return ConfigInvalid([problem])


class Faults:
    """Counts facts, notes them, and ends the process at the one that was chosen."""

    def __init__(
        self, *, kind: str = "", count: int = 0, kill: str = "kill", log: str = ""
    ) -> None:
        """End the process at the ``count``-th fact of ``kind``; with no kind, only note facts."""
        self._kind = kind
        self._count = count
        self._kill = kill
        self._moment = _KILLS[kill]
        self._seen: Counter[str] = Counter()
        self._log = -1
        if log:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._log = os.open(log, flags, 0o640)

    def __call__(self, kind: str, moment: Literal["before", "after"]) -> None:
        """Count a fact that is about to be durable (``before``), or is (``after``)."""
        if moment == "after":
            self._note(kind)
        if kind != self._kind or moment != self._moment:
            return
        self._seen[kind] += 1
        if self._seen[kind] == self._count:
            self._end()

    def _note(self, line: str) -> None:
        if self._log >= 0:
            os.write(self._log, f"{line}\n".encode())

    def _end(self) -> NoReturn:
        self._note(f"{self._kind} {self._kill}")
        os.kill(os.getpid(), signal.SIGKILL)
        # The kernel ends every thread before it goes on; this is for the type checker.
        signal.pause()
        raise SystemExit(1)
