"""Clearing a camera, when something comes in between, and when it does not work for days."""

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.cameras.directory.camera import DirectoryCamera
from dockd.core import facts
from dockd.core.clip import CameraCopy
from dockd.errors import ClipUnreadable, StoreConflict, StoreUnreachable
from dockd.ports.camera import Eraser, FoundFile, Listing
from dockd.ports.store import Outgoing, Proven
from dockd.stages.docking import end_open_dockings
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import Rig, rig_at, running, until

LOOKS = 200


COMING_BETWEEN = (
    facts.SetAside(subject="camera BWC-1", hold="legal", why="a court", actor="bob"),
    facts.ClipHeld(clip=2, hold="legal", why="a court", actor="bob"),
    facts.ClipRetried(clip=2, why="its store may have lost it", actor="bob"),
)


class Silenced(MemoryStore):
    """A store that answers nothing more once it is silenced."""

    silent = False

    async def prove(self, outgoing: Outgoing, *, version: str) -> Proven:
        if self.silent:
            raise StoreUnreachable("nobody answers")
        return await super().prove(outgoing, version=version)


@pytest.mark.asyncio
@pytest.mark.parametrize("fact", COMING_BETWEEN, ids=lambda fact: fact.kind)
async def test_a_hold_or_doubt_in_the_middle_of_a_wipe_keeps_what_is_left(
    tmp_path: Path, fact: facts.Fact
) -> None:
    """Once a person was told that a clip or a camera is held, or in doubt, nothing is deleted."""
    store = Silenced(name="central")
    async with rig_at(tmp_path, stores=(store,)) as rig, running(rig):
        loop = asyncio.get_running_loop()
        held: list[bytes] = []

        async def hold(last: facts.Fact) -> None:
            store.silent = True
            await rig.ledger.record(last)

        class Holding(DirectoryCamera):
            @contextmanager
            def writable(self) -> Iterator[Eraser]:
                with super().writable() as eraser:
                    yield _Between(eraser)

        class _Between:
            def __init__(self, eraser: Eraser) -> None:
                self._eraser = eraser

            def erase(self, file: FoundFile) -> None:
                self._eraser.erase(file)
                if not held:
                    held.append(file.path)
                    asyncio.run_coroutine_threadsafe(hold(fact), loop).result()

        rig.rack.camera_class = Holding
        folder = rig.rack.folder("A1", "BWC-1")
        for name in "ab":
            (folder / name).write_bytes(b"footage " + name.encode())
        rig.wipe.policy = replace(rig.wipe.policy, after="never")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) == 2, what="both are stored")
        rig.wipe.policy = replace(rig.wipe.policy, after="receipt")
        await until(lambda: rig.count(facts.ClipWiped) == 1, what="one is wiped")
        assert held == [b"a"]
        assert (folder / "b").exists()
        assert [clip.camera_copy for clip in await rig.clips()] == [
            CameraCopy.WIPED,
            CameraCopy.PRESENT,
        ]


@pytest.mark.asyncio
async def test_wiping_that_is_switched_off_ends_with_the_file_under_way(tmp_path: Path) -> None:
    """Once a reload has taken it over, no further file is deleted, be the batch decided or not."""
    async with rig_at(tmp_path) as rig, running(rig):

        class Reloading(DirectoryCamera):
            @contextmanager
            def writable(self) -> Iterator[Eraser]:
                with super().writable() as eraser:
                    yield _Between(eraser)

        class _Between:
            def __init__(self, eraser: Eraser) -> None:
                self._eraser = eraser

            def erase(self, file: FoundFile) -> None:
                self._eraser.erase(file)
                rig.wipe.policy = replace(rig.wipe.policy, after="never")

        rig.rack.camera_class = Reloading
        folder = rig.rack.folder("A1", "BWC-1")
        for name in "ab":
            (folder / name).write_bytes(b"footage " + name.encode())
        rig.wipe.policy = replace(rig.wipe.policy, after="never")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) == 2, what="both are stored")
        rig.wipe.policy = replace(rig.wipe.policy, after="receipt")
        await until(lambda: rig.count(facts.ClipWiped) > 0, what="one is wiped")
        assert [path.name for path in folder.iterdir()] == ["b"]
        assert rig.count(facts.WipeFailed) == 1


