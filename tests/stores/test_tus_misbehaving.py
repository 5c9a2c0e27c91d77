"""What becomes of a clip when the tus server misbehaves: each case has one asserted ending."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from dockd.errors import (
    StoreBucketMissing,
    StoreBusy,
    StoreLostObject,
    StoreRefusedCredentials,
    StoreRejected,
    StoreUnreachable,
    UploadVanished,
)
from dockd.stores.http.endpoint import Patience
from dockd.stores.retrying import RetryingStore
from dockd.stores.tus import TusOptions, TusStore
from tests.fakes.broken_s3 import Answer, Heard, Reset, Silence, broken_s3
from tests.fakes.clip_content import PART_BYTES, content_of, expected_of, sending
from tests.fakes.still_clock import StillClock
from tests.fakes.tus_script import Said, TusScript, on
from tests.stores.tus_scene import UPLOAD, Scene, tus

pytestmark = pytest.mark.asyncio

CONTENT = content_of(PART_BYTES + 1000)
EXPECTED = expected_of(CONTENT)
SIZE = len(CONTENT)


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    """Whether the server is talked to over TLS."""
    return bool(request.param)


def begun(offset: int = 0, **settings: object) -> TusScript:
    """Return a server that has so much of the upload."""
    script = TusScript(**settings)  # type: ignore[arg-type]  # the fields of the script
    script.uploads[UPLOAD] = [SIZE, offset]
    return script


async def send(scene: Scene, *, index: int = 0) -> str:
    """Send one part of the upload that is begun."""
    with sending(CONTENT, expected=EXPECTED) as outgoing:
        return await scene.store.send_part(outgoing, upload_id=UPLOAD, index=index)


async def create(scene: Scene) -> str:
    """Open an upload."""
    with sending(CONTENT, expected=EXPECTED) as outgoing:
        return await scene.store.create_upload(outgoing)


# --- the offset is the truth -----------------------------------------------------------------


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


# --- replies that are lost -------------------------------------------------------------------


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


# --- locks -----------------------------------------------------------------------------------


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


# --- uploads that ended ----------------------------------------------------------------------


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


# --- refusals and limits ---------------------------------------------------------------------


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


# --- elsewhere -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "HEAD", "PATCH"])
async def test_the_token_never_follows_a_redirect(
    tmp_path: Path, tls: bool, status: int, method: str
) -> None:
    """A redirect is reported to operations; where it leads hears nothing of us."""
    async with broken_s3(lambda _: Answer(), clock=StillClock()) as elsewhere:
        moved = Answer(status, headers={"Location": f"{elsewhere.endpoint}{UPLOAD}"})
        script = begun(meddle=on(method, moved))
        async with tus(script, tmp_path, tls=tls, token="s3cret") as scene:
            with pytest.raises(StoreUnreachable) as caught:
                await (create(scene) if method in {"OPTIONS", "POST"} else send(scene))
        assert elsewhere.heard == []
    assert caught.value.owner == "operations"
    assert "s3cret" not in f"{caught.value} {caught.value.fields}"


LOCATIONS_ELSEWHERE = [
    "http://elsewhere.example/files/u1",
    "https://elsewhere.example/files/u1",
    "//elsewhere.example/files/u1",
    "{scheme}://{host}:1/files/u1",
    "{other}://{netloc}/files/u1",
    "{scheme}://{netloc}@elsewhere.example/files/u1",
    "{scheme}://user:pass@{netloc}/files/u1",
    "{scheme}://{netloc}.elsewhere.example/files/u1",
    "\\\\elsewhere.example/files/u1",
    "/\\elsewhere.example/u1",
    "ftp://{netloc}/files/u1",
    "javascript:alert(1)",
    "{scheme}://{netloc}:port/files/u1",
    "{scheme}://[::1/files/u1",
    "/files/u 1",
    "/files/\tu1",
    "/files/\x7fu1",
    "/files/" + "u" * 3000,
    "",
]


@pytest.mark.parametrize("location", LOCATIONS_ELSEWHERE)
async def test_a_location_on_another_origin_is_refused(
    tmp_path: Path, tls: bool, location: str
) -> None:
    """However it is written, an upload elsewhere gets neither the footage nor the token."""

    def misplaced(heard: Heard) -> Said | None:
        if heard.method != "POST":
            return None
        netloc = heard.headers["host"]
        scheme, other = ("https", "http") if tls else ("http", "https")
        where = location.format(
            scheme=scheme, other=other, netloc=netloc, host=netloc.partition(":")[0]
        )
        return Answer(201, headers={"Location": where})

    async with tus(TusScript(meddle=misplaced), tmp_path, tls=tls) as scene:
        with pytest.raises(StoreUnreachable) as caught:
            await create(scene)
    assert caught.value.owner == "operations"
    assert set(scene.methods()) == {"OPTIONS", "POST"}


@pytest.mark.parametrize(
    ("location", "upload"),
    [
        ("u1", "/files/u1"),
        ("./u1", "/files/u1"),
        ("../other/u1", "/other/u1"),
        ("/elsewhere/u1?token=a%2Fb&c", "/elsewhere/u1?token=a%2Fb&c"),
        ("{scheme}://{netloc}/files/u1#there", "/files/u1"),
        ("{SCHEME}://{netloc}/files/u1", "/files/u1"),
        ("//{netloc}/files/u1", "/files/u1"),
        ("/.tus/.uploads/7fcad6d3", "/.tus/.uploads/7fcad6d3"),
    ],
)
async def test_a_location_is_relative_or_absolute(
    tmp_path: Path, tls: bool, location: str, upload: str
) -> None:
    """Every way to write an address on the store's own origin is understood."""

    def placed(heard: Heard) -> Said | None:
        if heard.method != "POST":
            return None
        scheme = "https" if tls else "http"
        netloc = heard.headers["host"]
        where = location.format(scheme=scheme, SCHEME=scheme.upper(), netloc=netloc)
        return Answer(201, headers={"Location": where})

    async with tus(TusScript(meddle=placed), tmp_path, tls=tls) as scene:
        assert await create(scene) == upload
