"""`python -m tests.bench [NAME...] [--runs N] [--readme]`: measure, save, show, write it down."""

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from tests.bench import arrival, charge, http, idle, journey, memory, offload, rate, resent, upload
from tests.bench.bench import Bench
from tests.bench.machine import describe
from tests.bench.measuring import Failed
from tests.bench.rows import Row, load, save
from tests.bench.table import as_text, write_readme
from tests.fleet import figures

_ROOT: Final = Path(__file__).parents[2]
_RESULTS: Final = _ROOT / "build" / "bench.json"
_RUNS: Final = 5

_BENCHMARKS: Final[Mapping[str, Callable[[Bench], list[Row]]]] = {
    "offload": offload.measure,
    "upload": lambda bench: [*upload.measure(bench), *resent.measure(bench)],
    "rate": rate.measure,
    "journey": journey.measure,
    "memory": memory.measure,
    "idle": idle.measure,
    "arrival": arrival.measure,
    "http": http.measure,
    "charge": charge.measure,
    "fleet": figures.measure,
}


def main() -> int:
    """Run what was asked for; 1 when something could not be measured. A missed goal is told."""
    options = _options()
    if options.readme:
        write_readme(_ROOT / "README.md", rows=_saved())
        return 0
    _RESULTS.parent.mkdir(exist_ok=True)
    for name in options.names or list(_BENCHMARKS):
        try:
            rows = _measure(name, runs=options.runs)
        except Failed as error:
            print(f"bench {name}: {error}", file=sys.stderr)
            return 1
        save(_RESULTS, benchmark=name, rows=rows)
    print(as_text(_saved()))
    return 0


def _saved() -> list[dict[str, Any]]:
    """Return the saved rows in the order of the benchmarks, whichever was taken last."""
    order = list(_BENCHMARKS)
    return sorted(load(_RESULTS), key=lambda row: order.index(row["name"].partition(".")[0]))


def _measure(name: str, *, runs: int) -> list[Row]:
    print(f"{name}: {runs} runs of each ...", file=sys.stderr, flush=True)
    # On the disk of the repository: /tmp may be memory, which proves nothing of a spool.
    folder = Path(mkdtemp(prefix="bench-", dir=_RESULTS.parent))
    try:
        return _BENCHMARKS[name](Bench(folder=folder, machine=describe(folder), runs=runs))
    finally:
        shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", choices=[[], *_BENCHMARKS], metavar="NAME")
    parser.add_argument("--runs", type=int, default=_RUNS, help="fewer show less (default 5)")
    parser.add_argument("--readme", action="store_true", help="write the README's table and end")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
