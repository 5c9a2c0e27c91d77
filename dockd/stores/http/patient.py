"""A socket whose deadlines follow from progress: slow is fine, and only silence ends it.

A reply alone, which is short, has an end: whoever drips it is never silent and would keep the lane.

A deadline for a whole chunk or a whole reply would make a dead link of every slow one: what a
socket has taken may wait in the kernel for minutes, while eight streams share 200 kbit/s. So each
wait is a short one, and after it the kernel is asked how much of what was sent the other side has
not acknowledged yet (SIOCOUTQ, tcp(7)). As long as that shrinks, somebody is there and takes it.
"""

import fcntl
import io
import socket
import struct
import termios
import time
from typing import Final

# Linux: how much unsent data a socket takes before it counts as full; what is in the kernel cannot
# be held back any more when the limit falls.
_TCP_NOTSENT_LOWAT: Final = 25
_UNSENT_BYTES: Final = 512 * 1024
# What it is found out by at the latest is one look more than the silence itself.
LOOKS: Final = 8
# The kernel's own watch: it asks after a third of the silence that is borne, and then again.
_ASKS_AFTER: Final = 3
_ASKS_EVERY: Final = 6


def tune(sock: socket.socket, *, silence_s: float) -> None:
    """Have the kernel notice a peer that is gone, asked or not, within about ``silence_s``.

    A half-open connection, whose other end was switched off or whose way was lost, says nothing
    for ever: it is asked for a sign of life (keepalive), and given up when neither that nor what
    was sent is acknowledged (TCP_USER_TIMEOUT, RFC 5482).
    """
    sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _seconds(silence_s / _ASKS_AFTER))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _seconds(silence_s / _ASKS_EVERY))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silence_s * 1000))


class PatientSocket:
    """A connected socket as http.client uses one; it waits for as long as anything moves."""

    def __init__(self, sock: socket.socket, *, silence_s: float, reply_s: float) -> None:
        """``silence_s`` is how long nothing may move; the socket is this object's from now on.

        ``reply_s`` is how long a reply may take from its first byte to its last.
        """
        self._sock: Final = sock
        self._reply_s: Final = reply_s
        self._reply_until_s: float | None = None
        self._silence_s: Final = silence_s
        self._look_s: Final = silence_s / LOOKS
        self._unacknowledged = 0
        self._silent_looks = 0
        sock.settimeout(self._look_s)

    def sendall(self, data: bytes | memoryview) -> None:
        """Send all of it.

        Raises:
            TimeoutError: nothing moved for too long.
            OSError: the connection broke.
        """
        left = memoryview(data)
        self._reply_until_s = None
        while left:
            try:
                left = left[self._sock.send(left) :]
            except TimeoutError as error:
                self._wait_on(error)
            else:
                self._silent_looks = 0

    def receive_into(self, buffer: memoryview) -> int:
        """Receive some bytes, none at the end; see `sendall`."""
        while True:
            try:
                count = self._sock.recv_into(buffer)
            except TimeoutError as error:
                self._wait_on(error)
            else:
                self._silent_looks = 0
                self._check_whole_in_time()
                return count

    def _check_whole_in_time(self) -> None:
        """Count from the first byte: before it a store may work, and what was sent be under way.

        Raises:
            TimeoutError: too much time has passed since.
        """
        now_s = time.monotonic()
        if self._reply_until_s is None:
            self._reply_until_s = now_s + self._reply_s
        elif now_s > self._reply_until_s:
            raise TimeoutError(f"the reply was not whole {self._reply_s:.0f} s after it began")

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return what replies are read from."""
        del mode
        return io.BufferedReader(_Reader(self))

    def fileno(self) -> int:
        """Return its descriptor, for select."""
        return self._sock.fileno()

    def shutdown(self, how: int) -> None:
        """End it, from any thread: whoever waits for it wakes up."""
        # Not SSLSocket's own, which would first make it a plain socket.
        socket.socket.shutdown(self._sock, how)

    def close(self) -> None:
        """Let go of it."""
        self._sock.close()

    def _wait_on(self, error: TimeoutError) -> None:
        """Return if it is worth waiting on.

        Raises:
            TimeoutError: it is not; or it was no deadline of ours, but the kernel's last word.
        """
        if error.errno is not None:
            raise error
        unacknowledged = _unacknowledged_bytes(self._sock)
        if unacknowledged != self._unacknowledged:
            self._unacknowledged = unacknowledged
            self._silent_looks = 0
        self._silent_looks += 1
        if self._silent_looks > LOOKS:
            raise TimeoutError(f"nothing moved for {self._silence_s:.0f} s")


class _Reader(io.RawIOBase):
    def __init__(self, sock: PatientSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # the one kind that BufferedReader hands in
        return self._sock.receive_into(memoryview(buffer))


def _seconds(seconds: float) -> int:
    """Return whole seconds as the kernel takes them, 1 at least."""
    return max(1, round(seconds))


def _unacknowledged_bytes(sock: socket.socket) -> int:
    answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", answer)[0])
