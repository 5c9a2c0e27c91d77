"""The client of dockd-helper: one JSON object a packet, one reply, descriptors beside it.

A connection is used for one request at a time. What a connection made writable goes back to
read-only with it, so a writable medium keeps its own until it is closed. The helper serves eight
connections; a few are left for port power, so that no cut waits behind the mount of a dying card.
"""

import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dockd.core.catalogue import CATALOGUE
from dockd.errors import CameraGone, DockdError, HelperRefused, HelperUnreachable, SlotSettling
from dockd.ports.helper import (
    Authorised,
    CutKind,
    HelperSlot,
    Mounted,
    RefusedDevice,
    WritableMedium,
)

SOCKET: Final = Path("/run/dockd/helper.sock")
AT_ONCE: Final = 6

_REPLY_BYTES: Final = 65536
_SHORT_S: Final = 5.0
# A driver that gets to know its device, while seven others wait for the same hub; blkid on a slow
# card; a flush of everything that was deleted on one.
_LONG_S: Final = 60.0
_ASK_AGAIN: Final = frozenset({"slot-settling", "slot-busy"})


@dataclass(frozen=True, slots=True)
class _Reply:
    """What came back: the object, and the descriptor beside it, if there was one."""

    fields: Mapping[str, Any]
    descriptor: int | None


class HelperClient:
    """Implements ``dockd.ports.helper.Helper``; may be used from any thread."""

    def __init__(
        self, path: Path = SOCKET, *, at_once: int = AT_ONCE, within_s: float = _SHORT_S
    ) -> None:
        """Nothing is connected yet.

        ``at_once`` is how many connections it uses; ``within_s`` how long a short answer may take.
        """
        self._path: Final = path
        self._within_s: Final = within_s
        self._places: Final = threading.BoundedSemaphore(at_once)
        self._lock: Final = threading.Lock()
        self._idle: list[socket.socket] = []
        self._is_closed = False

    def slots(self) -> Sequence[HelperSlot]:
        """Return every slot and what is in it."""
        with _understanding():
            return tuple(_slot(row) for row in self._ask("slots")["slots"])

    def authorise(self, slot: str) -> Authorised:
        """Let the kernel's drivers have what is in the slot, if a rule accepts it."""
        fields = self._ask("authorise", within_s=_LONG_S, slot=slot)
        with _understanding():
            return Authorised(device=_text(fields["device"]), serial=_text(fields["serial"]))

    def mount(self, slot: str) -> Mounted:
        """Mount what is in the slot, read-only."""
        with self._connection() as connection:
            reply = _asked(connection, "mount", {"slot": slot}, within_s=_LONG_S)
        if reply.descriptor is None:
            raise HelperUnreachable("dockd-helper mounted a camera and sent no descriptor")
        try:
            with _understanding():
                return Mounted(
                    root=reply.descriptor,
                    serial=_text(reply.fields["serial"]),
                    file_system=_text(reply.fields["file_system"]),
                    volume=_text(reply.fields["uuid"]),
                    dirty=bool(reply.fields["dirty"]),
                    disk_sequence=int(reply.fields["diskseq"]),
                )
        except HelperUnreachable:
            os.close(reply.descriptor)
            raise

    def make_writable(self, slot: str, *, mount: int, deadline_s: int) -> WritableMedium:
        """Make the mount that was handed out as ``mount`` writable."""
        connection = self._taken()
        try:
            _asked(
                connection,
                "make-writable",
                {"slot": slot, "deadline_s": deadline_s},
                within_s=_LONG_S,
                descriptor=mount,
            )
        except BaseException:
            self._given_back(connection, is_sound=False)
            raise
        return _Writable(self, connection, slot=slot, mount=mount)

    def made_read_only(self, connection: socket.socket, slot: str, *, mount: int) -> bool:
        """Go back to read-only on the connection that made it writable, and give that back."""
        is_sound = False
        try:
            reply = _asked(
                connection, "make-read-only", {"slot": slot}, within_s=_LONG_S, descriptor=mount
            )
            is_sound = True
            return bool(reply.fields.get("clean"))
        finally:
            # Should it have failed: the helper makes it read-only when the connection ends.
            self._given_back(connection, is_sound=is_sound)

    def unmount(self, slot: str) -> None:
        """Let go of what is mounted from the slot."""
        self._ask("unmount", slot=slot)

    def set_port_power(self, slot: str, *, on: bool, kind: CutKind, lease_s: int = 0) -> bool:
        """Cut a port's power, for ``lease_s`` seconds, or give it back; return whether it is on."""
        fields = self._ask("port-power", slot=slot, on=on, kind=kind, lease_s=lease_s)
        return bool(fields.get("powered"))

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it is given back."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._is_closed = True
        for connection in idle:
            connection.close()

    def _ask(
        self, verb: str, *, within_s: float | None = None, **fields: object
    ) -> Mapping[str, Any]:
        with self._connection() as connection:
            reply = _asked(connection, verb, fields, within_s=within_s or self._within_s)
        if reply.descriptor is not None:
            os.close(reply.descriptor)
        return reply.fields

    @contextmanager
    def _connection(self) -> Iterator[socket.socket]:
        connection = self._taken()
        is_sound = False
        try:
            yield connection
            is_sound = True
        except HelperUnreachable:
            raise
        except DockdError:
            # It answered, and said no.
            is_sound = True
            raise
        finally:
            self._given_back(connection, is_sound=is_sound)

    def _taken(self) -> socket.socket:
        """Return a connection that nobody else uses, a new one where none is idle and sound."""
        if not self._places.acquire(timeout=_LONG_S):
            raise HelperUnreachable("every connection to dockd-helper has been busy for a minute")
        try:
            while True:
                with self._lock:
                    connection = self._idle.pop() if self._idle else None
                if connection is None:
                    return self._connected()
                if _is_sound(connection):
                    return connection
                connection.close()
        except BaseException:
            self._places.release()
            raise

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.settimeout(self._within_s)
            connection.connect(os.fspath(self._path))
        except OSError as error:
            connection.close()
            raise HelperUnreachable(
                f"dockd-helper cannot be reached at {self._path}: {error.strerror or error}"
            ) from error
        return connection

    def _given_back(self, connection: socket.socket, *, is_sound: bool) -> None:
        with self._lock:
            is_kept = is_sound and not self._is_closed
            if is_kept:
                self._idle.append(connection)
        if not is_kept:
            # A reply that comes too late must never be taken for the next request's.
            connection.close()
        self._places.release()


