"""Who is sent first: flagged, then what frees a full camera, then the oldest."""

import asyncio
from pathlib import Path

import pytest

from dockd.cameras.directory.camera import DirectoryCamera
from dockd.core import facts
from dockd.core.transfer import SMALL_PART_BYTES
from dockd.ports.camera import Medium
from dockd.ports.store import Outgoing
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import rig_at, running, until

pytestmark = pytest.mark.asyncio

FULL = "BWC-9"
SLOTS = (("A1", "BWC-1"), ("A2", "BWC-2"))
CLIP_BYTES = 300_000
MORE_THAN_A_LOOK_SHOWS = 300


class CardCamera(DirectoryCamera):
    """A camera that says how full it is: one of them is full, the others are empty."""

    @property
    def medium(self) -> Medium:
        fill_fraction = 0.97 if self.serial == FULL else 0.1
        return Medium(file_system="vfat", volume="", dirty=False, fill_fraction=fill_fraction)


class Gate(MemoryStore):
    """Lets one clip pass when the test says so, and knows in which order they came to it."""

    def __init__(self) -> None:
        super().__init__(name="central")
        self.asked: list[str] = []
        self._held: dict[str, asyncio.Event] = {}

    async def find_object(self, outgoing: Outgoing) -> str | None:
        key = outgoing.expected.key
        if key not in self._held:
            self._held[key] = asyncio.Event()
            self.asked.append(key.partition("/")[0])
        await self._held[key].wait()
        return await super().find_object(outgoing)

    def let_first_pass(self) -> None:
        next(iter(self._held.values())).set()

    def let_last_pass(self) -> None:
        next(reversed(self._held.values())).set()


@pytest.mark.parametrize(
    ("clips", "clip_bytes", "at_once"),
    [(6, CLIP_BYTES, 3), (MORE_THAN_A_LOOK_SHOWS, 100, 24)],
    ids=["in-the-line", "behind-more-than-are-looked-at"],
)
async def test_a_full_camera_is_freed_before_older_clips_of_others(
    tmp_path: Path, clips: int, clip_bytes: int, at_once: int
) -> None:
    """A camera that came last and full goes next, however many wait already."""
    store = Gate()
    async with rig_at(tmp_path, stores=[store]) as rig, running(rig):
        rig.rack.camera_class = CardCamera

        async def dock(slot: str, serial: str, count: int) -> None:
            folder = rig.rack.folder(slot, serial)
            for number in range(count):
                (folder / f"{number}.mp4").write_bytes(f"{serial} {number:4}".encode() * clip_bytes)
            known = rig.count(facts.ClipVerified)
            rig.rack.dock(slot, serial)
            await until(lambda: rig.count(facts.ClipVerified) == known + count, what="it is proven")

        await dock("A1", "BWC-1", clips)
        await until(lambda: len(store.asked) == at_once, what="some are being sent")
        # The line that was drawn up before it came is kept to for a second.
        rig.clock.advance(2.0)
        await dock("A2", FULL, 1)
        # One place at a time: those whose turns come together overtake one another on their way.
        store.let_first_pass()
        await until(lambda: len(store.asked) > at_once, what="the next one's turn came")
        assert store.asked[at_once] == FULL


async def test_a_short_clip_waits_for_no_lane_of_long_ones(tmp_path: Path) -> None:
    """When every lane was just given to a clip of several parts, one of a single part goes beside.

    Only one at a time, and no third long clip; who is first in line of those is first.
    """
    store = Gate()
    async with rig_at(tmp_path, stores=[store]) as rig, running(rig):
        folders = {serial: rig.rack.folder(slot, serial) for slot, serial in SLOTS}
        for number in range(3):
            with (folders["BWC-1"] / f"{number}.mp4").open("wb") as long:
                long.write(b"%d" % number)
                long.truncate(SMALL_PART_BYTES + 1)
        for number in range(2):
            (folders["BWC-2"] / f"{number}.mp4").write_bytes(b"short %d" % number * CLIP_BYTES)
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipVerified) == 3, what="the long ones are proven")
        await until(lambda: len(store.asked) == 2, what="every lane is taken")
        rig.rack.dock("A2", "BWC-2")
        await until(lambda: rig.count(facts.ClipVerified) == 5, what="the short ones are proven")
        rig.clock.advance(2.0)
        await until(lambda: len(store.asked) == 3, what="one of them is being sent")
        store.let_last_pass()
        await until(lambda: len(store.asked) == 4, what="then the other")
        assert store.asked == ["BWC-1", "BWC-1", "BWC-2", "BWC-2"]
