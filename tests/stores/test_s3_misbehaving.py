"""What becomes of a clip when the S3 store misbehaves: each case has one asserted ending."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import pytest

from dockd.core.receipt import composite_sha256, whole_sha256
from dockd.errors import (
    StoreBucketMissing,
    StoreBusy,
    StoreChecksumMismatch,
    StoreLostObject,
    StoreRefusedCredentials,
    StoreRejected,
    StoreUnreachable,
    UploadVanished,
)
from dockd.ports.store import Outgoing
from dockd.stores.http.endpoint import Patience
from dockd.stores.s3 import S3Options, S3Store
from tests.fakes.broken_s3 import (
    Answer,
    BrokenS3,
    Heard,
    Reset,
    Script,
    Silence,
    broken_s3,
    created,
    error,
)
from tests.fakes.clip_content import PART_BYTES, content_of, expected_of, sending
from tests.fakes.still_clock import StillClock

pytestmark = pytest.mark.asyncio

CONTENT = content_of(PART_BYTES + 1)
EXPECTED = expected_of(CONTENT)
IMPATIENT = Patience(connect_s=5.0, progress_s=0.3, complete_s=0.3)


@asynccontextmanager
async def talking_to(
    script: Script,
    folder: Path,
    *,
    clock: StillClock | None = None,
    patience: Patience | None = None,
    object_lock_days: int = 0,
) -> AsyncIterator[tuple[S3Store, BrokenS3]]:
    """Give a store and the broken server that it talks to."""
    clock = clock or StillClock()
    credentials = folder / "credentials"
    credentials.write_text("[default]\naws_access_key_id=a\naws_secret_access_key=s3cret\n")
    async with broken_s3(script, clock=clock) as server:
        options = S3Options(
            name="central",
            endpoint=server.endpoint,
            bucket="footage",
            station="test-01",
            credentials=credentials,
            patience=patience or Patience(connect_s=5.0, progress_s=5.0),
            object_lock_days=object_lock_days,
        )
        store = S3Store(options, clock=clock)
        try:
            yield store, server
        finally:
            await store.close()


def always(answer: Answer | Reset | Silence) -> Script:
    """Answer everything in one way."""
    return lambda _: answer


def by_operation(**answers: Answer | Reset | Silence) -> Script:
    """Answer each operation in its own way; an operation that is not foreseen is a mistake."""
    return lambda heard: answers.get(heard.about.replace("-", "_"), error(400, "Unforeseen"))


async def asked(store: S3Store, outgoing: Outgoing, *, operation: str) -> str:
    """Have the store do one of its writing operations."""
    match operation:
        case "part":
            return await store.send_part(outgoing, upload_id="u1", index=0)
        case "complete":
            return await store.complete(outgoing, upload_id="u1", etags={0: "a", 1: "b"})
        case _:
            return await store.put_whole(outgoing)


@pytest.mark.parametrize("status", [408, 423, 425, 429, 500, 502, 503, 504])
async def test_trouble_of_the_stores_own_is_never_final(tmp_path: Path, status: int) -> None:
    """A 5xx, and every "later, please", is StoreBusy: the clip keeps its place."""
    async with talking_to(always(Answer(status)), tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreBusy) as caught:
            await store.create_upload(outgoing)
    assert caught.value.retry_after_s is None


@pytest.mark.parametrize(
    ("retry_after", "expected_s"),
    [("17", 17.0), ("Mon, 23 Nov 2026 02:00:40 GMT", 40.0), ("soon", None), ("-5", None)],
)
async def test_retry_after_is_understood_in_both_its_forms(
    tmp_path: Path, retry_after: str, expected_s: float | None
) -> None:
    """A 503 with Retry-After says when to come back, in seconds or as a date."""
    answer = error(503, "SlowDown", Retry_After=retry_after)
    async with talking_to(always(answer), tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreBusy) as caught:
            await store.create_upload(outgoing)
    assert caught.value.retry_after_s == expected_s


@pytest.mark.parametrize("after_body_bytes", [0, 1_000_000])
async def test_a_503_that_interrupts_a_body_still_says_when_to_come_back(
    tmp_path: Path, after_body_bytes: int
) -> None:
    """An answer lost in the middle of a body is fetched by a request without one."""
    busy = error(503, "SlowDown", Retry_After="30")
    interrupted = Answer(busy.status, busy.body, busy.headers, after_body_bytes=after_body_bytes)
    script = by_operation(part=interrupted, list_parts=busy)
    async with talking_to(script, tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreBusy) as caught:
            await store.send_part(outgoing, upload_id="u1", index=0)
    assert caught.value.retry_after_s == 30.0


async def test_a_reset_in_a_body_is_followed_by_a_question(tmp_path: Path) -> None:
    """A connection reset under a part is the network's trouble when the store is well."""
    listed = Answer(body=b"<ListPartsResult><IsTruncated>false</IsTruncated></ListPartsResult>")
    script = by_operation(part=Reset(after_body_bytes=1_000_000), list_parts=listed)
    async with talking_to(script, tmp_path) as (store, server):
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable):
            await store.send_part(outgoing, upload_id="u1", index=0)
    assert server.abouts() == ["part", "list-parts"]


