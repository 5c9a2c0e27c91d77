"""A body on its way: one connection for many, none of it after a cancellation, proxies kept to."""

import asyncio
import gc
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.errors import StoreUnreachable
from dockd.stores.http.connections import Connections
from dockd.stores.http.endpoint import Patience
from dockd.stores.s3 import S3Options, S3Store
from tests.fakes.broken_s3 import Answer, Heard, broken_s3, error
from tests.fakes.clip_content import PART_BYTES, content_of, sending
from tests.fakes.still_clock import StillClock

pytestmark = pytest.mark.asyncio

CONTENT = content_of(PART_BYTES + 1)
STORED = Answer(200, b"", {"ETag": '"e"'})
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def store_at(endpoint: str, folder: Path) -> S3Store:
    """Return a store that is somewhere."""
    credentials = folder / "credentials"
    credentials.write_text("[default]\naws_access_key_id=a\naws_secret_access_key=s3cret\n")
    options = S3Options(
        name="central",
        endpoint=endpoint,
        bucket="footage",
        station="test-01",
        credentials=credentials,
        patience=Patience(connect_s=5.0, progress_s=5.0),
    )
    return S3Store(options, clock=StillClock())


class Listener:
    """A server that accepts one connection and reads of it only what it is told to."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        self.reading = threading.Event()
        self.resume = threading.Event()
        self.got_bytes = 0
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.server.accept()
        with connection:
            self.got_bytes += len(connection.recv(65536))
            self.reading.set()
            self.resume.wait()
            while content := connection.recv(65536):
                self.got_bytes += len(content)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A server that stops reading in the middle of a part."""
    made = Listener()
    try:
        yield made
    finally:
        made.resume.set()
        made.thread.join()
        made.server.close()


async def test_a_cancelled_part_is_not_sent_any_further(tmp_path: Path, listener: Listener) -> None:
    """Once a part was given up nothing of it is in flight, for its object may be completed."""
    store = store_at(listener.endpoint, tmp_path)
    content = content_of(64 * PART_BYTES)
    with sending(content) as outgoing:
        part = asyncio.create_task(  # noqa: TID251 - cancelled and awaited right below
            store.put_whole(outgoing)
        )
        await asyncio.to_thread(listener.reading.wait)
        part.cancel()
        with pytest.raises(asyncio.CancelledError):
            await part
    listener.resume.set()
    await asyncio.to_thread(listener.thread.join)
    assert 0 < listener.got_bytes < len(content)
    await store.close()


async def test_parts_in_turn_share_a_connection(tmp_path: Path) -> None:
    """A slow handshake is paid once, not for every part."""
    async with broken_s3(lambda _: STORED, clock=StillClock()) as server:
        store = store_at(server.endpoint, tmp_path)
        with sending(CONTENT) as outgoing:
            await store.send_part(outgoing, upload_id="u1", index=0)
            (first,) = store._client._http._sender._connections._kept
            await store.send_part(outgoing, upload_id="u1", index=1)
            (second,) = store._client._http._sender._connections._kept
        await store.close()
    assert first.connection is second.connection


async def test_a_connection_that_the_store_has_closed_is_not_used_again(tmp_path: Path) -> None:
    """A store that hangs up on idle connections costs a new one, and no failed part."""
    async with broken_s3(lambda _: STORED, clock=StillClock()) as server:
        store = store_at(server.endpoint, tmp_path)
        with sending(CONTENT) as outgoing:
            await store.send_part(outgoing, upload_id="u1", index=0)
            (kept,) = store._client._http._sender._connections._kept
            kept.connection.sock.shutdown(socket.SHUT_RDWR)
            assert await store.send_part(outgoing, upload_id="u1", index=1) == '"e"'
        await store.close()


async def test_a_reply_that_is_too_long_ends_its_connection(tmp_path: Path) -> None:
    """What is left of a reply is never taken for the next one's beginning."""
    long = Answer(200, b"x" * 1_000_000, {"ETag": '"e"'})
    async with broken_s3(lambda _: long, clock=StillClock()) as server:
        store = store_at(server.endpoint, tmp_path)
        with sending(CONTENT) as outgoing:
            await store.send_part(outgoing, upload_id="u1", index=0)
            assert store._client._http._sender._connections._kept == []
        await store.close()


