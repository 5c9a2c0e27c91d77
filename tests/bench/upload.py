"""Proven clips to a real S3 store: the client's CPU, dockd's daemon against the usual clients.

dockd's is that of the daemon process from its readiness to the last receipt, with the footage
proven in the spool beforehand and the store switched on: the probe of the store, the ledger's
commits and the confirmation of every object are in it. The peers' start-up counts only where it
is too small to matter.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dockd.core import facts
from tests.bench.bench import Bench
from tests.bench.measuring import GB, MIB, Cost, settle_disk
from tests.bench.offload import camera
from tests.bench.rows import Peer, Row
from tests.bench.s3_clients import CLIENTS, Destination
from tests.bench.station import Setup, between, offload, running
from tests.conformance.far_sides import new_bucket
from tests.fakes.servers import seaweedfs

# About a gigabyte, as the rows are counted by: what is paid once (the probe, the first connection)
# then weighs what it weighs at a docking.
CLIPS: Final = 4
CLIP_BYTES: Final = 256 * MIB
NO_WIPE: Final = '[wipe]\nafter = "never"\n'


@contextmanager
def real_store(bench: Bench, *, run: int) -> Iterator[Destination]:
    """Run a fresh SeaweedFS with one bucket, and remove all that it stored."""
    folder = bench.subfolder(f"store-{run}")
    try:
        with seaweedfs(folder) as server:
            yield Destination(server=server, endpoint=server.endpoint, bucket=new_bucket(server))
    finally:
        shutil.rmtree(folder)
        settle_disk()


def store_table(to: Destination, *, folder: Path) -> str:
    """Return the configuration of a store."""
    return (
        f'[[store]]\nname = "central"\nkind = "s3"\nendpoint = "{to.endpoint}"\n'
        f'bucket = "{to.bucket}"\nregion = "us-east-1"\n'
        f'credentials = "{to.server.credentials_file(folder)}"\n'
    )


def proven(bench: Bench, source: Path, *, run: int) -> Setup:
    """Return a station, stopped, that has proven the camera's clips and knows no store."""
    folder = bench.subfolder(f"dockd-{run}")
    setup = Setup(folder=folder, rack=source.parent / "rack", more=NO_WIPE)
    offload(setup, source)
    settle_disk()
    return setup


def with_store(setup: Setup, *, to: Destination) -> Setup:
    """Return the same station with a store."""
    return Setup(
        folder=setup.folder,
        rack=setup.rack,
        store=store_table(to, folder=setup.folder),
        more=setup.more,
    )


def by_dockd(bench: Bench, source: Path, *, to: Destination, run: int) -> Cost:
    """Upload once with a station of its own."""
    setup = proven(bench, source, run=run)
    try:
        with running(with_store(setup, to=to)) as (daemon, ready):
            end = daemon.wait_for(facts.ReceiptAccepted.sentence, times=CLIPS)
            return between(ready, end)
    finally:
        shutil.rmtree(setup.folder)


def measure(bench: Bench) -> list[Row]:
    """Return upload.cpu alone and against each client."""
    ours: list[float] = []
    theirs: dict[str, list[float]] = {client.name: [] for client in CLIENTS}
    with camera(bench, clips=CLIPS, clip_bytes=CLIP_BYTES) as source:
        for run in range(bench.runs):
            with real_store(bench, run=run) as to:
                ours.append(_per_gb(by_dockd(bench, source, to=to, run=run)))
                for client in CLIENTS:
                    cost = client.send(source, to=to, prefix=client.name, folder=bench.folder)
                    theirs[client.name].append(_per_gb(cost))
    told = f"dockd run, {CLIPS} proven clips of {CLIP_BYTES // MIB} MiB to SeaweedFS on loopback"
    alone = bench.row(
        "upload.cpu", values=ours, unit="CPU s/GB", goal="<=1.0", command=f"{told}, client CPU"
    )
    return [
        alone,
        *(
            bench.row(
                f"upload.cpu.{client.name}",
                values=ours,
                unit="CPU s/GB",
                # Half of the best multipart client; a bare checked PUT is only not exceeded.
                goal="<0.5" if client.multipart else "<=1.0",
                command=told,
                peer=Peer(name=client.name, values=theirs[client.name], command=client.command()),
            )
            for client in CLIENTS
        ),
    ]


def _per_gb(cost: Cost) -> float:
    return cost.cpu_s / (CLIPS * CLIP_BYTES) * GB
