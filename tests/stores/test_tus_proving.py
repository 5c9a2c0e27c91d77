"""What a tus server's word is worth, by receipts and checksums, and what it is told."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from dockd.core.naming import store_key
from dockd.errors import (
    ReceiptPending,
    StoreChecksumMismatch,
    StoreLostObject,
    StoreRefusedCredentials,
    StoreUnreachable,
    UploadVanished,
)
from dockd.stores.tus.store import WITH_CREATION_BYTES
from tests.fakes.broken_s3 import Answer, Heard, Reset, broken_s3
from tests.fakes.clip_content import PART_BYTES, content_of, expected_of, sending
from tests.fakes.still_clock import StillClock
from tests.fakes.tus_script import Said, TusScript, metadata_of, on
from tests.stores.tus_scene import UPLOAD, Scene, tus

pytestmark = pytest.mark.asyncio

CONTENT = content_of(PART_BYTES + 1000)
EXPECTED = expected_of(CONTENT)
SIZE = len(CONTENT)
PROBED = b"dockd probes whether this store knows what it holds\n"
CHECKING = "creation,creation-with-upload,checksum,termination"


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    """Whether the server is talked to over TLS."""
    return bool(request.param)


def receipt(content: bytes) -> Answer:
    """Return an honest receipt."""
    told = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return Answer(200, json.dumps(told).encode(), {"Content-Type": "application/json"})


def document(told: object, kind: str = "application/json") -> Answer:
    """Return any document as a receipt."""
    return Answer(200, json.dumps(told).encode(), {"Content-Type": kind})


def digest(sha256: bytes, *, header: str = "Repr-Digest", name: str = "sha-256") -> Answer:
    """Return a receipt in a header."""
    return Answer(200, headers={header: f"{name}=:{base64.b64encode(sha256).decode()}:"})


def telling(answer: Answer, *, probed: Answer | None = None) -> TusScript:
    """Return a server with a complete upload that answers for it, and well for the probe's."""

    def tell(heard: Heard) -> Said | None:
        if not heard.path.startswith("/receipts/"):
            return None
        return (probed or receipt(PROBED)) if ".dockd-probe" in heard.path else answer

    script = TusScript(meddle=tell)
    script.uploads[UPLOAD] = [SIZE, SIZE]
    return script


async def proved(scene: Scene, *, version: str = UPLOAD) -> tuple[str, str]:
    """Return what the store proves of the clip."""
    with sending(CONTENT, expected=EXPECTED) as outgoing:
        judgement = (await scene.store.prove(outgoing, version=version)).judgement
    return judgement.outcome, judgement.strength


# --- receipts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        receipt(CONTENT),
        document({"sha256": EXPECTED.sha256.upper(), "size": SIZE, "more": [1, 2]}),
        Answer(200, receipt(CONTENT).body, {"Content-Type": "application/json; charset=utf-8"}),
        digest(bytes.fromhex(EXPECTED.sha256)),
        Answer(
            204,
            headers={
                "Repr-Digest": "sha-512=:AAAA:, "
                f"sha-256=:{base64.b64encode(bytes.fromhex(EXPECTED.sha256)).decode()}:"
            },
        ),
    ],
)
async def test_a_receipt_of_the_content_is_a_digest(tmp_path: Path, answer: Answer) -> None:
    """The SHA-256 that the store tells, in JSON or by RFC 9530, proves the content."""
    async with tus(telling(answer), tmp_path, tls=True, receipts="/receipts/{key}") as scene:
        assert await proved(scene) == ("receipt", "digest")


@pytest.mark.parametrize(
    "answer",
    [
        receipt(CONTENT[:-1]),
        document({"sha256": EXPECTED.sha256, "size": SIZE - 1}),
        document({"sha256": "0" * 64, "size": SIZE}),
        digest(bytes(32)),
    ],
)
async def test_a_receipt_of_something_else_is_a_conflict(tmp_path: Path, answer: Answer) -> None:
    """What the store holds instead of the clip is never its receipt."""
    async with tus(telling(answer), tmp_path, tls=True, receipts="/receipts/{key}") as scene:
        assert (await proved(scene))[0] == "conflict"


