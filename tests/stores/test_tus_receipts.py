"""What a tus store's receipts are worth: its own word for the content it has."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from dockd.core.naming import store_key
from dockd.errors import ReceiptPending, StoreLostObject, StoreUnreachable, UploadVanished
from tests.fakes.broken_s3 import Answer, Heard, Reset, broken_s3
from tests.fakes.clip_content import PART_BYTES, expected_of, sending
from tests.fakes.still_clock import StillClock
from tests.fakes.tus_script import Said, TusScript, metadata_of
from tests.stores.tus_scene import CONTENT, EXPECTED, PROBED, SIZE, UPLOAD, proved, tus

pytestmark = pytest.mark.asyncio


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
