"""What a run cost: wall time, CPU time, memory; of a command with its children, or of a process."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

GB: Final = 1e9
MIB: Final = 1024 * 1024
_CPU_CLOCK_OF_PROCESS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds on the wall and seconds of CPU, user and system together."""

    wall_s: float
    cpu_s: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(wall_s=self.wall_s + other.wall_s, cpu_s=self.cpu_s + other.cpu_s)


class Failed(Exception):
    """A peer or dockd did not do its job, so there is nothing to compare."""


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None, log: Path) -> Cost:
    """Run a command and return what it cost, all its children included.

    Raises:
        Failed: it ended with another status than 0.
    """
    with log.open("ab") as out:
        began_s = time.monotonic()
        process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - began_s
    # Told to the object as well, or it would wait for a child that is gone.
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"{' '.join(command)}: status {process.returncode}\n{tail(log)}")
    return Cost(wall_s=wall_s, cpu_s=usage.ru_utime + usage.ru_stime)


def shell(script: str, *, environment: Mapping[str, str] | None = None, log: Path) -> Cost:
    """Run a shell script that stops at its first failure; see `run`."""
    return run(("bash", "-euo", "pipefail", "-c", script), environment=environment, log=log)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and all its threads, those that ended included.

    Its CPU clock counts nanoseconds where /proc/PID/stat counts ticks (clock_getcpuclockid(3)).
    """
    return time.clock_gettime((~pid << 3) | _CPU_CLOCK_OF_PROCESS)


def resident_mib(pid: int) -> float:
    """Return VmRSS in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise Failed(f"process {pid} has no memory: it ended")


def settle_disk() -> None:
    """Write out what earlier runs left dirty, so that nobody pays for another."""
    os.sync()


def tail(log: Path) -> str:
    """Return the end of a log, for an error."""
    return log.read_text(errors="replace")[-2000:]
