"""The store's own word for what it holds: the SHA-256 of the content, asked at ``receipt_url``.

Nothing but a plain 2xx is taken for one, of 64 KiB at most. A JSON document says it in its members;
anything else in its ``Repr-Digest`` (RFC 9530), which a JSON document has of itself and not of the
clip.
"""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from dockd.errors import StoreUnreachable
from dockd.ports.clock import Clock
from dockd.stores.http.replies import Reply
from dockd.stores.tus import addresses
from dockd.stores.tus.client import Ask, TusClient

MOST_BYTES: Final = 64 * 1024
# A store that hashes what arrived takes a moment before it can tell. A clip is asked for again
# later; what the probe learns stands for a day.
WAITS_S: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
PROBE_WAITS_S: Final = (*WAITS_S, 8.0, 15.0, 30.0)
_NONE: Final = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_REPR_DIGEST: Final = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|;|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the store says that it holds: hex SHA-256, and the size in bytes where it says that."""

    sha256: str
    size_bytes: int | None


class Receipts:
    """Asks at one ``receipt_url``."""

    def __init__(self, template: str, client: TusClient, *, clock: Clock) -> None:
        self._template: Final = template
        self._client: Final = client
        self._clock: Final = clock

    @property
    def by_key(self) -> bool:
        """Whether a clip can be asked for by its key alone, whoever uploaded it."""
        return addresses.KEY in self._template and addresses.UPLOAD not in self._template

    async def of(self, key: str, *, upload: str) -> Told | None:
        """Return what the store says of a clip; None while it does not know it.

        Raises:
            StoreUnreachable: what it says is not a receipt.
        """
        target = addresses.receipt_target(self._template, key=key, upload=upload)
        ask = Ask(method="GET", target=target, about=f"the receipt of {key}")
        reply = await self._client.ask(ask, limit_bytes=MOST_BYTES)
        if reply.status in _NONE:
            return None
        if not reply.good:
            raise self._client.trouble(reply, ask)
        told = _told(reply)
        if told is None:
            raise StoreUnreachable(
                f"{ask}: the store's answer is not a receipt",
                owner="operations",
                next_step="Compare receipt_url with the store's answer there (docs/install.md).",
                status=reply.status,
            )
        return told

    async def soon(
        self, key: str, *, upload: str, waits_s: Sequence[float] = WAITS_S
    ) -> Told | None:
        """Return what the store says of a clip that has just arrived; wait for it a little."""
        for wait_s in waits_s:
            told = await self.of(key, upload=upload)
            if told is not None:
                return told
            await self._clock.sleep(wait_s)
        return await self.of(key, upload=upload)


def _told(reply: Reply) -> Told | None:
    if reply.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
        return None if reply.cut else _from_json(reply.body)
    found = _REPR_DIGEST.search(reply.headers.get("repr-digest", ""))
    if found is None:
        return None
    return Told(sha256=base64.b64decode(found[1]).hex(), size_bytes=None)


def _from_json(body: bytes) -> Told | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    match document:
        case {"sha256": str(sha256), "size": int(size)} if not isinstance(size, bool):
            return (
                Told(sha256=sha256.lower(), size_bytes=size) if _SHA256.fullmatch(sha256) else None
            )
        case _:
            return None
