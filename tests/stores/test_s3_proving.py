"""What an S3 store's word is worth: checksums, probes, and objects that are not there."""

import asyncio
from pathlib import Path

import pytest

from dockd.core.receipt import composite_sha256, whole_sha256
from dockd.errors import StoreBucketMissing, StoreChecksumMismatch, StoreLostObject
from tests.fakes.broken_s3 import Answer, Heard, created
from tests.fakes.clip_content import PART_BYTES, sending
from tests.fakes.still_clock import StillClock
from tests.stores.s3_scene import CONTENT, EXPECTED, by_operation, honest, talking_to

pytestmark = pytest.mark.asyncio


async def test_a_wrong_composite_checksum_at_complete_is_a_mismatch(tmp_path: Path) -> None:
    """The composite is computed here, and another one from the store is never shrugged off."""
    wrong = composite_sha256([EXPECTED.sha256, EXPECTED.sha256])
    root = "CompleteMultipartUploadResult"
    body = f"<{root}><ETag>e</ETag><ChecksumSHA256>{wrong}</ChecksumSHA256></{root}>"
    script = by_operation(complete=Answer(200, body.encode()))
    async with talking_to(script, tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreChecksumMismatch):
            await store.complete(outgoing, upload_id="u1", etags={0: "a", 1: "b"})


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
