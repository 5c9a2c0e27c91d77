"""A tus store and the server that it talks to, over plain HTTP and over TLS."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dockd.stores.http.endpoint import Patience
from dockd.stores.tus import TusOptions, TusStore
from tests.fakes.broken_s3 import BrokenS3, broken_s3
from tests.fakes.certificates import self_signed
from tests.fakes.clip_content import PART_BYTES, content_of, expected_of, sending
from tests.fakes.still_clock import StillClock
from tests.fakes.tus_script import TusScript

UPLOAD = "/files/u1"
CONTENT = content_of(PART_BYTES + 1000)
EXPECTED = expected_of(CONTENT)
SIZE = len(CONTENT)
PROBED = b"dockd probes whether this store knows what it holds\n"


@dataclass
class Scene:
    """One store, its server, what that has and what it heard."""

    store: TusStore
    server: BrokenS3
    script: TusScript
    clock: StillClock

    def methods(self) -> list[str]:
        return [heard.method for heard in self.server.heard]

    def offsets(self) -> list[int]:
        """Where each PATCH began."""
        return [
            int(heard.headers["upload-offset"])
            for heard in self.server.heard
            if heard.method == "PATCH"
        ]


@asynccontextmanager
async def tus(
    script: TusScript,
    folder: Path,
    *,
    tls: bool,
    receipts: str | None = None,
    token: str | None = None,
    patience: Patience | None = None,
) -> AsyncIterator[Scene]:
    """Give a store whose server answers as the script says; ``receipts`` is a path there."""
    clock = StillClock()
    context = None
    if tls:
        certificate, key = self_signed(folder, "store")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    credentials = folder / "token" if token else None
    if credentials is not None:
        credentials.write_text(f"{token}\n")
    async with broken_s3(script, clock=clock, tls=context) as server:
        options = TusOptions(
            name="evidence",
            url=f"{server.endpoint}/files/",
            station="test-01",
            credentials=credentials,
            receipt_url=receipts and server.endpoint + receipts,
            ca_file=folder / "store.pem" if tls else None,
            patience=patience or Patience(connect_s=5.0, progress_s=5.0),
        )
        store = TusStore(options, clock=clock)
        try:
            yield Scene(store=store, server=server, script=script, clock=clock)
        finally:
            await store.close()


def begun(offset: int = 0, **settings: object) -> TusScript:
    """Return a server that has so much of the upload."""
    script = TusScript(**settings)  # type: ignore[arg-type]  # the fields of the script
    script.uploads[UPLOAD] = [SIZE, offset]
    return script


async def send(scene: Scene, *, index: int = 0) -> str:
    """Send one part of the upload that is begun."""
    with sending(CONTENT, expected=EXPECTED) as outgoing:
        return await scene.store.send_part(outgoing, upload_id=UPLOAD, index=index)


async def create(scene: Scene) -> str:
    """Open an upload."""
    with sending(CONTENT, expected=EXPECTED) as outgoing:
        return await scene.store.create_upload(outgoing)


async def proved(scene: Scene, *, version: str = UPLOAD) -> tuple[str, str]:
    """Return what the store proves of the clip."""
    with sending(CONTENT, expected=EXPECTED) as outgoing:
        judgement = (await scene.store.prove(outgoing, version=version)).judgement
    return judgement.outcome, judgement.strength
