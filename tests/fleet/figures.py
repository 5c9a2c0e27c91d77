"""What the simulated city comes to: the rows of build/bench.json, and a page to read."""

import sys
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from tests.bench.bench import Bench
from tests.bench.rows import Peer, Row
from tests.fleet.city import GB, Scale
from tests.fleet.scenario import HEALTHY, HOUR_S, OUTAGE, OUTAGE_S, Result, play

SEED: Final = 1
_COMMAND: Final = "make fleet: 700 stations, 23,000 cameras, 11.5 TB, one store of 40 Gbit/s"


def measure(bench: Bench) -> list[Row]:
    """Return fleet.{makespan,peak,starvation}; one run, for virtual time has no noise."""
    return rows(both(Scale(), seed=SEED), bench=bench)


def both(scale: Scale, *, seed: int) -> tuple[Result, Result]:
    """Play the shift with a healthy store, and with one that is away for two hours."""
    played = []
    for scenario in (HEALTHY, OUTAGE):
        print(f"fleet: the {scenario.name} store ...", file=sys.stderr, flush=True)
        played.append(play(scenario, scale=scale, seed=seed))
    healthy, outage = played
    return healthy, outage


def rows(results: tuple[Result, Result], *, bench: Bench) -> list[Row]:
    """Return the rows of a pair of results."""
    healthy, outage = results
    return [
        bench.row(
            "fleet.makespan",
            values=[healthy.makespan_s],
            unit="s",
            goal="<=1.1",
            command=_COMMAND,
            peer=Peer(
                name="optimum",
                values=[healthy.optimum_s],
                command="fluid at the rate of the links and of the store's ingest",
            ),
        ),
        bench.row(
            "fleet.peak",
            values=[outage.peak()],
            unit="of capacity",
            goal="<=1.2",
            command=f"{_COMMAND}; worst second after an outage of {OUTAGE_S / HOUR_S:g} h",
        ),
        bench.row(
            "fleet.starvation",
            values=[max(result.starvation() for result in results)],
            unit="of a fair wait",
            goal="<=2",
            command=f"{_COMMAND}; the worst of all clips, with and without the outage",
        ),
    ]


def page(results: Sequence[Result]) -> str:
    """Return everything that the results say, for a person."""
    return "\n\n".join("\n".join([_title(result), *_lines(result)]) for result in results)


def _title(result: Result) -> str:
    clips = sum(len(station.clips) for station in result.stations)
    filmed_bytes = sum(clip.size_bytes for station in result.stations for clip in station.clips)
    full = result.phases[0]
    return (
        f"The {result.scenario.name} store: {len(result.stations)} stations, {clips:,} clips, "
        f"{filmed_bytes / GB / 1000:.1f} TB; {full.ingest_bytes_s * 8 / GB:.0f} Gbit/s, "
        f"{full.requests_s:.0f} requests/s"
    )


def _lines(result: Result) -> Iterator[str]:
    needed = sum(clip.requests for station in result.stations for clip in station.clips)
    waits = sorted(result.waits())
    late = waits[-len(waits) // 1000]
    slower = result.makespan_s / result.optimum_s
    yield f"  last clip stored   {_clock(result.makespan_s)}"
    yield f"  optimum            {_clock(result.optimum_s)}; it took {slower:.3f} times that"
    yield f"  peak, by capacity  {result.peak():.2f} in one second"
    yield f"                     {result.peak(over_s=10):.2f} in ten; chance makes of that"
    yield f"                     {result.peak_by_chance():.2f} in one"
    yield f"  requests           {result.asked.total():,}; needed are {needed:,}"
    yield f"  answered 503       {result.shed.total():,}"
    yield f"  waits, by fair     {waits[-1]:.2f} the longest of all, {late:.2f} of 999 in 1000,"
    yield f"                     {median(waits):.2f} in the median"
    for outage in result.scenario.outages:
        yield from _spread(result, outage)


def _spread(result: Result, outage: tuple[float, float]) -> Iterator[str]:
    begin_s, end_s = outage
    onset = max(result.asked[second] for second in range(int(begin_s), int(begin_s) + 60))
    quiet = range(int(begin_s) + 1800, int(end_s))
    knocking_s = sum(result.asked[second] for second in quiet) / len(quiet)
    back_s = [when_s - end_s for when_s in result.first_success_s]
    busiest = max(sum(when <= other < when + 10 for other in back_s) for when in back_s)
    yield f"  outage             {_clock(begin_s)} to {_clock(end_s)}"
    yield f"    its first minute {onset / result.phases[0].requests_s:.2f} of capacity in a second"
    yield f"    from 0:30:00 on  {knocking_s:.1f} requests/s knock"
    yield f"  stations are back  {back_s[0]:.0f} s after at the earliest, {median(back_s):.0f} s"
    yield f"                     in the median, {back_s[-1]:.0f} s at the latest; the busiest ten"
    yield f"                     seconds see {busiest} of {len(back_s)}"


def _clock(seconds: float) -> str:
    minutes, rest_s = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest_s:02}"
