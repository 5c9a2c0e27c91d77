"""Commands over MQTT, as somebody with the broker would send them: what is taken, what is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dockd.core import facts
from dockd.core.clip import Clip
from dockd.errors import IllegalFact, SpoolFull
from dockd.ports.broker import Told
from dockd.stages.heed import Heed
from dockd.stages.obey import Obey
from dockd.stages.problems import ProblemBoard
from dockd.stages.remember import HoldMemory
from dockd.station.central.commands import CommandSeal
from dockd.station.ledger import SqliteLedger
from dockd.station.spool.holds import SpoolHolds
from tests.fakes.commander import Commander, message
from tests.fakes.lines import Lines
from tests.fakes.still_clock import StillClock
from tests.stages.rig import until
from tests.station import ledger_parts as parts

pytestmark = pytest.mark.asyncio
REFUSED = "mqtt-command-refused"


class Bench:
    """A station's ear on a ledger, with a clock that nothing moves but the test."""

    def __init__(self, ledger: SqliteLedger, *, central: Commander, clock: StillClock) -> None:
        self.ledger = ledger
        self.clock = clock
        self.central = central
        self.vouches = True
        self.journal = Lines()
        self.problems = ProblemBoard(ledger=ledger, journal=self.journal, clock=clock)
        file = SpoolHolds(ledger._path.parent)
        self.holds = HoldMemory(ledger=ledger, file=file, problems=self.problems, clock=clock)
        ledger.on_commit(self.holds.heard)
        self.heed = Heed(
            CommandSeal(
                [Ed25519PrivateKey.generate().public_key().public_bytes_raw(), central.public_key]
            ),
            site="north",
            station="desk",
            ledger=ledger,
            actions=Obey(ledger=ledger, holds=self.holds),
            problems=self.problems,
            clock=clock,
            now=self._now,
        )

    def _now(self) -> datetime | None:
        return self.clock.now() if self.vouches else None

    def signed(self, verb: str, **changes: object) -> bytes:
        return self.central.signed(self.central.command(verb, now=self.clock.now(), **changes))

    async def take(self, payload: bytes, *, retained: bool = False) -> str:
        """Have a message taken; return why it was refused, "" where it was not."""
        await self.problems.clear(REFUSED, subject="commands")
        await self.heed.take(Told(payload=payload, retained=retained))
        return "".join(found.reason for found in self.problems.current())

    async def events(self) -> list[str]:
        """Return the kinds of what is on record, problems left out."""
        rows = await self.ledger.events_after(0, limit=1000)
        return [row.kind for row in rows if not row.kind.startswith("problem")]


@asynccontextmanager
async def bench_at(
    folder: Path, *, central: Commander | None = None, clock: StillClock | None = None
) -> AsyncIterator[Bench]:
    """Open the station's ledger, as a start of it does; the first time a clip waits in it."""
    central = central or Commander(site="north", station="desk")
    with parts.ledger_at(folder / "ledger.sqlite3") as ledger:
        bench = Bench(ledger, central=central, clock=clock or StillClock())
        await bench.holds.settle()
        if (await ledger.head()).sequence == 0:
            await ledger.set_policy(required=1, stores=frozenset({parts.STORE}))
            await ledger.record(parts.docked(), *parts.proven(1))
        yield bench


async def test_each_command_does_what_it_says_and_is_on_record(tmp_path: Path) -> None:
    """With the id of the key that signed it as who asked, in the ledger and in the hold."""
    async with bench_at(tmp_path) as bench:
        actor = f"central (mqtt, key {bench.central.id})"
        assert not await bench.take(bench.signed("pause-uploads"))
        paused = facts.UploadsPaused(why="case 7", actor=actor)
        assert await bench.ledger.uploads_paused() == paused
        assert not await bench.take(bench.signed("resume-uploads"))
        assert await bench.ledger.uploads_paused() is None
        clip = (await bench.ledger.clip(1)).id
        assert not await bench.take(bench.signed("prioritise", subject=f"clip {clip}"))
        assert (await bench.ledger.clip(1)).prioritised
        assert not await bench.take(bench.signed("hold", subject=f"clip {clip}", kind="legal"))
        assert (await bench.ledger.clip(1)).holds == ("legal",)
        for subject in (f"camera {parts.CAMERA}", f"docking {parts.DOCKING}"):
            assert not await bench.take(bench.signed("hold", subject=subject, kind="error"))
        assert await bench.ledger.set_aside() == {parts.CAMERA, parts.DOCKING}
        rows = await bench.ledger.events_after(0, limit=1000)
        taken = [row.fields for row in rows if row.kind == "command-taken"]
        assert [each["command"] for each in taken] == [
            "pause-uploads", "resume-uploads", "prioritise", "hold", "hold", "hold",
        ]  # fmt: skip
        assert {each["key"] for each in taken} == {bench.central.id}
        assert {row.fields["actor"] for row in rows if row.kind == "set-aside"} == {actor}