class _Writable:
    """Implements ``dockd.ports.helper.WritableMedium``."""

    def __init__(
        self, client: HelperClient, connection: socket.socket, *, slot: str, mount: int
    ) -> None:
        self._client: Final = client
        self._connection: Final = connection
        self._slot: Final = slot
        self._mount: Final = mount

    def close(self) -> bool:
        """Go back to read-only; return whether the file system is clean now. Called once."""
        return self._client.made_read_only(self._connection, self._slot, mount=self._mount)


def _is_sound(connection: socket.socket) -> bool:
    """Return whether the helper is still at the other end and has said nothing unasked."""
    connection.setblocking(False)  # noqa: FBT003 - the standard library's way of saying it
    with suppress(ConnectionError):
        try:
            connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
    return False


def _asked(
    connection: socket.socket,
    verb: str,
    fields: Mapping[str, object],
    *,
    within_s: float,
    descriptor: int | None = None,
) -> _Reply:
    """Send one request and return the reply.

    Raises:
        HelperUnreachable: no answer came in time, or one that is none.
        HelperRefused, CameraGone, SlotSettling: the answer was no.
    """
    packet = json.dumps({"verb": verb, **fields}).encode()
    try:
        connection.settimeout(within_s)
        socket.send_fds(connection, [packet], [] if descriptor is None else [descriptor])
        answer, received, flags, _ = socket.recv_fds(
            connection, _REPLY_BYTES, 1, socket.MSG_CMSG_CLOEXEC
        )
    except OSError as error:
        raise HelperUnreachable(f"dockd-helper did not answer to {verb}: {error}") from error
    beside = received[0] if received else None
    try:
        if not answer or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise HelperUnreachable(f"dockd-helper ended the connection at {verb}")
        return _Reply(_agreed(answer, verb=verb, slot=str(fields.get("slot", ""))), beside)
    except DockdError:
        if beside is not None:
            os.close(beside)
        raise


def _agreed(answer: bytes, *, verb: str, slot: str) -> Mapping[str, Any]:
    """Return the reply's fields, if it is a yes."""
    with _understanding():
        fields: Mapping[str, Any] = json.loads(answer)
        if fields["ok"] is True:
            return fields
        slug, reason = _text(fields["slug"]), _sentence(fields["reason"])
    if slug == CameraGone.slug:
        raise CameraGone(reason, slot=slot)
    if slug in _ASK_AGAIN:
        raise SlotSettling(reason, slot=slot)
    if slug in CATALOGUE:
        raise HelperRefused(reason, slug=slug, slot=slot)
    raise HelperRefused(f"{verb} in slot {slot}: {slug}: {reason}", slot=slot)


@contextmanager
def _understanding() -> Iterator[None]:
    try:
        yield
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise HelperUnreachable(f"dockd-helper's answer is not understood: {error!r}") from error


def _slot(row: Mapping[str, Any]) -> HelperSlot:
    refused = row["refused"]
    return HelperSlot(
        slot=_text(row["slot"]),
        port=_text(row["port"]),
        device=None if row["device"] is None else _text(row["device"]),
        serial=_text(row["serial"]),
        powered=None if row["powered"] is None else bool(row["powered"]),
        guarded=bool(row.get("guarded")),
        refused=None
        if refused is None
        else RefusedDevice(slug=_text(refused["slug"]), reason=_sentence(refused["reason"])),
    )


def _sentence(value: object) -> str:
    """Return a reason on one line: the helper prints the rule to add as a file has it."""
    return " ".join(_text(value).split())


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
