"""The helper's socket: one thread per connection, few connections, and whom they belong to.

Source: unix(7) for SO_PEERCRED and SCM_RIGHTS, sd_listen_fds(3) for the socket's hand-over.
"""

import json
import os
import socket
import struct
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Semaphore, Thread
from typing import Final

from dockd.errors import DockdError
from dockd.helper.refusals import refusal
from dockd.helper.requests import REQUEST_BYTES, parse
from dockd.helper.service import Answer, Service

MOST_CONNECTIONS: Final = 8
_SEND_PATIENCE: Final = struct.pack("=qq", 5, 0)
_CREDENTIALS: Final = struct.Struct("=3i")


@dataclass(frozen=True, kw_only=True)
class Server:
    """Serves `service` to the users of `uids`."""

    service: Service
    uids: Collection[int]
    _places: Semaphore = field(default_factory=lambda: Semaphore(MOST_CONNECTIONS))

    def serve(self, listener: socket.socket) -> None:
        """Serve until interrupted, and do what falls due without anybody asking."""
        _in_thread(partial(_every_second, self._end_loans))
        # A thread of its own: whatever a hub does, what is writable has its deadline.
        _in_thread(partial(_every_second, self.service.power.keep))
        try:
            while True:
                connection, _ = listener.accept()
                self._admit(connection)
        finally:
            self.service.close()

    def _end_loans(self) -> None:
        for slot in self.service.overdue():
            _in_thread(partial(self.service.take_back, slot))

    def _admit(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_PATIENCE)
        size = _CREDENTIALS.size
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        _, uid, _ = _CREDENTIALS.unpack(peer)
        if uid not in self.uids:
            _turn_away(connection, refusal("stranger"))
        elif not self._places.acquire(blocking=False):
            _turn_away(connection, refusal("crowd", most=MOST_CONNECTIONS))
        else:
            _in_thread(partial(self._converse, connection))

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError):
                while self._exchange(connection):
                    pass
        finally:
            self.service.connection_ended(connection)
            self._places.release()

    def _exchange(self, connection: socket.socket) -> bool:
        """Answer one packet; return False at the end of the connection."""
        packet, descriptors, flags, _ = socket.recv_fds(
            connection, REQUEST_BYTES, 1, socket.MSG_CMSG_CLOEXEC
        )
        with ExitStack() as held:
            for descriptor in descriptors:
                held.callback(_let_go, descriptor)
            if not packet and not descriptors:
                return False
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                # What was cut off is no request, whatever is left of it.
                packet = b""
            beside = next(iter(descriptors), None)
            answer, mount = self._answer(packet, descriptor=beside, owner=connection)
            if mount is not None:
                held.callback(os.close, mount)
            socket.send_fds(connection, [_packed(answer)], [] if mount is None else [mount])
        return True

    def _answer(self, packet: bytes, *, descriptor: int | None, owner: object) -> Answer:
        try:
            request = replace(parse(packet), descriptor=descriptor, owner=owner)
            answer, mount = self.service.answer(request)
        except DockdError as error:
            return _no(error), None
        except OSError as error:
            # sysfs changes while it is read: whoever asks again sees it as it is then.
            return _no(refusal("moving", why=error)), None
        except Exception as error:  # noqa: BLE001 - whatever it was, the other slots go on
            traceback.print_exc()
            return _no(refusal("failure", why=error)), None
        return {"ok": True, **answer}, mount


def _let_go(descriptor: int) -> None:
    # A socket may be set to keep whoever closes it waiting until its other end reads.
    with suppress(OSError):
        sent = socket.socket(fileno=descriptor)
        sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 0, 0))
        sent.detach()
    os.close(descriptor)


def _no(error: DockdError) -> Mapping[str, object]:
    return {"ok": False, "slug": error.slug, "reason": error.reason}


def _packed(answer: Mapping[str, object]) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode(errors="replace")


def _turn_away(connection: socket.socket, error: DockdError) -> None:
    with connection, suppress(OSError):
        connection.send(_packed(_no(error)))


def _in_thread(work: Callable[[], object]) -> None:
    # Daemonic: a thread that is stuck in the kernel must not keep the helper from ending.
    Thread(target=work, daemon=True).start()


def _every_second(work: Callable[[], object]) -> None:
    try:
        while True:
            work()
            time.sleep(1.0)
    except BaseException:  # noqa: BLE001 - whatever it was
        # Nobody may lend without a deadline: the next helper takes back what this one has lent.
        traceback.print_exc()
        os._exit(1)