async def test_what_central_did_not_sign_is_refused_and_never_on_record(tmp_path: Path) -> None:
    """Other keys, other algorithms, other documents, no JSON at all, and what is far too long."""
    async with bench_at(tmp_path) as bench:
        before = await bench.events()
        document = b'{"format": "dockd-command/1", "algorithm": "none"}'
        stranger = Ed25519PrivateKey.generate()
        curve = ec.generate_private_key(ec.SECP256R1())
        large = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        signatures = (
            b"",
            bytes(64),
            stranger.sign(document),
            curve.sign(document, ec.ECDSA(hashes.SHA256())),
            large.sign(document, padding.PKCS1v15(), hashes.SHA256()),
            bench.central.key.sign(document + b" "),
            bench.central.public_key,
            curve.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
        )
        for signature in signatures:
            assert "central's signature" in await bench.take(message(document, signature))
        good = bench.signed("pause-uploads")
        for payload in (
            b"",
            b"\x00",
            b"[" * 10_000,
            b"null",
            b'{"document": "%%%", "signature": ""}',
            b'{"document": "", "signature": "\\ud800", "more": 1}',
            good[:-1] + b', "algorithm": "none"}',
            good[:-1],
        ):
            assert "not a document and its signature" in await bench.take(payload)
        assert "central's signature" in await bench.take(
            b'{"document": "", "signature": "\\ud800"}'
        )
        assert "larger than 16384 bytes" in await bench.take(good + b" " * 20_000)
        assert await bench.events() == before


async def test_a_signed_list_of_holds_is_no_command(tmp_path: Path) -> None:
    """One key may sign both, and neither is taken for the other."""
    async with bench_at(tmp_path) as bench:
        listed = {"format": "dockd-shared-holds/1", "issued": "2026-11-23T02:00:00Z", "holds": []}
        assert "it is not a command" in await bench.take(bench.central.signed(listed))


async def test_a_command_for_somebody_else_or_another_time_is_refused(tmp_path: Path) -> None:
    """Signed rightly, it is for this station and these minutes only, and none is retained."""
    async with bench_at(tmp_path) as bench:
        before = await bench.events()
        assert "for station 02" in await bench.take(bench.signed("pause-uploads", station="02"))
        assert "of south" in await bench.take(bench.signed("pause-uploads", site="south"))
        good = bench.signed("pause-uploads")
        assert "retained" in await bench.take(good, retained=True)
        bench.vouches = False
        assert "nobody can tell" in await bench.take(good)
        bench.vouches = True
        bench.clock.advance(301)
        assert "it ended at" in await bench.take(good)
        assert await bench.events() == before


async def test_a_command_counts_once_over_restarts_and_clocks(tmp_path: Path) -> None:
    """Repeated at once, after a restart, and with the clock set back behind another's end."""
    clock, central = StillClock(), Commander(site="north", station="desk")
    async with bench_at(tmp_path, central=central, clock=clock) as bench:
        pause, resume = bench.signed("pause-uploads"), bench.signed("resume-uploads")
        assert not await bench.take(pause)
        assert not await bench.take(resume)
        assert "taken before" in await bench.take(pause)
    async with bench_at(tmp_path, central=central, clock=clock) as bench:
        assert "taken before" in await bench.take(pause)
        clock.advance(400)
        assert not await bench.take(bench.signed("pause-uploads"))
        assert len((await bench.ledger.commands_taken()).nonces) == 1
        clock.set_forward(timedelta(seconds=-400))
        assert "it ended" in await bench.take(resume)
        assert await bench.ledger.uploads_paused() is not None


async def test_what_makes_no_sense_now_is_not_kept_for_later(tmp_path: Path) -> None:
    """A pause that came twice, or a hold of a camera that is not known, is spent all the same."""
    async with bench_at(tmp_path) as bench:
        first, second = bench.signed("pause-uploads"), bench.signed("pause-uploads")
        unknown = bench.signed("hold", subject="camera BWC-9", kind="legal")
        assert not await bench.take(first)
        assert "already" in await bench.take(second)
        assert "ever docked" in await bench.take(unknown)
        assert not await bench.take(bench.signed("resume-uploads"))
        for spent in (first, second, unknown):
            assert "taken before" in await bench.take(spent)
        assert await bench.ledger.uploads_paused() is None
        rows = await bench.ledger.events_after(0, limit=1000)
        refused = [row.fields["refused"] for row in rows if row.kind == "command-taken"]
        assert [bool(each) for each in refused] == [False, True, True, False]


