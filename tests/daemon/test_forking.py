"""A forked dockd is what a started one is: nothing but itself, with an end that is told."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.daemon.forking import forked
from tests.daemon.harness import station
from tests.daemon.rooms import Share
from tests.daemon.world import LEDGER, World
from tests.rack.disk import ext4, with_mounted

SPOOL_BYTES: Final = 256 << 20

pytestmark = [pytest.mark.real, pytest.mark.slow]


def sockets(pid: int) -> set[str]:
    """Return the sockets and pipes that a process has, by their inodes."""
    links = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    return {link for link in links if link.startswith(("socket:", "pipe:"))}


def parent(pid: int) -> int:
    """Return who forked a process."""
    (line,) = (
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("PPid:")
    )
    return int(line.split()[1])


def test_it_has_nothing_of_the_forking_process(tmp_path: Path) -> None:
    """Neither its socket nor those to its other forks; a session and a group of its own."""
    (tmp_path / "other").mkdir()
    with (
        station(World(tmp_path, room=Share(tmp_path))) as dockd,
        station(World(tmp_path / "other", room=Share(tmp_path / "other"))) as other,
    ):
        other.start()
        dockd.start()
        forking = parent(dockd.pid)
        assert parent(other.pid) == forking
        assert len(sockets(forking)) > 2
        assert not sockets(dockd.pid) & sockets(forking)
        assert os.getsid(dockd.pid) == os.getpgid(dockd.pid) == dockd.pid
        dockd.stop()
        other.stop()


def test_it_ends_and_says_what_a_started_one_does(tmp_path: Path) -> None:
    """An end by itself has its status; nothing of the test's own environment is left in it."""
    arguments = ["run", "--config", str(tmp_path / "none.toml")]
    started = subprocess.run(
        [sys.executable, "-m", "dockd", *arguments], capture_output=True, check=False
    )
    with (tmp_path / "log").open("ab") as log:
        process = forked(arguments, environment={}, log=log)
    assert process.wait(60) == started.returncode != 0
    assert process.poll() == started.returncode
    assert (tmp_path / "log").read_bytes() == started.stderr


def test_a_killed_one_is_told_and_keeps_its_number_until_then(tmp_path: Path) -> None:
    """A signal may be sent to it as long as nobody has asked how it ended: it hits nobody else."""
    with station(World(tmp_path, room=Share(tmp_path))) as dockd:
        dockd.start()
        pid = dockd.pid
        os.kill(pid, signal.SIGKILL)
        while "(zombie)" not in Path(f"/proc/{pid}/status").read_text():
            os.sched_yield()
        os.kill(pid, signal.SIGTERM)
        dockd.kill()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_it_sees_the_mounts_of_the_thread_that_asked(tmp_path: Path) -> None:
    """A spool that is mounted for one thread alone is the spool of a station that it starts."""
    before, within = tmp_path / "before", tmp_path / "within"
    before.mkdir()
    within.mkdir()
    with station(World(before, room=Share(before))) as dockd:
        # So that the forking process is there before the mount is.
        dockd.start()
        dockd.stop()
    world = World(within, room=Share(within))
    world.spool.mkdir()

    def started() -> bool:
        with station(world) as dockd:
            dockd.start()
            dockd.stop()
        return (world.spool / LEDGER).exists()

    assert with_mounted(ext4(within / "spool.img", size_bytes=SPOOL_BYTES), world.spool, started)
    assert list(world.spool.iterdir()) == []
