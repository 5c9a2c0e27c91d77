"""What a person orders becomes facts, and nothing that was not ordered."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import Clip
from dockd.core.facts import HoldKind
from dockd.errors import NotFound, Refused, RequestInvalid
from dockd.ports.station import (
    Order,
    StationActions,
    SubjectKind,
    UplinkOrder,
    UplinkVerb,
    Verb,
)
from dockd.stages.obey import Obey
from dockd.stages.problems import ProblemBoard
from dockd.stages.remember import HoldMemory
from dockd.station.ledger import SqliteLedger
from dockd.station.spool.holds import SpoolHolds
from tests.fakes.lines import Lines
from tests.fakes.still_clock import StillClock
from tests.station import ledger_parts as parts

_AT = "2026-11-23T02:00:00Z"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """Return a ledger to obey on."""
    with parts.ledger_at(tmp_path / "ledger.sqlite3") as ledger:
        yield ledger


def order(
    verb: Verb, reference: str, *, kind: SubjectKind = "clips", hold: HoldKind = "error"
) -> Order:
    """Return an order with a reason and a giver."""
    return Order(verb=verb, kind=kind, reference=reference, why="because", hold=hold, actor="alice")


async def obeying(ledger: SqliteLedger) -> Obey:
    """Return who obeys on ``ledger``, with a file of holds beside it."""
    clock = StillClock()
    problems = ProblemBoard(ledger=ledger, journal=Lines(), clock=clock)
    file = SpoolHolds(ledger._path.parent)
    holds = HoldMemory(ledger=ledger, file=file, problems=problems, clock=clock)
    ledger.on_commit(holds.heard)
    await holds.settle()
    return Obey(ledger=ledger, holds=holds)


async def one_clip(ledger: SqliteLedger) -> str:
    """Put a proven clip into the ledger and return its id."""
    await ledger.set_policy(required=1, stores=frozenset({parts.STORE}))
    await ledger.record(parts.docked(), *parts.proven(1))
    return (await ledger.clip(1)).id


@pytest.mark.asyncio
async def test_a_hold_of_one_kind_is_not_lifted_by_the_other(ledger: SqliteLedger) -> None:
    """Releasing an error hold leaves a legal one, and the other way round."""
    obey: StationActions = await obeying(ledger)
    clip = await one_clip(ledger)
    await obey.carry_out(order("hold", clip, hold="legal"))
    await obey.carry_out(order("hold", clip, hold="error"))
    with pytest.raises(Refused, match="already"):
        await obey.carry_out(order("hold", clip, hold="legal"))
    await obey.carry_out(order("release", clip, hold="error"))
    assert (await ledger.clip(1)).holds == ("legal",)
    with pytest.raises(Refused, match="no hold of the kind error"):
        await obey.carry_out(order("release", clip, hold="error"))
    await obey.carry_out(order("release", clip, hold="legal"))
    assert (await ledger.clip(1)).holds == ()


@pytest.mark.asyncio
async def test_a_retry_lets_a_refused_clip_go_again(ledger: SqliteLedger) -> None:
    """A clip that a store refused is queued anew by a retry, without trouble or error hold."""
    clip = await one_clip(ledger)
    await ledger.record(
        facts.TransferQueued(clip=1, store=parts.STORE),
        facts.TransferRefused(clip=1, store=parts.STORE, slug="x", reason="y"),
        facts.ClipTroubled(clip=1, slug="x", reason="y", owner="store", next_step="z"),
        facts.ClipHeld(clip=1, hold="error", why="y", actor="dockd"),
        facts.ClipHeld(clip=1, hold="legal", why="y", actor="bob"),
    )
    await (await obeying(ledger)).carry_out(order("retry", clip))
    after = await ledger.clip(1)
    assert (after.trouble, after.holds) == (None, ("legal",))
    transfer = await ledger.transfer(1, store=parts.STORE)
    assert transfer is not None
    assert transfer.state == "queued"
    await (await obeying(ledger)).carry_out(order("release", clip, hold="legal"))
    assert [found.number for found in await ledger.awaiting(parts.STORE, limit=9)] == [1]


@pytest.mark.asyncio
async def test_a_released_clip_goes_again_as_well(ledger: SqliteLedger) -> None:
    """Lifting the error hold of a refused clip queues it anew; lifting a legal one does not."""
    clip = await one_clip(ledger)
    await ledger.record(
        facts.TransferQueued(clip=1, store=parts.STORE),
        facts.TransferRefused(clip=1, store=parts.STORE, slug="x", reason="y"),
        facts.ClipHeld(clip=1, hold="error", why="y", actor="dockd"),
        facts.ClipHeld(clip=1, hold="legal", why="y", actor="bob"),
    )
    await (await obeying(ledger)).carry_out(order("release", clip, hold="legal"))
    refused = await ledger.transfer(1, store=parts.STORE)
    assert refused is not None
    assert refused.state == "refused"
    await (await obeying(ledger)).carry_out(order("release", clip, hold="error"))
    assert [found.number for found in await ledger.awaiting(parts.STORE, limit=9)] == [1]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "reference"), [("cameras", parts.CAMERA), ("dockings", parts.DOCKING)]
)
async def test_a_whole_camera_or_docking_is_set_aside(
    ledger: SqliteLedger, kind: SubjectKind, reference: str
) -> None:
    """A camera or a docking is set aside until it is released; what is not, cannot be."""
    await one_clip(ledger)
    obey = await obeying(ledger)
    with pytest.raises(Refused, match="not set aside"):
        await obey.carry_out(order("release", reference, kind=kind))
    await obey.carry_out(order("hold", reference, kind=kind, hold="legal"))
    assert await ledger.set_aside() == {reference}
    await obey.carry_out(order("release", reference, kind=kind, hold="legal"))
    assert await ledger.set_aside() == frozenset()


@pytest.mark.asyncio
async def test_a_retry_of_a_camera_is_one_of_its_clips_in_trouble(ledger: SqliteLedger) -> None:
    """Retrying a camera retries the clips that need it and leaves the others alone."""
    await ledger.record(parts.docked(), parts.seen(1), parts.seen(2))
    trouble = facts.ClipTroubled(clip=2, slug="x", reason="y", owner="store", next_step="z")
    await ledger.record(trouble)
    await (await obeying(ledger)).carry_out(order("retry", parts.CAMERA, kind="cameras"))
    assert (await ledger.clip(2)).trouble is None
    assert "clip-retried" not in [event.kind for event in await ledger.history(1)]
    assert "clip-retried" in [event.kind for event in await ledger.history(2)]


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["clips", "dockings", "cameras"])
async def test_what_does_not_exist_is_not_found(ledger: SqliteLedger, kind: SubjectKind) -> None:
    """An order about nothing that is known here is refused, and nothing is recorded."""
    await one_clip(ledger)
    before = (await ledger.head()).sequence
    with pytest.raises(NotFound):
        await (await obeying(ledger)).carry_out(
            order("hold", "20261123T020000Z-00000002", kind=kind)
        )
    assert (await ledger.head()).sequence == before


@pytest.mark.asyncio
async def test_an_order_says_why(ledger: SqliteLedger) -> None:
    """An order without a reason is not carried out."""
    clip = await one_clip(ledger)
    silent = Order(verb="hold", kind="clips", reference=clip, why=" ", hold="error", actor="a")
    with pytest.raises(RequestInvalid):
        await (await obeying(ledger)).carry_out(silent)


def uplink(verb: UplinkVerb) -> UplinkOrder:
    """Return an order about all uploads."""
    return UplinkOrder(verb=verb, why="because", actor="alice")


@pytest.mark.asyncio
async def test_uploads_are_paused_and_resumed_once(ledger: SqliteLedger) -> None:
    """Who paused them and why is known until they go on; what makes no sense is refused."""
    obey = await obeying(ledger)
    with pytest.raises(Refused, match="not paused"):
        await obey.carry_out(uplink("resume"))
    await obey.carry_out(uplink("pause"))
    assert await ledger.uploads_paused() == facts.UploadsPaused(why="because", actor="alice")
    with pytest.raises(Refused, match="already, by alice: because"):
        await obey.carry_out(uplink("pause"))
    await obey.carry_out(uplink("resume"))
    assert await ledger.uploads_paused() is None


@pytest.mark.asyncio
async def test_what_a_person_asks_for_is_the_next_to_be_sent(ledger: SqliteLedger) -> None:
    """A clip is asked for once, and while there is anything left to be sent of it."""
    obey = await obeying(ledger)
    await one_clip(ledger)
    await ledger.record(*parts.proven(2, flagged=True), *parts.proven(3))
    clip = (await ledger.clip(3)).id
    await obey.carry_out(order("prioritise", clip))
    assert [found.number for found in await ledger.awaiting(parts.STORE, limit=9)] == [3, 2, 1]
    with pytest.raises(Refused, match="go first already"):
        await obey.carry_out(order("prioritise", clip))
    await ledger.record(*parts.stored(1))
    with pytest.raises(Refused, match="stored already"):
        await obey.carry_out(order("prioritise", (await ledger.clip(1)).id))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "reference"), [("cameras", parts.CAMERA), ("dockings", parts.DOCKING)]
)
async def test_all_that_waits_of_a_camera_is_asked_for(
    ledger: SqliteLedger, kind: SubjectKind, reference: str
) -> None:
    """What is stored is left alone, what is held goes along; a second time there is nothing."""
    obey = await obeying(ledger)
    await one_clip(ledger)
    await ledger.record(*parts.stored(1), *parts.proven(2), parts.seen(3))
    await ledger.record(facts.ClipHeld(clip=2, hold="legal", why="", actor=""))
    command = facts.CommandTaken(
        key="k", nonce="n", expires=_AT, at=_AT, command="prioritise", subject=""
    )
    asked = replace(order("prioritise", reference, kind=kind), command=command)
    await obey.carry_out(asked)
    assert [(await ledger.clip(clip)).prioritised for clip in (1, 2, 3)] == [False, True, True]
    # Two pages of clips, and still one command.
    assert "n" in (await ledger.commands_taken()).nonces
    with pytest.raises(Refused, match="no clip that waits"):
        await obey.carry_out(replace(asked, command=None))


@pytest.mark.asyncio
async def test_a_command_is_on_record_with_what_came_of_it_or_not_at_all(
    ledger: SqliteLedger,
) -> None:
    """Both are one transaction, and a command that was taken before takes its order with it."""
    obey = await obeying(ledger)
    command = facts.CommandTaken(
        key="k", nonce="n", expires=_AT, at=_AT, command="pause-uploads", subject=""
    )
    await obey.carry_out(replace(uplink("pause"), command=command))
    with pytest.raises(Refused, match="taken before"):
        await obey.carry_out(replace(uplink("resume"), command=command))
    assert await ledger.uploads_paused() is not None


@pytest.mark.asyncio
async def test_an_order_that_came_too_late_is_answered(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changed between the look and the record is no mistake of dockd's, and says so."""
    obey = await obeying(ledger)
    await one_clip(ledger)
    await ledger.record(parts.seen(2))
    clip = await ledger.clip(2)

    async def late(_: str) -> Clip:
        await ledger.record(facts.ClipMerged(clip=2, into=1))
        return clip

    monkeypatch.setattr(ledger, "find", late)
    with pytest.raises(Refused, match="changed meanwhile"):
        await obey.carry_out(order("hold", clip.id, hold="legal"))
