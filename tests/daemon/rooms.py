"""Where a station sends its footage in these tests, as somebody who is not dockd sees it."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from dockd.stores.directory import MARKER
from tests.conformance.far_sides import judge_of
from tests.conformance.tus_sides import TusFarSide
from tests.fakes.servers import S3Server

NAME = "central"
# Manifests are written anew as a docking goes on; they are no clips.
_MANIFESTS = "dockings"


class Room(Protocol):
    """A store's far side: how it is configured, and what it holds, read without dockd's code."""

    def toml(self) -> str:
        """Return its table ``[[store]]``."""

    def contents(self, camera: str) -> Counter[tuple[str, str]]:
        """Return how many versions of which key with which SHA-256 it holds of a camera."""


def sha256_of(path: Path) -> str:
    """Return the digest of a file, which may be larger than the memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Share:
    """A directory, on the spool's own disk (``allow_same_disk``), that can be away for a while."""

    def __init__(self, folder: Path, *, name: str = NAME, takes: str = "all") -> None:
        self.root = folder / ("share" if name == NAME else f"share-{name}")
        self.root.mkdir()
        self._name = name
        self._takes = takes
        self._marker = self.root / MARKER
        self._marker.touch()

    def toml(self) -> str:
        return (
            f'[[store]]\nname = "{self._name}"\nkind = "directory"\npath = "{self.root}"\n'
            f'takes = "{self._takes}"\nallow_same_disk = true\n'
        )

    def contents(self, camera: str) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for path in sorted((self.root / quote(camera, safe="")).rglob("*")):
            if path.is_file() and path.parent.name != _MANIFESTS:
                digest = sha256_of(path)
                found[path.relative_to(self.root).as_posix(), digest] += 1
        return found

    def manifests(self, camera: str) -> list[Path]:
        """Return the files of its manifests."""
        return sorted((self.root / camera / _MANIFESTS).glob("*.json"))

    def leave(self) -> None:
        """Be no longer mounted, as far as anybody can see."""
        self._marker.unlink(missing_ok=True)

    def come_back(self) -> None:
        """Be mounted again."""
        self._marker.touch()

    def forget_uploads(self) -> None:
        """Lose everything that was on its way here."""
        shutil.rmtree(self.root / ".uploads", ignore_errors=True)

    def path_of(self, key: str) -> Path:
        """Return the file that holds an object, for those who harm it."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class Uploads:
    """A tus server that keeps its uploads in files."""

    def __init__(self, side: TusFarSide) -> None:
        self.side = side

    def toml(self) -> str:
        lines = [f'name = "{NAME}"', 'kind = "tus"', f'url = "{self.side.url}"']
        if self.side.receipt_url is not None:
            lines += [
                f'receipt_url = "{self.side.receipt_url}"',
                f'ca_file = "{self.side.ca_file}"',
            ]
        return "\n".join(("[[store]]", *lines, ""))

    def contents(self, camera: str) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for key, upload in self.side.uploads(self.side.folder):
            if key.startswith(f"{camera}/") and not key.startswith(f"{camera}/{_MANIFESTS}/"):
                content = (self.side.folder / upload).read_bytes()
                found[key, hashlib.sha256(content).hexdigest()] += 1
        return found

    def begun(self, key: str) -> int:
        """Return how many uploads were ever begun for a key, whole or not."""
        told = [json.loads(path.read_text()) for path in self.side.folder.glob("*.json")]
        return sum(upload["metadata"]["key"] == key for upload in told)


class Several:
    """Several rooms of which ``required`` must hold a clip for it to count as stored."""

    def __init__(self, rooms: Sequence[Room], *, required: int) -> None:
        self.rooms = rooms
        self.required = required

    def toml(self) -> str:
        required = f"[stores]\nrequired = {self.required}\n"
        return required + "".join(room.toml() for room in self.rooms)

    def contents(self, camera: str) -> Counter[tuple[str, str]]:
        """Return what enough rooms hold; the number is the most that any of them has of it."""
        found = [room.contents(camera) for room in self.rooms]
        most: Counter[tuple[str, str]] = Counter()
        for each in {key for holds in found for key in holds}:
            if sum(each in holds for holds in found) >= self.required:
                most[each] = max(holds[each] for holds in found)
        return most


class Bucket:
    """A bucket with versions on a real S3 server; each test has cameras of its own in it."""

    def __init__(
        self, server: S3Server, *, bucket: str, credentials: Path, name: str = NAME
    ) -> None:
        self._name = name
        self._server = server
        self._bucket = bucket
        self._credentials = credentials
        self._judge: Any = judge_of(server)
        # By key and version: what a version holds never changes, and is read once.
        self._read: dict[tuple[str, str], str] = {}

    def toml(self) -> str:
        return (
            f'[[store]]\nname = "{self._name}"\nkind = "s3"\nendpoint = "{self._server.endpoint}"\n'
            f'bucket = "{self._bucket}"\ncredentials = "{self._credentials}"\n'
        )

    def contents(self, camera: str) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        listed = self._judge.list_object_versions(Bucket=self._bucket, Prefix=f"{camera}/")
        for held in listed.get("Versions", []):
            if held["Key"].startswith(f"{camera}/{_MANIFESTS}/"):
                continue
            found[held["Key"], self._sha256_of(held["Key"], held["VersionId"])] += 1
        return found

    def _sha256_of(self, key: str, version: str) -> str:
        if (key, version) not in self._read:
            body = self._judge.get_object(Bucket=self._bucket, Key=key, VersionId=version)["Body"]
            self._read[key, version] = hashlib.sha256(body.read()).hexdigest()
        return self._read[key, version]
