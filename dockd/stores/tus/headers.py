"""What tus says in headers: what a server can do, an upload's metadata, a range's checksum."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from dockd.stores.http.replies import Reply
from dockd.stores.tus.client import VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a server says that it can do (tus 1.0, "OPTIONS").

    Attributes:
        max_size_bytes: The largest upload that it takes; None: it names no limit.
    """

    extensions: frozenset[str]
    checksums: frozenset[str]
    max_size_bytes: int | None

    @property
    def checks_sha256(self) -> bool:
        """Whether it says that it compares SHA-256 checksums."""
        return "checksum" in self.extensions and "sha256" in self.checksums

    def takes(self, size_bytes: int) -> bool:
        """Return whether an upload of this size is within the server's limit."""
        return self.max_size_bytes is None or size_bytes <= self.max_size_bytes


def capabilities_of(reply: Reply) -> Capabilities | None:
    """Return what a reply to OPTIONS says; None where no server of this version creates uploads."""
    extensions = _words(reply, "tus-extension")
    if not reply.good or VERSION not in _words(reply, "tus-version"):
        return None
    if "creation" not in extensions:
        return None
    return Capabilities(
        extensions=extensions,
        checksums=_words(reply, "tus-checksum-algorithm"),
        max_size_bytes=reply.number("tus-max-size") or None,
    )


def _words(reply: Reply, header: str) -> frozenset[str]:
    return frozenset(word.strip() for word in reply.headers.get(header, "").split(","))


def metadata_header(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the header of metadata; without any there is none, for an empty one is refused."""
    pairs = [
        f"{name} {base64.b64encode(value.encode()).decode()}".rstrip()
        for name, value in metadata.items()
    ]
    return {"upload-metadata": ",".join(pairs)} if pairs else {}


def checksum_header(sha256: str | None) -> dict[str, str]:
    """Return the header of a checksum, given in hex (tus 1.0, "Checksum")."""
    if sha256 is None:
        return {}
    return {"upload-checksum": f"sha256 {base64.b64encode(bytes.fromhex(sha256)).decode()}"}
