"""What one mechanism ends for many problems: each is raised, ends, and says how long it lasted.

The slugs are those of the table, so that a new one of a mechanism is tried as well.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from dockd import errors
from dockd.cameras.directory.camera import DirectoryCamera
from dockd.core import facts
from dockd.errors import DockdError, PermanentError
from dockd.ports.camera import Eraser, FoundFile, Refusal, Sighting
from dockd.ports.charger import ChargerReading, ChargerTrouble
from dockd.ports.spool import Copied
from dockd.ports.store import Outgoing, Probe
from dockd.stages.charge import Charge
from dockd.stages.dock import Dock
from dockd.stages.enduring import enduring
from tests.fakes.memory_store import MemoryStore
from tests.fakes.seen import Seen
from tests.problems import table
from tests.stages.charging import FOR_BOTH, RackCharger, station
from tests.stages.rig import Rig, rig_at, running, until
from tests.station import ledger_parts as parts


def lasted(rig: Rig, slug: str) -> list[object]:
    """Return how long each problem of a kind lasted that the journal calls closed."""
    return [
        fields["lasted_s"]
        for event, fields in rig.journal.said
        if event == "problem-closed" and fields["slug"] == slug
    ]


async def ended(rig: Rig, slug: str) -> None:
    """Wait for the one problem of a kind to be over, and said to be."""
    await until(lambda: slug not in rig.open_problems(), what=f"{slug} is over")
    (seconds,) = lasted(rig, slug)
    assert isinstance(seconds, int)


def an_error(slug: str) -> DockdError:
    """Return the error that has a slug, or one that is given it."""
    waiting: list[type[DockdError]] = [DockdError]
    while waiting:
        kind = waiting.pop()
        if kind.slug == slug and kind is not errors.ConfigInvalid:
            return kind("as a test has it")
        waiting += kind.__subclasses__()
    return PermanentError("as a test has it", slug=slug)


def dock_a_clip(rig: Rig) -> None:
    """Dock a camera with one clip on it."""
    clip = rig.rack.folder("A1", "BWC-1") / "DCIM/clip.mp4"
    clip.parent.mkdir(parents=True)
    clip.write_bytes(b"footage" * 1000)
    rig.rack.dock("A1", "BWC-1")


@asynccontextmanager
async def time_passing(rig: Rig) -> AsyncIterator[None]:
    """Have whoever waits for another try not wait long."""

    async def pass_by() -> None:
        while True:
            rig.clock.advance(1.0)
            await asyncio.sleep(0.002)

    async with asyncio.TaskGroup() as group:
        passing = group.create_task(pass_by())
        yield
        passing.cancel()


class Failing(MemoryStore):
    """A store that fails at first, when a clip is put there or when it is probed."""

    def __init__(self, *, put: Sequence[Exception] = (), probe: Sequence[Exception] = ()) -> None:
        super().__init__(name="central")
        self.errors = {"put": list(put), "probe": list(probe)}

    def _fail(self, verb: str) -> None:
        if self.errors[verb]:
            raise self.errors[verb].pop()

    async def put_whole(self, outgoing: Outgoing) -> str:
        self._fail("put")
        return await super().put_whole(outgoing)

    async def probe(self) -> Probe:
        self._fail("probe")
        return await super().probe()


@pytest.mark.asyncio
@pytest.mark.parametrize("verb", ["put", "probe"])
@pytest.mark.parametrize("slug", table.OF_A_STORE)
async def test_what_is_wrong_with_a_store_ends_when_it_works(
    tmp_path: Path, slug: str, verb: str
) -> None:
    """With the first clip that goes through, or the first probe."""
    store = Failing(**{verb: [an_error(slug)]})
    async with rig_at(tmp_path, stores=[store]) as rig, running(rig), time_passing(rig):
        dock_a_clip(rig)
        await until(lambda: bool(lasted(rig, slug)), what="it was said, and is over")
        await ended(rig, slug)
        await until(lambda: rig.count(facts.ReceiptAccepted) == 1, what="the clip is stored")


@pytest.mark.asyncio
@pytest.mark.parametrize("slug", table.OF_A_CLIP_AT_A_STORE)
async def test_what_keeps_a_clip_from_its_store_ends_when_it_is_stored(
    tmp_path: Path, slug: str
) -> None:
    """By itself where it may pass, and once a person has retried it where it was held."""
    error = OSError("as a test has it") if slug == "transfer-stuck" else an_error(slug)
    # What arrives damaged is sent once more before a person has to look.
    store = Failing(put=[error] * (2 if slug == "store-checksum-mismatch" else 1))
    async with rig_at(tmp_path, stores=[store]) as rig, running(rig), time_passing(rig):
        dock_a_clip(rig)
        if isinstance(error, PermanentError) and slug != "illegal-fact":
            await until(lambda: rig.count(facts.ClipHeld) == 1, what="it is held")
            await until(lambda: slug in rig.open_problems(), what="it is said")
            (clip,) = await rig.clips()
            assert tuple(clip.holds) == ("error",)
            await rig.ledger.record(
                facts.ClipRetried(clip=clip.number, why="it is well", actor="alice"),
                facts.ClipReleased(clip=clip.number, hold="error", why="so", actor="alice"),
                facts.TransferRestarted(clip=clip.number, store="central", reason="so"),
            )
        await until(lambda: rig.count(facts.ReceiptAccepted) == 1, what="the clip is stored")
        await ended(rig, slug)


@pytest.mark.asyncio
@pytest.mark.parametrize("slug", table.OF_A_COPY)
async def test_what_is_wrong_with_a_copy_ends_when_there_is_a_good_one(
    tmp_path: Path, slug: str
) -> None:
    """It is made again, and with it, proven, nothing is wrong any more."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        copy = rig.spool.copy
        failures = [an_error(slug)]

        def failing(*args: object, **named: object) -> Copied:
            if failures:
                raise failures.pop()
            return copy(*args, **named)  # type: ignore[arg-type]  # handed on as they are

        rig.spool.copy = failing  # type: ignore[method-assign]  # a part is made to fail
        dock_a_clip(rig)
        await until(lambda: rig.count(facts.ClipVerified) == 1, what="there is a good copy")
        await ended(rig, slug)