async def test_a_reset_because_the_upload_is_gone_says_so(tmp_path: Path) -> None:
    """The question after a reset brings the real reason: the upload vanished."""
    gone = error(404, "NoSuchUpload")
    script = by_operation(part=Reset(after_body_bytes=1_000_000), list_parts=gone)
    async with talking_to(script, tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(UploadVanished):
            await store.send_part(outgoing, upload_id="u1", index=0)


async def test_a_connection_reset_without_a_body_is_the_networks(tmp_path: Path) -> None:
    """A reset before any answer is StoreUnreachable, and the network's to look at."""
    async with talking_to(always(Reset()), tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable) as caught:
            await store.find_object(outgoing)
    assert caught.value.owner == "network"


async def test_nothing_at_all_ends_in_a_deadline(tmp_path: Path) -> None:
    """A store that takes the connection and never answers is StoreUnreachable."""
    async with talking_to(always(Silence()), tmp_path, patience=IMPATIENT) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable):
            await store.find_object(outgoing)


async def test_a_part_that_nobody_takes_ends_in_a_deadline(tmp_path: Path) -> None:
    """A store that stops reading in the middle of a part is StoreUnreachable."""
    async with talking_to(always(Silence()), tmp_path, patience=IMPATIENT) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable):
            await store.send_part(outgoing, upload_id="u1", index=0)


async def test_nobody_listening_is_unreachable(tmp_path: Path) -> None:
    """A refused connection is StoreUnreachable, and no second one is tried to ask why."""
    async with talking_to(always(Answer()), tmp_path) as (store, _):
        pass
    options = store._options
    store = S3Store(options, clock=StillClock())
    try:
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable) as caught:
            await store.send_part(outgoing, upload_id="u1", index=0)
    finally:
        await store.close()
    assert caught.value.fields["connected"] is False


@pytest.mark.parametrize("operation", ["part", "complete", "put"])
async def test_a_200_with_an_error_body_is_an_error(tmp_path: Path, operation: str) -> None:
    """A 200 may carry an error in its body, and then nothing was stored."""
    inner = Answer(200, error(500, "InternalError").body, {"ETag": '"e"'})
    async with talking_to(by_operation(**{operation: inner}), tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreBusy):
            await asked(store, outgoing, operation=operation)


@pytest.mark.parametrize("operation", ["part", "complete", "put"])
async def test_a_yes_without_an_etag_is_not_believed(tmp_path: Path, operation: str) -> None:
    """A 200 without an ETag does not say that anything was stored."""
    root = "CompleteMultipartUploadResult"
    body = f"<{root}><Key>k</Key></{root}>".encode() if operation == "complete" else b""
    script = by_operation(**{operation: Answer(200, body)})
    async with talking_to(script, tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable):
            await asked(store, outgoing, operation=operation)


async def test_a_wrong_composite_checksum_at_complete_is_a_mismatch(tmp_path: Path) -> None:
    """The composite is computed here, and another one from the store is never shrugged off."""
    wrong = composite_sha256([EXPECTED.sha256, EXPECTED.sha256])
    root = "CompleteMultipartUploadResult"
    body = f"<{root}><ETag>e</ETag><ChecksumSHA256>{wrong}</ChecksumSHA256></{root}>"
    script = by_operation(complete=Answer(200, body.encode()))
    async with talking_to(script, tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreChecksumMismatch):
            await store.complete(outgoing, upload_id="u1", etags={0: "a", 1: "b"})


