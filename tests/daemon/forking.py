"""`dockd` as a process forked from one that has imported it already.

Most of what a start computes are imports, the same each time, and some tests start dockd a hundred
times. What is forked has a session, open files, an environment and an end of its own, as a process
has that was started with `python -m dockd`. What it inherits are the imported modules. Where that
could matter (test_life, the demo, the package, the rack) dockd is started and not forked.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import IO, Any, Final, Protocol

_MESSAGE_BYTES: Final = 1 << 20
_NUMBER: Final = struct.Struct("=i")
_HEARD: Final = b"."
_MOUNTS: Final = Path("/proc/thread-self/ns/mnt")
_CLONE_NEWNS: Final = 0x00020000
_libc: Final = ctypes.CDLL(None, use_errno=True)


class Process(Protocol):
    """What is asked of a started dockd; `subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def poll(self) -> int | None:
        """Return its exit status, the number of the signal that ended it as a negative one."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for that.

        Raises:
            subprocess.TimeoutExpired: It still runs.
        """

    def kill(self) -> None:
        """Send it SIGKILL."""


class Forked:
    """A process that the forking one started, which tells of its end and waits for it.

    As with any child, its id is nobody else's until somebody has asked how it ended.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line: Final = line
        self._status: int | None = None
        self.pid: Final = self._told()

    def poll(self) -> int | None:
        """Return its exit status, the number of the signal that ended it as a negative one."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Wait for that.

        Raises:
            subprocess.TimeoutExpired: It still runs.
        """
        if self._status is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._line, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired("dockd", timeout or 0)
            self._status = self._told()
            self._line.send(_HEARD)
            self._told()
            self._line.close()
        return self._status

    def kill(self) -> None:
        """Send it SIGKILL, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _told(self) -> int:
        told = self._line.recv(_NUMBER.size)
        if not told:
            raise RuntimeError("the forking process is gone")
        number: int = _NUMBER.unpack(told)[0]
        return number


def forked(arguments: Sequence[str], *, environment: Mapping[str, str], log: IO[bytes]) -> Forked:
    """Start `dockd` with these arguments, what it writes going to a log."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = {"arguments": list(arguments), "environment": dict(environment)}
    with theirs, _MOUNTS.open("rb") as mounts:
        with _ONE:
            asks = _forking()
        passed = [log.fileno(), theirs.fileno(), mounts.fileno()]
        socket.send_fds(asks, [json.dumps(request).encode()], passed)
    return Forked(ours)


_ONE: Final = threading.Lock()


@cache
def _forking() -> socket.socket:
    """Start the one that forks; it ends when this process does, and its socket with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


class _Forking:
    """Forks what it is asked for, and tells how each of that ended."""

    def __init__(self, asked: socket.socket) -> None:
        self._selector: Final = selectors.DefaultSelector()
        self._selector.register(asked, selectors.EVENT_READ, self._asked)
        self._lines: Final = {asked}
        self._asked_for: list[str] | None = None
        self._is_over = False

    def serve(self) -> list[str] | None:
        """Return in each forked process, with its arguments; in this one, when nobody asks more."""
        while self._asked_for is None and not self._is_over:
            key, _ = self._selector.select()[0]
            key.data(key.fileobj)
        return self._asked_for

    def _asked(self, asked: socket.socket) -> None:
        message, descriptors, _, _ = socket.recv_fds(asked, _MESSAGE_BYTES, 3)
        if not message:
            self._is_over = True
            return
        log, line, mounts = descriptors
        told = socket.socket(fileno=line)
        self._lines.add(told)
        pid = os.fork()
        if pid == 0:
            self._leave()
            self._asked_for = _become(json.loads(message), log=log, mounts=mounts)
            return
        os.close(log)
        os.close(mounts)
        told.send(_NUMBER.pack(pid))
        self._selector.register(
            os.pidfd_open(pid), selectors.EVENT_READ, partial(self._ended, pid, told)
        )

    def _leave(self) -> None:
        """Close all that is the forking process's; whatever is opened next has its numbers."""
        for key in self._selector.get_map().values():
            if isinstance(key.fileobj, int):
                os.close(key.fileobj)
        for line in self._lines:
            line.close()
        self._selector.close()

    def _ended(self, pid: int, told: socket.socket, pidfd: int) -> None:
        self._selector.unregister(pidfd)
        os.close(pidfd)
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        # Nobody may listen any more: what a test has no use for, it leaves alone.
        with contextlib.suppress(BrokenPipeError):
            told.send(_NUMBER.pack(status))
        self._selector.register(told, selectors.EVENT_READ, partial(self._heard, pid))

    def _heard(self, pid: int, told: socket.socket) -> None:
        self._selector.unregister(told)
        self._lines.remove(told)
        os.waitpid(pid, 0)
        with told, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if told.recv(len(_HEARD)):
                told.send(_NUMBER.pack(0))


def _become(request: Mapping[str, Any], *, log: int, mounts: int) -> list[str]:
    """Take on what was asked for in a new process, and return its arguments."""
    os.setsid()
    _enter(mounts)
    os.close(mounts)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())
    os.close(log)
    os.environ.clear()
    os.environ.update(request["environment"])
    arguments: list[str] = request["arguments"]
    return arguments


def _enter(mounts: int) -> None:
    """See the mounts that the asking thread sees, which may have a name space of its own."""
    if os.fstat(mounts).st_ino == _MOUNTS.stat().st_ino:
        return
    here = Path.cwd()
    # Not os.setns, which came with Python 3.12.
    if _libc.setns(mounts, _CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "this process does not get into a name space of mounts")
    os.chdir(here)


def main() -> None:
    """Import dockd, then be forked from."""
    gc.disable()
    # Here, and not above: whoever asks for a fork imports this module as well.
    dockd = importlib.import_module("dockd.__main__")
    # What that imports as it runs, and hardly anything beside it.
    importlib.import_module("dockd.daemon")
    arguments = _Forking(socket.socket(fileno=int(sys.argv[1]))).serve()
    if arguments is not None:
        sys.argv = ["dockd", *arguments]
        dockd.main()


if __name__ == "__main__":
    main()