@pytest.mark.asyncio
async def test_what_was_spared_and_is_gone_all_the_same_is_not_called_wiped(tmp_path: Path) -> None:
    """A clip that was held right before its deletion, and then is not there, is gone."""
    store = Silenced(name="central")
    async with rig_at(tmp_path, stores=(store,)) as rig, running(rig):
        loop = asyncio.get_running_loop()
        folder = rig.rack.folder("A1", "BWC-1")
        hold = facts.ClipHeld(clip=2, hold="legal", why="a court", actor="bob")

        class Vanishing(DirectoryCamera):
            @contextmanager
            def writable(self) -> Iterator[Eraser]:
                asyncio.run_coroutine_threadsafe(rig.ledger.record(hold), loop).result()
                with super().writable() as eraser:
                    yield eraser
                (folder / "b").unlink()

        rig.rack.camera_class = Vanishing
        for name in "ab":
            (folder / name).write_bytes(b"footage " + name.encode())
        rig.wipe.policy = replace(rig.wipe.policy, after="never")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) == 2, what="both are stored")
        rig.wipe.policy = replace(rig.wipe.policy, after="receipt")
        await until(lambda: rig.count(facts.ClipGone) == 1, what="one is said to be gone")
        assert [clip.camera_copy for clip in await rig.clips()] == [
            CameraCopy.WIPED,
            CameraCopy.GONE,
        ]


@pytest.mark.asyncio
async def test_a_wipe_gives_way_between_two_files(tmp_path: Path) -> None:
    """Asked to end, for its slot is to be cut, a wipe deletes no further file; later it does."""
    async with rig_at(tmp_path) as rig, running(rig):
        asked: list[bytes] = []

        class Hot(DirectoryCamera):
            @contextmanager
            def writable(self) -> Iterator[Eraser]:
                with super().writable() as eraser:
                    yield _Between(eraser)

        class _Between:
            def __init__(self, eraser: Eraser) -> None:
                self._eraser = eraser

            def erase(self, file: FoundFile) -> None:
                self._eraser.erase(file)
                if not asked:
                    asked.append(file.path)
                    rig.slot_power.ask_to_yield("A1", now_s=rig.clock.monotonic_s())

        rig.rack.camera_class = Hot
        folder = rig.rack.folder("A1", "BWC-1")
        for name in "ab":
            (folder / name).write_bytes(b"footage " + name.encode())
        rig.wipe.policy = replace(rig.wipe.policy, after="never")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) == 2, what="both are stored")
        rig.wipe.policy = replace(rig.wipe.policy, after="receipt")
        await until(lambda: rig.count(facts.ClipWiped) >= 1, what="one is wiped")
        await until(lambda: not rig.slot_power.is_at_work("A1"), what="it gives way")
        assert asked == [b"a"]
        assert [path.name for path in folder.iterdir()] == ["b"]
        assert rig.count(facts.ClipWiped) == 1
        rig.slot_power.go_on("A1")
        rig.clock.advance(61.0)
        await until(lambda: rig.count(facts.ClipWiped) == 2, what="the other is wiped then")


class Refusing(MemoryStore):
    """A store that never takes the clip whose file is called d."""

    async def put_whole(self, outgoing: Outgoing) -> str:
        if outgoing.expected.key.endswith("/d"):
            raise StoreConflict("something else is there")
        return await super().put_whole(outgoing)


