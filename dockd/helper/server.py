"""The helper's socket: one thread per connection, few connections, and whom they belong to.

Source: unix(7) for SO_PEERCRED and SCM_RIGHTS, sd_listen_fds(3) for the socket's hand-over.
"""

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from dockd.errors import DockdError, Refused, RequestInvalid
from dockd.helper.requests import REPLY_BYTES, REQUEST_BYTES, Request, parse
from dockd.helper.service import Service

MOST_CONNECTIONS: Final = 8
_SEND_PATIENCE: Final = struct.pack("=qq", 5, 0)
_CREDENTIALS: Final = struct.Struct("=3i")


class Server:
    """Serves `service` to the users of `uids`."""

    def __init__(self, service: Service, *, uids: Iterable[int]) -> None:
        self._service = service
        self._uids = frozenset(uids)
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._owner = 0
        self._due = threading.Event()
        self._ending = False

    def serve(self, listener: socket.socket) -> None:
        """Serve until interrupted, or until `listener` is closed for good."""
        _in_thread(self._keep)
        try:
            while True:
                connection, _ = listener.accept()
                self._admit(connection)
        finally:
            self._ending = True
            self._due.set()
            self._service.close()

    def _admit(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_PATIENCE)
        size = _CREDENTIALS.size
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        _, uid, _ = _CREDENTIALS.unpack(peer)
        if uid not in self._uids:
            _refuse(connection, "This is for dockd only.")
        elif not self._places.acquire(blocking=False):
            _refuse(connection, f"There are {MOST_CONNECTIONS} connections already.")
        else:
            self._owner += 1
            owner = self._owner
            _in_thread(lambda: self._converse(connection, owner=owner))

    def _converse(self, connection: socket.socket, *, owner: int) -> None:
        try:
            with connection, suppress(OSError):
                while self._exchange(connection, owner=owner):
                    self._due.set()
        finally:
            self._service.connection_ended(owner)
            self._due.set()
            self._places.release()

    def _exchange(self, connection: socket.socket, *, owner: int) -> bool:
        """Answer one packet; return False at the end of the connection."""
        packet, descriptors, flags, _ = socket.recv_fds(
            connection, REQUEST_BYTES, 1, socket.MSG_CMSG_CLOEXEC
        )
        mount = None
        try:
            if not packet and not descriptors:
                return False
            answer, mount = self._answer(packet, descriptors=descriptors, flags=flags, owner=owner)
            reply = json.dumps(answer, ensure_ascii=False).encode(errors="replace")
            if len(reply) > REPLY_BYTES:
                reply = json.dumps(_refusal(Refused("The answer is too long."))).encode()
            socket.send_fds(connection, [reply], [] if mount is None else [mount])
        finally:
            for descriptor in (*descriptors, *([] if mount is None else [mount])):
                os.close(descriptor)
        return True

    def _answer(
        self, packet: bytes, *, descriptors: list[int], flags: int, owner: int
    ) -> tuple[dict[str, object], int | None]:
        try:
            request = _whole(packet, flags=flags)
            descriptor = descriptors[0] if descriptors else None
            answer, mount = self._service.answer(request, descriptor=descriptor, owner=owner)
        except DockdError as error:
            return _refusal(error), None
        except OSError as error:
            # sysfs changes while it is read: whoever asks again sees it as it is then.
            return _refusal(Refused(f"Something moved meanwhile: {error}.", slug="slot-busy")), None
        except Exception as error:  # noqa: BLE001 - whatever it was, the other slots go on
            print(f"dockd-helper: {error!r}", flush=True)  # noqa: T201 - the journal
            return _refusal(DockdError(f"The helper failed: {error}.")), None
        return {"ok": True, **answer}, mount

    def _keep(self) -> None:
        """Do what falls due without anybody asking."""
        while not self._ending:
            self._due.clear()
            for slot in self._service.overdue():
                _in_thread(lambda slot=slot: self._take_back(slot))  # type: ignore[misc] # bound
            wait_s: float | None = 1.0
            # Whatever is wrong with the power, what is writable has its deadline.
            with suppress(OSError):
                wait_s = self._service.give_back()
            self._due.wait(wait_s)

    def _take_back(self, slot: str) -> None:
        self._service.take_back(slot)
        self._due.set()


def _whole(packet: bytes, *, flags: int) -> Request:
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise RequestInvalid("the packet is too long, or brings too many descriptors")
    return parse(packet)


def _in_thread(work: Callable[[], None]) -> None:
    # Daemonic: a thread that is stuck in the kernel must not keep the helper from ending.
    threading.Thread(target=work, daemon=True).start()


def _refusal(error: DockdError) -> dict[str, object]:
    return {"ok": False, "slug": error.slug, "reason": error.reason}


def _refuse(connection: socket.socket, reason: str) -> None:
    with connection, suppress(OSError):
        connection.send(json.dumps(_refusal(Refused(reason))).encode())
