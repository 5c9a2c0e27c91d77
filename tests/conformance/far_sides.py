"""The far sides that the conformance suite of stores runs against, real ones included.

A far side outlives its clients: `connect` gives a new client each time, as a restart would.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import boto3
from botocore.config import Config

from dockd.core.facts import Strength
from dockd.ports.store import Store
from dockd.station.clock import SystemClock
from dockd.stores.directory import MARKER, DirectoryOptions, DirectoryStore
from dockd.stores.guarded import GuardedStore
from dockd.stores.rate_limited import RateLimitedStore, SharedRate
from dockd.stores.retrying import RetryingStore
from dockd.stores.s3 import S3Options, S3Store
from dockd.stores.s3.options import ReadBack
from tests.fakes.memory_store import MemoryBucket, MemoryStore
from tests.fakes.servers import S3Server


@dataclass(frozen=True)
class Manners:
    """In what a far side differs from a store that is asked by key and takes parts in any order.

    Attributes:
        in_order: Whether parts go one after another.
        finds: What is found of an object by its key: its version, that it is there, or nothing.
        one_per_key: Whether a second upload makes no second object.
        keeps: Whether what is complete can be asked for.
        reads: Whether content is given back.
        confirms: Whether a part that was sent twice is no longer known to be right.
    """

    in_order: bool = False
    finds: Literal["version", "key", "nothing"] = "version"
    one_per_key: bool = True
    keeps: bool = True
    reads: bool = True
    confirms: bool = False


class FarSide(Protocol):
    """What a store is a client of.

    Attributes:
        manners: In what it is different.
        probed: What its probe says; the strength of its receipts unless clips are read back.
        strength: How strong its receipts come out.
        refuses_wrong_bytes: Whether it notices that bytes are not those that were announced.
        replaces: Whether it ignores ``If-None-Match`` and replaces what is there.
        longest_name_bytes: The longest component that its keys may have.
    """

    manners: Manners
    strength: Strength
    refuses_wrong_bytes: bool
    replaces: bool
    longest_name_bytes: int

    @property
    def probed(self) -> Strength: ...

    def connect(self) -> Store: ...

    def lose(self, key: str) -> None: ...

    def content(self, key: str) -> bytes: ...

    def versions(self, key: str) -> int: ...


class MemoryFarSide:
    manners = Manners()
    probed: Strength = "digest"
    strength: Strength = "digest"
    refuses_wrong_bytes = True
    replaces = False
    longest_name_bytes = 255

    def __init__(self) -> None:
        self._bucket = MemoryBucket()

    def connect(self) -> Store:
        return MemoryStore(self._bucket)

    def lose(self, key: str) -> None:
        del self._bucket.objects[key]

    def content(self, key: str) -> bytes:
        return self._bucket.objects[key][-1].content

    def versions(self, key: str) -> int:
        return len(self._bucket.objects[key])


class DirectoryFarSide:
    manners = Manners()
    probed: Strength = "digest"
    strength: Strength = "digest"
    refuses_wrong_bytes = True
    replaces = False
    longest_name_bytes = 255

    def __init__(self, folder: Path) -> None:
        self.root = folder / "share"
        self.root.mkdir()
        (self.root / MARKER).touch()
        self._spool = folder

    def connect(self) -> Store:
        options = DirectoryOptions(
            name="share",
            path=self.root,
            spool_path=self._spool,
            station="test-01",
            allow_same_disk=True,
        )
        return DirectoryStore(options, clock=SystemClock())

    def lose(self, key: str) -> None:
        (self.root / key).unlink()

    def content(self, key: str) -> bytes:
        return (self.root / key).read_bytes()

    def versions(self, key: str) -> int:
        return int((self.root / key).is_file())


@dataclass
class S3FarSide:
    server: S3Server
    credentials: Path
    bucket: str
    strength: Strength = "digest"
    refuses_wrong_bytes: bool = True
    replaces: bool = False
    longest_name_bytes: int = 255
    read_back: ReadBack = "never"
    lock_days: int = 0
    manners = Manners()

    @property
    def probed(self) -> Strength:
        return "digest" if self.refuses_wrong_bytes else "size"

    def connect(self) -> Store:
        return S3Store(self.options(), clock=SystemClock())

    def options(self, *, bucket: str | None = None, credentials: Path | None = None) -> S3Options:
        return S3Options(
            name="central",
            endpoint=self.server.endpoint,
            bucket=bucket or self.bucket,
            station="test-01",
            credentials=credentials or self.credentials,
            read_back=self.read_back,
            object_lock_days=self.lock_days,
        )

    def lose(self, key: str) -> None:
        client = judge_of(self.server)
        for version in self._versions(key):
            client.delete_object(
                Bucket=self.bucket,
                Key=key,
                BypassGovernanceRetention=True,
                **({} if version == "null" else {"VersionId": version}),
            )

    def content(self, key: str) -> bytes:
        body: bytes = judge_of(self.server).get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def versions(self, key: str) -> int:
        return len(self._versions(key))

    def _versions(self, key: str) -> list[str]:
        client = judge_of(self.server)
        if client.get_bucket_versioning(Bucket=self.bucket).get("Status") != "Enabled":
            found = client.list_objects_v2(Bucket=self.bucket, Prefix=key).get("Contents", [])
            return ["null" for held in found if held["Key"] == key]
        listed = client.list_object_versions(Bucket=self.bucket, Prefix=key).get("Versions", [])
        return [held["VersionId"] for held in listed if held["Key"] == key]


class WrappedFarSide:
    """Another far side, reached through every wrapper at once, as the daemon does."""

    def __init__(self, inner: FarSide) -> None:
        self._inner = inner
        self.manners = inner.manners
        self.probed = inner.probed
        self.strength = inner.strength
        self.refuses_wrong_bytes = inner.refuses_wrong_bytes
        self.replaces = inner.replaces
        self.longest_name_bytes = inner.longest_name_bytes
        self.lose = inner.lose
        self.content = inner.content
        self.versions = inner.versions

    def connect(self) -> Store:
        clock = SystemClock()
        rate = SharedRate(clock=clock, rate_bytes_s=200e6)
        limited = RateLimitedStore(self._inner.connect(), rate=rate)
        return RetryingStore(GuardedStore(limited, clock=clock), clock=clock)


def new_bucket(server: S3Server, *, versioned: bool = False) -> str:
    """Make a bucket; a versioned one can lock its objects."""
    name = f"footage-{secrets.token_hex(6)}"
    client = judge_of(server)
    if versioned:
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    else:
        client.create_bucket(Bucket=name)
    return name


def judge_of(server: S3Server) -> Any:  # noqa: ANN401  boto3 has no types
    """Return boto3's client: what a store holds is not for our own code to say."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
    )
