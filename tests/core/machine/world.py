"""The world around the model stations: cameras, spools and stores, with every way they misbehave.

What is true here is true; a station knows only what it asked. Sizes are a few bytes and a part is
two, so that a clip of four bytes takes the whole multipart road.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from dockd.core import receipt
from dockd.core.clip import Clip

PART_BYTES = 2


class Broken(AssertionError):
    """A promise of DESIGN.md section 1 does not hold in this world."""


def sha256(content: bytes) -> str:
    """Return a digest in hex."""
    return hashlib.sha256(content).hexdigest()


def parts_of(content: bytes) -> tuple[bytes, ...]:
    """Return a content's parts."""
    return tuple(content[i : i + PART_BYTES] for i in range(0, len(content), PART_BYTES))


def part_digests(content: bytes) -> tuple[str, ...]:
    """Return the digests of a content's parts."""
    return tuple(sha256(part) for part in parts_of(content))


@dataclass(frozen=True)
class File:
    content: bytes
    mtime_ns: int


class LeftTheSlot(Exception):
    """The camera is not where it was."""


@dataclass
class Camera:
    """A camera; ``stay`` is None while it is in no slot, and another number in every stay."""

    serial: str
    files: dict[bytes, File] = field(default_factory=dict)
    at: str | None = None
    stay: int = 0
    troubled: bool = False

    # What was deleted and is not known to be flushed: a yank may bring it back.
    unflushed: dict[bytes, File] = field(default_factory=dict)

    def dock(self, station: str) -> None:
        self.at = station
        self.stay += 1
        self.unflushed = {}

    def yank(self, *, undeletes: bool = False) -> None:
        if undeletes:
            self.files = {**self.unflushed, **self.files}
        self.at = None


class Behaviour(StrEnum):
    """What a store is like."""

    HONEST = "verifies checksums and says what it holds"
    DUMB = "ignores checksums and says nothing of them"
    ECHO = "ignores checksums and repeats those it was sent"
    LIAR = "says that it holds whatever it is asked about"
    WRONG = "answers with another size"


class NoAnswer(Exception):
    """The store did not answer; what it was asked may have happened."""


class NotThere(Exception):
    """The store does not know the object."""


class NoSuchUpload(Exception):
    """The store does not know the upload."""


class BadDigest(Exception):
    """The store got other bytes than were meant."""


@dataclass
class StoredObject:
    version: str
    content: bytes
    claimed: str
    by: str


