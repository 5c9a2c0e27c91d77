"""A read that does not come back: the thread is lost, and nothing else is."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockd.cameras.directory.camera import DirectoryCamera
from dockd.core import facts
from dockd.ports.camera import ReadPacer, StopFlag
from dockd.ports.spool import Copied
from dockd.stages.offload import Offload, OffloadPolicy
from dockd.stages.problems import ProblemBoard
from dockd.station.spool.layout import part_name, part_stem
from tests.stages.rig import Rig, rig_at, running, until


class Kernel:
    """Keeps reads from the cameras of one slot until it is told to let them go."""

    def __init__(self) -> None:
        self.hung = threading.Event()
        self.let_go = threading.Event()

    def before_read(self, size_bytes: int) -> None:
        """Hang as a read does whose device is dying: no flag and no signal ends it."""
        del size_bytes
        self.hung.set()
        self.let_go.wait(60)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """One that lets everything go at the end."""
    kernel = Kernel()
    yield kernel
    kernel.let_go.set()


def stuck_in_a1(kernel: Kernel) -> type[DirectoryCamera]:
    """Return cameras whose first stay in slot A1 hangs in its first read."""
    hanging = iter([kernel])

    class Dying(DirectoryCamera):
        _stuck: Kernel | None = None

        @property
        def pacer(self) -> ReadPacer:
            if self.slot == "A1" and self._stuck is None:
                self._stuck = next(hanging, None)
            return self._stuck or super().pacer

    return Dying


def with_one_lane(rig: Rig) -> None:
    """Have the station read from one camera at a time."""
    rig.docking._offload = Offload(
        ledger=rig.ledger,
        spool=rig.spool,
        prover=rig.prover,
        board=rig.board,
        problems=rig.problems,
        clock=rig.clock,
        policy=OffloadPolicy(copies=1, stuck_after_s=0.05),
    )


@pytest.mark.asyncio
async def test_a_read_that_hangs_holds_up_no_other_slot(tmp_path: Path, kernel: Kernel) -> None:
    """The only lane is given up and lent again, and what hangs is said until it is undocked."""
    async with rig_at(tmp_path) as rig, running(rig):
        with_one_lane(rig)
        rig.rack.camera_class = stuck_in_a1(kernel)
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(b"footage")
        (rig.rack.folder("B2", "BWC-2") / "clip").write_bytes(b"other footage")
        rig.rack.dock("A1", "BWC-1")
        await until(kernel.hung.is_set, what="the read hangs")
        rig.rack.dock("B2", "BWC-2")
        await until(lambda: rig.count(facts.ClipWiped) == 1, what="the other camera is cleared")
        assert {problem.key for problem in rig.problems.current()} == {("camera-stuck", "slot A1")}
        assert (rig.rack.folder("A1", "BWC-1") / "clip").exists()
        rig.rack.undock("A1")
        await until(lambda: rig.open_problems() == set(), what="nothing hangs in a slot")


@pytest.mark.asyncio
async def test_a_camera_docked_again_beside_its_stuck_read_is_copied_anew(
    tmp_path: Path, kernel: Kernel
) -> None:
    """The hanging thread keeps its own part; the next docking makes one of its own and is cleared.

    When the read comes back after all, nothing of it becomes evidence.
    """
    async with rig_at(tmp_path) as rig, running(rig):
        with_one_lane(rig)
        rig.rack.camera_class = stuck_in_a1(kernel)
        folder = rig.rack.folder("A1", "BWC-1")
        (folder / "clip").write_bytes(b"footage")
        rig.rack.dock("A1", "BWC-1")
        await until(kernel.hung.is_set, what="the read hangs")
        stem = part_stem((await rig.clips())[0])
        rig.rack.undock("A1")
        await until(lambda: rig.count(facts.Undocked) == 1, what="the stay is over")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipWiped) == 1, what="the camera is cleared")
        assert rig.spool._owners.owns(part_name(stem, attempt=1))
        kernel.let_go.set()
        await until(
            lambda: not rig.spool._owners.owns(part_name(stem, attempt=1)), what="the thread ended"
        )
        assert rig.count(facts.ClipVerified) == rig.count(facts.ClipCopied) == 1
        assert len(await rig.clips()) == 1


@pytest.mark.asyncio
async def test_a_stop_never_waits_for_a_read_that_hangs(tmp_path: Path, kernel: Kernel) -> None:
    """Everything ends while the thread still hangs in the kernel."""
    async with rig_at(tmp_path) as rig:
        with_one_lane(rig)
        rig.rack.camera_class = stuck_in_a1(kernel)
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(b"footage")
        async with asyncio.timeout(20), running(rig):
            rig.rack.dock("A1", "BWC-1")
            await until(kernel.hung.is_set, what="the read hangs")
        assert not kernel.let_go.is_set()
        assert rig.count(facts.Undocked) == 1


@pytest.mark.asyncio
async def test_a_copy_that_is_read_again_to_be_resumed_is_not_called_stuck(tmp_path: Path) -> None:
    """A large copy is hashed for minutes before the camera is read; nobody blames the camera."""
    async with rig_at(tmp_path) as rig, running(rig):
        with_one_lane(rig)
        copy, looked, hashed = rig.spool.copy, [0], threading.Event()

        def resumed(source_fd: int, *, stop: StopFlag, **more: object) -> Copied:
            while not hashed.wait(0.001):
                stop()
            return copy(source_fd, stop=stop, **more)  # type: ignore[arg-type]  # as they came

        class Looked(ProblemBoard):
            async def open(self, slug: str, **more: object) -> None:
                looked[0] += slug == "camera-stuck"
                await super().open(slug, **more)  # type: ignore[arg-type]  # as they came

            async def clear(self, slug: str, *, subject: str) -> None:
                looked[0] += slug == "camera-stuck"
                await super().clear(slug, subject=subject)

        rig.spool.copy = resumed  # type: ignore[method-assign]  # as long as the test says
        copier = rig.docking._offload._copier
        copier._problems = Looked(ledger=rig.ledger, journal=rig.journal, clock=rig.clock)
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(b"footage")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: looked[0] > 3, what="it is looked at, again and again")
        hashed.set()
        await until(lambda: rig.count(facts.ClipWiped) == 1, what="the camera is cleared")
        assert rig.count(facts.ProblemOpened) == 0
