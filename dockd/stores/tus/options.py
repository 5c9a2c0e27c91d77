"""What a tus store is told: where uploads are created, who we are there, who tells what arrived."""

from dataclasses import dataclass, field
from pathlib import Path

from dockd.stores.http.endpoint import Endpoint, Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class TusOptions:
    """One ``[[store]]`` of kind ``tus``.

    Attributes:
        url: Where uploads are created. ``{key}`` in it stands for the clip's key, for servers that
            make the file at the address of its creation.
        station: The station's name, for the probe's key.
        credentials: A file with a bearer token, or None for a store that asks for none.
        receipt_url: Where the store tells the SHA-256 of what it holds, with ``{key}`` or
            ``{upload}`` in it; on the same origin as ``url``, over https.
    """

    name: str
    url: str
    station: str
    credentials: Path | None = None
    receipt_url: str | None = None
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    patience: Patience = field(default_factory=Patience)

    @property
    def way(self) -> Endpoint:
        """Where the store is and how it is reached."""
        return Endpoint(
            url=self.url,
            ca_file=self.ca_file,
            client_cert=self.client_cert,
            client_key=self.client_key,
            patience=self.patience,
        )
