"""How closely the station's rate limit is kept, counted between dockd and a real store.

Two clips go at once, each in several parts, so in several sockets; the limit is changed under them
by a reload. Of all stretches of 30 s under one limit the one that is furthest from it counts.
"""

import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.bench.bench import Bench
from tests.bench.measuring import MIB, Failed
from tests.bench.offload import camera
from tests.bench.proxy import CountingProxy, counting
from tests.bench.resent import address
from tests.bench.rows import Row
from tests.bench.s3_clients import Destination
from tests.bench.station import Daemon, Setup, running
from tests.bench.upload import NO_WIPE, proven, real_store, with_store

_LIMITS_MBIT_S: Final = (20, 60)
_CLIPS: Final = 6
_CLIP_BYTES: Final = 80 * MIB
_STRETCH_S: Final = 30.0
_WATCHED_S: Final = 34.0
_LOOK_S: Final = 0.25
# What a socket had taken under the limit before is on its way still.
_SETTLE_S: Final = 2.0
_PATIENCE_S: Final = 60.0
_RELOADED: Final = "The configuration was read again."
_BYTES_PER_MBIT: Final = 1_000_000 / 8

Samples = list[tuple[float, int]]


def measure(bench: Bench) -> list[Row]:
    """Return rate.kept: the furthest that any 30 s were from the limit, in per cent of it."""
    worst: list[float] = []
    with camera(bench, clips=_CLIPS, clip_bytes=_CLIP_BYTES) as source:
        for run in range(bench.runs):
            with real_store(bench, run=run) as to, counting(address(to)) as proxy:
                through = Destination(server=to.server, endpoint=proxy.endpoint, bucket=to.bucket)
                worst.append(_one(bench, source, to=through, proxy=proxy, run=run))
    limits = " and, after a reload, ".join(f"{limit} Mbit/s" for limit in _LIMITS_MBIT_S)
    return [
        bench.row(
            "rate.kept",
            values=worst,
            unit="% off over 30 s",
            goal="<=3",
            command=f"{limits}; {_CLIPS} clips of {_CLIP_BYTES // MIB} MiB, two at once, in parts; "
            "bytes counted by a proxy; dockd run",
        )
    ]


def _one(bench: Bench, source: Path, *, to: Destination, proxy: CountingProxy, run: int) -> float:
    setup = with_store(proven(bench, source, run=run), to=to)
    try:
        with running(_limited(setup, _LIMITS_MBIT_S[0])) as (daemon, _):
            _wait_until_it_sends(proxy)
            worst = 0.0
            for limit in _LIMITS_MBIT_S:
                if limit != _LIMITS_MBIT_S[0]:
                    _reload(daemon, _limited(setup, limit))
                time.sleep(_SETTLE_S)
                worst = max(worst, _furthest(_watched(proxy), limit_mbit_s=limit))
            return worst
    finally:
        shutil.rmtree(setup.folder)


def _limited(setup: Setup, limit_mbit_s: float) -> Setup:
    uplink = f"[uplink]\nrate_limit_mbit_s = {limit_mbit_s}\n"
    return replace(setup, more=f"{NO_WIPE}{uplink}")


def _reload(daemon: Daemon, setup: Setup) -> None:
    setup.write()
    os.kill(daemon.pid, signal.SIGHUP)
    daemon.wait_for(_RELOADED)


def _wait_until_it_sends(proxy: CountingProxy) -> None:
    give_up_s = time.monotonic() + _PATIENCE_S
    while proxy.sent_bytes < MIB:
        if time.monotonic() > give_up_s:
            raise Failed("dockd never began to send")
        time.sleep(_LOOK_S)


def _watched(proxy: CountingProxy) -> Samples:
    samples: Samples = []
    until_s = time.monotonic() + _WATCHED_S
    while not samples or samples[-1][0] < until_s:
        samples.append((time.monotonic(), proxy.sent_bytes))
        time.sleep(_LOOK_S)
    return samples


def _furthest(samples: Sequence[tuple[float, int]], *, limit_mbit_s: float) -> float:
    """Return the worst deviation of any stretch of 30 s, in per cent of the limit."""
    limit_bytes_s = limit_mbit_s * _BYTES_PER_MBIT
    worst = 0.0
    for begin, (began_s, before) in enumerate(samples):
        behind = [one for one in samples[begin:] if one[0] >= began_s + _STRETCH_S]
        if behind:
            ended_s, after = behind[0]
            rate_bytes_s = (after - before) / (ended_s - began_s)
            worst = max(worst, abs(rate_bytes_s / limit_bytes_s - 1) * 100)
    return worst
