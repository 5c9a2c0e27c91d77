"""The only wiring: configuration to parts to one TaskGroup, and the end of it all in good order."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from dockd import config as configs
from dockd.config import Config
from dockd.core import facts
from dockd.daemon import opening
from dockd.daemon.reloading import reload_on_request
from dockd.daemon.signals import Signals
from dockd.daemon.station import Station, Stopped
from dockd.daemon.surfaces import Surfaces
from dockd.errors import ConfigInvalid, DockdError
from dockd.ports.journal import Journal
from dockd.station.clock import SystemClock
from dockd.station.faults import Faults, faults_from
from dockd.station.journal import open_journal
from dockd.station.notify import Notifier
from dockd.station.spool.witness import VARIABLE, Witness

_STOP_WITHIN_S: Final = 9.0
_USAGE: Final = 2
_FAILED: Final = 1


def run(path: Path | None) -> int:
    """Run the station until it is told to stop; return the process's exit status."""
    clock = SystemClock()
    journal = open_journal(clock=clock)
    try:
        config = configs.load_to_run(path)
        faults = faults_from(os.environ)
    except ConfigInvalid as error:
        for problem in error.problems:
            journal.say("config-invalid", str(problem), level="error", slug=error.slug)
        return _USAGE
    try:
        asyncio.run(_run(config, path=path, clock=clock, journal=journal, faults=faults))
    except DockdError as error:
        journal.say(
            error.slug,
            "The station cannot run.",
            level="error",
            slug=error.slug,
            reason=error.reason,
            owner=error.owner,
            next=error.next_step,
        )
        return _FAILED
    return 0


async def _run(
    config: Config,
    *,
    path: Path | None,
    clock: SystemClock,
    journal: Journal,
    faults: Faults | None,
) -> None:
    signals = Signals(stop_within_s=_STOP_WITHIN_S)
    notifier = Notifier(clock=clock)
    place = os.environ.get(VARIABLE)
    witness = Witness(Path(place) if place else None)
    opened = await opening.open_station(
        config, clock=clock, journal=journal, faults=faults, witness=witness
    )
    station = Station(
        config, opened=opened, clock=clock, journal=journal, notifier=notifier, witness=witness
    )
    surfaces = Surfaces(station, clock=clock)
    try:
        surfaces.bind()
        await surfaces.recall()
        async with asyncio.TaskGroup() as group:
            group.create_task(surfaces.run(), name="surfaces")
            group.create_task(
                reload_on_request(
                    station,
                    path=path,
                    signals=signals,
                    journal=journal,
                    notifier=notifier,
                    reloaded=surfaces.reloaded,
                ),
                name="reload",
            )
            await station.run(signals)
    except* Stopped:
        # A disk that takes no more writes must not turn a good end into a bad one.
        with suppress(DockdError):
            await station.problems.say_ends(away_s=0)
            await opened.ledger.record(facts.StationStopped(reason="it was told to"))
            # A ledger restored from after this moment is not behind it; one from before is.
            await opened.ledger.write_checkpoint(config.spool.path)
    finally:
        await station.close()
        opened.ledger.close()
