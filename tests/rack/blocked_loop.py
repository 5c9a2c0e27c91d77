"""Block a daemon's event loop and nothing else of it: `python3 blocked_loop.py PID SIGN`, as root.

It runs in the guest, with the guest's own Python. The first thread, which is the loop's, is stopped
while it waits for events, so that it holds no lock and all others live on; then the file SIGN is
made, and the loop stays blocked until the daemon ends. Sources: ptrace(2), proc(5).
"""

import ctypes
import os
import sys
import time
from pathlib import Path

_SEIZE, _INTERRUPT, _CONT = 0x4206, 0x4207, 7
# epoll_wait on x86-64: what an idle loop waits in.
_WAITING = "232"
_AGAIN_S = 0.02

_libc = ctypes.CDLL(None, use_errno=True)


def _ptrace(request: int, pid: int) -> None:
    if _libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), None, None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _stop_waiting(pid: int) -> None:
    """Stop the first thread of a process while it waits for events."""
    _ptrace(_SEIZE, pid)
    while True:
        _ptrace(_INTERRUPT, pid)
        os.waitpid(pid, 0)
        if Path(f"/proc/{pid}/syscall").read_text().split()[0] == _WAITING:
            return
        _ptrace(_CONT, pid)
        time.sleep(_AGAIN_S)


def main() -> None:
    """Block the loop until its process ends."""
    pid, sign = int(sys.argv[1]), Path(sys.argv[2])
    _stop_waiting(pid)
    sign.touch()
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
