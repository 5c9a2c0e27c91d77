"""The central store of a rack: a real SeaweedFS on the host's loopback, reached over TLS."""

import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.conformance.far_sides import judge_of
from tests.daemon.rooms import Bucket
from tests.fakes.certificates import self_signed
from tests.fakes.servers import Front, S3Server, seaweedfs
from tests.rack.image import hash_of, kept

HOST = "store.rack.test"
BUCKET = "footage"
_SOURCES = (Path(__file__), Path(__file__).parents[1] / "fakes" / "certificates.py")


def front(port: int) -> Front:
    """Give the store's public side: the same certificate and key for every guest and every run."""
    with kept("store", key=hash_of(*_SOURCES)) as (folder, is_new):
        secret = folder / "secret"
        if is_new:
            self_signed(folder, "store", hosts=[HOST])
            secret.write_text(secrets.token_hex(16))
    return Front(port, folder / "store.pem", folder / "store.key", secret.read_text())


class Store:
    """A store that can be away for a while, and somebody who is not dockd to look into it."""

    def __init__(self, folder: Path, *, port: int) -> None:
        self._folder = folder
        self._front = front(port)
        self._running = ExitStack()
        self._server: S3Server | None = None
        self._bucket: Bucket | None = None

    def start(self) -> None:
        """Start it, with everything that it had."""
        server = seaweedfs(self._folder, front=self._front)
        self._server = self._running.enter_context(server)
        credentials = self._server.credentials_file(self._folder)
        # One for all who ask: boto3 cannot make two at once, and what it makes serves any thread.
        self._bucket = Bucket(self._server, bucket=BUCKET, credentials=credentials)
        judge = judge_of(self._server)
        if BUCKET not in {bucket["Name"] for bucket in judge.list_buckets()["Buckets"]}:
            judge.create_bucket(Bucket=BUCKET)
            versioning = {"Status": "Enabled"}
            judge.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=versioning)

    def stop(self) -> None:
        """Take it away: nobody listens on its port any more."""
        self._running.close()
        self._server = self._bucket = None

    def discard(self) -> None:
        """End it here and now, with all that it has: nobody asks for that any more."""
        if self._server is not None:
            # Told to end in good order, it takes some seconds to do so.
            self._server.process.kill()
        self.stop()

    @property
    def server(self) -> S3Server:
        """The running server, for a judge of one's own (`judge_of`)."""
        if self._server is None:
            raise RuntimeError("the store is not running")
        return self._server

    @property
    def bucket(self) -> Bucket:
        """What it holds, for who is on the host and goes there without TLS."""
        if self._bucket is None:
            raise RuntimeError("the store is not running")
        return self._bucket

    def contents(self, camera: str) -> Counter[tuple[str, str]]:
        """Fetch everything that it holds of a camera: key and SHA-256, and how many versions."""
        return self.bucket.contents(camera)

    def told_by(self, station: str) -> bytes:
        """Return what a station told it last of its ledger: its checkpoint."""
        judge = judge_of(self.server)
        found = judge.get_object(Bucket=BUCKET, Key=_checkpoint_of(station))
        content: bytes = found["Body"].read()
        return content

    def tell(self, checkpoint: bytes | None, *, station: str) -> None:
        """Have it told so much by a station, and nothing later; None: nothing at all."""
        judge, place = judge_of(self.server), {"Bucket": BUCKET, "Key": _checkpoint_of(station)}
        if checkpoint is None:
            judge.delete_object(**place)
        else:
            judge.put_object(**place, Body=checkpoint)

    def metadata(self, camera: str, name: str) -> set[str]:
        """Say what stands under a name in the metadata of all clips that it holds of a camera."""
        judge, found = judge_of(self.server), set[str]()
        keys = {key for key, _ in self.contents(camera)}
        for key in keys:
            found.add(judge.head_object(Bucket=BUCKET, Key=key)["Metadata"].get(name, ""))
        return found

    @property
    def credentials(self) -> str:
        """The text of a shared-credentials file that opens it."""
        key = f"aws_access_key_id = dockd-test\naws_secret_access_key = {self._front.secret_key}"
        return f"[default]\n{key}\n"

    @property
    def authority(self) -> str:
        """The certificate that a station must trust, as PEM."""
        return self._front.certificate.read_text()


def _checkpoint_of(station: str) -> str:
    return f".dockd/{station}/checkpoint.json"


@contextmanager
def running_store(folder: Path, *, port: int) -> Iterator[Store]:
    """Run a store for as long as it is needed."""
    store = Store(folder, port=port)
    store.start()
    try:
        yield store
    finally:
        store.discard()
