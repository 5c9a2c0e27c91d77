"""What only tus servers have, on real ones: limits, half-open connections, the server's death."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dockd.errors import StoreRejected, StoreUnreachable, TransientError
from dockd.ports.store import Store
from dockd.station.clock import SystemClock
from dockd.stores.retrying import RetryingStore
from tests.conformance.far_sides import FarSide
from tests.conformance.tus_sides import (
    SeaweedTusFarSide,
    TusFarSide,
    node_far_side,
    resumable_far_side,
)
from tests.fakes.clip_content import PART_BYTES, content_of, sending
from tests.fakes.servers import (
    S3Server,
    TusServer,
    free_ports,
    node_tus,
    resumable_upload,
    seaweedfs,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.real, pytest.mark.xdist_group("tus")]


@asynccontextmanager
async def connected(far: FarSide) -> AsyncIterator[Store]:
    """Give a client."""
    store = far.connect()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Whatever has to end with the test."""
    with ExitStack() as stack:
        yield stack


async def test_the_servers_own_limit_is_kept_to(stack: ExitStack, tmp_path: Path) -> None:
    """A clip that is larger than Tus-Max-Size is a person's to settle, one that fits arrives."""
    far = node_far_side(stack.enter_context(node_tus(tmp_path, max_size_bytes=1000)))
    async with connected(far) as store:
        with sending(content_of(1000)) as outgoing:
            await store.put_whole(outgoing)
            assert far.versions(outgoing.expected.key) == 1
        with sending(content_of(1001)) as outgoing:
            with pytest.raises(StoreRejected, match="1000 bytes at most"):
                await store.put_whole(outgoing)
            assert far.versions(outgoing.expected.key) == 0


def half_open(url: str, *, offset: int, content: bytes, claimed_bytes: int) -> socket.socket:
    """Begin a PATCH and fall silent, as a station does whose link is cut."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0))
    head = (
        f"PATCH {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nTus-Resumable: 1.0.0\r\n"
        f"Upload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {claimed_bytes}\r\n\r\n"
    )
    connection.sendall(head.encode() + content)
    return connection


@pytest.mark.parametrize("name", ["node", "resumable", "seaweed"])
async def test_a_half_open_connection_costs_no_second_upload(
    request: pytest.FixtureRequest, name: str
) -> None:
    """While an old PATCH still hangs at the server, the clip goes on in the same upload."""
    server: TusServer | S3Server = request.getfixturevalue(name)
    if isinstance(server, S3Server):
        far: FarSide = SeaweedTusFarSide(filer=server.filer, root="tus-footage")
        origin = server.filer
    else:
        far = (node_far_side if name == "node" else resumable_far_side)(server)
        origin = server.url.removesuffix("/files")
    content = content_of(PART_BYTES + 1)
    with sending(content) as outgoing:
        async with connected(far) as store:
            upload = await store.create_upload(outgoing)
            old = half_open(
                origin + upload, offset=0, content=content[:100_000], claimed_bytes=PART_BYTES
            )
            first = None
            with old, suppress(TransientError):
                # Some take the lock from the old one, some refuse until that is gone.
                first = await store.send_part(outgoing, upload_id=upload, index=0)
            trying = RetryingStore(store, clock=SystemClock())
            etags = {
                0: first or await trying.send_part(outgoing, upload_id=upload, index=0),
                1: await trying.send_part(outgoing, upload_id=upload, index=1),
            }
            version = await store.complete(outgoing, upload_id=upload, etags=etags)
            assert upload in version
        assert far.content(outgoing.expected.key) == content
        assert far.versions(outgoing.expected.key) == 1


RESTARTED = {
    "node": (node_tus, node_far_side),
    "resumable": (resumable_upload, resumable_far_side),
}


@pytest.mark.parametrize("name", RESTARTED)
async def test_a_server_that_dies_under_a_part_has_it_gone_on_with(
    stack: ExitStack, tmp_path: Path, name: str
) -> None:
    """After SIGKILL in mid-PATCH and a restart, the rest goes to the same upload."""
    run, side = RESTARTED[name]
    (port,) = free_ports(1)
    dying = ExitStack()
    stack.enter_context(dying)
    server = dying.enter_context(run(tmp_path, port=port))
    far: TusFarSide = side(server)
    content = content_of(3 * PART_BYTES + 1)
    with sending(content) as outgoing:
        async with connected(far) as store:
            upload = await store.create_upload(outgoing)
            etags = {0: await store.send_part(outgoing, upload_id=upload, index=0)}
            with half_open(
                far.url.removesuffix("/files") + upload,
                offset=PART_BYTES,
                content=content[PART_BYTES : PART_BYTES + 300_000],
                claimed_bytes=PART_BYTES,
            ):
                server.process.send_signal(signal.SIGKILL)
                await asyncio.to_thread(server.process.wait)
            with pytest.raises(StoreUnreachable):
                await store.send_part(outgoing, upload_id=upload, index=1)
            dying.close()
            stack.enter_context(run(tmp_path, port=port))
            for index in (1, 2, 3):
                etags[index] = await store.send_part(outgoing, upload_id=upload, index=index)
            version = await store.complete(outgoing, upload_id=upload, etags=etags)
            proven = await store.prove(outgoing, version=version)
        assert (proven.judgement.outcome, proven.judgement.strength) == ("receipt", far.strength)
        assert far.content(outgoing.expected.key) == content
        assert far.versions(outgoing.expected.key) == 1


async def test_seaweedfs_dying_under_a_part_has_it_gone_on_with(
    stack: ExitStack, tmp_path: Path
) -> None:
    """SeaweedFS too goes on with an upload that it had before it was killed."""
    dying = ExitStack()
    stack.enter_context(dying)
    server = dying.enter_context(seaweedfs(tmp_path))
    far = SeaweedTusFarSide(filer=server.filer, root="tus-footage")
    content = content_of(2 * PART_BYTES)
    with sending(content) as outgoing:
        async with connected(far) as store:
            upload = await store.create_upload(outgoing)
            etags = {0: await store.send_part(outgoing, upload_id=upload, index=0)}
            server.process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(server.process.wait)
        dying.close()
        again = stack.enter_context(seaweedfs(tmp_path))
        far = SeaweedTusFarSide(filer=again.filer, root="tus-footage")
        async with connected(far) as store:
            etags[1] = await store.send_part(outgoing, upload_id=upload, index=1)
            await store.complete(outgoing, upload_id=upload, etags=etags)
        assert far.content(outgoing.expected.key) == content