NO_RECEIPTS = [
    document({"sha256": EXPECTED.sha256}),
    document({"sha256": EXPECTED.sha256, "size": str(SIZE)}),
    document({"sha256": EXPECTED.sha256, "size": True}),
    document({"sha256": EXPECTED.sha256[:-1], "size": SIZE}),
    document({"sha256": 7, "size": SIZE}),
    document([EXPECTED.sha256, SIZE]),
    document({"sha256": EXPECTED.sha256, "size": SIZE}, kind="text/html"),
    Answer(200, b"[" * 60_000, {"Content-Type": "application/json"}),
    Answer(200, b"\xff\xfe", {"Content-Type": "application/json"}),
    Answer(200, receipt(CONTENT).body + b" " * 70_000, {"Content-Type": "application/json"}),
    Answer(200, b"<html>Log in</html>", {"Content-Type": "text/html"}),
    Answer(200),
    digest(bytes.fromhex(EXPECTED.sha256), name="sha-512"),
    digest(bytes.fromhex(EXPECTED.sha256), header="Content-Digest"),
    digest(bytes.fromhex(EXPECTED.sha256)[:-1]),
    # The digest of a JSON document is its own, and not the clip's.
    Answer(
        200,
        b"{}",
        {
            "Content-Type": "application/json",
            **digest(bytes.fromhex(EXPECTED.sha256)).headers,
        },
    ),
    Answer(302, headers={"Location": "/receipts/elsewhere"}),
    Answer(400),
]


@pytest.mark.parametrize("answer", NO_RECEIPTS)
async def test_what_is_not_a_receipt_proves_nothing(tmp_path: Path, answer: Answer) -> None:
    """Anything but a SHA-256 and a size, 64 KiB at most and no redirect, is the store's trouble."""
    async with tus(telling(answer), tmp_path, tls=True, receipts="/receipts/{key}") as scene:
        with pytest.raises(StoreUnreachable) as caught:
            await proved(scene)
        assert scene.methods() == ["GET"]
    assert caught.value.owner == "operations" or answer.status == 400


async def test_receipts_that_redirect_elsewhere_are_not_followed(tmp_path: Path) -> None:
    """Only the store's own origin speaks for it."""
    async with broken_s3(lambda _: receipt(CONTENT), clock=StillClock()) as elsewhere:
        moved = Answer(302, headers={"Location": f"{elsewhere.endpoint}/receipts"})
        async with tus(telling(moved), tmp_path, tls=True, receipts="/receipts/{key}") as scene:
            with pytest.raises(StoreUnreachable):
                await proved(scene)
        assert elsewhere.heard == []


async def test_a_receipt_that_needs_a_moment_is_waited_for(tmp_path: Path) -> None:
    """A store that hashes what arrived is asked again, and then the clip comes back later."""
    script = telling(Answer(404))
    async with tus(script, tmp_path, tls=True, receipts="/receipts/{key}") as scene:
        with pytest.raises(ReceiptPending):
            await proved(scene)
        assert len(scene.clock.slept) > 3
        script.meddle = telling(receipt(CONTENT)).meddle
        assert await proved(scene) == ("receipt", "digest")


async def test_a_clip_without_receipt_and_upload_is_lost(tmp_path: Path) -> None:
    """What neither a receipt nor an upload knows is gone, and sent again."""
    script = telling(Answer(404))
    script.uploads.clear()
    async with tus(script, tmp_path, tls=True, receipts="/receipts/{key}") as scene:
        for version in (UPLOAD, ""):
            with pytest.raises(StoreLostObject):
                await proved(scene, version=version)


