"""The sockets that the station answers on; dockd binds them itself, with the modes it means."""

import grp
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from dockd.errors import Refused

ADMIN_GROUP: Final = "dockd-admin"
_SOCKET_MODE: Final = 0o660
_BACKLOG: Final = 128


class ListenerRefused(Refused):
    """The station cannot answer where it is configured to."""

    slug = "listener-refused"
    next_step = "Find out what else is there (`ss -lpx`, `ss -ltnp`), or change [http] and restart."


def bind_tcp(host: str, port: int) -> socket.socket:
    """Return a socket that listens on TCP; port 0 lets the kernel choose.

    Raises:
        ListenerRefused: the address is taken, or not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenerRefused(f"cannot listen on {host}:{port}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ListenerRefused(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def bind_unix(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, for its owner and the group dockd-admin only.

    Raises:
        ListenerRefused: another process answers there, or something that is no socket is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(path))
        _give_to_admins(path)
        # Nobody can connect before this, so nobody meets the modes of before.
        path.chmod(_SOCKET_MODE)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ListenerRefused(f"cannot listen at {path}: {error.strerror}") from error
    return listener


def remove_unix(path: Path, *, inode: int) -> None:
    """Remove the socket file, if it still is the one with this inode."""
    with suppress(OSError):
        if path.lstat().st_ino == inode:
            path.unlink()


def _remove_stale(path: Path) -> None:
    """Remove a socket that a process left behind which is no more."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenerRefused(f"{path} is there already and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(0)
        try:
            caller.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            # EAGAIN: somebody listens, and is too busy to accept.
            raise ListenerRefused(f"another process listens at {path}") from error
    raise ListenerRefused(f"another process listens at {path}")


def _give_to_admins(path: Path) -> None:
    # No such group, or the daemon may not give files to it: then only its own user may order.
    with suppress(KeyError, PermissionError):
        os.chown(path, -1, grp.getgrnam(ADMIN_GROUP).gr_gid)
