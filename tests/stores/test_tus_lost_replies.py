"""Replies of a tus server that are lost, late or a lock: the upload is gone on with."""

from pathlib import Path

import pytest

from dockd.errors import StoreBusy, StoreUnreachable
from dockd.stores.retrying import RetryingStore
from tests.fakes.broken_s3 import Answer, Heard, Reset
from tests.fakes.clip_content import PART_BYTES, content_of, sending
from tests.fakes.tus_script import Said, TusScript, on
from tests.stores.tus_scene import UPLOAD, begun, send, tus

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("index", [0, 1])
async def test_a_lost_reply_is_asked_for(tmp_path: Path, tls: bool, index: int) -> None:
    """When the reply to a PATCH, the last one too, is lost, HEAD tells that it arrived."""
    script = begun(offset=index * PART_BYTES)

    def lost(heard: Heard) -> Said | None:
        if heard.method != "PATCH":
            return None
        size_bytes = int(heard.headers["content-length"])
        script.taken(UPLOAD, size_bytes)
        return Reset(after_body_bytes=size_bytes)

    script.meddle = lost
    async with tus(script, tmp_path, tls=tls) as scene:
        await send(scene, index=index)
    assert len(scene.offsets()) == 1
    assert "POST" not in scene.methods()


async def test_a_link_that_breaks_again_and_again_gets_on(tmp_path: Path, tls: bool) -> None:
    """What arrived before a reset stays, and the part ends however often the link breaks."""
    script = begun()

    def breaking(heard: Heard) -> Said | None:
        if heard.method != "PATCH" or int(heard.headers["content-length"]) < 1_000_000:
            return None
        script.taken(UPLOAD, 500_000)
        return Reset(after_body_bytes=600_000)

    script.meddle = breaking
    async with tus(script, tmp_path, tls=tls) as scene:
        await send(scene)
    assert scene.offsets() == list(range(0, 5_000_000, 500_000))


async def test_a_reset_that_nothing_arrived_of_is_the_networks(tmp_path: Path, tls: bool) -> None:
    """Without any progress the clip waits, and a question came first."""
    script = begun(meddle=on("PATCH", Reset(after_body_bytes=1_000_000)))
    async with tus(script, tmp_path, tls=tls) as scene:
        with pytest.raises(StoreUnreachable):
            await send(scene)
    assert scene.methods()[-2:] == ["PATCH", "HEAD"]


async def test_a_503_that_interrupts_a_body_still_says_when_to_come_back(
    tmp_path: Path, tls: bool
) -> None:
    """An answer lost in the middle of a body is fetched by a question without one."""
    busy = Answer(503, headers={"Retry-After": "30"})
    script = begun()

    def interrupting(heard: Heard) -> Said | None:
        if heard.method == "PATCH":
            return Answer(503, headers=busy.headers, after_body_bytes=1_000_000)
        asked = heard.method == "HEAD" and "PATCH" in scene.methods()
        return busy if asked else None

    script.meddle = interrupting
    async with tus(script, tmp_path, tls=tls) as scene:
        with pytest.raises(StoreBusy) as caught:
            await send(scene)
    assert caught.value.retry_after_s == 30.0


async def test_a_503_that_interrupts_a_creation_says_when_to_come_back(
    tmp_path: Path, tls: bool
) -> None:
    """What goes along with its creation is asked about as well, when the answer was lost."""
    busy = {"Retry-After": "30"}
    script = TusScript()

    def interrupting(heard: Heard) -> Said | None:
        if heard.method == "POST":
            return Answer(503, headers=busy, after_body_bytes=1000)
        asked = heard.method == "OPTIONS" and "POST" in scene.methods()
        return Answer(503, headers=busy) if asked else None

    script.meddle = interrupting
    async with tus(script, tmp_path, tls=tls) as scene:
        with sending(content_of(250_000)) as outgoing, pytest.raises(StoreBusy) as caught:
            await scene.store.put_whole(outgoing)
    assert caught.value.retry_after_s == 30.0


@pytest.mark.parametrize("status", [403, 404, 409, 410])
async def test_a_refused_part_that_is_there_already_is_there(
    tmp_path: Path, tls: bool, status: int
) -> None:
    """Servers refuse in many ways what they have: the question decides, not the refusal."""
    script = begun()

    def there(heard: Heard) -> Said | None:
        if heard.method != "PATCH":
            return None
        script.taken(UPLOAD, int(heard.headers["content-length"]))
        return Answer(status)

    script.meddle = there
    async with tus(script, tmp_path, tls=tls) as scene:
        await send(scene)
    assert len(scene.offsets()) == 1


@pytest.mark.parametrize("method", ["HEAD", "PATCH"])
async def test_a_lock_is_waited_out(tmp_path: Path, tls: bool, method: str) -> None:
    """A 423 is answered with patience, and then with the same upload."""
    script = begun(meddle=on(method, Answer(423), Answer(423), Answer(423), None))
    async with tus(script, tmp_path, tls=tls) as scene:
        await send(scene)
    assert scene.clock.slept == [1.0, 2.0, 3.0]
    assert "POST" not in scene.methods()


@pytest.mark.parametrize("method", ["HEAD", "PATCH"])
async def test_a_lock_for_ever_is_never_answered_with_a_new_upload(
    tmp_path: Path, tls: bool, method: str
) -> None:
    """A lock that stays is the store's to be patient with: the clip comes back to it later."""
    script = begun(meddle=on(method, Answer(423)))
    async with tus(script, tmp_path, tls=tls) as scene:
        with pytest.raises(StoreBusy):
            await send(scene)
    assert sum(scene.clock.slept) >= 30.0
    assert "POST" not in scene.methods()


async def test_a_locked_small_clip_is_gone_on_with_when_it_is_tried_again(
    tmp_path: Path, tls: bool
) -> None:
    """What is put whole has no upload in the ledger, and still none is made twice for a lock."""
    content = content_of(70_000)
    script = TusScript(extensions="creation", meddle=on("PATCH", *[Answer(423)] * 20, None))
    async with tus(script, tmp_path, tls=tls) as scene:
        store = RetryingStore(scene.store, clock=scene.clock)
        with sending(content) as outgoing:
            version = await store.put_whole(outgoing)
    assert version == UPLOAD
    assert scene.methods().count("POST") == 1
