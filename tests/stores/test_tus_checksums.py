"""What the checksums of a tus server are worth: only what a wrong one was refused by."""

import base64
import hashlib
from pathlib import Path

import pytest

from dockd.errors import StoreChecksumMismatch, UploadVanished
from tests.fakes.broken_s3 import Answer, Heard, Reset
from tests.fakes.clip_content import PART_BYTES, sending
from tests.fakes.tus_script import Said, TusScript, on
from tests.stores.tus_scene import CONTENT, EXPECTED, PROBED, SIZE, UPLOAD, proved, tus

pytestmark = pytest.mark.asyncio

CHECKING = "creation,creation-with-upload,checksum,termination"


def checking(
    *, wrong: Said | None, extensions: str = CHECKING, checksums: str = "sha1,sha256"
) -> TusScript:
    """Return a server that answers a wrong checksum in some way; the bodies are the probe's."""
    script = TusScript(extensions=extensions, checksums=checksums)
    right = base64.b64encode(hashlib.sha256(PROBED).digest()).decode()

    def meddle(heard: Heard) -> Said | None:
        probing = heard.method == "PATCH" and heard.headers["content-length"] == str(len(PROBED))
        if not probing or heard.headers.get("upload-checksum") == f"sha256 {right}":
            return None
        return wrong

    script.meddle = meddle
    return script


async def test_a_checksum_is_sent_where_a_wrong_one_was_refused(tmp_path: Path, tls: bool) -> None:
    """A server that answers 460 and keeps nothing of it checks every part, and proves the clip."""
    async with tus(checking(wrong=Answer(460)), tmp_path, tls=tls) as scene:
        assert (await scene.store.probe()).strength == "digest"
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            upload = await scene.store.create_upload(outgoing)
            etags = {
                i: await scene.store.send_part(outgoing, upload_id=upload, index=i) for i in (0, 1)
            }
            version = await scene.store.complete(outgoing, upload_id=upload, etags=etags)
        assert await proved(scene, version=version) == ("receipt", "digest")
    sums = [h.headers["upload-checksum"] for h in scene.server.heard if h.method == "PATCH"][-2:]
    digests = [base64.b64encode(bytes.fromhex(sha256)) for sha256 in EXPECTED.part_sha256]
    assert sums == [f"sha256 {value.decode()}" for value in digests]


@pytest.mark.parametrize(
    "script",
    [
        TusScript(),
        checking(wrong=None),
        checking(wrong=Answer(460), checksums="sha1,md5"),
        checking(wrong=Answer(460), extensions="creation,termination"),
    ],
    ids=["not offered", "any taken", "another kind", "not an extension"],
)
async def test_without_a_refused_wrong_checksum_none_is_sent_and_nothing_proved(
    tmp_path: Path, tls: bool, script: TusScript
) -> None:
    """A receipt from tus alone is of the size, whatever the server says of itself."""
    async with tus(script, tmp_path, tls=tls) as scene:
        probe = await scene.store.probe()
        before = len(scene.server.heard)
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            upload = await scene.store.create_upload(outgoing)
            etags = {
                i: await scene.store.send_part(outgoing, upload_id=upload, index=i) for i in (0, 1)
            }
            version = await scene.store.complete(outgoing, upload_id=upload, etags=etags)
        assert await proved(scene, version=version) == ("receipt", "size")
    assert probe.strength == "size"
    assert probe.detail
    assert not any("upload-checksum" in heard.headers for heard in scene.server.heard[before:])


async def test_a_server_that_keeps_refused_bytes_is_not_believed(tmp_path: Path, tls: bool) -> None:
    """A 460 behind which the offset moved is no refusal."""
    script = checking(wrong=Answer(460))
    refuse = script.meddle

    def keep(heard: Heard) -> Said | None:
        said = refuse(heard)
        if said is not None:
            script.taken(heard.path, len(PROBED))
        return said

    script.meddle = keep
    async with tus(script, tmp_path, tls=tls) as scene:
        probe = await scene.store.probe()
    assert (probe.strength, "kept" in probe.detail) == ("size", True)


async def test_damaged_bytes_are_a_mismatch(tmp_path: Path, tls: bool) -> None:
    """A part that arrived as something else is told from one that was refused."""
    script = checking(wrong=Answer(460))
    async with tus(script, tmp_path, tls=tls) as scene:
        await scene.store.probe()
        script.meddle = on("PATCH", Answer(460))
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            upload = await scene.store.create_upload(outgoing)
            with pytest.raises(StoreChecksumMismatch):
                await scene.store.send_part(outgoing, upload_id=upload, index=0)


@pytest.mark.parametrize("kept_bytes", [1000, PART_BYTES])
async def test_bytes_that_no_checksum_confirmed_are_begun_again(
    tmp_path: Path, tls: bool, kept_bytes: int
) -> None:
    """A confirmation that was lost proves nothing: the upload is begun again."""
    script = checking(wrong=Answer(460))
    async with tus(script, tmp_path, tls=tls) as scene:
        await scene.store.probe()

        def lose(heard: Heard) -> Said | None:
            if heard.method != "PATCH":
                return None
            script.taken(heard.path, kept_bytes)
            return Reset(after_body_bytes=PART_BYTES)

        script.meddle = lose
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            upload = await scene.store.create_upload(outgoing)
            with pytest.raises(UploadVanished):
                await scene.store.send_part(outgoing, upload_id=upload, index=0)
            script.meddle = TusScript().meddle
            with pytest.raises(UploadVanished):
                await scene.store.send_part(outgoing, upload_id=upload, index=0)


async def test_a_checked_part_that_was_taken_in_pieces_is_begun_again(
    tmp_path: Path, tls: bool
) -> None:
    """A checksum is of the whole part: a server that says yes to less of it compared nothing."""
    script = checking(wrong=Answer(460))
    async with tus(script, tmp_path, tls=tls) as scene:
        await scene.store.probe()
        script.meddle = lambda heard: (
            script.taken(heard.path, PART_BYTES // 5) if heard.method == "PATCH" else None
        )
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            upload = await scene.store.create_upload(outgoing)
            with pytest.raises(UploadVanished):
                await scene.store.send_part(outgoing, upload_id=upload, index=0)


async def test_what_was_checked_and_cannot_be_asked_for_is_of_the_size(
    tmp_path: Path, tls: bool
) -> None:
    """A receipt is repeated before a wipe: what a server forgets when whole clears nothing."""
    script = checking(wrong=Answer(460))
    script.uploads[UPLOAD] = [SIZE, PART_BYTES]
    async with tus(script, tmp_path, tls=tls) as scene:
        await scene.store.probe()
        script.meddle = on("HEAD", None, Answer(404))
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            etag = await scene.store.send_part(outgoing, upload_id=UPLOAD, index=1)
            version = await scene.store.complete(
                outgoing, upload_id=UPLOAD, etags={0: "checked", 1: etag}
            )
        assert await proved(scene, version=version) == ("receipt", "size")


async def test_a_part_that_was_only_told_is_not_completed_where_checksums_count(
    tmp_path: Path, tls: bool
) -> None:
    """One part without its confirmation makes the whole clip unproven: it is begun again."""
    script = checking(wrong=Answer(460))
    script.uploads[UPLOAD] = [SIZE, SIZE]
    async with tus(script, tmp_path, tls=tls) as scene:
        with sending(CONTENT, expected=EXPECTED) as outgoing, pytest.raises(UploadVanished):
            await scene.store.complete(outgoing, upload_id=UPLOAD, etags={0: "checked", 1: "told"})