def honest(heard: Heard) -> Answer:
    """Pass the probe: verify what comes, as a good store does."""
    right = heard.headers.get("x-amz-checksum-sha256") == _sha256_of(heard)
    match heard.about:
        case "create":
            return created()
        case "part" | "put":
            return Answer(headers={"ETag": '"e"'}) if right else error(400, "BadDigest")
        case _:
            return Answer(204)


def _sha256_of(heard: Heard) -> str:
    # The body is not read yet when the script is asked; its digest is announced and signed.
    return whole_sha256(heard.headers["x-amz-content-sha256"])


@pytest.mark.parametrize("checksum", [composite_sha256([EXPECTED.sha256] * 2), "AAAA"])
async def test_a_wrong_composite_checksum_of_the_object_is_a_conflict(
    tmp_path: Path, checksum: str
) -> None:
    """An object of the right size and another checksum is other content."""
    headers = {
        "Content-Length": str(len(CONTENT)),
        "x-amz-checksum-sha256": checksum,
        "ETag": '"e"',
    }

    def script(heard: Heard) -> Answer:
        return Answer(headers=headers) if heard.method == "HEAD" else honest(heard)

    async with talking_to(script, tmp_path) as (store, _):
        with sending(CONTENT) as outgoing:
            proven = await store.prove(outgoing, version="")
    assert proven.judgement.outcome == "conflict"


def part_pages(heard: Heard, *, pages: int, each: int = 1000) -> Answer:
    """List parts page by page, as S3 does."""
    marker = int(heard.query.get("part-number-marker", "0"))
    numbers = range(marker + 1, marker + each + 1)
    parts = "".join(
        f"<Part><PartNumber>{n}</PartNumber><ETag>e{n}</ETag><Size>1</Size></Part>" for n in numbers
    )
    more = marker + each < pages * each
    following = f"<NextPartNumberMarker>{marker + each}</NextPartNumberMarker>" if more else ""
    truncated = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
    root = "ListPartsResult"
    return Answer(body=f"<{root}>{truncated}{following}{parts}</{root}>".encode())


async def test_more_than_a_thousand_parts_are_listed_to_the_last(tmp_path: Path) -> None:
    """A list of parts is read page by page beyond the first thousand."""
    content = bytes(2500)
    expected = expected_of(content, part_size_bytes=1)
    async with talking_to(partial(part_pages, pages=3), tmp_path) as (store, _):
        with sending(content, expected=expected) as outgoing:
            parts = await store.arrived_parts(outgoing, upload_id="u1")
    assert parts == {index: f"e{index + 1}" for index in range(2500)}


@pytest.mark.parametrize("fault", ["cut by the network", "cut by the store", "in circles"])
async def test_a_truncated_list_of_parts_is_not_believed(tmp_path: Path, fault: str) -> None:
    """A list that ends early, or never, is an error and not a shorter list."""

    def script(heard: Heard) -> Answer:
        page = part_pages(heard, pages=2)
        match fault:
            case "cut by the network":
                return Answer(body=page.body, cut_at=5000)
            case "cut by the store":
                return Answer(body=page.body[:5000])
            case _:
                first = Heard("GET", heard.path, {}, {})
                return part_pages(first, pages=2)

    async with talking_to(script, tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable):
            await store.arrived_parts(outgoing, upload_id="u1")


async def test_a_page_that_says_there_is_more_but_not_where_is_not_the_last(tmp_path: Path) -> None:
    """IsTruncated without a marker means that parts are missing from the list."""
    body = b"<ListPartsResult><IsTruncated>true</IsTruncated></ListPartsResult>"
    async with talking_to(always(Answer(body=body)), tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable):
            await store.arrived_parts(outgoing, upload_id="u1")


async def test_a_part_of_another_size_has_not_arrived(tmp_path: Path) -> None:
    """A part that is listed with another size than it has is sent again."""
    async with talking_to(partial(part_pages, pages=1, each=2), tmp_path) as (store, _):
        with sending(CONTENT) as outgoing:
            # Of the two parts the second one is a single byte, as the list says of both.
            assert await store.arrived_parts(outgoing, upload_id="u1") == {1: "e2"}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_credentials_never_follow_a_redirect(tmp_path: Path, status: int) -> None:
    """A redirect to another host is reported; that host hears nothing of us."""
    async with broken_s3(always(Answer()), clock=StillClock()) as elsewhere:
        answer = Answer(status, headers={"Location": f"{elsewhere.endpoint}/footage"})
        async with talking_to(always(answer), tmp_path) as (store, server):
            with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable) as caught:
                await store.create_upload(outgoing)
        assert elsewhere.heard == []
    assert len(server.heard) == 1
    assert caught.value.owner == "operations"


