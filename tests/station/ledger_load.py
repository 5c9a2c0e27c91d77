"""A process that records as fast as it can and says what was acknowledged, until it is killed.

Run as ``python -m tests.station.ledger_load LEDGER``; prints the number of every clip whose
sighting is durable, one a line.
"""

import os
import sys
from concurrent.futures import Future
from pathlib import Path

from dockd.station.faults import faults_from
from dockd.station.ledger import open_ledger
from tests.station import ledger_parts as parts

IN_FLIGHT = 20


def main() -> None:
    """Record sightings without end, some of them illegal."""
    ledger = open_ledger(Path(sys.argv[1]), clock=parts.HandClock(), faults=faults_from(os.environ))
    ledger.record_from_thread(parts.docked())
    waiting: list[tuple[int, Future[None]]] = []
    while True:
        number = ledger.next_clip_number()
        waiting.append((number, ledger.record_from_thread(parts.seen(number))))
        ledger.record_from_thread(parts.seen(number), parts.seen(number))
        if len(waiting) >= IN_FLIGHT:
            done, future = waiting.pop(0)
            future.result()
            sys.stdout.write(f"{done}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