@pytest.mark.asyncio
@pytest.mark.parametrize("slug", table.OF_THE_SPOOL)
async def test_what_is_wrong_with_the_spool_ends_with_a_good_round(
    tmp_path: Path, slug: str
) -> None:
    """Whoever found it, also in a run before this one."""
    async with rig_at(tmp_path) as rig:
        await rig.problems.open(slug, subject="spool", reason="as an earlier run found it")
        await one_round(rig)
        await ended(rig, slug)


async def one_round(rig: Rig) -> None:
    """Have the house look round once."""
    rounds: list[float] = []
    sleep = rig.clock.sleep

    async def counted(seconds: float) -> None:
        rounds.append(seconds)
        await sleep(seconds)

    rig.clock.sleep = counted  # type: ignore[method-assign]  # to notice its end
    async with asyncio.TaskGroup() as group:
        house = group.create_task(rig.housekeeping.run())
        await until(lambda: bool(rounds), what="the round is over")
        house.cancel()


@pytest.mark.asyncio
@pytest.mark.parametrize("slug", table.OF_WHAT_IS_REFUSED)
async def test_what_is_refused_is_forgotten_when_it_is_taken_out(tmp_path: Path, slug: str) -> None:
    """Whatever it was: the slot is empty, or something else is in it."""
    refused = Refusal(slot="A1", slug=slug, reason="as a test has it")
    empty = Sighting(slot="A1", port=None, family="directory", serial=None, token="")
    async with rig_at(tmp_path) as rig, asyncio.TaskGroup() as group:
        for news, left in ((refused, {slug}), (empty, set[str]())):
            dock = Dock(Seen(news), stay=_no_stay, problems=rig.problems, clock=rig.clock)
            docking = group.create_task(dock.run())
            await until(lambda left=left: rig.open_problems() == left, what="it is so")  # type: ignore[misc]  # bound as it is now
            docking.cancel()
        await ended(rig, slug)


async def _no_stay(sighting: Sighting) -> None:
    assert sighting.serial is None


@pytest.mark.asyncio
@pytest.mark.parametrize("slug", table.OF_A_STAY)
async def test_what_keeps_a_camera_closed_ends_when_it_opens(tmp_path: Path, slug: str) -> None:
    """It is tried again, and what was said of its slot goes with the first success."""
    failures = [an_error(slug)]
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):

        def fail_once() -> None:
            if failures:
                raise failures.pop()

        rig.rack.before_open = fail_once
        dock_a_clip(rig)
        await until(lambda: rig.count(facts.ClipVerified) == 1, what="it is offloaded")
        await ended(rig, slug)


class Troubled(RackCharger):
    """A charger that says these things of itself."""

    troubles: Sequence[ChargerTrouble] = ()

    async def read(self) -> ChargerReading:
        reading = await super().read()
        return ChargerReading(ports=reading.ports, troubles=tuple(self.troubles))


@pytest.mark.asyncio
@pytest.mark.parametrize("slug", table.OF_CHARGING)
async def test_what_is_wrong_with_charging_ends_with_a_look_without_it(
    tmp_path: Path, slug: str
) -> None:
    """Each look says all that is wrong at that moment; what is not among it is over."""
    async with station(tmp_path, budget_w=FOR_BOTH) as it:
        charger = Troubled(it.rig, "A1", "A2")
        charge = Charge(
            charger,
            ledger=it.rig.ledger,
            board=it.rig.board,
            power=it.rig.slot_power,
            problems=it.rig.problems,
            clock=it.rig.clock,
            policy=it.charge.policy,
        )
        charger.troubles = [ChargerTrouble(slot="A1", slug=slug, reason="as a test has it")]
        await charge.turn()
        assert it.rig.open_problems() == {slug}
        charger.troubles = []
        await charge.turn()
        await ended(it.rig, slug)


