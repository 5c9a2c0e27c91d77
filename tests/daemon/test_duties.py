"""What a station does all at once, by its configuration."""

from pathlib import Path

import pytest

from dockd.config import parse
from dockd.daemon import opening
from dockd.daemon.station import Station
from dockd.station.clock import SystemClock
from dockd.station.notify import Notifier
from dockd.station.spool.witness import Witness
from tests.fakes.lines import Lines

CHARGING = {"charging", "wear"}


@pytest.mark.asyncio
@pytest.mark.parametrize(("driver", "more"), [("none", set()), ("usb-port", CHARGING)])
async def test_only_a_station_that_charges_has_the_duties_of_charging(
    tmp_path: Path, driver: str, more: set[str]
) -> None:
    """Where `[power]` names nothing, nothing is switched, measured or judged."""
    config = parse({"spool": {"path": str(tmp_path)}, "power": {"driver": driver}})
    clock, journal, witness = SystemClock(), Lines(), Witness(None)
    opened = await opening.open_station(
        config, clock=clock, journal=journal, faults=None, witness=witness
    )
    station = Station(
        config,
        opened=opened,
        clock=clock,
        journal=journal,
        notifier=Notifier(clock=clock),
        witness=witness,
    )
    try:
        assert station._duties().keys() & CHARGING == more
    finally:
        await station.close()
        opened.ledger.close()