async def test_a_reply_that_breaks_off_says_nothing(tmp_path: Path) -> None:
    """A 200 whose body may have been an error is no word that anything was stored."""
    whole = error(200, "InternalError", ETag='"e"')
    answers = {"part": replace(whole, cut_at=30)}
    async with broken_s3(
        lambda heard: answers.get(heard.about, STORED), clock=StillClock()
    ) as server:
        store = store_at(server.endpoint, tmp_path)
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable):
            await store.send_part(outgoing, upload_id="u1", index=0)
        assert store._client._http._sender._connections._kept == []
        await store.close()


async def test_a_word_before_the_reply_ends_its_connection(tmp_path: Path) -> None:
    """A reply that is still to come is never taken for the next part's."""
    async with broken_s3(lambda _: Answer(103), clock=StillClock()) as server:
        store = store_at(server.endpoint, tmp_path)
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable):
            await store.send_part(outgoing, upload_id="u1", index=0)
        assert store._client._http._sender._connections._kept == []
        await store.close()


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_parts_go_through_the_proxy_that_everything_else_goes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str
) -> None:
    """Behind a proxy a station reaches its store, with questions and with parts alike."""
    heard: list[Heard] = []

    def answer(request: Heard) -> Answer:
        heard.append(request)
        return STORED

    async with broken_s3(answer, clock=StillClock()) as proxy:
        monkeypatch.setenv(variable, scheme + proxy.endpoint.removeprefix("http://"))
        store = store_at("http://store.invalid", tmp_path)
        with sending(CONTENT) as outgoing:
            await store.send_part(outgoing, upload_id="u1", index=0)
            await store.find_object(outgoing)
        await store.close()
    assert [request.about for request in heard] == ["part", "head"]
    assert {request.headers["host"] for request in heard} == {"store.invalid"}


@pytest.mark.parametrize("proxy", ["https://proxy.invalid:3129", "socks5://proxy.invalid:1080"])
async def test_a_proxy_of_another_kind_is_named_and_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """A proxy that wants TLS or SOCKS is not spoken to in plain: questions and parts say why."""
    monkeypatch.setenv("all_proxy", proxy)
    store = store_at("http://store.invalid", tmp_path)
    with sending(CONTENT) as outgoing:
        with pytest.raises(StoreUnreachable, match=f"{proxy.split('.', maxsplit=1)[0]}.*no_proxy"):
            await store.send_part(outgoing, upload_id="u1", index=0)
        with pytest.raises(StoreUnreachable, match="no_proxy"):
            await store.find_object(outgoing)
    await store.close()


# Python 3.11's http.client leaves the reply of a refused tunnel to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_proxy_that_refuses_a_tunnel_is_the_networks_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a store over TLS a proxy opens a tunnel; one that does not is waited for."""
    heard: list[Heard] = []

    def answer(request: Heard) -> Answer:
        heard.append(request)
        return Answer(407)

    async with broken_s3(answer, clock=StillClock()) as proxy:
        address = proxy.endpoint.removeprefix("http://")
        monkeypatch.setenv("https_proxy", f"http://station:p%40ss@{address}")
        store = store_at("https://store.invalid", tmp_path)
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable):
            await store.send_part(outgoing, upload_id="u1", index=0)
        await store.close()
    gc.collect()
    assert [request.method for request in heard] == ["CONNECT"]
    assert heard[0].headers["proxy-authorization"] == "Basic c3RhdGlvbjpwQHNz"


@pytest.mark.parametrize(
    ("endpoint", "port"), [("https://[2001:db8::443]", 443), ("http://[2001:db8::80]", 80)]
)
async def test_an_address_of_ipv6_without_a_port_is_taken_whole(endpoint: str, port: int) -> None:
    """Its last group is no port, and a body goes where every other request goes."""
    connections = Connections(
        endpoint, tls=ssl.create_default_context(), connect_s=1.0, monotonic_s=lambda: 0.0
    )
    made = connections.take()
    assert (made.host, made.port) == (endpoint.partition("[")[2].removesuffix("]"), port)
