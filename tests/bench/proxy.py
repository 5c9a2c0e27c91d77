"""Counts what a client sends to its store, and rings once when a number of bytes has passed."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

_PIECE_BYTES: Final = 256 * 1024


class CountingProxy:
    """Passes TCP connections on, byte for byte."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.sent_bytes = 0
        self._upstream: Final = upstream
        self._listener: Final = socket.create_server(("127.0.0.1", 0))
        self._lock: Final = threading.Lock()
        self._bell: tuple[int, Callable[[], None]] | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def ring_at(self, sent_bytes: int, bell: Callable[[], None]) -> None:
        """Call ``bell`` once, as soon as so many bytes have passed since now."""
        with self._lock:
            self._bell = self.sent_bytes + sent_bytes, bell

    def close(self) -> None:
        """Take no more connections."""
        # Wakes the thread that waits for one; closing alone does not.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._upstream)
            for begin, end, counted in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(begin, end, counted), daemon=True).start()

    def _pump(self, begin: socket.socket, end: socket.socket, counted: bool) -> None:
        buffer = memoryview(bytearray(_PIECE_BYTES))
        with suppress(OSError):
            while count := begin.recv_into(buffer):
                if counted:
                    self._count(count)
                end.sendall(buffer[:count])
        for side in (begin, end):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _count(self, count: int) -> None:
        with self._lock:
            self.sent_bytes += count
            if self._bell is None or self.sent_bytes < self._bell[0]:
                return
            _, ring = self._bell
            self._bell = None
        ring()


@contextmanager
def counting(upstream: tuple[str, int]) -> Iterator[CountingProxy]:
    """Run a proxy for the length of the context."""
    proxy = CountingProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
