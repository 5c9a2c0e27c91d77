"""Who is at the other end of the Unix socket: what the kernel says, never they themselves."""

import os
import pwd
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_UCRED: Final = struct.Struct("@iII")
_NO_LOGIN: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A process: its user, and the user who logged in before any su or sudo, if anybody did."""

    pid: int
    uid: int
    login_uid: int | None

    @property
    def actor(self) -> str:
        """Who this is, for the record: ``root (login alice, uid 0, pid 4711)``."""
        login = "" if self.login_uid is None else f"login {_user(self.login_uid)}, "
        return f"{_user(self.uid)} ({login}uid {self.uid}, pid {self.pid})"


def peer_of(connection: socket.socket) -> Peer:
    """Return who connected (unix(7), SO_PEERCRED)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _ = _UCRED.unpack(raw)
    return Peer(pid=pid, uid=uid, login_uid=_login_uid(pid))


def ourselves() -> Peer:
    """Return who runs this very process, for what it records without a daemon."""
    pid = os.getpid()
    return Peer(pid=pid, uid=os.getuid(), login_uid=_login_uid(pid))


def _login_uid(pid: int) -> int | None:
    """Return who logged in (proc(5), loginuid); None where nobody did or it cannot be read."""
    try:
        login_uid = int(Path(f"/proc/{pid}/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if login_uid == _NO_LOGIN else login_uid


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
