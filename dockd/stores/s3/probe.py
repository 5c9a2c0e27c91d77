"""Whether this endpoint's checksums are worth anything: it is lied to, and has to notice.

A store that verifies refuses a part and an object whose announced SHA-256 is wrong, and takes
them with the right one. Both ways in are tried, because clips of one part take the other one.
Some stores store whatever comes and repeat the checksum that they were told (FACTS.md 2).
"""

import hashlib
from typing import Final

from dockd.core.naming import component
from dockd.core.receipt import whole_sha256
from dockd.errors import StoreChecksumMismatch
from dockd.ports.clock import Clock
from dockd.ports.store import Probe
from dockd.stores.http.probing import FOLDER, Prober
from dockd.stores.s3.client import Ask, S3Client
from dockd.stores.s3.replies import error_of

_CONTENT: Final = b"dockd probes whether this store verifies checksums\n"
_RIGHT: Final = whole_sha256(hashlib.sha256(_CONTENT).hexdigest())
_WRONG: Final = whole_sha256(hashlib.sha256(b"something else").hexdigest())


def prober(client: S3Client, *, clock: Clock) -> Prober:
    """Return what probes this endpoint when it is due."""
    return Prober(client, clock=clock, attempt=_Attempt(client, clock=clock).run)


class _Attempt:
    """Deliberately wrong checksums, and right ones."""

    def __init__(self, client: S3Client, *, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def run(self) -> Probe:
        """Try the endpoint with wrong checksums and right ones; leave nothing behind."""
        station = component(self._client.options.station.encode())
        key = f"{FOLDER}/{station}-{self._clock.random_bytes(8).hex()}"
        detail = await self._part_fault(key) or await self._object_fault(key)
        return Probe(
            strength="size" if detail else "digest",
            detail=detail or "it refused wrong checksums and took right ones",
        )

    async def _part_fault(self, key: str) -> str | None:
        """Return what is wrong with how parts are checked, or None."""
        create = Ask(
            method="POST",
            key=key,
            query={"uploads": ""},
            headers={"x-amz-checksum-algorithm": "SHA256"},
        )
        upload_id = (
            self._client.checked(await self._client.ask(create), str(create))
            .document("InitiateMultipartUploadResult")
            .value("UploadId")
        )
        of_upload = {"uploadId": upload_id or ""}
        part = {"partNumber": "1", **of_upload}
        try:
            if await self._took(key, query=part, checksum=_WRONG):
                return "it took a part whose checksum was wrong"
            if not await self._took(key, query=part, checksum=_RIGHT):
                return "it refused a part whose checksum was right"
        finally:
            # Whether that works changes nothing: a part of 51 bytes waits for the store's own
            # clean-up of unfinished uploads.
            await self._client.ask(Ask(method="DELETE", key=key, query=of_upload))
        return None

    async def _object_fault(self, key: str) -> str | None:
        """Return what is wrong with how whole objects are checked, or None."""
        if await self._took(key, query={}, checksum=_WRONG):
            await self._client.ask(Ask(method="DELETE", key=key))
            return "it took an object whose checksum was wrong"
        return None

    async def _took(self, key: str, *, query: dict[str, str], checksum: str) -> bool:
        ask = Ask(
            method="PUT",
            key=key,
            query=query,
            headers={"x-amz-checksum-sha256": checksum},
            payload=_CONTENT,
        )
        reply = await self._client.ask(ask)
        if reply.ok:
            return True
        error = error_of(reply, request=str(ask), now=self._client.now())
        if isinstance(error, StoreChecksumMismatch):
            return False
        raise error
