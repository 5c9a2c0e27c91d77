"""Camera to proven receipt: what the whole way costs the client, by dockd and by scripts."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Final

from dockd.core import facts
from tests.bench.bench import Bench
from tests.bench.copying import CP_OPENSSL
from tests.bench.measuring import GB, MIB, settle_disk
from tests.bench.offload import camera
from tests.bench.rows import Peer, Row
from tests.bench.s3_clients import CLIENTS, Destination
from tests.bench.station import SLOT, Setup, between, dock, running
from tests.bench.upload import CLIP_BYTES, CLIPS, NO_WIPE, real_store, store_table

_SENDERS: Final = tuple(client for client in CLIENTS if client.multipart)


def by_dockd(bench: Bench, source: Path, *, to: Destination, run: int) -> float:
    """Return the daemon's CPU seconds from docking to the last receipt."""
    folder = bench.subfolder(f"dockd-{run}")
    setup = Setup(
        folder=folder,
        rack=source.parent / "rack",
        store=store_table(to, folder=folder),
        more=NO_WIPE,
    )
    settle_disk()
    try:
        with running(setup) as (daemon, _):
            (setup.rack / SLOT).mkdir(exist_ok=True)
            time.sleep(1)
            begin = daemon.now()
            docked = dock(source, rack=setup.rack)
            end = daemon.wait_for(facts.ReceiptAccepted.sentence, times=CLIPS)
            docked.rename(source)
            return between(begin, end).cpu_s
    finally:
        shutil.rmtree(folder)


def measure(bench: Bench) -> list[Row]:
    """Return journey.cpu against cp + openssl followed by the S3 client that costs least."""
    ours: list[float] = []
    copied: list[float] = []
    sent: dict[str, list[float]] = {client.name: [] for client in _SENDERS}
    with camera(bench, clips=CLIPS, clip_bytes=CLIP_BYTES) as source:
        for run in range(bench.runs):
            with real_store(bench, run=run) as to:
                ours.append(by_dockd(bench, source, to=to, run=run))
                copied.append(CP_OPENSSL.copy(source, folder=bench.folder).cpu_s)
                for client in _SENDERS:
                    cost = client.send(source, to=to, prefix=client.name, folder=bench.folder)
                    sent[client.name].append(cost.cpu_s)
    best = min(_SENDERS, key=lambda client: median(sent[client.name]))
    theirs = [copy + send for copy, send in zip(copied, sent[best.name], strict=True)]
    return [
        bench.row(
            "journey.cpu.cp_openssl",
            values=[_per_gb(cpu_s) for cpu_s in ours],
            unit="CPU s/GB",
            goal="<=0.75",
            command=(
                f"dockd run, {CLIPS} clips of {CLIP_BYTES // MIB} MiB from docking to the last "
                f"receipt of SeaweedFS on loopback; S3 clients' medians: {_medians(sent)}"
            ),
            peer=Peer(
                name=f"cp_openssl, then {best.name}",
                values=[_per_gb(cpu_s) for cpu_s in theirs],
                command=f"{CP_OPENSSL.command()}; {best.command()}",
            ),
        )
    ]


def _medians(sent: Mapping[str, list[float]]) -> str:
    return ", ".join(f"{name} {_per_gb(median(all_s)):.2f}" for name, all_s in sent.items())


def _per_gb(cpu_s: float) -> float:
    return cpu_s / (CLIPS * CLIP_BYTES) * GB