async def test_what_comes_too_late_is_answered_and_spent(tmp_path: Path) -> None:
    """Its clip turned out to be another: the command is on record with why nothing came of it."""
    async with bench_at(tmp_path) as bench:
        await bench.ledger.record(parts.seen(2))
        clip, find = await bench.ledger.clip(2), bench.ledger.find
        hold = bench.signed("hold", subject=f"clip {clip.id}", kind="legal")

        async def late(reference: str) -> Clip:
            found = await find(reference)
            await bench.ledger.record(facts.ClipMerged(clip=2, into=1))
            return found

        bench.ledger.find = late  # type: ignore[method-assign]  # a moment that no fake can hit
        assert "changed meanwhile" in await bench.take(hold)
        bench.ledger.find = find  # type: ignore[method-assign]  # and it is over
        assert "taken before" in await bench.take(hold)
        rows = await bench.ledger.events_after(0, limit=1000)
        (refused,) = [row.fields["refused"] for row in rows if row.kind == "command-taken"]
        assert "changed meanwhile" in str(refused)


async def test_a_command_about_many_is_on_record_once_although_it_fails_later(
    tmp_path: Path,
) -> None:
    """Of two pages of clips the first is asked for, and the second changed meanwhile."""
    async with bench_at(tmp_path) as bench:
        more = range(2, 700)
        await bench.ledger.record(*(parts.seen(number) for number in more))
        record, asked = (
            bench.holds.record,
            bench.signed("prioritise", subject=f"camera {parts.CAMERA}"),
        )
        pages = 0

        async def once(*recorded: facts.Fact) -> None:
            nonlocal pages
            pages += 1
            if pages > 1:
                raise IllegalFact("it is no more as it was")
            await record(*recorded)

        bench.holds.record = once  # type: ignore[method-assign]  # a moment that no fake can hit
        assert "no more as it was" in await bench.take(asked)
        assert (await bench.events()).count("command-taken") == 1


async def test_a_command_that_could_not_be_recorded_may_be_sent_again(tmp_path: Path) -> None:
    """A record that is full takes neither the order nor the nonce."""
    async with bench_at(tmp_path) as bench:
        record, pause = bench.ledger.record, bench.signed("pause-uploads")

        async def full(*_: facts.Fact) -> None:
            raise SpoolFull("no room for the record")

        bench.ledger.record = full  # type: ignore[method-assign]  # a disk that is full
        assert "no room" in await bench.take(pause)
        bench.ledger.record = record  # type: ignore[method-assign]  # and is not any more
        assert not await bench.take(pause)


async def test_a_flood_is_said_once_and_heard_slowly(tmp_path: Path) -> None:
    """A thousand forgeries are one line and one fact, and cost a tenth of a second each."""
    async with bench_at(tmp_path) as bench:
        before = bench.clock.monotonic_s()
        for number in range(1000):
            await bench.heed.take(Told(payload=b"%d" % number, retained=False))
        # Central's own, behind those that were lost, counts as ever.
        pause = bench.signed("pause-uploads")
        await bench.heed.take(Told(payload=pause, retained=False, overflowed=True))
        assert await bench.ledger.uploads_paused() is not None
        assert bench.clock.monotonic_s() - before >= 100
        assert [event for event, _, _ in bench.journal.said].count("problem-opened") == 1
        (problem,) = bench.problems.current()
        assert "more came at once" in problem.reason
        rows = await bench.ledger.events_after(0, limit=5000)
        assert [row.kind for row in rows].count("problem-opened") == 1


async def test_what_was_refused_is_let_go_of_after_a_while(tmp_path: Path) -> None:
    """The problem ends by itself a quarter of an hour after the last one."""
    async with bench_at(tmp_path) as bench:
        await bench.take(b"")
        (problem,) = bench.problems.current()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(bench.heed.run())
            await until(lambda: not bench.problems.current(), what="it is over")
            task.cancel()
        assert bench.clock.monotonic_s() >= 15 * 60
        assert problem.slug == REFUSED


async def test_a_broker_that_lets_nobody_listen_is_said(tmp_path: Path) -> None:
    """Until it does."""
    async with bench_at(tmp_path) as bench:
        await bench.heed.listening(refused="it does not let us")
        assert [found.slug for found in bench.problems.current()] == ["mqtt-refused"]
        await bench.heed.listening(refused=None)
        assert not bench.problems.current()
