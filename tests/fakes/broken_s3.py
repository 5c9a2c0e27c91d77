"""An S3 server that misbehaves by script, on loopback, for one test."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tests.fakes.still_clock import StillClock


@dataclass(frozen=True)
class Heard:
    """A request as far as it was read."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def about(self) -> str:
        """Which operation it is, in the words of the S3 API."""
        if "uploads" in self.query:
            return "create" if self.method == "POST" else "list-uploads"
        if "partNumber" in self.query:
            return "part"
        if "uploadId" in self.query:
            return {"POST": "complete", "GET": "list-parts", "DELETE": "abort"}[self.method]
        return self.method.lower()


@dataclass(frozen=True)
class Answer:
    """What to say; ``after_body_bytes`` answers before the rest of the request is read.

    ``then`` is what becomes of that rest: the server hangs up on it, lets it stand in the kernel,
    or reads it after all. ``cut_at`` ends the body early although its length was announced.
    ``drip_s`` is how long each byte of the reply waits for the one before it.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after_body_bytes: int | None = None
    then: Literal["close", "hold", "drain"] = "close"
    cut_at: int | None = None
    drip_s: float = 0.0


@dataclass(frozen=True)
class Reset:
    """Hang up without a word, with a TCP reset, after some of the body."""

    after_body_bytes: int = 0


@dataclass(frozen=True)
class Silence:
    """Take everything and never answer."""


Script = Callable[[Heard], Answer | Reset | Silence]


def error(status: int, code: str, **headers: str) -> Answer:
    """Return an S3 error."""
    body = f"<Error><Code>{code}</Code><Message>scripted</Message></Error>".encode()
    return Answer(status, body, {name.replace("_", "-"): v for name, v in headers.items()})


def created(upload_id: str = "u1") -> Answer:
    """Return the answer to CreateMultipartUpload."""
    root = "InitiateMultipartUploadResult"
    return Answer(body=f"<{root}><UploadId>{upload_id}</UploadId></{root}>".encode())


@dataclass
class BrokenS3:
    """A running server and what it has heard."""

    endpoint: str
    heard: list[Heard] = field(default_factory=list)

    def abouts(self) -> list[str]:
        return [heard.about for heard in self.heard]


@asynccontextmanager
async def broken_s3(
    script: Script, *, clock: StillClock, tls: ssl.SSLContext | None = None
) -> AsyncIterator[BrokenS3]:
    """Run a server that answers as the script says; its Date is the clock's, unless scripted."""
    serving: set[asyncio.Task[None]] = set()
    broken = BrokenS3("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(_this_task())
        try:
            while await _one_request(reader, writer, script, broken, clock=clock):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The client hung up, or the test is over.
            pass
        finally:
            writer.transport.abort()
            serving.discard(_this_task())

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    broken.endpoint = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield broken
    finally:
        server.close()
        still = set(serving)
        for task in still:
            task.cancel()
        await asyncio.gather(*still)
        # An aborted transport closes its socket at the loop's next turn.
        await asyncio.sleep(0)


def _this_task() -> "asyncio.Task[None]":
    task = asyncio.current_task()
    assert task is not None
    return task


async def _one_request(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    script: Script,
    broken: BrokenS3,
    *,
    clock: StillClock,
) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.strip().split("\r\n")
    method, target, _ = line.split(" ")
    headers = {n.lower(): v.strip() for n, _, v in (h.partition(":") for h in rest)}
    parts = urlsplit(target)
    query = {n: v[0] for n, v in parse_qs(parts.query, keep_blank_values=True).items()}
    heard = Heard(method, parts.path, query, headers)
    length = int(headers.get("content-length", "0"))
    answer = script(heard)
    match answer:
        case Reset(after_body_bytes=count):
            await reader.readexactly(min(count, length))
            broken.heard.append(heard)
            _abort(writer)
            return False
        case Silence():
            broken.heard.append(heard)
            await asyncio.Event().wait()
            return False
        case Answer():
            return await _spoken(reader, writer, answer, broken, heard=heard, clock=clock)


async def _spoken(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answer: Answer,
    broken: BrokenS3,
    *,
    heard: Heard,
    clock: StillClock,
) -> bool:
    """Answer, and return whether the connection goes on."""
    length = int(heard.headers.get("content-length", "0"))
    early = answer.after_body_bytes
    body = await reader.readexactly(length if early is None else min(early, length))
    broken.heard.append(replace(heard, body=body))
    await _say(writer, answer, method=heard.method, clock=clock)
    if early is None:
        return answer.cut_at is None
    match answer.then:
        case "close":
            # Hanging up on a peer that is still sending turns into a reset, as with real proxies.
            _abort(writer)
        case "hold":
            await asyncio.Event().wait()
        case "drain":
            await reader.readexactly(length - len(body))
    return answer.then == "drain"


async def _say(
    writer: asyncio.StreamWriter, answer: Answer, *, method: str, clock: StillClock
) -> None:
    headers = {
        "Date": format_datetime(clock.now(), usegmt=True),
        "Server": "broken",
        "Content-Length": str(len(answer.body)),
        **answer.headers,
    }
    lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{n}: {v}" for n, v in headers.items())]
    said = "\r\n".join((*lines, "", "")).encode()
    if method != "HEAD":
        said += answer.body[: answer.cut_at]
    for byte in said if answer.drip_s else b"":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(answer.drip_s)
    if not answer.drip_s:
        writer.write(said)
    await writer.drain()


def _abort(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
