"""What a bucket says of one object, and of itself when the object is not there."""

from http import HTTPStatus
from typing import Final

from dockd.core.receipt import Found
from dockd.errors import StoreBucketMissing, StoreLostObject
from dockd.stores.s3.client import Ask, S3Client

# 405: the latest version, or the one asked for, is a marker that it was deleted.
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


async def found(client: S3Client, key: str, *, version: str) -> Found:
    """Return what the store says that it holds at the key in that version.

    Raises:
        StoreLostObject: there is none.
        StoreBucketMissing: there is not even the bucket.
    """
    ask = Ask(
        method="HEAD",
        key=key,
        query=of_version(version),
        headers={"x-amz-checksum-mode": "ENABLED"},
    )
    reply = await client.ask(ask)
    if reply.status in _GONE:
        # A bucket that is gone must not make every receipt look lost.
        await require_bucket(client)
        raise StoreLostObject("the store no longer has the object", key=key, version=version)
    client.checked(reply, str(ask))
    return Found(
        size_bytes=reply.content_length,
        version=reply.version or version,
        checksum=reply.headers.get("x-amz-checksum-sha256"),
    )


async def require_bucket(client: S3Client) -> None:
    """Return when the bucket is there; its reply also tells the store's time.

    Raises:
        StoreBucketMissing
    """
    ask = Ask(method="HEAD")
    reply = await client.ask(ask)
    if reply.status == HTTPStatus.NOT_FOUND:
        raise StoreBucketMissing(f"there is no bucket {client.options.bucket}")
    client.checked(reply, str(ask))


def of_version(version: str) -> dict[str, str]:
    """Return the query that names a version, where there are versions."""
    return {"versionId": version} if version else {}