async def test_what_was_forgotten_when_whole_is_known_by_its_receipt(tmp_path: Path) -> None:
    """Where the last reply is lost and the upload forgotten, its receipt says that it is whole."""
    script = telling(receipt(CONTENT))
    script.uploads[UPLOAD][1] = PART_BYTES

    def swallow(heard: Heard) -> Said | None:
        if heard.method != "PATCH" or heard.headers["content-length"] != "1000":
            return tell(heard)
        script.uploads.pop(UPLOAD, None)
        return Reset(after_body_bytes=int(heard.headers["content-length"]))

    tell, script.meddle = script.meddle, swallow
    async with tus(script, tmp_path, tls=True, receipts="/receipts/{key}?{upload}") as scene:
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            etag = await scene.store.send_part(outgoing, upload_id=UPLOAD, index=1)
            version = await scene.store.complete(
                outgoing, upload_id=UPLOAD, etags={0: "told", 1: etag}
            )
        assert await proved(scene, version=version) == ("receipt", "digest")


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/receipts/{key}", "/receipts/BWC%2F{sha}%2FDCIM%2Fa%2520b%2526%2523%253F.MP4"),
        ("/receipts/{upload}", "/receipts/a%20b%2Fc"),
        ("/receipts?of={key}&in={upload}", "/receipts"),
    ],
)
async def test_fields_of_the_receipts_address_are_percent_encoded(
    tmp_path: Path, template: str, path: str
) -> None:
    """No name of a clip or an upload can lead to another address."""
    expected = expected_of(CONTENT, camera="BWC", path=b"DCIM/a b&#?.MP4")
    assert expected.key == store_key("BWC", sha256=expected.sha256, path=b"DCIM/a b&#?.MP4")
    script = TusScript(
        meddle=lambda heard: (
            receipt(PROBED if "probe" in str(heard) else CONTENT)
            if heard.path.startswith("/receipts")
            else None
        )
    )
    async with tus(script, tmp_path, tls=True, receipts=template) as scene:
        with sending(CONTENT, expected=expected) as outgoing:
            await scene.store.prove(outgoing, version="/files/a%20b%2Fc?x=/y")
    (first, *_) = [heard for heard in scene.server.heard if heard.method == "GET"]
    assert first.path == path.replace("{sha}", expected.sha256)
    if first.query:
        assert first.query == {"of": expected.key, "in": "a b/c"}


async def test_receipts_that_repeat_what_they_were_told_prove_nothing(tmp_path: Path) -> None:
    """A store that answers from the key or the metadata has looked at no content."""
    told: dict[str, str] = {}

    def echo(heard: Heard) -> Said | None:
        if heard.method == "POST":
            told.update(metadata_of(heard))
        if not heard.path.startswith("/receipts/"):
            return None
        sha256 = told["sha256"] if ".dockd-probe" in heard.path else EXPECTED.sha256
        assert ".dockd-probe" not in heard.path or sha256 in heard.path
        size = told["size"] if ".dockd-probe" in heard.path else SIZE
        return document({"sha256": sha256, "size": int(size)})

    script = TusScript(meddle=echo)
    script.uploads[UPLOAD] = [SIZE, SIZE]
    async with tus(script, tmp_path, tls=True, receipts="/receipts/{key}") as scene:
        probe = await scene.store.probe()
        assert await proved(scene) == ("receipt", "size")
        with sending(CONTENT, expected=EXPECTED) as outgoing:
            # Nor is a clip taken for one that is there already, or an expired upload for whole.
            assert await scene.store.find_object(outgoing) is None
            with pytest.raises(UploadVanished):
                await scene.store.arrived_parts(outgoing, upload_id="/files/u99")
    assert (probe.strength, "repeat" in probe.detail) == ("size", True)


@pytest.mark.parametrize("answer", [Answer(404), receipt(PROBED[:-1]), receipt(b"something else")])
async def test_receipts_that_do_not_know_the_probe_prove_nothing(
    tmp_path: Path, answer: Answer
) -> None:
    """A store is believed after it told of what was just uploaded, and not before."""
    script = telling(receipt(CONTENT), probed=answer)
    async with tus(script, tmp_path, tls=True, receipts="/receipts/{key}") as scene:
        assert (await scene.store.probe()).strength == "size"
        assert await proved(scene) == ("receipt", "size")


async def test_a_probe_leaves_nothing_behind(tmp_path: Path) -> None:
    """Where the server lets uploads be thrown away, the probe's is."""
    script = telling(receipt(CONTENT))
    async with tus(script, tmp_path, tls=True, receipts="/receipts/{key}") as scene:
        assert (await scene.store.probe()).strength == "digest"
    assert set(script.uploads) == {UPLOAD}


# --- checksums -------------------------------------------------------------------------------


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


# --- what is sent ----------------------------------------------------------------------------


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
