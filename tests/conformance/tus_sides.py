"""The tus servers that the conformance suite runs against; files, and no client of ours, judge."""

import base64
import hashlib
import http.client
import json
import secrets
import sqlite3
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from dockd.core.facts import Strength
from dockd.ports.store import Store
from dockd.station.clock import SystemClock
from dockd.stores.tus import TusOptions, TusStore
from tests.conformance.far_sides import Manners
from tests.fakes.broken_s3 import Answer, Heard
from tests.fakes.certificates import self_signed
from tests.fakes.meddler import Pass, meddler
from tests.fakes.servers import TusServer

RECEIPTS: Final = "/receipts/"
ALONE: Final = Manners(in_order=True, finds="nothing", one_per_key=False)


@dataclass
class TusFarSide:
    """A server that keeps its uploads in files.

    ``uploads`` lists what is complete, oldest first, as pairs of key and upload id.
    """

    url: str
    folder: Path
    uploads: Callable[[Path], list[tuple[str, str]]]
    manners: Manners = ALONE
    strength: Strength = "size"
    refuses_wrong_bytes: bool = False
    replaces: bool = True
    longest_name_bytes: int = 255
    ca_file: Path | None = None
    receipt_url: str | None = None
    upstream: str | None = None

    @property
    def probed(self) -> Strength:
        return self.strength

    def connect(self) -> Store:
        return TusStore(self.options(), clock=SystemClock())

    def options(self) -> TusOptions:
        return TusOptions(
            name="evidence",
            url=self.url,
            station="test-01",
            ca_file=self.ca_file,
            receipt_url=self.receipt_url,
        )

    def lose(self, key: str) -> None:
        for upload in self._ids(key):
            asked("DELETE", f"{self.upstream or self.url}/{upload}")

    def content(self, key: str) -> bytes:
        return (self.folder / self._ids(key)[-1]).read_bytes()

    def versions(self, key: str) -> int:
        return len(self._ids(key))

    def _ids(self, key: str) -> list[str]:
        return [upload for named, upload in self.uploads(self.folder) if named == key]


@dataclass
class SeaweedTusFarSide:
    """SeaweedFS's filer: an upload becomes the file at its address, and is forgotten."""

    filer: str
    root: str
    manners = Manners(in_order=True, finds="nothing", one_per_key=True, keeps=False, reads=False)
    probed: Strength = "size"
    strength: Strength = "size"
    refuses_wrong_bytes = False
    replaces = True
    longest_name_bytes = 255

    def connect(self) -> Store:
        options = TusOptions(
            name="evidence", url=f"{self.filer}/.tus/{self.root}/{{key}}", station="test-01"
        )
        return TusStore(options, clock=SystemClock())

    def lose(self, key: str) -> None:
        asked("DELETE", self._at(key))

    def content(self, key: str) -> bytes:
        return asked("GET", self._at(key))[1]

    def versions(self, key: str) -> int:
        return int(asked("HEAD", self._at(key))[0] == 200)

    def _at(self, key: str) -> str:
        return f"{self.filer}/{self.root}/{quote(key)}"


def asked(method: str, url: str) -> tuple[int, bytes]:
    """Ask a server on loopback by the standard library alone; return status and body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, parts.path, headers={"Tus-Resumable": "1.0.0"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def of_node(folder: Path) -> list[tuple[str, str]]:
    """Return the complete uploads of the tus project's server, from its files."""
    told = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    whole = [
        (upload["creation_date"], upload["metadata"]["key"], upload["id"])
        for upload in told
        if (folder / upload["id"]).stat().st_size == upload["size"]
    ]
    return [(key, upload_id) for _, key, upload_id in sorted(whole)]


def of_resumable(folder: Path) -> list[tuple[str, str]]:
    """Return the complete uploads of PyPI's server, from its database."""
    database = sqlite3.connect(folder / "uploads.db")
    try:
        rows = database.execute(
            "SELECT metadata, upload_id FROM uploads WHERE offset = upload_length ORDER BY rowid"
        ).fetchall()
    finally:
        database.close()
    return [(json.loads(metadata)["key"], upload_id) for metadata, upload_id in rows]


def node_far_side(server: TusServer) -> TusFarSide:
    """Return the tus project's server as it is."""
    return TusFarSide(url=server.url, folder=server.folder, uploads=of_node)


def resumable_far_side(server: TusServer) -> TusFarSide:
    """Return PyPI's server, whose checksums are worth something."""
    return TusFarSide(
        url=server.url,
        folder=server.folder,
        uploads=of_resumable,
        manners=Manners(in_order=True, finds="nothing", one_per_key=False, confirms=True),
        strength="digest",
        refuses_wrong_bytes=True,
    )


@contextmanager
def with_receipts(server: TusServer, folder: Path, *, field: str, how: str) -> Iterator[TusFarSide]:
    """Put TLS and receipts before the tus project's server: hashes of the files that it has.

    ``field`` is what they are asked by, ``how`` they are told: json or repr-digest.
    """
    certificate, key = self_signed(folder, f"store-{secrets.token_hex(4)}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def script(heard: Heard) -> Answer | Pass:
        if not heard.path.startswith(RECEIPTS):
            # An evidence store takes and tells; it gives nothing back to those who upload.
            return Answer(405) if heard.method == "GET" else Pass()
        return receipt(unquote(heard.path.removeprefix(RECEIPTS)))

    def receipt(asked: str) -> Answer:
        place = 0 if field == "{key}" else 1
        ids = [upload[1] for upload in of_node(server.folder) if upload[place] == asked]
        if not ids:
            return Answer(404)
        return told(content=(server.folder / ids[-1]).read_bytes(), how=how)

    by_key = field == "{key}"
    with meddler(server.url.removeprefix("http://").partition("/")[0], tls=context) as front:
        front.script = script
        yield TusFarSide(
            url=f"{front.endpoint}/files",
            folder=server.folder,
            uploads=of_node,
            manners=Manners(
                in_order=True, finds="key" if by_key else "nothing", one_per_key=False, reads=False
            ),
            strength="digest",
            replaces=not by_key,
            ca_file=certificate,
            receipt_url=f"{front.endpoint}{RECEIPTS}{field}",
            upstream=server.url,
        )


def told(*, content: bytes, how: str) -> Answer:
    """Return a receipt for content."""
    digest = hashlib.sha256(content)
    if how == "json":
        body = json.dumps({"sha256": digest.hexdigest(), "size": len(content)}).encode()
        return Answer(200, body, {"Content-Type": "application/json"})
    value = base64.b64encode(digest.digest()).decode()
    return Answer(200, b"", {"Repr-Digest": f"sha-512=:AAAA:, sha-256=:{value}:"})
