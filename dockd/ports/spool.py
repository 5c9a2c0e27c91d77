"""The station's own durable store of footage. All methods block and belong in a thread.

A clip's bytes walk one way: ``copy`` (camera to ``incoming/*.part``, hashed in the pass, durable),
``prove`` (read back from the device), ``keep`` (renamed into ``clips/``, with its sidecar).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from dockd.core.clip import Clip, Part
from dockd.core.sidecar import Sidecar
from dockd.errors import DockdError
from dockd.ports.camera import ReadPacer, StopFlag

PartDurable = Callable[[Sequence[Part]], None]
"""Told of parts that are durable now; it commits them as facts and may block."""


DIRECT: Final = "direct"
"""The method of a proof that came from the device itself, past the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Bytes of the spool's file system; ``accepting`` is false below the reserve."""

    used_bytes: int
    free_bytes: int
    reserve_bytes: int
    accepting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyTarget:
    """Where one attempt at a copy goes; a ``.part`` has one owner at a time.

    ``resume_from`` are the parts that an earlier attempt left and the ledger knows.
    """

    part_name: str
    resume_from: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A copy that is whole and durable in ``incoming/``, not yet read back. Digests are hex.

    ``spliced`` is true when a part of it came from an earlier attempt.
    """

    part_name: str
    size_bytes: int
    sha256: str
    xxh128: str
    spliced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was read back from the device; ``method`` is `DIRECT` or why it could not be."""

    size_bytes: int
    sha256: str
    xxh128: str
    part_size_bytes: int
    part_sha256: tuple[str, ...]
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """A proven copy in ``incoming/``, and the sidecar that says which clip it is."""

    part_name: str
    sidecar: Sidecar


class Spool(Protocol):
    """The spool, as offload, upload and the housekeeping speak to it."""

    def space(self) -> Space:
        """Return how full it is.

        Raises:
            SpoolChanged: the spool is not the one this ledger belongs to, or is not mounted.
        """

    def why_unproven(self) -> str | None:
        """Return why copies cannot be read back from the device itself; None when they can.

        Raises:
            SpoolChanged, SpoolReadOnly, SpoolFull
        """

    def claim(self, clip: Clip) -> CopyTarget:
        """Return the ``.part`` to write, free of any other owner, and what of it can be resumed.

        Raises:
            SpoolChanged, SpoolReadOnly
            SpoolFull: the clip would go below the reserve.
        """

    def copy(
        self,
        source_fd: int,
        *,
        clip: Clip,
        target: CopyTarget,
        stop: StopFlag,
        pacer: ReadPacer,
        durable: PartDurable,
    ) -> Copied:
        """Copy a whole clip in this thread; ``stop`` is asked between reads.

        A part that ``durable`` is told of carries the digest of the clip up to that part's end.

        Raises:
            CameraGone: ``stop`` said so; what is durable stays for a resume.
            ClipUnreadable: the read failed, with ``errno`` among the fields; whether the media
                gave up or the camera left is for the caller to find out.
            ClipChangedWhileRead: it has not the size that was listed, or changed meanwhile.
            FsyncFailed: the copy cannot be relied on and was discarded.
            SpoolFull, SpoolReadOnly: what was durable before stays for a resume.
        """

    def prove(self, clip: Clip, *, part_name: str, size_bytes: int, stop: StopFlag) -> Proof:
        """Read a durable copy back from the device past the page cache and hash it.

        A copy that is not there, or that the device does not give back, yields a proof of less,
        whose digest is not the copy's. One that was kept before a crash is read where it is now.

        Raises:
            CameraGone: ``stop`` said so.
        """

    def still_holds(self, clip: Clip, *, part_name: str, stop: StopFlag) -> int:
        """Return how many of a copy's recorded parts, from the first, read back as recorded.

        Raises:
            CameraGone: ``stop`` said so.
        """

    def keep(self, *proven: Keeping) -> None:
        """Give proven copies their names and sidecars, all of them durable when this returns.

        Doing it again after a crash in between is harmless.
        """

    def discard(self, clip: Clip) -> None:
        """Remove every ``.part`` of a clip that no running copy owns."""

    def release(self, target: CopyTarget) -> None:
        """Give up ownership of a ``.part``; the file stays."""

    def incoming_numbers(self) -> tuple[int, ...]:
        """Return the numbers of the clips that the copies in ``incoming/`` name."""

    def orphans(self, known: Iterable[Clip]) -> tuple[str, ...]:
        """Set aside every copy in ``incoming/`` of no ``known`` clip; return what is set aside.

        Done once at the start, before anything is claimed. They are kept, for each may be all
        there is of a clip.
        """

    def left_for_a_person(self) -> frozenset[str]:
        """Return the slugs of what a person has yet to look at, and to take out of the spool."""

    def sidecars(self) -> Iterator[Sidecar | DockdError]:
        """Yield what is kept, by its sidecars; an error for each that cannot be believed."""

    def open(self, clip: Clip) -> BinaryIO:
        """Open a proven copy for reading. Raises SpoolChanged, FileNotFoundError."""

    def verify(self, clip: Clip, *, stop: StopFlag) -> Proof:
        """Read a kept copy back from the device and hash it; the caller compares.

        Raises:
            FileNotFoundError: it is not there.
            SpoolChanged
            CameraGone: ``stop`` said so.
        """

    def purge(self, clip: Clip) -> None:
        """Remove a stored clip's copy and sidecar."""
