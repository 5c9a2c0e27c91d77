"""What a station costs when nothing happens: a whole night, most nights."""

import shutil
import time
from typing import Final

from tests.bench.bench import Bench
from tests.bench.rows import Row
from tests.bench.station import Setup, between, running
from tests.bench.upload import real_store, store_table

_AT_REST_S: Final = 3.0
_WATCHED_S: Final = 12.0


def measure(bench: Bench) -> list[Row]:
    """Return idle.cpu, in percent of one core, with a store and an empty rack."""
    folder = bench.subfolder("dockd")
    percents: list[float] = []
    with real_store(bench, run=0) as to:
        setup = Setup(folder=folder, rack=folder / "rack", store=store_table(to, folder=folder))
        with running(setup) as (daemon, _):
            time.sleep(_AT_REST_S)
            for _ in range(bench.runs):
                begin = daemon.now()
                time.sleep(_WATCHED_S)
                cost = between(begin, daemon.now())
                percents.append(100 * cost.cpu_s / cost.wall_s)
    shutil.rmtree(folder)
    return [
        bench.row(
            "idle.cpu",
            values=percents,
            unit="% of a core",
            goal="<0.2",
            command=f"CPU clock of dockd run over {_WATCHED_S:g} s, an empty rack and a store",
        )
    ]
