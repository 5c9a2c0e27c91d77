"""What only S3 stores have, on real ones: keys that are refused, buckets, locks, metadata."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dockd.errors import StoreBucketMissing, StoreRefusedCredentials, StoreRejected
from dockd.station.clock import SystemClock
from dockd.stores.s3 import S3Options, S3Store
from tests.conformance.far_sides import S3FarSide, judge_of
from tests.fakes.clip_content import PART_BYTES, content_of, expected_of, sending
from tests.fakes.servers import S3Server
from tests.fakes.still_clock import StillClock

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.real,
    pytest.mark.xdist_group("seaweedfs"),
]


@pytest.fixture
def far(seaweed: S3Server, buckets: dict[bool, str], tmp_path: Path) -> S3FarSide:
    """A SeaweedFS bucket with versions and locks."""
    return S3FarSide(
        server=seaweed,
        credentials=seaweed.credentials_file(tmp_path),
        bucket=buckets[True],
        lock_days=30,
    )


@asynccontextmanager
async def connected(options: S3Options) -> AsyncIterator[S3Store]:
    """Give a client with these options."""
    store = S3Store(options, clock=SystemClock())
    try:
        yield store
    finally:
        await store.close()


async def test_wrong_credentials_are_refused_whatever_is_asked(
    far: S3FarSide, tmp_path: Path
) -> None:
    """Keys that the store does not know, or a wrong secret, are the operators' to correct."""
    wrong = replace(far.server, secret_key="guessed")
    folder = tmp_path / "wrong"
    folder.mkdir()
    options = far.options(credentials=wrong.credentials_file(folder))
    with sending(content_of(PART_BYTES + 1)) as outgoing:
        async with connected(options) as store:
            with pytest.raises(StoreRefusedCredentials):
                await store.find_object(outgoing)
            with pytest.raises(StoreRefusedCredentials):
                await store.create_upload(outgoing)
            with pytest.raises(StoreRefusedCredentials):
                await store.put_whole(outgoing)
            with pytest.raises(StoreRefusedCredentials):
                await store.probe()


async def test_rotated_credentials_are_taken_up_under_way(far: S3FarSide, tmp_path: Path) -> None:
    """A store that refused works again as soon as the file has the right keys, in one process."""
    folder = tmp_path / "rotating"
    folder.mkdir()
    path = replace(far.server, secret_key="expired").credentials_file(folder)
    with sending(content_of(1)) as outgoing:
        async with connected(far.options(credentials=path)) as store:
            with pytest.raises(StoreRefusedCredentials):
                await store.find_object(outgoing)
            far.server.credentials_file(folder)
            assert await store.find_object(outgoing) is None


async def test_a_missing_bucket_is_said_to_be_missing(far: S3FarSide) -> None:
    """A bucket that is not there makes no receipt look lost and no record look absent.

    Writing is not tried here: SeaweedFS makes the bucket for a key that may do everything.
    """
    with sending(content_of(1)) as outgoing:
        async with connected(far.options(bucket="no-such-bucket")) as store:
            with pytest.raises(StoreBucketMissing):
                await store.prove(outgoing, version="v1")
            with pytest.raises(StoreBucketMissing):
                await store.read_record("a/b")


@pytest.mark.parametrize("parts", [1, 2])
async def test_clips_arrive_locked_and_with_their_metadata(far: S3FarSide, parts: int) -> None:
    """A clip put whole or in parts is under retention, and says where it came from."""
    content = content_of(PART_BYTES * (parts - 1) + 1)
    with sending(content) as outgoing:
        async with connected(far.options()) as store:
            if parts == 1:
                version = await store.put_whole(outgoing)
            else:
                upload_id = await store.create_upload(outgoing)
                etags = {
                    index: await store.send_part(outgoing, upload_id=upload_id, index=index)
                    for index in range(parts)
                }
                version = await store.complete(outgoing, upload_id=upload_id, etags=etags)
    head = judge_of(far.server).head_object(
        Bucket=far.bucket, Key=outgoing.expected.key, VersionId=version
    )
    assert head["Metadata"] == dict(outgoing.metadata)
    assert head["ObjectLockMode"] == "GOVERNANCE"
    locked_for = head["ObjectLockRetainUntilDate"] - SystemClock().now()
    assert timedelta(days=29) < locked_for <= timedelta(days=30, minutes=1)


async def test_a_bucket_that_cannot_lock_is_not_blamed_on_the_clip(
    far: S3FarSide, buckets: dict[bool, str]
) -> None:
    """Retention on a bucket without Object Lock is the configuration's fault, and said to be."""
    with sending(content_of(1)) as outgoing:
        async with connected(far.options(bucket=buckets[False])) as store:
            with pytest.raises(StoreRejected) as caught:
                await store.put_whole(outgoing)
    assert caught.value.owner == "operations"
    assert "object_lock_days" in caught.value.next_step


async def test_the_probe_leaves_nothing_behind(far: S3FarSide) -> None:
    """After a probe there is no object, no version and no unfinished upload of its making."""
    async with connected(far.options()) as store:
        await store.probe()
    judge = judge_of(far.server)
    listed = {"Bucket": far.bucket, "Prefix": ".dockd-probe"}
    assert judge.list_object_versions(**listed).get("Versions", []) == []
    assert judge.list_multipart_uploads(**listed).get("Uploads", []) == []


async def test_the_stores_clock_is_known_after_its_first_reply(far: S3FarSide) -> None:
    """The offset between the clocks is measured, not assumed."""
    with sending(content_of(1), expected=expected_of(b"x")) as outgoing:
        async with connected(far.options()) as store:
            before_s = store.clock_offset_s
            await store.find_object(outgoing)
            after_s = store.clock_offset_s
    assert before_s is None
    assert after_s is not None
    assert abs(after_s) < 60


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_station_whose_clock_is_an_hour_wrong_is_served(far: S3FarSide, hours: int) -> None:
    """A real store refuses such a signature once; the next one is made by the store's time."""
    clock = StillClock(now=SystemClock().now() + timedelta(hours=hours))
    content = content_of(2 * PART_BYTES)
    store = S3Store(far.options(), clock=clock)
    with sending(content) as outgoing:
        upload_id = await store.create_upload(outgoing)
        etags = {
            index: await store.send_part(outgoing, upload_id=upload_id, index=index)
            for index in range(2)
        }
        version = await store.complete(outgoing, upload_id=upload_id, etags=etags)
        proven = await store.prove(outgoing, version=version)
    await store.close()
    assert proven.size_bytes == len(content)
    assert store.clock_offset_s == pytest.approx(-hours * 3600, abs=60)
