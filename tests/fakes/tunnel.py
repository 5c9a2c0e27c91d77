"""A proxy that opens tunnels (CONNECT, RFC 9110 section 9.3.6), on loopback, for one test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_PIECE_BYTES = 65536


@dataclass
class TunnelProxy:
    """A running proxy and the places that it was asked to open a tunnel to."""

    address: str = ""
    opened: list[str] = field(default_factory=list)


@asynccontextmanager
async def tunnel_proxy() -> AsyncIterator[TunnelProxy]:
    """Run a proxy that does nothing but tunnels; every name is taken for loopback."""
    proxy = TunnelProxy()
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, place, _ = head.split(" ", 2)
            assert method == "CONNECT"
            proxy.opened.append(place)
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1", int(place.rpartition(":")[2])
            )
            writer.write(b"HTTP/1.1 200 Go on\r\n\r\n")
            try:
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                far_writer.transport.abort()
        writer.transport.abort()
        serving.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        still = set(serving)
        for task in still:
            task.cancel()
        await asyncio.gather(*still)
        # An aborted transport closes its socket at the loop's next turn.
        await asyncio.sleep(0)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE_BYTES):
        writer.write(piece)
        await writer.drain()
    raise ConnectionResetError
