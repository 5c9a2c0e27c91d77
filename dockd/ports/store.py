"""One narrow port for every central store; retry, rate limit and breaker wrap it from outside.

A store does one step at a time; the order, the durability and the restarts are core/transfer's.
Every method may raise TransientError (StoreUnreachable, StoreBusy with ``retry_after_s``) and
PermanentError (StoreRefusedCredentials, StoreBucketMissing, StoreRejected). None of them retries.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol, runtime_checkable

from dockd.core.facts import Strength
from dockd.core.receipt import Expected, Judgement


class Pace(Protocol):
    """The rate at which bytes may leave, shared by whoever sends."""

    @property
    def portion_bytes(self) -> int:
        """How many bytes may be asked for at once, now: few while there is a limit."""

    def goes_at_once(self, size_bytes: int) -> bool:
        """Return whether ``size_bytes`` may go without waiting; if so, they count as gone.

        For threads: it can be asked from any, where ``wait`` belongs to the loop.
        """

    async def wait(self, size_bytes: int) -> None:
        """Return when ``size_bytes``, one portion at most, may go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One clip to send: what the store is to hold, and the metadata that goes with it.

    ``metadata`` values are ASCII. ``open`` gives the spool's proven copy; the caller of a store
    closes it. A store reads it with ``os.pread`` on its descriptor, in a thread. ``pace``, where
    there is one, is kept to.
    """

    expected: Expected
    metadata: Mapping[str, str]
    content: BinaryIO
    pace: Pace | None = None

    def extent(self, index: int) -> tuple[int, int]:
        """Return the offset and the size in bytes of one part."""
        offset = index * self.expected.part_size_bytes
        return offset, min(self.expected.part_size_bytes, self.expected.size_bytes - offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a deliberately wrong checksum showed: whether digests here are worth anything."""

    strength: Strength
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A store's answer about one object, judged (core/receipt.judge)."""

    judgement: Judgement
    version: str
    size_bytes: int


class Store(Protocol):
    """A central store."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    @property
    def kind(self) -> str:
        """Its family."""

    @property
    def in_order(self) -> bool:
        """Whether an upload grows at its end only: its parts are sent one after another."""

    @property
    def readable(self) -> bool:
        """Whether a record can be read again; not every store gives anything back."""

    async def probe(self) -> Probe:
        """Try the store with a deliberately wrong part checksum; leave nothing behind."""

    async def find_object(self, outgoing: Outgoing) -> str | None:
        """Return the version of the object at the clip's key ("" where there are none), or None."""

    async def takes_whole(self, outgoing: Outgoing) -> bool:
        """Return whether a clip of one part is put whole, and not in an upload of its own.

        One request is all or nothing; an upload is found again after it broke off.
        """

    async def create_upload(self, outgoing: Outgoing) -> str:
        """Open an upload for the clip's parts and return its id."""

    async def find_upload(self, outgoing: Outgoing) -> str | None:
        """Return an upload for this key that has no parts yet: one that a crash left, or None."""

    async def arrived_parts(self, outgoing: Outgoing, *, upload_id: str) -> Mapping[int, str]:
        """Return the ETag of every part that the store has, by index.

        Raises:
            UploadVanished: the store does not know the upload.
        """

    async def send_part(self, outgoing: Outgoing, *, upload_id: str, index: int) -> str:
        """Send one part with its SHA-256 and return its ETag.

        Raises:
            UploadVanished
            StoreChecksumMismatch: the store got other bytes than were meant.
        """

    async def complete(
        self, outgoing: Outgoing, *, upload_id: str, etags: Mapping[int, str]
    ) -> str:
        """Make the object of its parts, unless one is there; return its version.

        An object that is there already (412) is not an error: its version is returned, and
        `prove` decides.

        Raises:
            UploadVanished
        """

    async def put_whole(self, outgoing: Outgoing) -> str:
        """Send a clip of one part in one request, unless one is there; return its version."""

    async def prove(self, outgoing: Outgoing, *, version: str) -> Proven:
        """Have the store prove what it holds at the key in that version.

        Raises:
            StoreLostObject: there is none.
        """

    async def abort(self, outgoing: Outgoing, *, upload_id: str) -> None:
        """Throw an upload away that can never have been completed."""

    def read_back(self, key: str, *, version: str) -> AsyncGenerator[bytes, None]:
        """Yield the object's content, in pieces of up to 1 MiB.

        Raises:
            StoreLostObject: there is none.
        """

    async def write_record(self, key: str, content: bytes) -> None:
        """Write a small object (a checkpoint, a manifest), replacing what is there."""

    async def read_record(self, key: str) -> bytes | None:
        """Return a small object, or None."""

    async def records(self, prefix: str, *, after: str) -> Sequence[str]:
        """Return the keys of the first 1,000 small objects below ``prefix`` and behind ``after``.

        ``prefix`` ends with a slash; the keys are in their order. A store that cannot list has
        none.
        """

    async def delete_record(self, key: str) -> None:
        """Delete a small object of dockd's own (doctor's trial object)."""

    async def close(self) -> None:
        """Let go of connections."""


@runtime_checkable
class TellsTime(Protocol):
    """A store that has a clock of its own, as its replies show."""

    @property
    def clock_offset_s(self) -> float | None:
        """How far its clock is ahead of the station's, in seconds; None before its first reply."""

    @property
    def authentic(self) -> bool:
        """Whether a reply is the store's at all: nobody on the way can have written it."""
