"""`python -m tests.fleet`: play the city's change of shift, tell of it, save the rows."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.bench.bench import Bench
from tests.bench.machine import describe
from tests.bench.rows import save
from tests.fleet.city import GB, Scale
from tests.fleet.figures import SEED, both, page, rows
from tests.fleet.scenario import COLD, play

_RESULTS: Final = Path(__file__).parents[2] / "build" / "bench.json"


def main() -> int:
    """Play and tell; only the city that the goals are for goes into build/bench.json."""
    options = _options()
    scale = replace(
        Scale(),
        stations=options.stations,
        cameras=Scale().cameras * options.stations // Scale().stations,
        camera_bytes=options.camera_gb * GB,
    )
    if options.cold:
        print(page([play(COLD, scale=scale, seed=options.seed)]))
        return 0
    results = both(scale, seed=options.seed)
    print(page(results))
    _RESULTS.parent.mkdir(exist_ok=True)
    bench = Bench(folder=_RESULTS.parent, machine=describe(_RESULTS.parent), runs=1)
    made = rows(results, bench=bench)
    for row in made:
        found = row.value if row.ratio is None else row.ratio
        verdict = "holds" if row.holds else "MISSED"
        print(f"\n{row.name:<17} {found:.3f}, goal {row.goal}: {verdict}", end="")
    print()
    if scale == Scale():
        save(_RESULTS, benchmark="fleet", rows=made)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet")
    parser.add_argument("--stations", type=int, default=Scale().stations)
    parser.add_argument("--camera-gb", type=float, default=Scale().camera_bytes / GB)
    parser.add_argument("--cold", action="store_true", help="a store that comes back at half")
    parser.add_argument("--seed", type=int, default=SEED)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
