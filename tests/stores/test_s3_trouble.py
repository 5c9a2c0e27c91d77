"""What becomes of a request when the S3 store misbehaves: each case has one ending."""

from pathlib import Path

import pytest

from dockd.errors import (
    StoreBucketMissing,
    StoreBusy,
    StoreChecksumMismatch,
    StoreRefusedCredentials,
    StoreRejected,
    StoreUnreachable,
    UploadVanished,
)
from dockd.ports.store import Outgoing
from dockd.stores.s3 import S3Store
from tests.fakes.broken_s3 import Answer, Reset, Silence, broken_s3, error
from tests.fakes.clip_content import sending
from tests.fakes.still_clock import StillClock
from tests.stores.s3_scene import CONTENT, IMPATIENT, always, by_operation, talking_to

pytestmark = pytest.mark.asyncio


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
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable) as caught:
            await store.find_object(outgoing)
    assert caught.value.after_silence


async def test_a_part_that_nobody_takes_ends_in_a_deadline(tmp_path: Path) -> None:
    """A store that stops reading in the middle of a part is StoreUnreachable."""
    async with talking_to(always(Silence()), tmp_path, patience=IMPATIENT) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable) as caught:
            await store.send_part(outgoing, upload_id="u1", index=0)
    assert caught.value.after_silence


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
