"""The shared list of holds: fetched from central, verified, and kept in the spool's folder.

The document lies at the URL, and its detached Ed25519 signature (RFC 8032; 64 bytes as base64) at
the same URL with ``.sig`` behind its path. Nothing that the server says is believed before that
signature is.
"""

import asyncio
import base64
import json
import os
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx2

from dockd.core import shared_holds
from dockd.errors import HoldsRefused, HoldsUnreachable, SpoolReadOnly
from dockd.ports.holds import SignedList
from dockd.station.central.signing import Keys

FILE_NAME: Final = "shared-holds.json"
_FORMAT: Final = "dockd-kept-holds/1"
MOST_BYTES: Final = 4 * 1024 * 1024


class CentralHolds:
    """Implements ``dockd.ports.holds.HoldsList``."""

    def __init__(
        self,
        url: str,
        *,
        public_key: bytes,
        ca_file: Path | None,
        folder: Path,
        deadline_s: float = 60.0,
    ) -> None:
        """``deadline_s`` is for the whole of one look, however slowly the server talks."""
        self._url = httpx2.URL(url)
        self._keys = Keys([public_key])
        self._ca_file = ca_file
        self._folder = folder
        self._deadline_s = deadline_s

    async def fetch(self) -> SignedList:
        """Return what the server offers, its signature found good.

        Raises:
            HoldsUnreachable: no whole answer came.
            HoldsRefused: what came is no list, or not one that central signed.
        """
        signature_url = self._url.copy_with(path=f"{self._url.path}.sig")
        try:
            async with asyncio.timeout(self._deadline_s), self._client() as client:
                document = await _body(client, self._url)
                signature = await _body(client, signature_url)
        except TimeoutError as error:
            raise HoldsUnreachable(
                f"{self._url.host} did not answer whole within {self._deadline_s:g} s"
            ) from error
        except (httpx2.HTTPError, OSError) as error:
            raise HoldsUnreachable(f"{self._url.host}: {type(error).__name__} {error}") from error
        return self._verified(document, signature)

    def kept(self) -> SignedList | None:
        """Return the list that was kept, its signature found good again; None where none was.

        Raises:
            HoldsRefused: it cannot be read, or its signature is not central's.
        """
        try:
            content = json.loads((self._folder / FILE_NAME).read_bytes())
            document = base64.b64decode(content["document"], validate=True)
            signature = content["signature"].encode()
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise HoldsRefused(f"{FILE_NAME} in the spool cannot be read: {error}") from error
        return self._verified(document, signature)

    def keep(self, signed: SignedList) -> None:
        """Put a list in the place of the one before; durable on return.

        Raises:
            SpoolReadOnly: it could not be written.
        """
        content = {
            "format": _FORMAT,
            "document": base64.b64encode(signed.document).decode(),
            "signature": signed.signature.decode(),
        }
        unfinished = self._folder / f"{FILE_NAME}.part"
        try:
            with unfinished.open("wb") as file:
                file.write(json.dumps(content).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._folder / FILE_NAME)
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise SpoolReadOnly(f"{FILE_NAME} was not written: {error.strerror}") from error

    def _verified(self, document: bytes, signature: bytes) -> SignedList:
        if self._keys.signer(document, signature=signature) is None:
            raise HoldsRefused("the list of holds does not carry central's signature")
        try:
            holds = shared_holds.parse(document)
        except ValueError as error:
            raise HoldsRefused(f"the list of holds cannot be used: {error}") from error
        return SignedList(holds=holds, document=document, signature=signature.strip())

    def _client(self) -> httpx2.AsyncClient:
        trust = ssl.create_default_context(cafile=None if self._ca_file is None else self._ca_file)
        return httpx2.AsyncClient(verify=trust, follow_redirects=False, timeout=self._deadline_s)


async def _body(client: httpx2.AsyncClient, url: httpx2.URL) -> bytes:
    """Return what lies at a URL, up to `MOST_BYTES` and as it was sent."""
    async with client.stream("GET", url, headers={"accept-encoding": "identity"}) as response:
        if response.status_code != HTTPStatus.OK:
            raise HoldsUnreachable(f"{url.host} answered {response.status_code} for {url.path}")
        # What is not unpacked cannot burst.
        if response.headers.get("content-encoding", "identity") != "identity":
            raise HoldsRefused("the list of holds came packed, which was not asked for")
        content = bytearray()
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > MOST_BYTES:
                raise HoldsRefused(f"the list of holds is larger than {MOST_BYTES} bytes")
    return bytes(content)
