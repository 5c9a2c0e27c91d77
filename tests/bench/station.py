"""dockd as a process of its own: the very daemon, told by its configuration and its rack only."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dockd.core import facts
from tests.bench.machine import program
from tests.bench.measuring import Cost, Failed, cpu_s, tail

_READY_S: Final = 60.0
_PATIENCE_S: Final = 600.0
_STOP_S: Final = 15.0
SLOT: Final = "A1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One station's configuration; ``store`` and ``more`` are TOML."""

    folder: Path
    rack: Path
    store: str = ""
    more: str = ""
    limit_mb_s: float = 0

    def write(self) -> Path:
        """Write dockd.toml and return its path; the spool is ``folder``/spool."""
        path = self.folder / "dockd.toml"
        path.write_text(
            f'[station]\nname = "bench-01"\n'
            f'[spool]\npath = "{self.folder}/spool"\nreserve = "1 GiB"\n'
            f'[cameras.directory]\npath = "{self.rack}"\nlimit_mb_s = {self.limit_mb_s}\n'
            f'[http]\nlisten = "127.0.0.1:0"\nsocket = "{self.folder}/api.sock"\n'
            f"{self.more}{self.store}"
        )
        return path


class Daemon:
    """A running daemon, and every line that it said, each with the time and CPU when it came."""

    def __init__(self, process: "subprocess.Popen[str]", *, log: Path) -> None:
        self.pid: Final = process.pid
        self._process = process
        self._log = log
        self._said: list[tuple[float, float, str]] = []
        self._news = threading.Condition()
        self._ended = False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        out = self._process.stderr
        if out is None:
            raise Failed("the daemon was started without its stderr")
        with self._log.open("a") as log:
            for line in out:
                # A process that was killed has no clock any more.
                with suppress(OSError):
                    moment = time.monotonic(), cpu_s(self.pid)
                    with self._news:
                        self._said.append((*moment, line))
                        self._news.notify_all()
                log.write(line)
        with self._news:
            self._ended = True
            self._news.notify_all()

    def now(self) -> Cost:
        """Return the present moment: seconds on the clock, and CPU seconds spent so far."""
        return Cost(wall_s=time.monotonic(), cpu_s=cpu_s(self.pid))

    def wait_for(self, sentence: str, *, times: int = 1) -> Cost:
        """Wait until a sentence was said so often, and return that moment.

        Raises:
            Failed: the daemon ended, or did not say it in ten minutes.
        """
        with self._news:
            self._news.wait_for(
                lambda: self._ended or len(self._moments(sentence)) >= times, _PATIENCE_S
            )
            found = self._moments(sentence)
        if len(found) < times:
            raise Failed(f"the daemon did not say {sentence!r} {times} times:\n{tail(self._log)}")
        return found[times - 1]

    def count(self, sentence: str) -> int:
        """Return how often a sentence was said so far."""
        with self._news:
            return len(self._moments(sentence))

    def _moments(self, sentence: str) -> list[Cost]:
        return [Cost(wall_s=at, cpu_s=cpu) for at, cpu, line in self._said if sentence in line]

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it in good order."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()


def between(begin: Cost, end: Cost) -> Cost:
    """Return what lies between two moments."""
    return Cost(wall_s=end.wall_s - begin.wall_s, cpu_s=end.cpu_s - begin.cpu_s)


@contextmanager
def running(setup: Setup) -> Iterator[tuple[Daemon, Cost]]:
    """Run the daemon and yield it with the moment at which it was ready."""
    setup.rack.mkdir(parents=True, exist_ok=True)
    address = f"\0dockd-bench-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(_READY_S)
        process = subprocess.Popen(
            (program("dockd"), "run", "--config", str(setup.write())),
            env={**os.environ, "NOTIFY_SOCKET": address.replace("\0", "@")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        daemon = Daemon(process, log=setup.folder / "dockd.log")
        try:
            _wait_until_ready(manager, log=setup.folder / "dockd.log")
            yield daemon, daemon.now()
        finally:
            daemon.stop()


def _wait_until_ready(manager: socket.socket, *, log: Path) -> None:
    try:
        while not re.search(rb"^READY=1$", manager.recv(4096), re.MULTILINE):
            pass
    except TimeoutError:
        raise Failed(f"the daemon was not ready in time:\n{tail(log)}") from None


def dock(camera: Path, *, rack: Path, slot: str = SLOT) -> Path:
    """Put a camera into a slot by renaming it, and return where it is now."""
    (rack / slot).mkdir(parents=True, exist_ok=True)
    docked = rack / slot / camera.name
    camera.rename(docked)
    return docked


def offload(setup: Setup, camera: Path) -> Cost:
    """Run a daemon for one camera and return what it cost from docking to `docking-offloaded`.

    The camera is put back where it was.
    """
    with running(setup) as (daemon, _):
        (setup.rack / SLOT).mkdir(exist_ok=True)
        # Starting up is not offloading: let it come to rest first.
        time.sleep(1)
        begin = daemon.now()
        docked = dock(camera, rack=setup.rack)
        end = daemon.wait_for(facts.DockingOffloaded.sentence)
        docked.rename(camera)
    return between(begin, end)
