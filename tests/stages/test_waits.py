"""What has to wait for a store: it hides nobody, and waits no longer than the store is away."""

import os
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.errors import StoreBusy, StoreUnreachable
from dockd.ports.store import Outgoing
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import Rig, rig_at, running, until

FOR_EVER_S = 1e9
MORE_THAN_A_LOOK_SHOWS = 300


class MoodyStore(MemoryStore):
    """A store that is busy for some clips, or away for all."""

    def __init__(self) -> None:
        super().__init__(name="central")
        self.is_away = False
        self.asked: set[str] = set()

    async def find_object(self, outgoing: Outgoing) -> str | None:
        key = outgoing.expected.key
        self.asked.add(key)
        if self.is_away:
            raise StoreUnreachable("it is away", retry_after_s=FOR_EVER_S)
        if "busy" in key:
            raise StoreBusy("not this one", retry_after_s=FOR_EVER_S)
        return await super().find_object(outgoing)


async def dock_with(rig: Rig, slot: str, serial: str, names: list[str]) -> None:
    """Dock a camera with small clips of these names, and wait until each was tried."""
    store = rig.stores["central"]
    assert isinstance(store, MoodyStore)
    folder = rig.rack.folder(slot, serial)
    for name in names:
        (folder / name).write_text(f"{serial} {name}")
    before = len(store.asked)
    rig.rack.dock(slot, serial)
    await until(lambda: len(store.asked) == before + len(names), what="every clip was tried")


def stored(rig: Rig) -> set[int]:
    """Say which clips got a receipt, by their numbers."""
    return {fact.clip for fact in rig.committed if isinstance(fact, facts.ReceiptAccepted)}


async def names_of_stored(rig: Rig) -> set[str]:
    """Say which clips have their receipt."""
    return {Path(os.fsdecode(clip.path)).name for clip in await rig.clips() if clip.proven_by}


@pytest.mark.asyncio
async def test_those_that_wait_hide_nobody(tmp_path: Path) -> None:
    """However many clips a store does not take now, the one behind them all is sent."""
    async with rig_at(tmp_path, stores=[MoodyStore()]) as rig, running(rig):
        busy = [f"busy-{number}" for number in range(MORE_THAN_A_LOOK_SHOWS)]
        await dock_with(rig, "A1", "BWC-1", busy)
        await dock_with(rig, "A2", "BWC-2", ["late"])
        await until(lambda: len(stored(rig)) == 1, what="the last one is stored")
        assert await names_of_stored(rig) == {"late"}


@pytest.mark.asyncio
async def test_a_store_that_is_back_is_back_for_all(tmp_path: Path) -> None:
    """What waited for the store alone goes on with its first success, what it refused does not."""
    store = MoodyStore()
    async with rig_at(tmp_path, stores=[store]) as rig, running(rig):
        await dock_with(rig, "A1", "BWC-1", ["busy"])
        store.is_away = True
        await dock_with(rig, "A2", "BWC-2", ["one", "two", "three"])
        store.is_away = False
        await dock_with(rig, "A3", "BWC-3", ["new"])
        await until(lambda: len(stored(rig)) == 4, what="all are stored")
        assert await names_of_stored(rig) == {"one", "two", "three", "new"}