@pytest.mark.asyncio
async def test_a_medium_that_fails_amid_its_deletions_is_decided_about_anew(tmp_path: Path) -> None:
    """Nothing more is written to it while not all that it holds is stored."""
    async with rig_at(tmp_path, stores=(Refusing(name="central"),)) as rig, running(rig):
        looks = [0]

        class Failing(DirectoryCamera):
            fails = False

            def is_present(self) -> bool:
                if self.fails:
                    self.fails = False
                    raise OSError(errno.EIO, "a bad sector")
                return super().is_present()

            def listing(self) -> Listing:
                looks[0] += 1
                rig.clock.advance(60.0)
                return super().listing()

            @contextmanager
            def writable(self) -> Iterator[Eraser]:
                with super().writable() as eraser:
                    yield _OnBad(self, eraser)

        class _OnBad:
            def __init__(self, camera: Failing, eraser: Eraser) -> None:
                self._camera, self._eraser = camera, eraser

            def erase(self, file: FoundFile) -> None:
                self._camera.fails = file.path == b"b"
                self._eraser.erase(file)

        rig.rack.camera_class = Failing
        folder = rig.rack.folder("A1", "BWC-1")
        for name in "abcd":
            (folder / name).write_bytes(b"footage " + name.encode())
        rig.wipe.policy = replace(rig.wipe.policy, after="never")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) == 3, what="three are stored")
        await until(lambda: rig.count(facts.ClipHeld) == 1, what="one is held")
        rig.wipe.policy = replace(rig.wipe.policy, after="receipt")
        await until(lambda: rig.count(facts.ClipWiped) == 1, what="one is wiped")
        seen = looks[0]
        await until(lambda: looks[0] > seen + 5, what="it was looked at again")
        assert sorted(path.name for path in folder.iterdir()) == ["b", "c", "d"]


async def many_looks(rig: Rig, camera_class: type[DirectoryCamera]) -> None:
    """Look at the camera in A1 many times, a minute apart."""
    looks = [0]

    class Looked(camera_class):  # type: ignore[misc,valid-type]  # whichever the test needs
        def listing(self) -> Listing:
            looks[0] += 1
            rig.clock.advance(60.0)
            found: Listing = super().listing()
            return found

    rig.rack.camera_class = Looked
    folder = rig.rack.folder("A1", "BWC-1")
    for name in "abc":
        (folder / name).write_bytes(b"footage " + name.encode())
    async with running(rig):
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: looks[0] > LOOKS, what="it was looked at often")
    assert len(list(folder.iterdir())) == 3


@pytest.mark.asyncio
async def test_a_camera_that_is_set_aside_fills_no_record(tmp_path: Path) -> None:
    """A held camera that stays docked for days is not asked about again and again."""
    async with rig_at(tmp_path) as rig:
        hold = facts.SetAside(subject="camera BWC-1", hold="legal", why="a court", actor="bob")
        await rig.ledger.record(hold)
        await many_looks(rig, DirectoryCamera)
        assert rig.count(facts.WipeIntended) == 0
        assert len(rig.committed) < LOOKS / 2


@pytest.mark.asyncio
async def test_a_camera_that_deletes_nothing_fills_no_record(tmp_path: Path) -> None:
    """A camera that refuses its wipe is asked less and less often, and is one problem."""

    class Refusing(DirectoryCamera):
        @contextmanager
        def writable(self) -> Iterator[Eraser]:
            yield _Refuses()

    class _Refuses:
        def erase(self, file: FoundFile) -> None:
            raise ClipUnreadable(f"{file.path!r} cannot be deleted: read-only file system")

    async with rig_at(tmp_path) as rig:
        await many_looks(rig, Refusing)
        assert rig.open_problems() == {"wipe-failed"}
        assert rig.count(facts.ProblemOpened) == 1
        assert 3 * 3 <= rig.count(facts.WipeFailed) <= 3 * 9
        assert len(rig.committed) < LOOKS


@pytest.mark.asyncio
async def test_a_clip_that_cannot_be_read_fills_no_record(tmp_path: Path) -> None:
    """A clip that is tried in vain for days has its trouble on record once."""

    class Unreadable(DirectoryCamera):
        def open(self, file: FoundFile) -> int:
            if file.path == b"b":
                raise ClipUnreadable("b cannot be read")
            return super().open(file)

    async with rig_at(tmp_path) as rig:
        await many_looks(rig, Unreadable)
        assert rig.count(facts.ClipTroubled) == 1
        assert rig.count(facts.Listed) == 1


def die_before_the_word(rig: Rig) -> list[facts.Fact]:
    """Have nobody hear, ever, that a camera is clear; return what would have been said."""
    record = rig.ledger.record
    unsaid: list[facts.Fact] = []

    async def recording(*recorded: facts.Fact) -> None:
        if any(isinstance(fact, facts.DockingCleared) for fact in recorded):
            unsaid.extend(recorded)
            await asyncio.Event().wait()
        await record(*recorded)

    rig.ledger.record = recording  # type: ignore[method-assign]  # a moment that no fake can hit
    return unsaid


