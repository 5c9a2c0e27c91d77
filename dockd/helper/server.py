"""The helper's socket: one thread per connection, few connections, and whom they belong to.

Source: unix(7) for SO_PEERCRED and SCM_RIGHTS.
"""

import json
import os
import socket
import struct
import time
import traceback
from collections.abc import Callable, Collection
from contextlib import suppress
from threading import Semaphore, Thread
from typing import Final

from dockd.errors import DockdError, Refused
from dockd.helper.requests import REQUEST_BYTES, parse
from dockd.helper.service import Answer, Service

MOST_CONNECTIONS: Final = 8
_CREDENTIALS: Final = struct.Struct("=3i")


class Server:
    """Serves `service` to the users of `uids`."""

    def __init__(self, service: Service, *, uids: Collection[int]) -> None:
        self._service, self._uids = service, uids
        self._places = Semaphore(MOST_CONNECTIONS)

    def serve(self, listener: socket.socket) -> None:
        """Serve until interrupted, and do what falls due without anybody asking."""
        _start(_every_second, self._end_leases)
        # A thread of its own: whatever a hub does, what is writable has its deadline.
        _start(_every_second, self._service.power.keep)
        try:
            while True:
                connection, _ = listener.accept()
                self._admit(connection)
        finally:
            self._service.close()

    def _end_leases(self) -> None:
        for slot in self._service.overdue():
            _start(self._service.take_back, slot)

    def _admit(self, connection: socket.socket) -> None:
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, uid, _ = _CREDENTIALS.unpack(peer)
        if uid not in self._uids:
            no = Refused("This is for dockd only.")
        elif not self._places.acquire(blocking=False):
            no = Refused(f"There are {MOST_CONNECTIONS} connections already.")
        else:
            _start(self._converse, connection)
            return
        with connection, suppress(OSError):
            connection.send(_packed(_no(no)))

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
