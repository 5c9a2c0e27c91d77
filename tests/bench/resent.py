"""What is sent again after a kill in the middle of an upload, counted between client and store."""

import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dockd.core import facts
from tests.bench.bench import Bench
from tests.bench.measuring import MIB, Failed
from tests.bench.offload import camera
from tests.bench.proxy import CountingProxy, counting
from tests.bench.rows import Peer, Row
from tests.bench.s3_clients import CLIENTS, PART_MIB, Client, Destination
from tests.bench.station import running
from tests.bench.upload import proven, real_store, with_store

# As many as dockd sends at once, unless it is told otherwise: all of them are in flight.
CLIPS: Final = 2
CLIP_BYTES: Final = 64 * MIB
_SIZE_BYTES: Final = CLIPS * CLIP_BYTES
# From here to one part further, another point in every run: none is just where a part ends.
_KILLED_FROM_BYTES: Final = _SIZE_BYTES // 2
_PATIENCE_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One run: everybody sends through the proxy, and is killed at the same number of bytes."""

    bench: Bench
    proxy: CountingProxy
    to: Destination
    kill_at: int


def measure(bench: Bench) -> list[Row]:
    """Return upload.resent alone, in parts per clip in flight, and against each client."""
    ours: list[float] = []
    theirs: dict[str, list[float]] = {client.name: [] for client in CLIENTS}
    with camera(bench, clips=CLIPS, clip_bytes=CLIP_BYTES) as source:
        for run in range(bench.runs):
            with real_store(bench, run=run) as to, counting(address(to)) as proxy:
                through = Destination(server=to.server, endpoint=proxy.endpoint, bucket=to.bucket)
                kill_at = _KILLED_FROM_BYTES + (2 * run + 1) * PART_MIB * MIB // (2 * bench.runs)
                attempt = _Attempt(bench=bench, proxy=proxy, to=through, kill_at=kill_at)
                ours.append(by_dockd(attempt, source, run=run))
                for client in CLIENTS:
                    theirs[client.name].append(by_client(client, source, attempt=attempt))
    told = (
        f"SIGKILL after {_KILLED_FROM_BYTES // MIB} MiB and a bit of {CLIPS} clips of "
        f"{CLIP_BYTES // MIB} MiB, "
        "then started again; bytes counted by a proxy; dockd run"
    )
    part_bytes = PART_MIB * MIB
    alone = bench.row(
        "upload.resent",
        values=[sent / part_bytes / CLIPS for sent in ours],
        unit="parts per clip in flight",
        goal="<=1.0",
        command=told,
    )
    return [
        alone,
        *(_against(bench, client, ours, theirs[client.name], told) for client in CLIENTS),
    ]


def _against(
    bench: Bench, client: Client, ours: list[float], theirs: list[float], told: str
) -> Row:
    return bench.row(
        f"upload.resent.{client.name}",
        values=[sent / MIB for sent in ours],
        unit="MiB",
        # One part for each clip in flight, by all that a peer had sent when it was killed.
        goal=f"<={CLIPS * PART_MIB * MIB / _KILLED_FROM_BYTES:g}",
        command=told,
        peer=Peer(
            name=client.name,
            values=[sent / MIB for sent in theirs],
            command=client.command(),
        ),
    )


def by_dockd(attempt: _Attempt, source: Path, *, run: int) -> float:
    """Return how many bytes a killed and restarted daemon sent more than there are."""
    proxy = attempt.proxy
    setup = with_store(proven(attempt.bench, source, run=run), to=attempt.to)
    before = proxy.sent_bytes
    killed = threading.Event()
    try:
        with running(setup) as (daemon, _):

            def kill() -> None:
                os.kill(daemon.pid, signal.SIGKILL)
                killed.set()

            proxy.ring_at(attempt.kill_at, kill)
            if not killed.wait(_PATIENCE_S):
                raise Failed("dockd never sent half of its footage")
            received = daemon.count(facts.ReceiptAccepted.sentence)
        with running(setup) as (daemon, _):
            daemon.wait_for(facts.ReceiptAccepted.sentence, times=CLIPS - received)
    finally:
        shutil.rmtree(setup.folder)
    return _more_than_needed(proxy.sent_bytes - before)


def by_client(client: Client, source: Path, *, attempt: _Attempt) -> float:
    """Return how many bytes a killed and restarted client sent more than there are."""
    bench, proxy, to = attempt.bench, attempt.proxy, attempt.to
    before = proxy.sent_bytes
    with (bench.folder / f"{client.name}.log").open("ab") as log:
        process = subprocess.Popen(
            client.arguments(),
            env={**os.environ, **client.variables(source, to=to, prefix=client.name)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        # The shell and what it runs: a session of our own making.
        proxy.ring_at(attempt.kill_at, lambda: os.killpg(process.pid, signal.SIGKILL))
        if process.wait(_PATIENCE_S) == 0:
            raise Failed(f"{client.name} was done before it could be killed")
    client.send(source, to=to, prefix=client.name, folder=bench.folder)
    return _more_than_needed(proxy.sent_bytes - before)


def _more_than_needed(sent_bytes: int) -> float:
    # Requests and headers are counted too, a thousandth of it: nobody is given less than nothing.
    return max(0.0, float(sent_bytes - _SIZE_BYTES))


def address(to: Destination) -> tuple[str, int]:
    """Return where a store listens: host and port."""
    host, _, port = to.endpoint.removeprefix("http://").rpartition(":")
    return host, int(port)