@pytest.mark.asyncio
@pytest.mark.parametrize("slot", ["A1", "B2"])
async def test_a_camera_that_is_clear_is_said_to_be_although_dockd_died(
    tmp_path: Path, slot: str
) -> None:
    """Killed between the last wipe and the word of it, dockd says it at the next docking, once."""
    async with rig_at(tmp_path) as rig, running(rig):
        folder = rig.rack.folder("A1", "BWC-1")
        for name in "ab":
            (folder / name).write_bytes(b"footage " + name.encode())
        unsaid = die_before_the_word(rig)
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: bool(unsaid), what="it is clear")
    async with rig_at(tmp_path) as rig, running(rig):
        await end_open_dockings(rig.ledger)
        rig.clock.advance(60.0)
        looks = [0]

        class Looked(DirectoryCamera):
            def listing(self) -> Listing:
                looks[0] += 1
                return super().listing()

        rig.rack.camera_class = Looked
        other = rig.rack.dock("C3", "BWC-2")
        await until(lambda: looks[0] > 3, what="another camera was looked at")
        assert rig.count(facts.DockingCleared) == 0
        rig.rack.undock("C3")
        rig.rack.dock(slot, "BWC-1")
        await until(lambda: rig.count(facts.DockingCleared) == 1, what="that is said")
        [said] = [fact for fact in rig.committed if isinstance(fact, facts.DockingCleared)]
        assert said.clips == 2
        assert other.is_dir()
        for turn in range(1, 3):
            rig.rack.undock(slot)
            await until(lambda: rig.count(facts.Undocked) > turn, what="it left")  # noqa: B023 - awaited in its turn
            looks[0] = 0
            rig.rack.dock(slot, "BWC-1")
            await until(lambda: looks[0] > 3, what="it was looked at again")
        assert rig.count(facts.DockingCleared) == 1


@pytest.mark.asyncio
async def test_a_camera_with_something_on_it_is_not_said_to_be_clear(tmp_path: Path) -> None:
    """What is owed from before is not said while there is footage, and then counts with it."""
    async with rig_at(tmp_path) as rig, running(rig):
        (rig.rack.folder("A1", "BWC-1") / "a").write_bytes(b"footage")
        unsaid = die_before_the_word(rig)
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: bool(unsaid), what="it is clear")
    async with rig_at(tmp_path) as rig, running(rig):
        await end_open_dockings(rig.ledger)
        rig.clock.advance(60.0)
        rig.wipe.policy = replace(rig.wipe.policy, after="never")
        (rig.rack.folder("A1", "BWC-1") / "b").write_bytes(b"newer footage")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) == 1, what="the new one is stored")
        assert rig.count(facts.DockingCleared) == 0
        rig.wipe.policy = replace(rig.wipe.policy, after="receipt")
        await until(lambda: rig.count(facts.DockingCleared) == 1, what="it is clear")
        [said] = [fact for fact in rig.committed if isinstance(fact, facts.DockingCleared)]
        assert said.clips == 2


@pytest.mark.asyncio
async def test_what_the_medium_did_not_confirm_is_not_called_wiped(tmp_path: Path) -> None:
    """A deletion that may not be on the medium is no fact; what the camera lists later decides."""
    answers = [False, True]
    looks = [0]

    class Unconfirmed(DirectoryCamera):
        def listing(self) -> Listing:
            looks[0] += 1
            return super().listing()

        def _synced(self) -> bool:
            return super()._synced() and answers.pop(0)

    async with rig_at(tmp_path) as rig, running(rig):
        rig.rack.camera_class = Unconfirmed
        (rig.rack.folder("A1", "BWC-1") / "a").write_bytes(b"footage")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: len(answers) == 1, what="it was deleted")
        await until(lambda: "clip-unreadable" in rig.open_problems(), what="that is said")
        said_at = looks[0]
        await until(lambda: looks[0] > said_at + 3, what="it is looked at again in this stay")
        assert rig.count(facts.ClipWiped) == 0
        rig.rack.undock("A1")
        await until(lambda: rig.count(facts.Undocked) == 1, what="it left")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipWiped) == 1, what="its next listing shows it")