@pytest.mark.asyncio
@pytest.mark.parametrize("slug", table.OF_A_TASK)
async def test_what_stops_a_part_of_the_station_ends_when_the_part_works(
    tmp_path: Path, slug: str
) -> None:
    """It is begun again, and well once it is done or has gone on for a minute."""
    failures = [an_error(slug)]

    async def work() -> None:
        if failures:
            raise failures.pop()

    async with rig_at(tmp_path) as rig:
        await enduring("a part", work, problems=rig.problems, clock=rig.clock)
        await ended(rig, slug)


class Growing(MemoryStore):
    """A store that shows only sizes until it learns more."""

    knows = False

    async def probe(self) -> Probe:
        return await super().probe() if self.knows else Probe(strength="size", detail="no digests")


@pytest.mark.asyncio
async def test_a_store_that_proves_its_content_again_is_unproven_no_longer(tmp_path: Path) -> None:
    """The daily probe finds it out, whatever was done to the store in between."""
    store = Growing(name="central")
    async with rig_at(tmp_path, stores=[store]) as rig, running(rig):
        await until(lambda: "store-unproven" in rig.open_problems(), what="it is said")
        store.knows = True
        rig.clock.advance(25 * 3600.0)
        await ended(rig, "store-unproven")


@pytest.mark.asyncio
async def test_copies_of_nobody_are_said_until_they_are_taken_away(tmp_path: Path) -> None:
    """They are kept for a person; each start says so, and a round finds them gone."""
    async with rig_at(tmp_path) as rig:
        (tmp_path / "spool/incoming/7-0123456789abcdef.part").write_bytes(b"footage")
        (name,) = await rig.housekeeping.set_orphans_aside()
        assert rig.open_problems() == {"spool-orphans"}
        assert await rig.housekeeping.set_orphans_aside() == (name,)
        await taken_away(rig, tmp_path / "spool/incoming/orphans" / name, slug="spool-orphans")


@pytest.mark.asyncio
async def test_a_damaged_list_of_holds_is_said_until_it_is_taken_away(tmp_path: Path) -> None:
    """It is kept for a person, and a round finds it gone."""
    async with rig_at(tmp_path) as rig:
        damaged = tmp_path / "spool/holds.json.damaged"
        damaged.touch()
        await rig.problems.open("holds-unreadable", subject="spool", reason="as a test has it")
        await taken_away(rig, damaged, slug="holds-unreadable")


async def taken_away(rig: Rig, path: Path, *, slug: str) -> None:
    """See a problem last for a round, and end with what a person takes out of the spool."""
    await one_round(rig)
    assert slug in rig.open_problems()
    path.unlink()
    await one_round(rig)
    await ended(rig, slug)


@pytest.mark.asyncio
async def test_a_clip_without_a_copy_is_said_until_one_is_found(tmp_path: Path) -> None:
    """The camera comes back with the file that was thought to be lost."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        await rig.ledger.record(parts.docked(), parts.seen(1))
        await rig.ledger.record(facts.ClipGone(clip=1, docking=parts.DOCKING))
        await until(lambda: "no-known-copy" in rig.open_problems(), what="it is said")
        again = facts.ClipSeenAgain(
            clip=1, docking=parts.DOCKING, slot="A1", mtime_ns=0, size_bytes=100
        )
        await rig.ledger.record(again)
        await ended(rig, "no-known-copy")


class Sticking(DirectoryCamera):
    """A camera from which nothing can be deleted, as long as that is so."""

    sticks = True

    @contextmanager
    def writable(self) -> Iterator[Eraser]:
        with super().writable() as eraser:
            yield _Sticky(eraser)


class _Sticky:
    def __init__(self, eraser: Eraser) -> None:
        self._eraser = eraser

    def erase(self, file: FoundFile) -> None:
        if Sticking.sticks:
            raise errors.ClipUnreadable("read-only file system")
        self._eraser.erase(file)


@pytest.mark.asyncio
async def test_a_wipe_that_failed_is_forgotten_when_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that lets nothing be deleted is tried again, and is clear in the end."""
    async with rig_at(tmp_path) as rig, running(rig), time_passing(rig):
        rig.rack.camera_class = Sticking
        dock_a_clip(rig)
        await until(lambda: "wipe-failed" in rig.open_problems(), what="it is said")
        monkeypatch.setattr(Sticking, "sticks", False)
        await until(lambda: rig.count(facts.ClipWiped) == 1, what="the camera is clear")
        await ended(rig, "wipe-failed")
