"""A whole station before a store that misbehaves: what becomes of a clip, and of its camera.

The station is the rig (real ledger, spool and camera folder), the store the real client over real
sockets, with or without TLS. The server is well-mannered but for the one thing that a case has it
do, once its checksums were probed.
"""

import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dockd.cameras.directory.camera import DirectoryCamera
from dockd.core import facts
from dockd.core.backoff import Backoff
from dockd.core.clip import Clip
from dockd.ports.camera import Listing
from dockd.ports.store import Store
from dockd.stages.upload import UploadPolicy
from dockd.stores.http.endpoint import Patience
from dockd.stores.s3 import S3Options, S3Store
from dockd.stores.tus import TusOptions, TusStore
from tests.fakes.broken_s3 import Answer, BrokenS3, Heard, Reset, Silence, broken_s3
from tests.fakes.certificates import self_signed
from tests.fakes.s3_script import Piece, S3Object, S3Script
from tests.fakes.still_clock import StillClock
from tests.fakes.tus_script import TusScript, metadata_of
from tests.stages.rig import Rig, rig_at, running, until
from tests.station.spool_parts import PART, content_of
from tests.stores.tus_scene import PROBED

Said = Answer | Reset | Silence
Meddle = Callable[[Heard], Said | None]
CAMERA = "BWC-1"
CONTENT = content_of(3 * PART - 1000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SECRET = "s3cret-of-this-station"
_HURRIED = Patience(connect_s=5.0, progress_s=0.5, reply_s=0.5, why_s=0.5, complete_s=0.5)
_SOON = UploadPolicy(parallel_clips=2, idle_s=0.02, retry=Backoff(base_s=0.01, cap_s=0.05))


class LookedAt(DirectoryCamera):
    """A camera that counts how often it was listed: whoever would clear it lists it first."""

    looks = 0

    def listing(self) -> Listing:
        self.looks += 1
        return super().listing()


class S3Server(S3Script):
    """S3, asked about one clip."""

    def copies(self) -> int:
        """Return how often the clip came to be there, whole and right."""
        return sum(count for path, count in self.made.items() if SHA256 in path)

    def has_it(self) -> bool:
        """Return whether the clip is there now, whole and right."""
        parts = tuple(
            hashlib.sha256(CONTENT[at : at + PART]).hexdigest()
            for at in range(0, len(CONTENT), PART)
        )
        return any(
            tuple(piece.sha256 for piece in found.pieces) == parts
            for path, found in self.objects.items()
            if SHA256 in path
        )

    def forget(self) -> None:
        """Lose every upload that is not whole."""
        self.uploads.clear()

    def lose(self) -> None:
        """Lose everything."""
        self.objects.clear()

    def lie(self) -> None:
        """Look at no content from now on, and repeat what is announced."""
        self.verifies = False

    def put_other(self, path: str) -> None:
        """Have other content at a key, of the same size."""
        self.objects.setdefault(
            path, S3Object((Piece(hashlib.sha256(b"other").hexdigest(), len(CONTENT)),), False)
        )


@dataclass
class TusServer(TusScript):
    """Tus, with a receipt for whatever is whole; it hashes what it has, or says so."""

    told: dict[str, str] = field(default_factory=dict)
    made: int = 0
    looks: bool = True

    def well(self, heard: Heard) -> Answer:
        if heard.path == "/receipts":
            return self._receipt(heard)
        answer = super().well(heard)
        if heard.method == "POST":
            self.told[answer.headers["Location"]] = metadata_of(heard).get("sha256", "")
        return answer

    def taken(self, path: str, size_bytes: int) -> Answer:
        answer = super().taken(path, size_bytes)
        length, offset = self.uploads[path]
        self.made += length == offset and self.told[path] == SHA256
        return answer

    def copies(self) -> int:
        return self.made

    def has_it(self) -> bool:
        return any(
            length == offset and self.told.get(path) == SHA256
            for path, (length, offset) in self.uploads.items()
        )

    def forget(self) -> None:
        left = {path: at for path, at in self.uploads.items() if at[0] == at[1]}
        self.uploads = left

    def lose(self) -> None:
        self.uploads.clear()

    def lie(self) -> None:
        self.looks = False

    def shrunk(self, path: str) -> Answer:
        """Lose what arrived of an upload, and say so."""
        self.uploads[path][1] = 0
        return Answer(204, headers={"Upload-Offset": "0"})

    def receipt_of(self, sha256: str, *, size_bytes: int = len(CONTENT)) -> Answer:
        """Say that the store has content of this digest."""
        told = json.dumps({"sha256": sha256, "size": size_bytes}).encode()
        return Answer(200, told, {"Content-Type": "application/json"})

    def _receipt(self, heard: Heard) -> Answer:
        if ".dockd-probe" in heard.query["of"]:
            told = hashlib.sha256(PROBED).hexdigest() if self.looks else "0" * 64
            return self.receipt_of(told, size_bytes=len(PROBED))
        return self.receipt_of(SHA256) if self.has_it() else Answer(404)


Server = S3Server | TusServer


@dataclass
class Scene:
    """One station, the one store that it has, and the host that nobody should ever ask."""

    rig: Rig
    server: Server
    heard: BrokenS3
    elsewhere: BrokenS3
    file: Path
    wiped_alone: list[facts.WipeIntended] = field(default_factory=list)

    def dock(self) -> None:
        """Dock the camera with its clip."""
        self.file.parent.mkdir()
        self.file.write_bytes(CONTENT)
        self.rig.rack.dock("A1", CAMERA)

    async def looked_at(self) -> None:
        """Wait until the camera was looked at again, whole, by whoever would clear it."""
        camera = self.rig.rack.opened[-1]
        assert isinstance(camera, LookedAt)
        # One look may be under way, and whatever it led to is done when the next one begins.
        seen = camera.looks
        await self.until(lambda: camera.looks >= seen + 3, what="another look")

    def has_receipt(self) -> bool:
        """Return whether a receipt of the clip is on record."""
        return self.rig.count(facts.ReceiptAccepted) > 0

    async def clip(self) -> Clip:
        """Return the clip as the ledger has it."""
        (clip,) = await self.rig.clips()
        return clip

    async def until(self, holds: Callable[[], bool], *, what: str) -> None:
        """Wait for something, while the station's time goes on for whoever waits by it."""

        def now() -> bool:
            self.rig.clock.advance(0.1)
            return holds()

        try:
            await until(now, what=what)
        except AssertionError:
            said = [(one.slug, one.reason) for one in self.rig.problems.current()]
            asked = [f"{heard.method} {heard.path}" for heard in self.heard.heard]
            raise AssertionError(f"{what} never came; said: {said}; asked: {asked[-9:]}") from None

    def note(self, committed: Sequence[facts.Fact]) -> None:
        """Keep every intent to wipe what the store does not have at that moment."""
        intents = [fact for fact in committed if isinstance(fact, facts.WipeIntended)]
        if not self.server.has_it():
            self.wiped_alone += intents


@asynccontextmanager
async def scene(folder: Path, server: Server, *, protocol: str, tls: bool) -> AsyncIterator[Scene]:
    """Lend a station whose store was probed and is well up to now."""
    clock = StillClock()
    context = None
    if tls:
        certificate, key = self_signed(folder, "store")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    async with (
        broken_s3(lambda _: Answer(), clock=clock) as elsewhere,
        broken_s3(server, clock=clock, tls=context) as heard,
    ):
        authority = folder / "store.pem" if tls else None
        store = _store(protocol, heard.endpoint, authority=authority, folder=folder)
        try:
            async with rig_at(folder, stores=[store]) as rig:
                rig.uploads[0].policy = _SOON
                rig.rack.camera_class = LookedAt
                file = rig.rack.folder("A1", CAMERA) / "DCIM" / "1.MP4"
                lent = Scene(rig, server, heard, elsewhere, file)
                rig.ledger.on_commit(lent.note)
                async with running(rig):
                    await lent.until(lambda: rig.count(facts.StoreProbed) > 0, what="a probe")
                    yield lent
        finally:
            await store.close()


def _store(protocol: str, endpoint: str, *, authority: Path | None, folder: Path) -> Store:
    clock = StillClock()
    credentials = folder / "credentials"
    if protocol == "s3":
        credentials.write_text(f"[default]\naws_access_key_id=a\naws_secret_access_key={SECRET}\n")
        options = S3Options(
            name="central",
            endpoint=endpoint,
            bucket="footage",
            station="rig",
            credentials=credentials,
            ca_file=authority,
            patience=_HURRIED,
        )
        return S3Store(options, clock=clock)
    credentials.write_text(f"{SECRET}\n")
    return TusStore(
        TusOptions(
            name="central",
            url=f"{endpoint}/files/",
            station="rig",
            credentials=credentials,
            receipt_url=f"{endpoint}/receipts?of={{key}}",
            ca_file=authority,
            patience=_HURRIED,
        ),
        clock=clock,
    )
