"""How much is borne of those who ask, and for how long: the listeners under ill will."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from dockd.station.http.limits import Limits
from tests.fakes import certificates
from tests.station import ledger_parts as parts
from tests.station.answering_parts import answering, connected, ended, lines_of

PATIENCE_S = 60


@pytest.mark.asyncio
async def test_headers_and_bodies_are_bounded(tmp_path: Path) -> None:
    """More than 16 KiB of headers or 64 KiB of body is refused, whatever length is announced."""
    async with answering(tmp_path) as station:
        async with connected(station) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 20_000)
            assert b" 400 " in (await ended(reader)).splitlines()[0]

        # All at once, and with its end, it is no smaller; what fits is answered.
        for size, status in ((20_000, b" 400 "), (200_000, b" 400 "), (14_000, b" 200 ")):
            async with connected(station) as (reader, writer):
                writer.write(
                    b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx: "
                )
                writer.write(b"a" * size + b"\r\n\r\n")
                assert status in (await ended(reader)).splitlines()[0]

        async def much() -> AsyncIterator[bytes]:
            for _ in range(1000):
                yield b" " * 1000

        await station.ledger.record(parts.docked())
        path = f"/v1/cameras/{parts.CAMERA}/hold"
        for body in (much(), b" " * 70_000):
            refused = await station.by_socket.post(path, content=body)
            assert (refused.status_code, refused.json()["slug"]) == (413, "body-refused")
        fits, json = b'{"why": "x"}'.ljust(60_000), {"content-type": "application/json"}
        assert (await station.by_socket.post(path, content=fits, headers=json)).status_code == 202


@pytest.mark.asyncio
async def test_malformed_requests_do_not_flood_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever sends garbage is refused, and nobody else hears of it."""
    async with answering(tmp_path) as station:
        for garbage in (b"\x16\x03\x01\x02\x00", b"GET", b"\n" * 20_000):
            async with connected(station) as (reader, writer):
                writer.write(garbage + b"\r\n\r\n")
                assert b" 400 " in (await ended(reader)).splitlines()[0]
    assert caplog.records == []


@pytest.mark.asyncio
async def test_a_full_house_keeps_the_socket_open(tmp_path: Path) -> None:
    """No connection beyond the limit is kept, those that there are go on, and orders still work."""
    limits = Limits(connections=5, request_within_s=2 * PATIENCE_S)
    async with answering(tmp_path, limits=limits) as station, contextlib.AsyncExitStack() as crowd:
        first_reader, first_writer = await crowd.enter_async_context(connected(station))
        for _ in range(limits.connections - 1):
            reader, writer = await crowd.enter_async_context(connected(station))
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
        async with connected(station) as (reader, _):
            assert await ended(reader) == b""
        assert (await station.by_socket.get("/v1/status")).status_code == 200
        first_writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert b"HTTP/1.1 " in await first_reader.readuntil(b"\r\n")


@pytest.mark.asyncio
async def test_who_is_silent_about_tls_is_counted_and_hung_up_on(tmp_path: Path) -> None:
    """Whoever connects and agrees on nothing takes up a place of the limit, and not for long."""
    cert, key = certificates.self_signed(tmp_path, "station")
    limits = Limits(connections=5, handshake_within_s=3.0)
    async with (
        answering(tmp_path, limits=limits, tls_cert=cert, tls_key=key) as station,
        contextlib.AsyncExitStack() as crowd,
    ):
        silent = [await crowd.enter_async_context(connected(station)) for _ in range(50)]
        order: list[int] = []

        async def until_hung_up(number: int) -> None:
            assert await ended(silent[number][0]) == b""
            order.append(number)

        # Well below the minute of asyncio.
        async with asyncio.timeout(PATIENCE_S / 2), asyncio.TaskGroup() as group:
            for number in range(len(silent)):
                group.create_task(until_hung_up(number))
        assert sorted(order[-limits.connections :]) == list(range(limits.connections))
        trust = ssl.create_default_context(cafile=cert)
        url = f"https://{station.server.listen}"
        async with httpx2.AsyncClient(verify=trust, base_url=url) as client:
            assert (await client.get("/healthz")).status_code == 200


