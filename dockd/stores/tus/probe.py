"""What a tus server's word is worth: it is lied to, and has to notice.

By itself the protocol shows an upload's size. More is believed of a store that tells the SHA-256 of
what it holds, and tells it of a small upload that came with a wrong one in its key and metadata; or
of a server that refuses a wrong ``Upload-Checksum`` (460) and keeps nothing of it: many answer 204.
"""

import hashlib
from typing import Final

from dockd.core.naming import component
from dockd.errors import DockdError, StoreChecksumMismatch
from dockd.ports.clock import Clock
from dockd.ports.store import Probe
from dockd.stores.http.probing import FOLDER, Prober
from dockd.stores.tus.client import TusClient
from dockd.stores.tus.receipts import PROBE_WAITS_S, Receipts
from dockd.stores.tus.uploads import Uploads

_CONTENT: Final = b"dockd probes whether this store knows what it holds\n"
_RIGHT: Final = hashlib.sha256(_CONTENT).hexdigest()
_WRONG: Final = hashlib.sha256(b"something else").hexdigest()
_ALONE: Final = (
    "a tus server shows no more than the size: name a receipt_url, or use a server that checks "
    "SHA-256 checksums"
)


def prober(
    client: TusClient, uploads: Uploads, *, receipts: Receipts | None, clock: Clock
) -> Prober:
    """Return what probes this server when it is due."""
    attempt = _Attempt(client, uploads, receipts=receipts, clock=clock)
    return Prober(client, clock=clock, attempt=attempt.run)


class _Attempt:
    """One small upload, lied about."""

    def __init__(
        self, client: TusClient, uploads: Uploads, *, receipts: Receipts | None, clock: Clock
    ) -> None:
        self._client = client
        self._uploads = uploads
        self._receipts = receipts
        self._clock = clock

    async def run(self) -> Probe:
        """Lie to the server; leave nothing behind where it lets us."""
        capabilities = await self._uploads.capabilities(fresh=True)
        station = component(self._client.options.station.encode())
        key = f"{FOLDER}/{_WRONG}/{station}-{self._clock.random_bytes(8).hex()}"
        if self._receipts is not None:
            fault = await self._receipt_fault(self._receipts, key)
            detail = "its receipts tell what it holds"
        elif capabilities.checks_sha256:
            fault = await self._checksum_fault(key)
            detail = "it refused a wrong checksum and took a right one"
        else:
            fault, detail = _ALONE, ""
        return Probe(strength="size" if fault else "digest", detail=fault or detail)

    async def _receipt_fault(self, receipts: Receipts, key: str) -> str | None:
        """Return what is wrong with the store's receipts, or None."""
        metadata = {"sha256": _WRONG, "size": str(len(_CONTENT))}
        upload = await self._uploads.write(key, _CONTENT, metadata=metadata)
        try:
            told = await receipts.soon(key, upload=upload, waits_s=PROBE_WAITS_S)
        finally:
            await self._remove(upload, key=key)
        if told is None:
            return "its receipt_url does not know what was uploaded"
        if told.sha256 == _WRONG:
            return "its receipts repeat what it was told, and say nothing of what it holds"
        if told.sha256 != _RIGHT or told.size_bytes not in {None, len(_CONTENT)}:
            return "its receipts tell of something else than was uploaded"
        return None

    async def _checksum_fault(self, key: str) -> str | None:
        """Return what is wrong with how checksums are compared, or None.

        The upload is never whole, so that nothing comes of it even where it cannot be removed.
        """
        size_bytes = 2 * len(_CONTENT)
        created = await self._uploads.create(key, size_bytes=size_bytes, metadata={})
        try:
            try:
                await self._uploads.append(created.upload, _CONTENT, key=key, sha256=_WRONG)
            except StoreChecksumMismatch:
                pass
            else:
                return "it took bytes whose checksum was wrong"
            if await self._uploads.offset(created.upload, key=key, size_bytes=size_bytes):
                return "it kept bytes whose checksum was wrong"
            await self._uploads.append(created.upload, _CONTENT, key=key, sha256=_RIGHT)
        finally:
            await self._remove(created.upload, key=key)
        return None

    async def _remove(self, upload: str, *, key: str) -> None:
        try:
            await self._uploads.terminate(upload, key=key)
        except DockdError:
            # Whether that works changes nothing of what was learnt: some bytes are left behind.
            return
