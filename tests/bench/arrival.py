"""From a directory camera's rename into its slot to the first byte that dockd reads of it.

inotify tells when: it sees every read of the file, by whomever, and costs the reader nothing.
"""

import ctypes
import os
import random
import select
import shutil
import time
from pathlib import Path
from statistics import median
from typing import Final

from dockd.core import facts
from tests.bench.bench import Bench
from tests.bench.footage import shoot
from tests.bench.measuring import MIB, Failed
from tests.bench.rows import Row
from tests.bench.station import Setup, dock, running
from tests.bench.upload import NO_WIPE

_IN_ACCESS: Final = 0x00000001
_PATIENCE_S: Final = 30.0
_CAMERAS: Final = 8


def measure(bench: Bench) -> list[Row]:
    """Return arrival.directory: each run's median over several cameras, one after another."""
    folder = bench.subfolder("dockd")
    setup = Setup(folder=folder, rack=folder / "rack", more=NO_WIPE)
    with running(setup) as (daemon, _):
        times_ms: list[float] = []
        for number in range(bench.runs * _CAMERAS):
            camera = folder / f"BWC-{number:06}"
            (clip,) = shoot(camera, clips=1, clip_bytes=MIB)
            # At no particular moment between two of its looks at the rack.
            time.sleep(1 + random.random() / 4)
            times_ms.append(1000 * _first_read_s(camera, clip=clip, rack=setup.rack))
            daemon.wait_for(facts.DockingOffloaded.sentence, times=number + 1)
            shutil.rmtree(setup.rack / "A1" / camera.name)
    shutil.rmtree(folder)
    runs = [times_ms[begin : begin + _CAMERAS] for begin in range(0, len(times_ms), _CAMERAS)]
    return [
        bench.row(
            "arrival.directory",
            values=[median(run) for run in runs],
            unit="ms",
            goal="<300",
            command=(
                "rename(2) of a camera into its slot to the first read of its clip, by inotify; "
                f"the slowest of {len(times_ms)}: {max(times_ms):.0f} ms"
            ),
        )
    ]


def _first_read_s(camera: Path, *, clip: Path, rack: Path) -> float:
    """Dock a camera and return the seconds until its clip is read."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = int(libc.inotify_init1(os.O_CLOEXEC))
    try:
        # The watch is the file's own: it goes with it into the slot.
        if libc.inotify_add_watch(descriptor, os.fsencode(clip), _IN_ACCESS) < 0:
            raise Failed(f"inotify: {os.strerror(ctypes.get_errno())}")
        begin_s = time.monotonic()
        dock(camera, rack=rack)
        if not select.select([descriptor], [], [], _PATIENCE_S)[0]:
            raise Failed(f"the daemon did not read {camera.name}")
        return time.monotonic() - begin_s
    finally:
        os.close(descriptor)
