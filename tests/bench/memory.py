"""The daemon's memory: at rest, and with a full rack copying while two clips are on their way."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dockd.core import facts
from tests.bench.bench import Bench
from tests.bench.footage import shoot
from tests.bench.measuring import MIB, resident_mib
from tests.bench.rows import Row
from tests.bench.s3_clients import Destination
from tests.bench.station import Daemon, Setup, dock, running
from tests.bench.upload import NO_WIPE, real_store, store_table

_CAMERAS: Final = 8
_SHORT_BYTES: Final = 32 * MIB
# Long enough never to end while it is watched; two are past 2 GiB, where parts are 64 MiB.
_LONG_BYTES: Final = (2200 * MIB, 2200 * MIB, *(640 * MIB for _ in range(_CAMERAS - 2)))
_READ_MB_S: Final = 30
_UPLINK_MBIT_S: Final = 100
_AT_REST_S: Final = 3.0
_WATCHED_S: Final = 6.0
_LOOK_EVERY_S: Final = 0.05


def measure(bench: Bench) -> list[Row]:
    """Return memory.idle and memory.busy: of each run the highest VmRSS that was seen."""
    idle: list[float] = []
    busy: list[float] = []
    for run in range(bench.runs):
        with (
            real_store(bench, run=run) as to,
            _station(bench, to, run=run) as setup,
            running(setup) as (daemon, _),
        ):
            time.sleep(_AT_REST_S)
            idle.append(resident_mib(daemon.pid))
            busy.append(_busy_mib(daemon, setup))
            daemon.kill()
    return [
        bench.row(
            "memory.idle",
            values=idle,
            unit="MiB",
            goal="<=80",
            command=f"VmRSS of dockd run, a store configured, {_AT_REST_S:g} s after it was ready",
        ),
        bench.row(
            "memory.busy",
            values=busy,
            unit="MiB",
            goal="<=160",
            command=(
                f"highest VmRSS in {_WATCHED_S:g} s of dockd run with {_CAMERAS} cameras copying "
                f"at {_READ_MB_S} MB/s each (two clips of {_LONG_BYTES[0] // MIB} MiB) and 2 "
                f"clips uploading at {_UPLINK_MBIT_S} Mbit/s"
            ),
        ),
    ]


@contextmanager
def _station(bench: Bench, to: Destination, *, run: int) -> Iterator[Setup]:
    folder = bench.subfolder(f"dockd-{run}")
    try:
        yield Setup(
            folder=folder,
            rack=folder / "rack",
            store=store_table(to, folder=folder),
            more=(f"{NO_WIPE}[uplink]\nrate_limit_mbit_s = {_UPLINK_MBIT_S}\nparallel_clips = 2\n"),
            limit_mb_s=_READ_MB_S,
        )
    finally:
        shutil.rmtree(folder)


def _busy_mib(daemon: Daemon, setup: Setup) -> float:
    for number, long_bytes in enumerate(_LONG_BYTES):
        camera = setup.folder / f"BWC-{number:06}"
        _shoot(camera, long_bytes=long_bytes)
        dock(camera, rack=setup.rack, slot=f"A{number + 1}")
    # Every camera's short clip is proven, so all long ones are under way, and two uploads.
    daemon.wait_for(facts.ClipVerified.sentence, times=_CAMERAS)
    highest = 0.0
    end_s = time.monotonic() + _WATCHED_S
    while time.monotonic() < end_s:
        highest = max(highest, resident_mib(daemon.pid))
        time.sleep(_LOOK_EVERY_S)
    return highest


def _shoot(camera: Path, *, long_bytes: int) -> None:
    """Make a short clip, and a long one without content that is copied after it."""
    (short,) = shoot(camera, clips=1, clip_bytes=_SHORT_BYTES)
    long = short.with_name("0002.mp4")
    long.touch()
    os.truncate(long, long_bytes)
    os.utime(short, (1, 1))
