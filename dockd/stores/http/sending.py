"""A request with a body, sent whole by one thread: no hop for each chunk, and no copy of it."""

import asyncio
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any, Final

from dockd.errors import StoreUnreachable
from dockd.stores.http.body import SpoolRange
from dockd.stores.http.connections import Connections
from dockd.stores.http.patient import PatientSocket, tune
from dockd.stores.http.replies import ERROR_BODY_BYTES, Reply

_MOST_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it goes out: ``path`` with its query, encoded; ``what`` is for a person.

    ``payload`` is the body, unless it is a range of the spool, which is handed in beside this.
    ``read_timeout_s`` replaces the usual deadline for the reply's next bytes where nothing is sent
    from the spool.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    what: str
    payload: bytes = b""
    read_timeout_s: float | None = None


class Sender:
    """Sends bodies over ``connections``, each in a thread."""

    def __init__(self, connections: Connections, *, progress_s: float, reply_s: float) -> None:
        """``progress_s`` is how long nothing may move, while a body or a reply is on its way.

        ``reply_s`` is how long a reply may take once it has begun.
        """
        self._reply_s: Final = reply_s
        self._connections: Final = connections
        self._progress_s: Final = progress_s
        self._threads: Final[Executor] = ThreadPoolExecutor(
            _MOST_AT_ONCE, thread_name_prefix="store body"
        )

    async def send(self, request: Request, body: SpoolRange) -> Reply:
        """Send a request with its body and return the reply, whatever it says.

        Cancelled, it hangs up: nothing of the body is sent after that.

        Raises:
            StoreUnreachable: no whole reply came, perhaps for nothing moved any more.
            StoreChecksumMismatch: the spool's copy cannot be read.
        """
        loop = asyncio.get_running_loop()
        exchange = _Exchange(
            request, body, loop=loop, progress_s=self._progress_s, reply_s=self._reply_s
        )
        running = loop.run_in_executor(self._threads, exchange.run, self._connections)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            exchange.hang_up()
            # Whatever it ends with now, nobody waits for it.
            running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            raise

    def close(self) -> None:
        """Let go of threads and connections; what is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._connections.close()


class _Exchange:
    """One request and its reply."""

    def __init__(
        self,
        request: Request,
        body: SpoolRange,
        *,
        loop: asyncio.AbstractEventLoop,
        progress_s: float,
        reply_s: float,
    ) -> None:
        self._request: Final = request
        self._body: Final = body
        self._loop: Final = loop
        self._progress_s: Final = progress_s
        self._reply_s: Final = reply_s
        self._lock: Final = threading.Lock()
        self._sock: PatientSocket | None = None
        self._hung_up = False

    def hang_up(self) -> None:
        """End the exchange from another thread."""
        with self._lock:
            self._hung_up = True
            if self._sock is not None:
                with suppress(OSError):
                    self._sock.shutdown(socket.SHUT_RDWR)

    def run(self, connections: Connections) -> Reply:
        """Do it all, in this thread.

        Raises:
            StoreUnreachable, StoreChecksumMismatch
        """
        connection = connections.take()
        whole = False
        try:
            self._connect(connection)
            reply, whole = self._talk(connection, target=connections.target(self._request.path))
            return reply
        finally:
            with self._lock:
                self._sock = None
                whole = whole and not self._hung_up
            if whole:
                connections.give_back(connection)
            else:
                connection.close()

    def _connect(self, connection: HTTPConnection) -> None:
        try:
            kept: Any = connection.sock
            sock: PatientSocket = kept or self._connected(connection)
        except (OSError, HTTPException) as error:
            raise self._unreachable(error, connected=False) from error
        with self._lock:
            self._sock = sock
            if self._hung_up:
                raise self._unreachable(ConnectionAbortedError(), connected=True)

    def _connected(self, connection: HTTPConnection) -> PatientSocket:
        connection.connect()
        plain: socket.socket = connection.sock
        tune(plain, silence_s=self._progress_s)
        patient = PatientSocket(plain, silence_s=self._progress_s, reply_s=self._reply_s)
        # All that http.client asks of a socket.
        connection.sock = patient
        return patient

    def _talk(self, connection: HTTPConnection, *, target: str) -> tuple[Reply, bool]:
        """Return the reply, and whether the connection is good for another."""
        request = self._request
        try:
            connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            for chunk in self._body.chunks(self._wait):
                connection.sock.sendall(chunk)
            return _read(connection.getresponse())
        except (OSError, HTTPException) as error:
            raise self._unreachable(error, connected=True) from error

    def _wait(self, size_bytes: int) -> None:
        """Wait for the loop's pace, which all streams share.

        To cross to the loop costs more than all else that Python does for a chunk: it is asked
        only where there is something to wait for.
        """
        pace = self._body.pace
        if pace is not None and not pace.goes_at_once(size_bytes):
            asyncio.run_coroutine_threadsafe(pace.wait(size_bytes), self._loop).result()

    def _unreachable(self, error: Exception, *, connected: bool) -> StoreUnreachable:
        kind = type(error).__name__
        silent = connected and isinstance(error, TimeoutError)
        return StoreUnreachable(
            f"{self._request.what}: {str(error) or kind}",
            error=kind,
            connected=connected,
            silent=silent,
        )


def _read(response: HTTPResponse) -> tuple[Reply, bool]:
    """Return the reply, and whether it was read to its end on a connection that stays."""
    content = response.read(ERROR_BODY_BYTES + 1)
    cut = len(content) > ERROR_BODY_BYTES
    if response.length and not cut:
        # Read in portions, a body that breaks off is no error to http.client.
        raise IncompleteRead(content, response.length)
    reply = Reply(
        status=response.status,
        headers={name.lower(): value for name, value in response.getheaders()},
        body=content[:ERROR_BODY_BYTES],
        cut=cut,
    )
    # Behind an interim reply, of which http.client skips only "100 Continue", the real one follows.
    final = response.status >= HTTPStatus.OK
    return reply, final and not cut and not response.will_close
