"""A station that answers: a real ledger, spool and listeners, and facts instead of cameras."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx2

from dockd.errors import NotFound, Refused
from dockd.ports.camera import Sighting
from dockd.ports.ledger import Ledger
from dockd.stages.board import SlotBoard
from dockd.stages.follow import Follow
from dockd.stages.obey import Obey
from dockd.stages.problems import ProblemBoard
from dockd.stages.remember import HoldMemory
from dockd.stages.report import Report, ReportPolicy
from dockd.stages.shared_holds import SharedHolds
from dockd.stages.uplink import UplinkBoard
from dockd.stages.wellness import Wellness, WellnessPolicy
from dockd.station.http import HttpServer, TcpSettings, build_app
from dockd.station.ledger import SqliteLedger, open_ledger
from dockd.station.spool.directory import DirectorySpool
from dockd.station.spool.holds import SpoolHolds
from tests.fakes.still_clock import StillClock
from tests.station.ledger_parts import CAMERA, DOCKING, STORE, HandClock

PATIENCE_S = 60


class SilentJournal:
    """A journal that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []

    def say(self, event: str, sentence: str, *, level: str = "info", **fields: object) -> None:
        self.said.append((event, {"sentence": sentence, "level": level, **fields}))


class PacedClock(StillClock):
    """A clock that goes on at once when somebody sleeps, and lets the sockets have their turn.

    While ``goes_on`` is not set nobody wakes; ``stands`` tells that somebody sleeps so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.stands = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if not self.goes_on.is_set():
            self.stands.set()
        await self.goes_on.wait()
        await super().sleep(seconds)
        await asyncio.sleep(0.02)


class Asked:
    """A ledger that counts how often the report asks it something; each time costs a thread."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger
        self.times = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the ledger has
        self.times += 1
        return getattr(self._ledger, name)


class Cuts:
    """The slots of the station, of which A1 is cut and may be released, and A2 is too hot."""

    def check_release(self, slot: str) -> None:
        if slot not in {"A1", "A2"}:
            raise NotFound(f"there is no slot {slot!r} here")
        if slot == "A2":
            raise Refused("the safety cut of slot A2 is not lifted: it is above 45 C")


@dataclass(frozen=True, kw_only=True)
class Answering:
    """The parts of a station that answers, and a client on each of its listeners."""

    ledger: SqliteLedger
    asked: Asked
    board: SlotBoard
    problems: ProblemBoard
    report: Report
    follow: Follow
    clock: PacedClock
    server: HttpServer
    socket: Path
    by_socket: httpx2.AsyncClient
    by_tcp: httpx2.AsyncClient
    guessed: list[str]

    async def ask(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a question over TCP, which must be well."""
        response = await self.by_tcp.get(path)
        assert response.status_code == 200, response.text
        return response.json()


@asynccontextmanager
async def answering(folder: Path, **tcp: Any) -> AsyncIterator[Answering]:  # noqa: ANN401 - settings
    """Run a station that answers, with one configured store and two slots."""
    clock = PacedClock()
    ledger = open_ledger(folder / "ledger.sqlite3", clock=HandClock())
    spool = DirectorySpool(folder, reserve_bytes=1, expected_spool_id=None)
    spool.adopt()
    await ledger.set_policy(required=1, stores=frozenset({STORE}))
    board = SlotBoard({"A1": "1-1.1", "A2": None})
    problems = ProblemBoard(ledger=ledger, journal=SilentJournal(), clock=clock)
    uplink = UplinkBoard(
        clock=clock,
        breakers={STORE: lambda: "closed"},
        sent_bytes=lambda: {STORE: 7},
        limit_bytes_s=lambda: None,
    )
    wellness = Wellness(
        ledger=ledger,
        spool=spool,
        problems=problems,
        clock=clock,
        policy=WellnessPolicy(station="lambeth-03", version="0.1.0", has_stores=True),
    )
    asked = Asked(ledger)
    report = Report(
        ledger=cast("Ledger", asked),
        spool=spool,
        board=board,
        problems=problems,
        uplink=uplink,
        wellness=wellness,
        shared_holds=SharedHolds(
            None, ledger=ledger, problems=problems, clock=clock, now=clock.now
        ),
        clock=clock,
        policy=ReportPolicy(
            station="lambeth-03", site="lambeth", version="0.1.0", required=1,
            stores=frozenset({STORE}), wiping=True, power_driver="none", budget_w=90.0,
        ),
    )  # fmt: skip
    holds = HoldMemory(ledger=ledger, file=SpoolHolds(folder), problems=problems, clock=clock)
    await holds.settle()
    ledger.on_commit(holds.heard)
    ledger.on_commit(uplink.heard)
    ledger.on_commit(report.heard)
    follow = Follow(report, ledger=ledger, clock=clock)
    socket = folder / "api.sock"
    guessed: list[str] = []
    server = HttpServer(
        build_app(
            report,
            news=follow,
            actions=Obey(ledger=ledger, holds=holds, safety_cuts=Cuts()),
            version="0.1.0",
        ),
        clock=clock,
        tcp=TcpSettings(**{"host": "127.0.0.1", "port": 0, **tcp}),
        unix=socket,
        guessed=guessed.append,
    )
    server.bind()
    report.listen = server.listen
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(server.run())
            async with (
                httpx2.AsyncClient(
                    transport=httpx2.AsyncHTTPTransport(uds=str(socket)), base_url="http://dockd"
                ) as by_socket,
                httpx2.AsyncClient(base_url=f"http://{server.listen}") as by_tcp,
            ):
                yield Answering(
                    ledger=ledger, asked=asked, board=board, problems=problems, report=report,
                    follow=follow, clock=clock,
                    server=server, socket=socket, by_socket=by_socket, by_tcp=by_tcp,
                    guessed=guessed,
                )  # fmt: skip
            running.cancel()
    finally:
        ledger.close()


@asynccontextmanager
async def connected(
    station: Answering, *, by: str | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect over TCP, from an address, with no client that keeps to the rules in between."""
    host, _, port = station.server.listen.rpartition(":")
    local = None if by is None else (by, 0)
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=local)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return all that comes until the station hangs up."""
    said = b""
    async with asyncio.timeout(PATIENCE_S):
        with suppress(ConnectionError):
            while piece := await reader.read(65536):
                said += piece
    return said


async def lines_of(response: httpx2.Response) -> AsyncGenerator[str, None]:
    """Yield the lines of a stream; the generator is closed by whoever opened it."""
    async for line in response.aiter_lines():
        yield line


def camera_in(board: SlotBoard, *, slot: str = "A1") -> None:
    """Put the camera of the ledger's parts into a slot."""
    board.saw(Sighting(slot=slot, port=None, family="directory", serial=CAMERA, token=""))
    board.docked(slot, camera=CAMERA, docking=DOCKING)
