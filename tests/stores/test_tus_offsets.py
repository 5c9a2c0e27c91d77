"""The offset of a tus server's reply is the truth, and uploads end in their time."""

from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from dockd.errors import StoreBusy, StoreLostObject, StoreUnreachable, UploadVanished
from tests.fakes.broken_s3 import Answer, Heard
from tests.fakes.clip_content import PART_BYTES, sending
from tests.fakes.tus_script import Said, on
from tests.stores.tus_scene import CONTENT, EXPECTED, SIZE, UPLOAD, begun, send, tus

pytestmark = pytest.mark.asyncio


async def test_a_server_that_takes_less_than_was_sent_is_sent_the_rest(
    tmp_path: Path, tls: bool
) -> None:
    """A 204 with a shorter Upload-Offset is believed, and the next byte is the one behind it."""
    script = begun()

    def a_million(heard: Heard) -> Said | None:
        if heard.method != "PATCH":
            return None
        return script.taken(UPLOAD, min(1_000_000, int(heard.headers["content-length"])))

    script.meddle = a_million
    async with tus(script, tmp_path, tls=tls) as scene:
        await send(scene)
    assert scene.offsets() == [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000]
    bodies = [heard.body for heard in scene.server.heard if heard.method == "PATCH"]
    taken = [body[:1_000_000] for body in bodies]
    assert b"".join(taken) == CONTENT[:PART_BYTES]
    assert "POST" not in scene.methods()


async def test_a_server_that_is_back_is_sent_again_from_there(tmp_path: Path, tls: bool) -> None:
    """Bytes that were lost under way are sent again, from where the reply says."""
    script = begun()
    script.uploads[UPLOAD][1] = 3_000_000

    def back(heard: Heard) -> Said | None:
        if heard.method == "PATCH" and heard.headers["upload-offset"] == "3000000":
            script.uploads[UPLOAD][1] = 0
            return script.taken(UPLOAD, 2_000_000)
        return None

    script.meddle = back
    async with tus(script, tmp_path, tls=tls) as scene:
        await send(scene)
    assert scene.offsets() == [3_000_000, 2_000_000]
    assert scene.server.heard[-1].body == CONTENT[2_000_000:PART_BYTES]


async def test_a_server_that_never_gets_on_is_left_alone_for_a_while(
    tmp_path: Path, tls: bool
) -> None:
    """Offsets that go back for ever end in patience, and never in another upload."""
    script = begun(offset=1_000_000)
    script.meddle = on("PATCH", Answer(204, headers={"Upload-Offset": "1000000"}))
    async with tus(script, tmp_path, tls=tls) as scene:
        with pytest.raises(StoreBusy):
            await send(scene)
    assert set(scene.methods()) == {"OPTIONS", "HEAD", "PATCH"}
    assert len(scene.offsets()) < 10


@pytest.mark.parametrize("method", ["HEAD", "PATCH"])
async def test_more_than_was_sent_is_another_upload(tmp_path: Path, tls: bool, method: str) -> None:
    """An offset past the end is nothing of ours: the clip is begun again."""
    script = begun()
    script.meddle = on(method, Answer(200, headers={"Upload-Offset": str(SIZE + 1)}))
    async with tus(script, tmp_path, tls=tls) as scene:
        with pytest.raises(UploadVanished):
            await send(scene)


async def test_an_upload_of_another_length_is_not_ours(tmp_path: Path, tls: bool) -> None:
    """An address that was given to somebody else is begun again, and nothing is sent to it."""
    script = begun()
    script.uploads[UPLOAD][0] = SIZE - 1
    async with tus(script, tmp_path, tls=tls) as scene:
        with pytest.raises(UploadVanished):
            await send(scene)
    assert "PATCH" not in scene.methods()


@pytest.mark.parametrize("offset", ["", "-1", "1e3", "٣", "0x10", " 1 2"])
@pytest.mark.parametrize("method", ["HEAD", "PATCH"])
async def test_a_yes_without_an_offset_is_not_believed(
    tmp_path: Path, offset: str, method: str
) -> None:
    """A 2xx that does not say how far the upload is says nothing."""
    script = begun()
    headers = {"Upload-Offset": offset.encode().decode("latin-1")} if offset else {}
    script.meddle = on(method, Answer(200, headers=headers))
    async with tus(script, tmp_path, tls=False) as scene:
        with pytest.raises(StoreUnreachable):
            await send(scene)


async def test_a_shrunken_upload_is_not_completed(tmp_path: Path, tls: bool) -> None:
    """What went back after its last part is begun again; half a clip is never an object."""
    async with tus(begun(offset=1), tmp_path, tls=tls) as scene:
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            with pytest.raises(UploadVanished):
                await scene.store.complete(outgoing, upload_id=UPLOAD, etags={0: "told", 1: "told"})
            with pytest.raises(StoreLostObject):
                await scene.store.prove(outgoing, version=UPLOAD)


@pytest.mark.parametrize("status", [404, 410])
async def test_an_expired_upload_is_begun_again(tmp_path: Path, tls: bool, status: int) -> None:
    """What the server threw away during an outage has vanished, and nothing is sent to it."""
    async with tus(begun(meddle=on("HEAD", Answer(status))), tmp_path, tls=tls) as scene:
        with pytest.raises(UploadVanished):
            await send(scene)
        with sending(CONTENT, expected=EXPECTED) as outgoing, pytest.raises(UploadVanished):
            await scene.store.arrived_parts(outgoing, upload_id=UPLOAD)
    assert "PATCH" not in scene.methods()


@pytest.mark.parametrize(("ago_s", "vanished"), [(1, True), (-60, False)])
async def test_an_upload_past_its_date_is_not_gone_on_with(
    tmp_path: Path, tls: bool, ago_s: int, vanished: bool
) -> None:
    """Upload-Expires is read on the store's own clock, whatever the station's says."""
    theirs = datetime(2031, 1, 1, tzinfo=UTC)
    until = datetime.fromtimestamp(theirs.timestamp() - ago_s, tz=UTC)
    headers = {
        "Upload-Offset": "0",
        "Upload-Expires": format_datetime(until, usegmt=True),
        "Date": format_datetime(theirs, usegmt=True),
    }
    script = begun(meddle=on("HEAD", Answer(200, headers=headers)))
    async with tus(script, tmp_path, tls=tls) as scene:
        if vanished:
            with pytest.raises(UploadVanished):
                await send(scene)
        else:
            await send(scene)
    assert ("PATCH" in scene.methods()) is not vanished