@pytest.mark.asyncio
async def test_one_address_does_not_take_up_the_house(tmp_path: Path) -> None:
    """Beyond the station no address has more than its share; the others have theirs."""
    limits = Limits(connections=5, connections_per_peer=2, request_within_s=2 * PATIENCE_S)
    asks = b"GET /healthz HTTP/1.1\r\nhost: station.example\r\n\r\n"
    async with (
        answering(tmp_path, host="0.0.0.0", limits=limits) as station,  # noqa: S104 - as others reach it
        contextlib.AsyncExitStack() as crowd,
    ):
        for host in ("127.0.0.2", "127.0.0.3"):
            for _ in range(limits.connections_per_peer):
                reader, writer = await crowd.enter_async_context(connected(station, by=host))
                writer.write(asks)
                assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
            async with connected(station, by=host) as (reader, _):
                assert await ended(reader) == b""
        async with connected(station, by="127.0.0.4") as (reader, writer):
            writer.write(asks)
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: y",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n1",
    ],
    ids=["nothing", "a-letter", "half-its-headers", "half-a-second-one", "half-a-body"],
)
async def test_who_does_not_finish_is_hung_up_on(tmp_path: Path, begun: bytes) -> None:
    """A request that is begun and not ended costs its connection, however slowly it goes on."""
    limits = Limits(request_within_s=0.2)
    async with (
        answering(tmp_path, limits=limits) as station,
        connected(station) as (reader, writer),
    ):

        async def dawdle() -> None:
            writer.write(begun)
            while begun:
                await asyncio.sleep(0.05)
                writer.write(b"a")

        async with asyncio.TaskGroup() as group:
            dawdling = group.create_task(dawdle())
            await ended(reader)
            dawdling.cancel()


@pytest.mark.asyncio
async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """An order of which the body stops half-way is refused, and the next one is taken."""
    async with answering(tmp_path, limits=Limits(body_within_s=0.2)) as station:
        reader, writer = await asyncio.open_unix_connection(station.socket)
        writer.write(
            b"POST /v1/cameras/x/hold HTTP/1.1\r\nhost: dockd\r\ncontent-length: 9\r\n\r\n{"
        )
        assert b"did not come within" in await ended(reader)
        writer.close()
        assert (await station.by_socket.get("/healthz")).status_code == 200


@pytest.mark.asyncio
async def test_half_an_order_is_none(tmp_path: Path) -> None:
    """Whoever leaves in the middle of a body has ordered nothing, however whole it reads."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked())
        before = (await station.ledger.head()).sequence
        reader, writer = await asyncio.open_unix_connection(station.socket)
        path = f"/v1/cameras/{parts.CAMERA}/hold".encode()
        writer.write(
            b"POST %b HTTP/1.1\r\nhost: dockd\r\ncontent-type: application/json\r\n" % path
            + b'content-length: 100\r\n\r\n{"why": "x"}'
        )
        writer.write_eof()
        assert b" 202 " not in await ended(reader)
        writer.close()
        whole = await station.by_socket.post(path.decode(), json={"why": "y"})
        assert whole.status_code == 202
        assert (await station.ledger.head()).sequence == before + 1


@pytest.mark.asyncio
async def test_who_does_not_read_is_hung_up_on(tmp_path: Path) -> None:
    """Whoever follows and takes nothing loses the connection; those who read go on."""
    async with answering(tmp_path, limits=Limits(read_within_s=0.2)) as station:
        await station.ledger.record(parts.docked(), *(parts.seen(n) for n in range(1, 500)))
        # What the kernel takes in the peer's place is small, so that the test is.
        station.server._sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with socket.socket() as idler:
            # Before it connects: the window never grows.
            idler.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            host, _, port = station.server.listen.rpartition(":")
            idler.connect((host, int(port)))
            idler.sendall(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\nlast-event-id: 1\r\n\r\n")
            async with (
                asyncio.timeout(PATIENCE_S),
                station.by_tcp.stream("GET", "/v1/events") as reads,
                contextlib.aclosing(lines_of(reads)) as lines,
            ):
                while len(_telling()) < 2:
                    await anext(lines)
                while len(_telling()) > 1:
                    await anext(lines)
                assert await anext(lines)


def _telling() -> list[asyncio.Task[object]]:
    """Return what tells the followers of the station, which runs on the test's own loop."""
    return [task for task in asyncio.all_tasks() if task.get_name() == "event stream"]
