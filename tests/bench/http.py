"""How soon the station answers, with a full rack at work and years of footage in its ledger."""

import json
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from statistics import quantiles
from typing import Final
from urllib.parse import quote

import httpx2

from dockd.core import facts
from dockd.station.ledger import tallying
from dockd.stores.directory import MARKER
from tests.bench.bench import Bench
from tests.bench.footage import shoot
from tests.bench.measuring import MIB, Failed
from tests.bench.rows import Row
from tests.bench.station import Setup, dock, running
from tests.station.test_ledger_speed import POLICY, filled

_CLIPS: Final = 100_000
_SLOTS: Final = 64
# Small clips, so that there is news all the time, for longer than the questions take.
_CLIPS_PER_CAMERA: Final = 100
_READ_MB_S: Final = 0.2
_QUESTIONS: Final = 600
_BETWEEN_S: Final = 0.01
_FOLLOWERS: Final = 2
_PATIENCE_S: Final = 30.0
# What was long ago: each clip wiped, its spool copy purged, its receipt in the ledger.
_HISTORY: Final = (
    "DELETE FROM holds",
    "DELETE FROM problems",
    "UPDATE clips SET camera_copy = 'wiped', spool_copy = 'purged'",
    "INSERT OR IGNORE INTO store_copies SELECT number, 'central', 'receipted', 1 FROM clips",
    "UPDATE store_copies SET state = 'receipted', proven = 1",
    "UPDATE dockings SET ended_at = 't', end_reason = 'removed', offloaded = 1, wiped_unsaid = 0",
)


def measure(bench: Bench) -> list[Row]:
    """Return http.p99: the 99th percentile of each run's questions, all kinds of them in turn."""
    setup = _setup(bench)
    p99_ms: list[float] = []
    slowest: dict[str, float] = {}
    with running(setup) as (daemon, _):
        for number in range(_SLOTS):
            camera = setup.folder / f"BWC-{number:06}"
            shoot(camera, clips=_CLIPS_PER_CAMERA, clip_bytes=MIB // 4)
            dock(camera, rack=setup.rack, slot=f"S{number:02}")
        daemon.wait_for(facts.ReceiptAccepted.sentence, times=_SLOTS)
        with closing(_connected(setup)) as asking, _followed(setup):
            paths = _questions(asking)
            for _ in range(bench.runs):
                times_ms = [_ask(asking, paths[n % len(paths)]) for n in range(_QUESTIONS)]
                p99_ms.append(quantiles(times_ms, n=100)[98])
                for number, taken in enumerate(times_ms):
                    path = paths[number % len(paths)]
                    slowest[path] = max(taken, slowest.get(path, 0.0))
        if daemon.count(facts.DockingOffloaded.sentence):
            raise Failed("a camera had been copied before the last question was answered")
    shutil.rmtree(setup.folder)
    worst = max(slowest, key=lambda path: slowest[path])
    return [
        bench.row(
            "http.p99",
            values=p99_ms,
            unit="ms",
            goal="<50",
            command=(
                f"{_QUESTIONS} questions over TCP, one after another, of {len(paths)} kinds; "
                f"{_SLOTS} cameras copying at {_READ_MB_S} MB/s each, {_CLIPS} clips in the "
                f"ledger, {_FOLLOWERS} who follow; the slowest: {worst} {slowest[worst]:.0f} ms"
            ),
        )
    ]


def _setup(bench: Bench) -> Setup:
    """Return a station whose ledger has seen much, and whose store is a folder beside it."""
    folder = bench.subfolder("dockd")
    for name in ("store", "spool"):
        (folder / name).mkdir()
    (folder / "store" / MARKER).touch()
    with closing(filled(folder / "spool/ledger.sqlite3", clips=_CLIPS)) as connection:
        connection.execute("BEGIN")
        for statement in _HISTORY:
            connection.execute(statement)
        tallying.recount(connection, policy=POLICY)
        connection.execute("COMMIT")
    slots = "".join(f'[[slots]]\nname = "S{number:02}"\n' for number in range(_SLOTS))
    store = (
        f'[[store]]\nname = "central"\nkind = "directory"\npath = "{folder}/store"\n'
        "allow_same_disk = true\n"
    )
    return Setup(
        folder=folder, rack=folder / "rack", store=store, more=slots, limit_mb_s=_READ_MB_S
    )


@contextmanager
def _followed(setup: Setup) -> Iterator[None]:
    """Have some follow the station's events, as a kiosk and an admin's browser do."""
    ended = threading.Event()
    threads = [
        threading.Thread(target=_follow, args=(setup, ended), daemon=True)
        for _ in range(_FOLLOWERS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _follow(setup: Setup, ended: threading.Event) -> None:
    with _by_socket(setup) as client, client.stream("GET", "/v1/events") as response:
        for _ in response.iter_raw():
            if ended.is_set():
                return


def _by_socket(setup: Setup) -> httpx2.Client:
    transport = httpx2.HTTPTransport(uds=str(setup.folder / "api.sock"))
    return httpx2.Client(transport=transport, base_url="http://localhost", timeout=_PATIENCE_S)


def _connected(setup: Setup) -> HTTPConnection:
    """Return a connection over TCP, kept for all questions as readers keep theirs."""
    with _by_socket(setup) as client:
        listen = client.get("/v1/status").json()["listen"]
    return HTTPConnection(listen, timeout=_PATIENCE_S)


def _questions(asking: HTTPConnection) -> Sequence[str]:
    """Return what is asked: all that a page, a monitoring system and an admin ask for."""
    clips = json.loads(_answer(asking, "/v1/clips?place=wiped&limit=1"))["clips"]
    camera = quote(clips[0]["camera"], safe="")
    return (
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/status",
        "/v1/slots",
        "/v1/problems",
        "/v1/history",
        "/v1/completeness",
        f"/v1/completeness?camera={camera}",
        f"/v1/cameras/{camera}",
        "/v1/clips?place=verified",
        f"/v1/clips?camera={camera}",
        f"/v1/clips/{quote(clips[0]['key'])}",
        "/v1/dockings",
    )


def _ask(asking: HTTPConnection, path: str) -> float:
    """Ask once, and return how long the whole answer took, in milliseconds."""
    time.sleep(_BETWEEN_S)
    began_s = time.monotonic()
    _answer(asking, path)
    return 1000 * (time.monotonic() - began_s)


def _answer(asking: HTTPConnection, path: str) -> bytes:
    asking.request("GET", path)
    response = asking.getresponse()
    content = response.read()
    if response.status != HTTPStatus.OK:
        raise Failed(f"{path}: {response.status} {content[:200]!r}")
    return content
