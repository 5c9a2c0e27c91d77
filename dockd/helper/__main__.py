"""`dockd-helper`: started by systemd with its listening socket.

One thread per connection, few connections, and whom they belong to.
Sources: sd_listen_fds(3); unix(7) for SO_PEERCRED and SCM_RIGHTS.
"""

import argparse
import json
import os
import pwd
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from threading import Semaphore, Thread
from typing import Final

from dockd.errors import DockdError, Refused
from dockd.helper import linux
from dockd.helper.configuration import Watched
from dockd.helper.mounts import for_user
from dockd.helper.rack import Rack
from dockd.helper.requests import REQUEST_BYTES, parse
from dockd.helper.service import Answer, Service

_FIRST_PASSED: Final = 3
_MOST_CONNECTIONS: Final = 8
_CREDENTIALS: Final = struct.Struct("=3i")


def main() -> int:
    """Serve until told to end; return the exit status."""
    parser = argparse.ArgumentParser(prog="dockd-helper", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("/etc/dockd/dockd.toml"))
    parser.add_argument("--user", default="dockd", help="who may ask, and whose footage is")
    parser.add_argument("--state", type=Path, default=Path("/run/dockd-helper"))
    arguments = parser.parse_args()
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        print("dockd-helper: systemd starts this with its socket", file=sys.stderr)  # noqa: T201 - for a person
        return 2
    # The socket itself is systemd's and goes on listening for the next helper.
    listener = socket.socket(fileno=_FIRST_PASSED)
    listener.set_inheritable(False)
    linux.leave_children_nothing()
    user = pwd.getpwnam(arguments.user)
    configuration = Watched(arguments.config)
    service = Service(
        look=lambda: Rack(configuration.now()),
        file_systems=for_user(user.pw_uid, user.pw_gid),
        cuts=arguments.state / "cuts.json",
        now=time.monotonic,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Server(service, uids={0, user.pw_uid}).serve(listener)
    return 0


class Server:
    """Serves `service` to the users of `uids`."""

    def __init__(self, service: Service, *, uids: Collection[int]) -> None:
        self._service, self._uids = service, uids
        self._places = Semaphore(_MOST_CONNECTIONS)

    def serve(self, listener: socket.socket) -> None:
        """Serve until interrupted, and do what falls due without anybody asking."""
        _start(_every_second, self._end_leases)
        # A thread of its own: whatever a hub does, what is writable has its deadline.
        _start(_every_second, self._service.power.keep)
        try:
            while True:
                self._admit(listener.accept()[0])
        finally:
            self._service.close()

    def _end_leases(self) -> None:
        for slot in self._service.overdue():
            _start(self._service.take_back, slot)

    def _admit(self, connection: socket.socket) -> None:
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        if _CREDENTIALS.unpack(peer)[1] not in self._uids:
            no = "This is for dockd only."
        elif not self._places.acquire(blocking=False):
            no = f"There are {_MOST_CONNECTIONS} connections already."
        else:
            _start(self._converse, connection)
            return
        with connection, suppress(OSError):
            connection.send(_packed(_no(Refused(no))))

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError):
                while self._exchange(connection):
                    pass
        finally:
            self._service.connection_ended(connection)
            self._places.release()

    def _exchange(self, connection: socket.socket) -> bool:
        """Answer one packet; return False at the end of the connection."""
        packet, received, flags, _ = socket.recv_fds(
            connection, REQUEST_BYTES, 1, socket.MSG_CMSG_CLOEXEC
        )
        try:
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                # What was cut off is no request, whatever is left of it.
                packet = b""
            elif not packet and not received:
                return False
            answer, mount = self._answer(packet, received, connection)
            beside = [] if mount is None else [mount.descriptor]
            socket.send_fds(connection, [_packed(answer)], beside)
        finally:
            for descriptor in received:
                _let_go(descriptor)
        return True

    def _answer(self, packet: bytes, received: list[int], connection: socket.socket) -> Answer:
        try:
            beside = next(iter(received), None)
            request = parse(packet)._replace(owner=connection, descriptor=beside)
            fields, mount = self._service.answer(request)
        except DockdError as error:
            return _no(error), None
        except OSError as error:
            # sysfs changes while it is read: whoever asks again sees it as it is then.
            return _no(Refused(f"Something moved meanwhile: {error}.", slug="slot-busy")), None
        except Exception as error:  # noqa: BLE001 - whatever it was, the other slots go on
            traceback.print_exc()
            return _no(DockdError(f"The helper failed: {error}.")), None
        return {"ok": True, **fields}, mount


def _no(error: DockdError) -> dict[str, object]:
    return {"ok": False, "slug": error.slug, "reason": error.reason}


def _packed(answer: dict[str, object]) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode(errors="replace")


def _let_go(descriptor: int) -> None:
    # A socket may be set to keep whoever closes it waiting until its other end reads.
    with suppress(OSError):
        sent = socket.socket(fileno=descriptor)
        sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 0, 0))
        sent.detach()
    os.close(descriptor)


def _start(work: Callable[..., object], *arguments: object) -> None:
    # Daemonic: a thread that is stuck in the kernel must not keep the helper from ending.
    Thread(target=work, args=arguments, daemon=True).start()


def _every_second(work: Callable[[], object]) -> None:
    try:
        while True:
            work()
            time.sleep(1.0)
    except BaseException:  # noqa: BLE001 - whatever it was
        # Nobody may lend without a deadline: the next helper takes back what this one has lent.
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
