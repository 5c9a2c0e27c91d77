"""What a tus server is told of a clip, and by whom."""

from pathlib import Path

import pytest

from dockd.errors import StoreRefusedCredentials
from dockd.stores.tus.store import WITH_CREATION_BYTES
from tests.fakes.broken_s3 import Answer, Heard
from tests.fakes.clip_content import content_of, sending
from tests.fakes.tus_script import Said, TusScript, metadata_of
from tests.stores.tus_scene import CONTENT, EXPECTED, UPLOAD, tus

pytestmark = pytest.mark.asyncio


async def test_a_small_clip_goes_along_with_its_creation_where_that_is_offered(
    tmp_path: Path, tls: bool
) -> None:
    """One request carries a small clip whole; a larger one keeps what arrived of it."""
    content = content_of(WITH_CREATION_BYTES)
    async with tus(TusScript(), tmp_path, tls=tls) as scene:
        await scene.store.probe()
        with sending(content) as outgoing:
            assert await scene.store.takes_whole(outgoing)
            assert await scene.store.put_whole(outgoing) == UPLOAD
        with sending(content + b"x") as outgoing:
            assert not await scene.store.takes_whole(outgoing)
    assert scene.methods() == ["OPTIONS", "POST", "HEAD"]
    assert scene.server.heard[1].body == content


@pytest.mark.parametrize("arrived", [0, 1, 69_999])
async def test_a_creation_that_took_less_is_gone_on_with(
    tmp_path: Path, tls: bool, arrived: int
) -> None:
    """The offset in the reply to a creation is the truth as well."""
    content = content_of(70_000)
    script = TusScript()

    def less(heard: Heard) -> Said | None:
        if heard.method != "POST":
            return None
        answer = script.well(heard)
        script.uploads[UPLOAD][1] = arrived
        return Answer(201, headers={**answer.headers, "Upload-Offset": str(arrived)})

    script.meddle = less
    async with tus(script, tmp_path, tls=tls) as scene:
        with sending(content) as outgoing:
            assert await scene.store.put_whole(outgoing) == UPLOAD
    assert scene.offsets() == [arrived]


async def test_creation_comes_first_where_that_is_all_that_is_offered(
    tmp_path: Path, tls: bool
) -> None:
    """A server that only creates gets an upload for every clip, which the ledger then knows."""
    async with tus(TusScript(extensions="creation"), tmp_path, tls=tls) as scene:
        await scene.store.probe()
        with sending(content_of(1000)) as outgoing:
            assert not await scene.store.takes_whole(outgoing)
            assert await scene.store.put_whole(outgoing) == UPLOAD
    assert scene.methods() == ["OPTIONS", "POST", "PATCH", "HEAD"]


async def test_metadata_goes_along_and_no_empty_header(tmp_path: Path, tls: bool) -> None:
    """An upload says what it is; every header of metadata has something in it."""
    async with tus(TusScript(), tmp_path, tls=tls) as scene:
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            await scene.store.create_upload(outgoing)
        await scene.store.write_record("BWC-000123/dockings/d.json", b"{}")
    first, record = [heard for heard in scene.server.heard if heard.method == "POST"]
    assert metadata_of(first) == {"key": EXPECTED.key, **outgoing.metadata}
    assert metadata_of(record) == {"key": "BWC-000123/dockings/d.json"}


async def test_the_token_is_read_again_when_it_changes_and_never_shown(
    tmp_path: Path, tls: bool
) -> None:
    """Every request carries the token of the file as it is; no error quotes it."""
    script = TusScript(
        meddle=lambda heard: (
            None if heard.headers.get("authorization") == "Bearer n3w" else Answer(401, b"s3cret")
        )
    )
    async with tus(script, tmp_path, tls=tls, token="s3cret") as scene:
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            with pytest.raises(StoreRefusedCredentials) as caught:
                await scene.store.create_upload(outgoing)
            (tmp_path / "new").write_text("n3w\n")
            (tmp_path / "new").replace(tmp_path / "token")
            upload = await scene.store.create_upload(outgoing)
            await scene.store.send_part(outgoing, upload_id=upload, index=0)
            (tmp_path / "token").write_text("s3cret and more")
            with pytest.raises(StoreRefusedCredentials) as unusable:
                await scene.store.create_upload(outgoing)
    for error in (caught.value, unusable.value):
        assert "s3cret" not in f"{error} {error.fields}"
