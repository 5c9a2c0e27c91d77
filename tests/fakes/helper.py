"""dockd-helper's other end: the real protocol on a real socket, over a `FakeBus` and folders.

A camera's file system is a folder, handed out as an O_PATH descriptor as the helper does it.
"""

import json
import os
import socket
import threading
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.fakes.usb_bus import FakeBus

Answer = tuple[dict[str, Any], int | None]


class No(Exception):
    """The answer is no."""

    def __init__(self, slug: str, reason: str = "it is so") -> None:
        super().__init__(reason)
        self.slug = slug
        self.reason = reason


class FakeHelper:
    """Answers for slots: ``slots`` is device name by slot, ``media`` the folder by serial."""

    def __init__(self, path: Path, bus: FakeBus, *, slots: dict[str, str], media: Path) -> None:
        self.path = path
        self.bus = bus
        self.slots = slots
        self.media = media
        self.accepts = "BWC-*"
        self.settling = 0
        self.dirty = False
        self.asked: list[str] = []
        self.writable: set[str] = set()
        self.before: Callable[[str, str], None] = lambda _verb, _slot: None
        self._mounts: dict[str, tuple[int, int]] = {}
        self._connections: list[socket.socket] = []
        self._server: socket.socket | None = None
        self.start()

    def start(self) -> None:
        """Listen."""
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.bind(os.fspath(self.path))
        self._server.listen(8)
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def stop(self) -> None:
        """Die: every connection ends, and what was mounted is known no more."""
        if self._server is None:
            return
        # A thread that waits in accept keeps the socket; this is what wakes it.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._server = None
        self.path.unlink()
        self._mounts.clear()
        self.hang_up()

    def hang_up(self) -> None:
        """End every connection."""
        connections, self._connections = self._connections, []
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        mine: set[str] = set()
        with connection:
            while True:
                try:
                    packet, received, _, _ = socket.recv_fds(connection, 4096, 1)
                    if not packet:
                        break
                    reply, descriptor = self._reply(packet, received, mine)
                    beside = [] if descriptor is None else [descriptor]
                    socket.send_fds(connection, [json.dumps(reply).encode()], beside)
                    for one in (*received, *beside):
                        os.close(one)
                except OSError:
                    break
        self.writable -= mine

    def _reply(self, packet: bytes, received: list[int], mine: set[str]) -> Answer:
        request = json.loads(packet)
        verb, slot = request["verb"], request.get("slot", "")
        self.asked.append(f"{verb} {slot}".strip())
        try:
            self.before(verb, slot)
            fields, descriptor = self._answer(verb, slot, received, mine)
        except No as no:
            return {"ok": False, "slug": no.slug, "reason": no.reason}, None
        return {"ok": True, **fields}, descriptor

    def _answer(self, verb: str, slot: str, received: list[int], mine: set[str]) -> Answer:
        if verb == "slots":
            return {"slots": [self._row(name) for name in sorted(self.slots)]}, None
        if slot not in self.slots:
            raise No("not-found", f"there is no slot {slot}")
        if verb == "unmount":
            self._mounts.pop(slot, None)
            return {}, None
        if verb == "port-power":
            return {"powered": True}, None
        name = self.slots[slot]
        row = self._row(slot)
        if row["device"] is None:
            raise No("camera-gone", f"there is nothing in {slot}")
        if row["refused"] is not None:
            raise No(**row["refused"])
        return {
            "authorise": self._authorise,
            "mount": self._mount,
            "make-writable": self._make_writable,
            "make-read-only": self._make_read_only,
        }[verb](slot, name, received, mine)

    def _row(self, slot: str) -> dict[str, Any]:
        name = self.slots[slot]
        is_there = name in self.bus.there()
        serial = self.bus.attribute(name, "serial") if is_there else ""
        serial = serial if serial.isprintable() else ""
        refused = None
        if is_there and not serial:
            refused = {"slug": "camera-without-serial", "reason": "it has no serial number"}
        elif is_there and not fnmatchcase(serial, self.accepts):
            refused = {"slug": "camera-not-allowed", "reason": f"add a rule for {serial}"}
        return {
            "slot": slot,
            "port": f"pci-0000:00:14.0-usb-0:{name.partition('-')[2]}",
            "device": name if is_there else None,
            "serial": serial or None,
            "powered": True,
            "guarded": True,
            "refused": refused,
        }

    def _authorise(self, slot: str, name: str, received: list[int], mine: set[str]) -> Answer:
        self.bus.authorise(name)
        row = self._row(slot)
        return {key: row[key] for key in ("device", "serial")}, None

    def _mount(self, slot: str, name: str, received: list[int], mine: set[str]) -> Answer:
        if self.settling:
            self.settling -= 1
            raise No("slot-settling", "no disk yet")
        serial = self._row(slot)["serial"]
        try:
            sequence = int((self.bus.unit(name) / "block/sda/diskseq").read_text())
        except (OSError, ValueError):
            sequence = None
        if serial is None or sequence is None:
            # Pulled since the last look at it, or half of its disk is there.
            raise No("camera-gone", f"the disk of slot {slot} is gone")
        folder = self.media / serial
        folder.mkdir(parents=True, exist_ok=True)
        root = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        self._mounts[slot] = _identity(root)
        return {
            "serial": serial,
            "file_system": "vfat",
            "dirty": self.dirty,
            "diskseq": sequence,
            "uuid": "1234-ABCD",
        }, root

    def _make_writable(self, slot: str, name: str, received: list[int], mine: set[str]) -> Answer:
        self._refuse_foreign(slot, received)
        self.writable.add(slot)
        mine.add(slot)
        return {"deadline_s": 60}, None

    def _make_read_only(self, slot: str, name: str, received: list[int], mine: set[str]) -> Answer:
        self._refuse_foreign(slot, received)
        self.writable.discard(slot)
        mine.discard(slot)
        return {"clean": not self.dirty}, None

    def _refuse_foreign(self, slot: str, received: list[int]) -> None:
        if len(received) != 1 or _identity(received[0]) != self._mounts.get(slot):
            raise No("refused", "that is not the mount that was handed out")


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
