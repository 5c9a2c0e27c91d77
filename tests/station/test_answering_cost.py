"""What an answer costs, counted in questions to the ledger: each waits for a thread's turn."""

from pathlib import Path
from typing import Final

import pytest

from dockd.core import facts
from dockd.ports.camera import Sighting
from tests.station import ledger_parts as parts
from tests.station.answering_parts import Answering, answering

_SLOTS: Final = 64
_ASKED: Final = (
    "/v1/slots",
    "/v1/status",
    "/v1/completeness",
    "/v1/clips",
    "/v1/clips?place=verified",
)


@pytest.mark.asyncio
async def test_a_full_rack_takes_no_more_questions_than_one_camera(tmp_path: Path) -> None:
    """Of 64 cameras and their clips the ledger is asked as often as of one, whatever is shown.

    Beside a busy rack a question waits for every thread that works before it, so that an answer
    made of 64 of them took a quarter of a second.
    """
    async with answering(tmp_path) as station:
        await _dock(station, 1)
        for_one = {path: await _cost(station, path) for path in _ASKED}
        for number in range(2, _SLOTS + 1):
            await _dock(station, number)
        for_all = {path: await _cost(station, path) for path in _ASKED}
        assert for_all == for_one
        slots = (await station.ask("/v1/slots"))["slots"]
        assert [slot["clips"]["verified"] for slot in slots].count(1) == _SLOTS
        assert len((await station.ask("/v1/clips"))["clips"]) == _SLOTS


async def _dock(station: Answering, number: int) -> None:
    """Have a camera with one proven clip in a slot of its own."""
    camera, docking, slot = f"BWC-{number:06}", f"20261123T020000Z-{number:08x}", f"S{number:02}"
    await station.ledger.record(
        parts.docked(docking, camera=camera),
        parts.seen(number, docking=docking, camera=camera),
        parts.copied(number, docking=docking),
        parts.verified(number, camera=camera),
        facts.TransferQueued(clip=number, store=parts.STORE),
    )
    station.board.saw(Sighting(slot=slot, port=None, family="directory", serial=camera, token=""))
    station.board.docked(slot, camera=camera, docking=docking)


async def _cost(station: Answering, path: str) -> int:
    before = station.asked.times
    await station.ask(path)
    return station.asked.times - before
