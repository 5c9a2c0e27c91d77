"""How soon the station answers, with a full rack at work and years of footage in its ledger."""

import json
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from typing import Final
from urllib.parse import quote

import httpx2

from dockd.core import facts
from dockd.core.custody import chain, genesis
from dockd.station.ledger import tallying
from dockd.station.ledger.recording import meta
from dockd.station.ledger.rows import event_row
from dockd.stores.directory import MARKER
from tests.bench.asking import answer, ask_all, asker, followed
from tests.bench.bench import Bench
from tests.bench.footage import shoot
from tests.bench.measuring import MIB, Failed
from tests.bench.rows import Row
from tests.bench.station import Setup, between, dock, running
from tests.station.test_ledger_speed import POLICY, filled

_CLIPS: Final = 100_000
_SLOTS: Final = 64
# Eight are read at once: half a gigabit a second for as long as the questions take, in clips that
# are short enough for much news and too large to be copied, and told of, many at once.
_CLIPS_PER_CAMERA: Final = 100
_CLIP_BYTES: Final = 2 * MIB
_READ_MB_S: Final = 8
_QUESTIONS: Final = 600
_BETWEEN_S: Final = 0.01
_FOLLOWERS: Final = 2
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
    with running(setup) as (daemon, _):
        for number in range(_SLOTS):
            camera = setup.folder / f"BWC-{number:06}"
            _film(camera)
            dock(camera, rack=setup.rack, slot=f"S{number:02}")
        daemon.wait_for(facts.ReceiptAccepted.sentence, times=_SLOTS)
        listen = _listen(setup)
        paths = _questions(listen)
        with asker() as pool, followed(setup.folder / "api.sock", by=_FOLLOWERS):
            began, had = daemon.now(), daemon.count(facts.ReceiptAccepted.sentence)
            runs = [
                pool.submit(
                    ask_all, listen, paths, questions=_QUESTIONS, between_s=_BETWEEN_S
                ).result()
                for _ in range(bench.runs)
            ]
            spent = between(began, daemon.now())
            stored_s = (daemon.count(facts.ReceiptAccepted.sentence) - had) / spent.wall_s
        if daemon.count(facts.DockingOffloaded.sentence):
            raise Failed("a camera had been copied before the last question was answered")
    shutil.rmtree(setup.folder)
    beside = (
        f"{_SLOTS} cameras docked, 8 copied at once at {_READ_MB_S} MB/s each and {stored_s:.0f} "
        f"clips a second stored, for {spent.cpu_s / spent.wall_s:.2f} of a core in all"
    )
    return [_row(bench, runs, paths=paths, beside=beside)]


def _row(
    bench: Bench, runs: Sequence[Sequence[float]], *, paths: Sequence[str], beside: str
) -> Row:
    slowest_ms = max(
        (max(run[first :: len(paths)]), path) for run in runs for first, path in enumerate(paths)
    )
    return bench.row(
        "http.p99",
        values=[quantiles(run, n=100)[98] for run in runs],
        unit="ms",
        goal="<50",
        command=(
            f"{_QUESTIONS} questions over TCP, one after another, of {len(paths)} kinds; {beside}; "
            f"{_CLIPS} clips in the ledger, {_FOLLOWERS} who follow; the slowest of all: "
            f"{slowest_ms[1]} {slowest_ms[0]:.0f} ms"
        ),
    )


def _film(camera: Path) -> None:
    """Fill a camera with clips that differ at their beginnings: to make them costs next to nothing.

    Whoever copies, hashes and sends them works as with any others.
    """
    for path in shoot(camera, clips=_CLIPS_PER_CAMERA, clip_bytes=4096):
        os.truncate(path, _CLIP_BYTES)


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
        _chain(connection)
        connection.execute("COMMIT")
    slots = "".join(f'[[slots]]\nname = "S{number:02}"\n' for number in range(_SLOTS))
    store = (
        f'[[store]]\nname = "central"\nkind = "directory"\npath = "{folder}/store"\n'
        "allow_same_disk = true\n"
    )
    return Setup(
        folder=folder, rack=folder / "rack", store=store, more=slots, limit_mb_s=_READ_MB_S
    )


def _chain(connection: sqlite3.Connection) -> None:
    """Make the record one that can be believed: the station walks it, and says when it cannot."""
    events = connection.execute("SELECT kind, subject FROM events ORDER BY sequence").fetchall()
    # No event is ever changed, which the ledger sees to itself; this one is not a ledger yet.
    guards = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'"
    ).fetchall()
    for name, _ in guards:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("DELETE FROM events")
    link = genesis(meta(connection, key="ledger_id"))
    for kind, subject in events:
        event = chain(
            link,
            time_utc="2026-01-01T00:00:00Z",
            clock_quality="synchronised",
            monotonic_ns=link.sequence,
            kind=kind,
            subject=subject,
            fields={},
        )
        connection.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", event_row(event)
        )
        link = event.link
    for _, guard in guards:
        connection.execute(guard)


def _listen(setup: Setup) -> str:
    """Return the address that TCP is bound to."""
    transport = httpx2.HTTPTransport(uds=str(setup.folder / "api.sock"))
    with httpx2.Client(transport=transport, base_url="http://localhost", timeout=60) as client:
        listen: str = client.get("/v1/status").json()["listen"]
        return listen


def _questions(listen: str) -> Sequence[str]:
    """Return what is asked: all that a page, a monitoring system and an admin ask for."""
    with closing(HTTPConnection(listen, timeout=60)) as connection:
        clips = json.loads(answer(connection, "/v1/clips?place=wiped&limit=1"))["clips"]
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
