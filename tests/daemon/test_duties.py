"""What a station does all at once, by its configuration."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dockd.config import parse
from dockd.daemon import opening
from dockd.daemon.station import Station
from dockd.station.clock import SystemClock
from dockd.station.notify import Notifier
from dockd.station.spool.witness import Witness
from tests.fakes.lines import Lines
from tests.fakes.memory_store import MemoryStore

CHARGING = {"charging"}


@asynccontextmanager
async def made(folder: Path, *, driver: str) -> AsyncIterator[Station]:
    """Lend a station that does not run, on an empty ledger."""
    config = parse({"spool": {"path": str(folder)}, "power": {"driver": driver}})
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
        yield station
    finally:
        await station.close()
        opened.ledger.close()


PORT_TROUBLE = {
    ("charge-temperature", "port A1"),
    ("charger-unreachable", "charger"),
}
WORN = {
    ("slot-worn", "port A1"),
    ("camera-worn", "camera BWC-1"),
}


@pytest.mark.asyncio
async def test_a_station_that_charges_no_more_lets_go_of_what_was_wrong_with_it(
    tmp_path: Path,
) -> None:
    """What only a charging station looks after ends with `driver = "none"`, and nothing else."""
    async with made(tmp_path, driver="none") as station:
        for slug, subject in {*PORT_TROUBLE, *WORN, ("camera-dirty", "camera BWC-1")}:
            await station.problems.open(slug, subject=subject, reason="as an earlier run found it")
        await station.prepare()
        other = {("camera-dirty", "camera BWC-1"), ("store-not-configured", "station")}
        left = {(one.slug, one.subject) for one in station.problems.current()}
        assert left == other | WORN
        # Cards and contacts wear there as well: what the record does not show any more has ended.
        await station.wear.look()
        assert {(one.slug, one.subject) for one in station.problems.current()} == other


@pytest.mark.asyncio
async def test_what_an_earlier_run_said_of_what_is_no_more_ends_at_the_start(
    tmp_path: Path,
) -> None:
    """A stay ends with the run that watched it, and a store with its place in the configuration."""
    over = (
        ("slot-fault", "slot A1"),
        ("helper-unreachable", "cameras mass-storage"),
        ("config-invalid", "configuration"),
        ("store-unreachable", "store former"),
        ("internal-error", "task upload to former"),
        ("internal-error", "task silence of store former"),
    )
    stays = (("store-conflict", "clip 0123456789abcdef"), ("internal-error", "task manifests"))
    async with made(tmp_path, driver="none") as station:
        for slug, subject in (*over, *stays):
            await station.problems.open(slug, subject=subject, reason="as an earlier run found it")
        await station.prepare()
        left = {(one.slug, one.subject) for one in station.problems.current()}
        assert left == {*stays, ("store-not-configured", "station")}


@pytest.mark.asyncio
async def test_a_store_that_is_there_is_missed_no_longer(tmp_path: Path) -> None:
    """A station without a store says so from its start on, until one is configured."""
    async with made(tmp_path, driver="none") as station:
        await station.prepare()
        assert [one.slug for one in station.problems.current()] == ["store-not-configured"]
        station.stores["central"] = MemoryStore(name="central")
        await station._say_whether_stores()
        assert station.problems.current() == []


@pytest.mark.asyncio
@pytest.mark.parametrize(("driver", "more"), [("none", set()), ("usb-port", CHARGING)])
async def test_only_a_station_that_charges_has_the_duties_of_charging(
    tmp_path: Path, driver: str, more: set[str]
) -> None:
    """Where `[power]` names nothing, nothing is switched or measured; wear is looked for."""
    async with made(tmp_path, driver=driver) as station:
        assert station._duties().keys() & CHARGING == more
        assert "wear" in station._duties()
