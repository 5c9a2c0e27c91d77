"""What a tus server refuses, and what is no tus server: each has its ending."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from dockd.errors import (
    StoreBucketMissing,
    StoreBusy,
    StoreRefusedCredentials,
    StoreRejected,
    StoreUnreachable,
    UploadVanished,
)
from dockd.stores.http.endpoint import Patience
from dockd.stores.tus import TusOptions, TusStore
from tests.fakes.broken_s3 import Answer, Silence, broken_s3
from tests.fakes.clip_content import sending
from tests.fakes.still_clock import StillClock
from tests.fakes.tus_script import TusScript, on
from tests.stores.tus_scene import (
    CONTENT,
    EXPECTED,
    SIZE,
    UPLOAD,
    Scene,
    begun,
    create,
    send,
    tus,
)

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_trouble_of_the_stores_own_is_never_final(
    tmp_path: Path, tls: bool, status: int
) -> None:
    """A 5xx, and every "later, please", is StoreBusy, with the time it asks for."""
    busy = Answer(status, headers={"Retry-After": "17"})
    for method, doing in (("POST", create), ("PATCH", send), ("OPTIONS", create)):
        async with tus(begun(meddle=on(method, busy)), tmp_path, tls=tls) as scene:
            with pytest.raises(StoreBusy) as caught:
                await doing(scene)
            assert caught.value.retry_after_s == 17.0


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        (400, StoreRejected),
        (401, StoreRefusedCredentials),
        (403, StoreRefusedCredentials),
        (404, StoreBucketMissing),
        (405, StoreBucketMissing),
        (413, StoreRejected),
    ],
)
async def test_each_refused_creation_has_its_own_ending(
    tmp_path: Path, tls: bool, status: int, ending: type[Exception]
) -> None:
    """What the server says to a new upload decides whose the problem is."""
    script = begun(meddle=on("POST", Answer(status)))
    async with tus(script, tmp_path, tls=tls) as scene:
        with pytest.raises(ending):
            await create(scene)


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        (400, StoreRejected),
        (403, StoreRefusedCredentials),
        (404, UploadVanished),
        (410, UploadVanished),
        (413, StoreRejected),
        (415, StoreRejected),
    ],
)
async def test_each_refused_part_has_its_own_ending(
    tmp_path: Path, tls: bool, status: int, ending: type[Exception]
) -> None:
    """A refusal that the question after it does not explain is what its status says."""
    script = begun(meddle=on("PATCH", Answer(status)))
    async with tus(script, tmp_path, tls=tls) as scene:
        with pytest.raises(ending):
            await send(scene)


async def test_a_clip_beyond_the_servers_limit_is_refused_before_a_byte_is_sent(
    tmp_path: Path, tls: bool
) -> None:
    """Tus-Max-Size is read from the server, and read again before it refuses anything."""
    script = TusScript(max_size_bytes=SIZE - 1)
    async with tus(script, tmp_path, tls=tls) as scene:
        with pytest.raises(StoreRejected, match=f"{SIZE - 1} bytes at most"):
            await create(scene)
        assert "POST" not in scene.methods()
        script.max_size_bytes = SIZE
        assert await create(scene) == UPLOAD


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>Log in to use the guest network</html>"),
        Answer(404, b"<html>Not found</html>"),
        Answer(405),
        Answer(204, headers={"Tus-Version": "0.2.2", "Tus-Extension": "creation"}),
        Answer(204, headers={"Tus-Version": "1.0.0", "Tus-Extension": "termination"}),
    ],
)
async def test_what_is_no_tus_server_gets_nothing(
    tmp_path: Path, tls: bool, answer: Answer
) -> None:
    """A captive portal, a page or another version is told from a server before anything is sent."""
    script = TusScript(meddle=on("OPTIONS", answer))
    async with tus(script, tmp_path, tls=tls) as scene:
        with pytest.raises(StoreUnreachable):
            await create(scene)
    assert scene.methods() == ["OPTIONS"]


@pytest.mark.parametrize("doing", [create, send], ids=["create", "send"])
async def test_silence_ends_in_a_deadline(
    tmp_path: Path, tls: bool, doing: Callable[[Scene], object]
) -> None:
    """A server that takes everything and never answers is unreachable."""
    impatient = Patience(connect_s=5.0, progress_s=0.3)
    script = begun(meddle=lambda heard: Silence() if heard.method in {"POST", "PATCH"} else None)
    async with tus(script, tmp_path, tls=tls, patience=impatient) as scene:
        with pytest.raises(StoreUnreachable):
            await doing(scene)  # type: ignore[misc]  # either of the two


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_bomb_in_an_errors_body_does_not_go_off(
    tmp_path: Path, tls: bool, encoding: str
) -> None:
    """Of an error's body at most 64 KiB are read, nothing is unpacked, and the status decides."""
    body = gzip.compress(bytes(50_000_000)) if encoding == "gzip" else bytes(50_000_000)
    bomb = Answer(500, body, {"Content-Encoding": encoding})
    for method, doing in (("POST", create), ("PATCH", send)):
        async with tus(begun(meddle=on(method, bomb)), tmp_path, tls=tls) as scene:
            with pytest.raises(StoreBusy) as caught:
                await doing(scene)
            assert len(str(caught.value)) < 500


@pytest.mark.parametrize("status", [400, 405, 451])
async def test_a_question_that_is_refused_holds_no_clip(
    tmp_path: Path, tls: bool, status: int
) -> None:
    """What stands before a server and knows no HEAD is the store's trouble, and not a clip's."""
    async with tus(begun(meddle=on("HEAD", Answer(status))), tmp_path, tls=tls) as scene:
        with pytest.raises(StoreUnreachable):
            await send(scene)


async def test_everything_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy a tus store is reached with questions and with footage alike."""
    script = TusScript()
    async with broken_s3(script, clock=StillClock()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.endpoint)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        options = TusOptions(name="t", url="http://store.invalid/files/", station="test-01")
        store = TusStore(options, clock=StillClock())
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            upload = await store.create_upload(outgoing)
            await store.send_part(outgoing, upload_id=upload, index=0)
        await store.close()
    methods = [heard.method for heard in proxy.heard]
    assert {heard.headers["host"] for heard in proxy.heard} == {"store.invalid"}
    assert {"OPTIONS", "POST", "HEAD", "PATCH"} == set(methods)
