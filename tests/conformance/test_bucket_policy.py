"""The bucket that central operations are told to make, tried on a real store.

The policy is read from docs/central-operations.md as it stands there.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dockd.station.clock import SystemClock
from tests.conformance.far_sides import S3FarSide, judge_of
from tests.fakes.clip_content import PART_BYTES, content_of, sending
from tests.fakes.servers import S3Server, seaweedfs

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("bucket policy")]

BUCKET = "footage"
STATIONS = ("lambeth-03", "camden-01")
DOCUMENT = Path(__file__).parents[2] / "docs/central-operations.md"
ABORTED_AFTER_DAYS = 30


def policy() -> str:
    """Return the policy of a station's credentials."""
    (found,) = re.findall(
        r"^    \{\"Version\".*?\]\}$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE
    )
    return json.dumps(json.loads(found))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A SeaweedFS with the bucket and with two stations' keys."""
    folder = tmp_path_factory.mktemp("policy")
    with seaweedfs(folder, stations=dict.fromkeys(STATIONS, policy())) as running:
        operations = judge_of(running)
        operations.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
        operations.create_bucket(Bucket="another")
        operations.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=rules())
        yield running


def rules(**more: object) -> dict[str, Any]:
    """Return a lifecycle that aborts what nobody completed for a month."""
    abort = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORTED_AFTER_DAYS}}
    return {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, **abort, **more}]}


@pytest.fixture
def far(server: S3Server, tmp_path: Path) -> S3FarSide:
    """The bucket as a station sees it, with its own keys."""
    own = replace(server, access_key=STATIONS[0])
    return S3FarSide(
        server=own, credentials=own.credentials_file(tmp_path), bucket=BUCKET, lock_days=2
    )


@pytest.mark.asyncio
async def test_the_policy_lets_a_station_do_all_of_its_work(far: S3FarSide) -> None:
    """Probing, sending, proving, reading back and its own records need no more than it grants."""
    store = far.connect()
    assert (await store.probe()).strength == "digest"
    with sending(content_of(2 * PART_BYTES)) as outgoing:
        assert await store.find_object(outgoing) is None
        assert await store.find_upload(outgoing) is None
        upload_id = await store.create_upload(outgoing)
        assert await store.find_upload(outgoing) == upload_id
        etags = {}
        for index in range(2):
            etags[index] = await store.send_part(outgoing, upload_id=upload_id, index=index)
        assert (await store.arrived_parts(outgoing, upload_id=upload_id)).keys() == {0, 1}
        version = await store.complete(outgoing, upload_id=upload_id, etags=etags)
        assert (await store.prove(outgoing, version=version)).judgement.strength == "digest"
        key = outgoing.expected.key
        assert [piece async for piece in store.read_back(key, version=version)]
    with sending(content_of(100)) as outgoing:
        version = await store.put_whole(outgoing)
        assert (await store.prove(outgoing, version=version)).judgement.strength == "digest"
    await store.write_record("BWC-1/dockings/1.json", b"{}")
    assert await store.read_record("BWC-1/dockings/1.json") == b"{}"
    assert await store.records("BWC-1/dockings/", after="") == ["BWC-1/dockings/1.json"]
    await store.write_record(".dockd-doctor/trial", b"")
    await store.delete_record(".dockd-doctor/trial")
    await store.close()


def denied(call: Callable[..., object], **arguments: object) -> None:
    """See a call refused by the policy."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_stolen_credentials_take_nothing_away(server: S3Server, far: S3FarSide) -> None:
    """A station's keys delete no clip, of its own or another's, and change no rule of the bucket.

    What they put over a clip is another version of it; the first one is there and locked.
    """
    thief = judge_of(replace(server, access_key=STATIONS[1]))
    at = {"Bucket": BUCKET, "Key": "BWC-2/sha256/DCIM/1.MP4"}
    until = SystemClock().now() + timedelta(days=2)
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    own = judge_of(far.server)
    version = own.put_object(**at, Body=b"evidence", **lock)["VersionId"]
    denied(thief.delete_object, **at)
    denied(thief.delete_object, **at, VersionId=version)
    denied(thief.delete_object, **at, VersionId=version, BypassGovernanceRetention=True)
    several = thief.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": at["Key"]}]})
    assert [wrong["Code"] for wrong in several["Errors"]] == ["AccessDenied"]
    denied(thief.delete_bucket, Bucket=BUCKET)
    denied(thief.put_bucket_policy, Bucket=BUCKET, Policy=policy())
    denied(
        thief.put_bucket_versioning, Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
    )
    expiring = rules(Expiration={"Days": 1})
    denied(thief.put_bucket_lifecycle_configuration, Bucket=BUCKET, LifecycleConfiguration=expiring)
    denied(thief.put_object, Bucket="another", Key="x", Body=b"")
    denied(thief.list_objects_v2, Bucket="another")
    thief.put_object(**at, Body=b"rubbish")
    assert own.get_object(**at, VersionId=version)["Body"].read() == b"evidence"


def test_the_lifecycle_leaves_young_uploads_alone(server: S3Server, far: S3FarSide) -> None:
    """The store takes the rule as it was meant, and what was begun today is there to go on with."""
    (rule,) = judge_of(server).get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": ABORTED_AFTER_DAYS}
    assert "Expiration" not in rule
    own = judge_of(far.server)
    at = {"Bucket": BUCKET, "Key": "BWC-3/sha256/DCIM/1.MP4"}
    upload_id = own.create_multipart_upload(**at)["UploadId"]
    listed = own.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    assert upload_id in {upload["UploadId"] for upload in listed}
