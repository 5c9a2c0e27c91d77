"""Uploads that a person paused: nothing moves, that is said, and then all of it goes on."""

from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import Place
from dockd.core.explain import Situation, explain
from dockd.stages.pausing import UplinkPause
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import Rig, rig_at, running, until
from tests.station.spool_parts import PART

pytestmark = pytest.mark.asyncio
PAUSED = facts.UploadsPaused(why="the link is needed", actor="alice")
RESUMED = facts.UploadsResumed(why="it is free", actor="bob")


def film(rig: Rig, size_bytes: int, *, serial: str = "BWC-1", slot: str = "A1") -> Path:
    """Dock a camera with one clip of so many bytes."""
    folder = rig.rack.folder(slot, serial) / "DCIM"
    folder.mkdir()
    (folder / "1.MP4").write_bytes(serial.encode() * size_bytes)
    rig.rack.dock(slot, serial)
    return folder / "1.MP4"


async def time_passes(rig: Rig) -> None:
    """Wait until another camera was docked and copied."""
    verified = rig.count(facts.ClipVerified)
    film(rig, 1000, serial="BWC-2", slot="B2")
    await until(lambda: rig.count(facts.ClipVerified) > verified, what="it is copied")


async def test_nothing_is_begun_while_uploads_are_paused(tmp_path: Path) -> None:
    """Footage is copied and proven and says why it waits, until the pause is over."""
    async with rig_at(tmp_path) as rig, running(rig):
        await rig.ledger.record(PAUSED)
        file = film(rig, 1000)
        await until(lambda: rig.count(facts.ClipVerified) == 1, what="the clip is verified")
        await until(lambda: "uploads-paused" in rig.open_problems(), what="the pause is said")
        (clip,) = await rig.clips()
        said = explain(
            Situation(
                clip=clip,
                place=Place.VERIFIED,
                docked=True,
                set_aside=False,
                stores=frozenset(rig.stores),
                transfers={},
                problems=rig.problems.current(),
                wiping=True,
            )
        )
        assert said is not None
        assert said.reason == "They were paused by alice: the link is needed"
        await time_passes(rig)
        assert rig.count(facts.TransferQueued) == 0
        await rig.ledger.record(RESUMED)
        await until(lambda: not file.exists(), what="the clip is stored and cleared")
        await until(lambda: not rig.open_problems(), what="nothing is wrong any more")


async def test_a_clip_stops_between_two_parts(tmp_path: Path) -> None:
    """A pause that comes while a large clip is sent lets no further part of it begin."""
    store = MemoryStore(name="central")
    async with rig_at(tmp_path, stores=[store]) as rig, running(rig):
        send = store.send_part

        async def send_and_pause(*sent: object, **more: object) -> str:
            if not rig.pause.is_on and rig.count(facts.PartStored) == 0:
                await rig.ledger.record(PAUSED)
                await until(lambda: rig.pause.is_on, what="it is paused")
            return await send(*sent, **more)  # type: ignore[arg-type]  # handed on as they are

        store.send_part = send_and_pause  # type: ignore[method-assign]  # as it is
        film(rig, 12 * PART // 5)
        await until(lambda: rig.count(facts.PartStored) > 0, what="what had begun arrives")
        begun = rig.count(facts.PartSending)
        await time_passes(rig)
        assert rig.count(facts.PartSending) == begun < 12
        await rig.ledger.record(RESUMED)
        await until(lambda: rig.count(facts.ReceiptAccepted) > 0, what="the clip is stored")


async def test_a_pause_outlives_the_daemon(tmp_path: Path) -> None:
    """Whoever starts on that ledger is paused and says so, before anything is sent."""
    async with rig_at(tmp_path) as rig:
        await rig.ledger.record(PAUSED)
        pause = UplinkPause(ledger=rig.ledger, problems=rig.problems)
        was_on = [pause.is_on]
        await pause.settle()
        was_on.append(pause.is_on)
        assert rig.open_problems() == {"uploads-paused"}
        await rig.ledger.record(RESUMED)
        await pause.settle()
        assert [*was_on, pause.is_on] == [False, True, False]
        assert not rig.open_problems()
