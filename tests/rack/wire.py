"""JSON replies over a Unix socket: what QEMU's monitor and the guest's agent have in common."""

import json
import socket
import time
from pathlib import Path
from typing import Any

Reply = dict[str, Any]

_CHUNK_BYTES = 65536


class Wire:
    """One connection that sends and receives JSON objects, one a line."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._received = b""

    def send(self, message: Reply, *, before: bytes = b"") -> None:
        """Send one object, behind some bytes that the other side's parser wants to see first."""
        self._socket.settimeout(None)
        self._socket.sendall(before + json.dumps(message).encode() + b"\n")

    def receive(self, *, timeout_s: float) -> Reply:
        """Wait for the next object.

        Raises:
            TimeoutError: None came in time.
            ConnectionError: The other side is gone.
        """
        deadline_s = time.monotonic() + timeout_s
        while b"\n" not in self._received:
            self._socket.settimeout(max(deadline_s - time.monotonic(), 0.001))
            chunk = self._socket.recv(_CHUNK_BYTES)
            if not chunk:
                raise ConnectionError("the other side closed the connection")
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        # The agent answers guest-sync-delimited behind a byte that no JSON has.
        reply: Reply = json.loads(line.rpartition(b"\xff")[2])
        return reply

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
