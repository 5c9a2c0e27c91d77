"""Those who ask a station, each in a process of its own.

Beside the bench's own threads, which read the daemon's journal, an asker would time their turns.
"""

import multiprocessing
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from tests.bench.measuring import Failed

_PATIENCE_S: Final = 30.0
_PIECE_BYTES: Final = 65536
_SPAWN: Final = multiprocessing.get_context("spawn")


@contextmanager
def asker() -> Iterator[ProcessPoolExecutor]:
    """Lend a process that runs what it is handed, one thing after another."""
    with ProcessPoolExecutor(1, mp_context=_SPAWN) as pool:
        yield pool


def ask_all(listen: str, paths: Sequence[str], *, questions: int, between_s: float) -> list[float]:
    """Ask over one kept connection, each kind in turn; return how long each answer took, in ms."""
    with closing(HTTPConnection(listen, timeout=_PATIENCE_S)) as connection:
        times_ms = []
        for number in range(questions):
            time.sleep(between_s)
            began_s = time.monotonic()
            answer(connection, paths[number % len(paths)])
            times_ms.append(1000 * (time.monotonic() - began_s))
        return times_ms


def answer(connection: HTTPConnection, path: str) -> bytes:
    """Return the whole answer to a question, which must be a good one."""
    connection.request("GET", path)
    response = connection.getresponse()
    content = response.read()
    if response.status != HTTPStatus.OK:
        raise Failed(f"{path}: {response.status} {content[:200]!r}")
    return content


@contextmanager
def followed(unix: Path, *, by: int) -> Iterator[None]:
    """Have some follow the station's events, as a kiosk and an admin's browser do."""
    followers = [_SPAWN.Process(target=_follow, args=(str(unix),), daemon=True) for _ in range(by)]
    for follower in followers:
        follower.start()
    try:
        yield
        if not all(follower.is_alive() for follower in followers):
            raise Failed("one who followed was sent away")
    finally:
        for follower in followers:
            follower.terminate()
            follower.join()


def _follow(unix: str) -> None:
    """Take whatever comes for as long as anything does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(unix)
        connection.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while connection.recv(_PIECE_BYTES):
            pass
