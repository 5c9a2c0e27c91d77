"""Central's signatures: Ed25519 (RFC 8032), 64 bytes as base64, over a document's own bytes."""

import base64
import binascii
import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ID_DIGITS = 16


class Keys:
    """Public keys, any of which may have signed; while keys are exchanged there are two."""

    def __init__(self, public_keys: Sequence[bytes]) -> None:
        """Each is of 32 bytes. Raises ValueError for one that is no key."""
        self._keys = {key_id(raw): Ed25519PublicKey.from_public_bytes(raw) for raw in public_keys}

    def signer(self, document: bytes, *, signature: bytes) -> str | None:
        """Return the id of the key that signed a document, None when none of them did."""
        try:
            raw = base64.b64decode(signature.strip(), validate=True)
        except binascii.Error:
            return None
        for name, key in self._keys.items():
            try:
                key.verify(raw, document)
            except InvalidSignature:
                continue
            return name
        return None


def key_id(public_key: bytes) -> str:
    """Return the name of a key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:_ID_DIGITS]