@dataclass
class Upload:
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class Store:
    """A central store; none of them knows ``If-None-Match``, so that dockd's own order is tried.

    ``corrupts``: bytes change on their way in, which only an honest store notices.
    ``drops_replies``: what it is asked happens, and the answer is lost.
    """

    name: str
    behaviour: Behaviour = Behaviour.HONEST
    readable: bool = True
    authentic: bool = True
    reachable: bool = True
    drops_replies: bool = False
    corrupts: bool = False
    objects: dict[str, StoredObject] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    count: int = 0

    @property
    def trust(self) -> receipt.Trust:
        return receipt.Trust(
            refuses_wrong_checksums=self.behaviour
            in {Behaviour.HONEST, Behaviour.LIAR, Behaviour.WRONG},
            authentic=self.authentic,
        )

    def _arrived(self, content: bytes, digest: str) -> bytes:
        """Return what a body becomes at this store, which was sent with ``digest``."""
        got = content[:-1] + bytes([content[-1] ^ 1]) if self.corrupts and content else content
        if self.behaviour is Behaviour.HONEST and sha256(got) != digest:
            raise BadDigest
        return got

    def _next(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def _make(self, key: str, content: bytes, *, digest: str, by: str) -> str:
        there = self.objects.get(key)
        if there is not None and there.content == content:
            # If-None-Match: * (412); what is there is looked at and proven, whoever made it.
            return there.version
        if there is not None and there.by == by:
            raise Broken(f"{by} made a second version of {key} in {self.name}")
        self.objects[key] = StoredObject(
            version=self._next("v"), content=content, claimed=receipt.whole_sha256(digest), by=by
        )
        return self.objects[key].version

    def look(self, key: str) -> str | None:
        if self.behaviour is Behaviour.LIAR:
            return "v0"
        held = self.objects.get(key)
        return None if held is None else held.version

    def put_whole(self, key: str, content: bytes, *, digest: str, by: str) -> str:
        return self._make(key, self._arrived(content, digest), digest=digest, by=by)

    def create(self, key: str) -> str:
        upload = self._next("u")
        self.uploads[upload] = Upload(key=key)
        return upload

    def find_upload(self, key: str) -> str | None:
        fresh = (name for name, up in self.uploads.items() if up.key == key and not up.parts)
        return next(fresh, None)

    def send_part(self, upload: str, index: int, content: bytes, *, digest: str) -> str:
        if upload not in self.uploads:
            raise NoSuchUpload
        self.uploads[upload].parts[index] = self._arrived(content, digest)
        return f"e{index}"

    def arrived_parts(self, upload: str) -> dict[int, str]:
        if upload not in self.uploads:
            raise NoSuchUpload
        return {index: f"e{index}" for index in self.uploads[upload].parts}

    def complete(self, upload: str, etags: dict[int, str], *, digest: str, by: str) -> str:
        """Make the object of exactly the parts that are named, in their order."""
        if upload not in self.uploads:
            raise NoSuchUpload
        up = self.uploads.pop(upload)
        content = b"".join(up.parts[index] for index in sorted(etags) if index in up.parts)
        return self._make(up.key, content, digest=digest, by=by)

    def prove(self, expected: receipt.Expected, *, version: str) -> receipt.Found:
        if self.behaviour is Behaviour.LIAR:
            return receipt.Found(
                size_bytes=expected.size_bytes,
                version=version,
                checksum=receipt.whole_sha256(expected.sha256),
            )
        held = self.objects.get(expected.key)
        if held is None or held.version != version:
            raise NotThere
        read_back = None
        checksum = None
        if self.behaviour is Behaviour.HONEST:
            checksum = receipt.whole_sha256(sha256(held.content))
        elif self.behaviour is Behaviour.ECHO:
            checksum = held.claimed
        elif self.readable:
            read_back = sha256(held.content)
        size = len(held.content) + (self.behaviour is Behaviour.WRONG)
        if self.behaviour is Behaviour.ECHO:
            size = expected.size_bytes
        return receipt.Found(
            size_bytes=size, version=version, checksum=checksum, read_back_sha256=read_back
        )

    def holds(self, content: bytes) -> bool:
        return any(held.content == content for held in self.objects.values())


@dataclass
class Spool:
    """A station's disk: kept clips with their sidecars, and copies under way, by their names."""

    spool_id: str
    kept: dict[str, bytes] = field(default_factory=dict)
    sidecars: dict[str, Clip] = field(default_factory=dict)
    incoming: dict[str, bytes] = field(default_factory=dict)
    checkpoint: int = 0
    corrupts: bool = False


@dataclass
class World:
    """Everything outside the daemons, and the only judge of what happened."""

    cameras: dict[str, Camera]
    stores: dict[str, Store]
    configured: frozenset[str]
    required: int = 1
    after: str = "receipt"
    rehash: str = "after-break"
    now_s: int = 0
    holds_age_s: float = 0.0
    dockings: int = 0
    wiped: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    # By station, camera, path and content: the kinds of hold that a person put on it.
    held: dict[tuple[str, str, bytes, bytes], set[str]] = field(default_factory=dict)
    # What lay on a camera in a docking: for holds of dockings.
    seen_in: dict[str, set[tuple[str, bytes, bytes]]] = field(default_factory=dict)
    set_aside: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def erase(self, station: str, spool: Spool, camera: Camera, path: bytes) -> None:
        """Delete a file from a camera, unless that breaks a promise: then the machine found one."""
        content = camera.files[path].content
        where = f"{camera.serial}:{path!r} = {content!r}"
        if content not in spool.kept.values():
            raise Broken(f"{where} was wiped although the spool of {station} does not hold it")
        holding = sum(self.really_holds(name, content) for name in self.configured)
        if self.required < 1 or holding < self.required:
            raise Broken(f"{where} was wiped although {holding} of {self.required} stores hold it")
        self._refuse_held(station, camera, path, content)
        if self.after != "receipt":
            raise Broken(f"{where} was wiped although wiping is switched off")
        if not path.startswith(b"DCIM/"):
            raise Broken(f"{where} was wiped although it is no footage")
        for other in camera.files.values():
            if other.content not in spool.kept.values():
                raise Broken(f"{where} was wiped before {other.content!r} was verified")
            stored = sum(self.really_holds(name, other.content) for name in self.configured)
            if camera.troubled and stored < self.required:
                raise Broken(f"{where} was wiped from troubled media before all was stored")
        camera.unflushed[path] = camera.files.pop(path)
        self.wiped.append((camera.serial, path, content))

    def _refuse_held(self, station: str, camera: Camera, path: bytes, content: bytes) -> None:
        if self.holds_age_s > 24 * 3600:
            raise Broken(f"{camera.serial}:{path!r} was wiped although the list of holds is old")
        if self.held.get((station, camera.serial, path, content)):
            raise Broken(f"{camera.serial}:{path!r} was wiped although it is held")
        for (where, subject), kinds in self.set_aside.items():
            if where != station or not kinds:
                continue
            if subject == camera.serial or (camera.serial, path, content) in self.seen_in.get(
                subject, set()
            ):
                raise Broken(f"{camera.serial}:{path!r} was wiped although {subject} is set aside")

    def really_holds(self, name: str, content: bytes) -> bool:
        """Whether a store holds content; of a store that lies well, nobody can say otherwise."""
        store = self.stores[name]
        return store.behaviour is Behaviour.LIAR or store.holds(content)