async def test_a_huge_error_body_is_not_swallowed_whole(tmp_path: Path) -> None:
    """Of an error's body at most 64 KiB are read, and the status decides."""
    body = b"<html>" + b"x" * 50_000_000
    async with talking_to(always(Answer(500, body)), tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreBusy) as caught:
            await store.create_upload(outgoing)
    assert len(str(caught.value)) < 1000


async def test_an_error_body_with_entities_is_not_expanded(tmp_path: Path) -> None:
    """A document type in a reply is refused before any entity could grow."""
    bomb = (
        b'<!DOCTYPE Error [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
        b"<Error><Code>NoSuchBucket</Code><Message>&b;</Message></Error>"
    )
    async with talking_to(always(Answer(400, bomb)), tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreRejected):
            await store.create_upload(outgoing)


@pytest.mark.parametrize("has_body", [True, False])
async def test_a_skewed_clock_is_corrected_from_the_refusal(tmp_path: Path, has_body: bool) -> None:
    """A refused clock is set right from the reply's Date, and the request succeeds."""
    theirs = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    date = {"Date": format_datetime(theirs, usegmt=True)}

    def script(heard: Heard) -> Answer:
        if heard.headers["x-amz-date"].startswith(f"{theirs:%Y%m%dT%H}"):
            return Answer(headers=date)
        refusal = error(403, "RequestTimeTooSkewed")
        return Answer(403, refusal.body if has_body else b"", date)

    async with talking_to(script, tmp_path) as (store, server):
        with sending(CONTENT) as outgoing:
            await store.find_object(outgoing)
            await store.find_object(outgoing)
            assert store.clock_offset_s == timedelta(hours=3).total_seconds()
    assert len(server.heard) == 3


async def test_a_clock_that_stays_refused_is_a_refusal(tmp_path: Path) -> None:
    """A store that refuses its own time is not asked for ever."""
    async with talking_to(always(error(403, "RequestTimeTooSkewed")), tmp_path) as (store, server):
        with sending(CONTENT) as outgoing, pytest.raises(StoreRefusedCredentials):
            await store.create_upload(outgoing)
    assert len(server.heard) == 2


