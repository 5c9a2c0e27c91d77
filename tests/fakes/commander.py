"""Central as it signs commands, rightly and otherwise."""

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dockd.station.central.signing import key_id
from dockd.station.clock import SystemClock


class Commander:
    """A key, and what is signed with it for one station."""

    def __init__(self, *, site: str, station: str) -> None:
        self.key = Ed25519PrivateKey.generate()
        self._site = site
        self._station = station

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        return key_id(self.public_key)

    def toml(self) -> str:
        """Return the keys of ``[mqtt]``."""
        key = base64.b64encode(self.public_key).decode()
        return f'commands = true\ncommand_keys = ["{key}"]\n'

    def command(self, verb: str, *, now: datetime | None = None, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON, right or wrong
        """Return a command that ends in five minutes, with changes."""
        ends = (now or SystemClock().now()) + timedelta(minutes=5)
        return {
            "format": "dockd-command/1",
            "site": self._site,
            "station": self._station,
            "nonce": secrets.token_hex(16),
            "expires": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
            "command": verb,
            "why": "case 7",
            **changes,
        }

    def signed(self, command: Mapping[str, Any]) -> bytes:
        """Return the message that carries a command."""
        document = json.dumps(command).encode()
        return message(document, self.key.sign(document))


def message(document: bytes, signature: bytes) -> bytes:
    """Return a message of a document and a signature, whatever they are."""
    return json.dumps(
        {
            "document": base64.b64encode(document).decode(),
            "signature": base64.b64encode(signature).decode(),
        }
    ).encode()
