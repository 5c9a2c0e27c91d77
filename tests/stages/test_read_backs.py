"""A spool whose disk cannot be read back past the cache."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.ports.spool import DIRECT
from dockd.stages.read_backs import ReadBacks
from dockd.station.spool.directory import DirectorySpool
from tests.stages.rig import Rig, rig_at, until
from tests.station import ledger_parts as parts
from tests.station.spool_parts import mounted

RESIDENT = "cache-dropped: pages were resident after the read"


def proven(method: str) -> facts.ClipVerified:
    """Return the fact of a copy that was proven so."""
    return replace(parts.verified(1), proof=method)


def reasons(rig: Rig) -> list[str]:
    """Return the reasons of what is open."""
    return [problem.reason for problem in rig.problems.current()]


@asynccontextmanager
async def started(watch: ReadBacks) -> AsyncIterator[None]:
    """Have it begin, as at the daemon's start."""
    task = asyncio.create_task(watch.run())  # noqa: TID251 - ended below
    yield
    task.cancel()


@pytest.mark.asyncio
async def test_a_spool_that_cannot_prove_its_copies_says_so_at_the_start(tmp_path: Path) -> None:
    """Before anything is docked, on a file system that takes O_DIRECT and does not mean it."""
    async with rig_at(tmp_path) as rig:
        with mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", at=tmp_path / "mnt") as mount:
            spool = DirectorySpool(mount, reserve_bytes=0, expected_spool_id=None)
            spool.adopt()
            async with started(ReadBacks(spool, problems=rig.problems, clock=rig.clock)):
                await until(lambda: "spool-unproven" in rig.open_problems(), what="it is said")
            spool.close()
            assert {one.name for one in mount.iterdir()} == {"clips", "incoming", "spool.json"}
        (reason,) = reasons(rig)
        assert reason.endswith("less strictly: the file system is tmpfs.")
        # The next start finds another disk in its place.
        async with started(ReadBacks(rig.spool, problems=rig.problems, clock=rig.clock)):
            await until(lambda: not rig.open_problems(), what="it is over")


@pytest.mark.asyncio
async def test_copies_that_somebody_else_keeps_in_memory_are_said_once(tmp_path: Path) -> None:
    """However many there are; it is over with the first round in which every copy was direct."""
    async with rig_at(tmp_path) as rig:
        watch = ReadBacks(rig.spool, problems=rig.problems, clock=rig.clock)
        watch.heard([proven(DIRECT), *[proven(RESIDENT)] * 100])
        await watch.look()
        watch.heard([proven(RESIDENT)])
        await watch.look()
        await watch.look()
        (reason,) = reasons(rig)
        assert reason.endswith("less strictly: cache-dropped: pages were resident after the read.")
        assert sum(event == "problem-opened" for event, _ in rig.journal.said) == 1
        watch.heard([proven(DIRECT)])
        await watch.look()
        assert reasons(rig) == []