async def test_retention_counts_on_the_stores_clock(tmp_path: Path) -> None:
    """Object Lock's date comes from the store's Date, whatever the station's clock says."""
    theirs = datetime(2031, 1, 1, 12, 0, tzinfo=UTC)
    date = {"Date": format_datetime(theirs, usegmt=True)}

    def script(heard: Heard) -> Answer:
        answer = created() if heard.about == "create" else Answer()
        return Answer(body=answer.body, headers=date)

    async with talking_to(script, tmp_path, object_lock_days=30) as (store, server):
        with sending(CONTENT) as outgoing:
            await store.create_upload(outgoing)
    headers = server.heard[-1].headers
    assert headers["x-amz-object-lock-retain-until-date"] == "2031-01-31T12:00:00Z"
    assert headers["x-amz-object-lock-mode"] == "GOVERNANCE"


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        (error(404, "NoSuchBucket"), StoreBucketMissing),
        (error(403, "AccessDenied"), StoreRefusedCredentials),
        (error(403, "SignatureDoesNotMatch"), StoreRefusedCredentials),
        (error(400, "ExpiredToken"), StoreRefusedCredentials),
        (Answer(401), StoreRefusedCredentials),
        (error(400, "EntityTooLarge"), StoreRejected),
        (Answer(413), StoreRejected),
        (error(404, "NoSuchUpload"), UploadVanished),
        (error(400, "BadDigest"), StoreChecksumMismatch),
        (error(400, "XAmzContentChecksumMismatch"), StoreChecksumMismatch),
        (error(409, "OperationAborted"), StoreBusy),
        (error(400, "RequestTimeout"), StoreBusy),
        (Answer(404, b"<html>Not found</html>"), StoreUnreachable),
        (Answer(200, b"<html>Log in to use the guest network</html>"), StoreUnreachable),
    ],
)
async def test_each_refusal_has_its_own_ending(
    tmp_path: Path, answer: Answer, ending: type[Exception]
) -> None:
    """What the store says decides whose the problem is."""
    async with talking_to(always(answer), tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(ending):
            await store.create_upload(outgoing)


async def test_a_missing_bucket_is_not_a_lost_object(tmp_path: Path) -> None:
    """When the bucket is gone, no receipt is called lost for it."""

    def script(heard: Heard) -> Answer:
        return Answer(404) if heard.method == "HEAD" else honest(heard)

    async with talking_to(script, tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreBucketMissing):
            await store.prove(outgoing, version="v1")


@pytest.mark.parametrize("status", [404, 405])
async def test_a_vanished_object_is_lost(tmp_path: Path, status: int) -> None:
    """An object that is gone, or hidden by a deletion, is lost."""

    def script(heard: Heard) -> Answer:
        if heard.method != "HEAD":
            return honest(heard)
        return Answer(200 if heard.path == "/footage" else status)

    async with talking_to(script, tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreLostObject):
            await store.prove(outgoing, version="v1")


async def test_a_store_that_takes_wrong_checksums_gives_no_digest_receipts(tmp_path: Path) -> None:
    """A store that repeats whatever checksum it was told proves nothing with it."""
    headers = {
        "Content-Length": str(len(CONTENT)),
        "x-amz-checksum-sha256": composite_sha256(EXPECTED.part_sha256),
        "ETag": '"e"',
    }

    def script(heard: Heard) -> Answer:
        if heard.method == "HEAD":
            return Answer(headers=headers)
        return created() if heard.about == "create" else Answer(headers={"ETag": '"e"'})

    async with talking_to(script, tmp_path) as (store, _):
        with sending(CONTENT) as outgoing:
            proven = await store.prove(outgoing, version="")
    assert (proven.judgement.outcome, proven.judgement.strength) == ("receipt", "size")


async def test_a_store_is_probed_again_after_a_day_and_when_its_server_changes(
    tmp_path: Path,
) -> None:
    """Trust in checksums is as old as the last probe: a day at most, and of one server."""
    clock = StillClock()
    software = "one"

    def script(heard: Heard) -> Answer:
        answer = honest(heard)
        return Answer(answer.status, answer.body, {**answer.headers, "Server": software})

    async with talking_to(script, tmp_path, clock=clock) as (store, server):
        assert store.needs_probe()
        assert (await store.probe()).strength == "digest"
        assert not store.needs_probe()
        assert server.abouts() == ["create", "part", "part", "abort", "put"]
        clock.advance(24 * 3600)
        assert store.needs_probe()
        await store.probe()
        assert not store.needs_probe()
        software = "two"
        with sending(CONTENT) as outgoing:
            await store.find_object(outgoing)
        assert store.needs_probe()


async def test_receipts_asked_for_at_once_wait_for_one_probe(tmp_path: Path) -> None:
    """However many clips are proved at once, the store is probed once and each one believed."""
    headers = {
        "Content-Length": str(len(CONTENT)),
        "x-amz-checksum-sha256": composite_sha256(EXPECTED.part_sha256),
        "ETag": '"e"',
    }

    def script(heard: Heard) -> Answer:
        return Answer(headers=headers) if heard.method == "HEAD" else honest(heard)

    async with talking_to(script, tmp_path) as (store, server):
        with sending(CONTENT) as outgoing:
            async with asyncio.TaskGroup() as tasks:
                proving = [tasks.create_task(store.prove(outgoing, version="")) for _ in range(5)]
    assert {task.result().judgement.strength for task in proving} == {"digest"}
    assert server.abouts().count("create") == 1


async def test_what_is_sent_is_announced_by_its_known_digests(tmp_path: Path) -> None:
    """A part carries its SHA-256 twice, signed and as S3's checksum, and its metadata once."""
    script = by_operation(create=created(), part=Answer(headers={"ETag": '"e"'}))
    async with talking_to(script, tmp_path) as (store, server):
        with sending(CONTENT) as outgoing:
            upload_id = await store.create_upload(outgoing)
            await store.send_part(outgoing, upload_id=upload_id, index=1)
    create, part = server.heard
    assert create.headers["x-amz-meta-camera"] == "BWC-000123"
    assert create.headers["x-amz-checksum-algorithm"] == "SHA256"
    assert part.headers["x-amz-content-sha256"] == EXPECTED.part_sha256[1]
    assert part.headers["x-amz-checksum-sha256"] == whole_sha256(EXPECTED.part_sha256[1])
    assert part.body == CONTENT[PART_BYTES:]
