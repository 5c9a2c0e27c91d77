"""Commands as they come: a document and its signature, both as base64, in one JSON object.

`{"document": "...", "signature": "..."}`. What the document says is not looked at before its
signature was found good.
"""

import base64
import json
from collections.abc import Sequence

from dockd.core.command import MOST_BYTES
from dockd.errors import CommandRefused
from dockd.ports.commands import SignedDocument
from dockd.station.central.signing import Keys


class CommandSeal:
    """Implements ``dockd.ports.commands.Seal``."""

    def __init__(self, public_keys: Sequence[bytes]) -> None:
        """Believe what any of these keys signed."""
        self._keys = Keys(public_keys)

    def opened(self, payload: bytes) -> SignedDocument:
        """Return what a message holds.

        Raises:
            CommandRefused: it is none, or none of central's keys signed it.
        """
        if len(payload) > MOST_BYTES:
            raise CommandRefused(f"it is larger than {MOST_BYTES} bytes")
        try:
            match json.loads(payload):
                case {"document": str(encoded), "signature": str(signature), **more} if not more:
                    document = base64.b64decode(encoded, validate=True)
                case _:
                    raise CommandRefused("it is not a document and its signature")
        except (ValueError, RecursionError) as error:
            raise CommandRefused("it is not a document and its signature") from error
        signer = self._keys.signer(document, signature=signature.encode(errors="replace"))
        if signer is None:
            raise CommandRefused("it does not carry central's signature")
        return SignedDocument(document=document, key=signer)
