"""What a camera family gives the stages: sightings of cameras, and a camera to read and clear.

The methods of a `Camera` block: a stage calls them from a thread, one whole piece of work at a
time. Paths are raw bytes relative to the camera's root, components joined by ``/``.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from dockd.core import naming
from dockd.core.battery_word import BatteryWord
from dockd.core.camera_clock import ClockSource
from dockd.errors import ClipUnreadable, DockdError, ListingDamaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A camera in a slot, or a slot that its camera has left.

    ``token`` tells one stay from the next to the family that made it (for a directory: device and
    inode). ``serial`` is None when the slot is empty.
    """

    slot: str
    port: str | None
    family: str
    serial: str | None
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something in a slot that is not accepted: why, and the rule to add where one would do."""

    slot: str
    slug: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Whether a family can see its slots at all: ``error`` says why not, None that it can again.

    What was docked when the sight was lost stays so until it is seen to be otherwise.
    """

    family: str
    error: DockdError | None


News = Sighting | Refusal | Outlook
"""What a family has to tell of its slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """One regular file on a camera: raw path, bytes, mtime in nanoseconds since 1970 UTC."""

    path: bytes
    size_bytes: int
    mtime_ns: int
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedName:
    """Something on a camera that cannot be footage: a link, a fifo, a socket; it is left alone."""

    path: bytes
    slug: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All that is on a camera, believed because the camera was there before and after."""

    files: tuple[FoundFile, ...]
    refused: tuple[RefusedName, ...]

    @property
    def unreadable(self) -> tuple[RefusedName, ...]:
        """What could not be read: the rest is believed, but is never all there is."""
        return tuple(name for name in self.refused if name.slug == ClipUnreadable.slug)

    @property
    def damaged(self) -> tuple[RefusedName, ...]:
        """Names that lead to another file than their own, which cannot be read for that."""
        return tuple(name for name in self.refused if name.slug == ListingDamaged.slug)

    def by_path(self) -> Mapping[bytes, FoundFile]:
        """Return the files by their paths; of several at one path the first."""
        files: dict[bytes, FoundFile] = {}
        for file in self.files:
            files.setdefault(file.path, file)
        return files

    @property
    def listed_twice(self) -> tuple[bytes, ...]:
        """Paths that more than one file has, as on a damaged file system.

        One of them can be read under that name; the other would come to light, unread, when the
        first is deleted.
        """
        counted = Counter(file.path for file in self.files)
        return tuple(path for path, files in counted.items() if files > 1)

    @property
    def doubts(self) -> tuple[DockdError, ...]:
        """Why this is not all that is on the camera: then nothing on it may be deleted."""
        return (
            *(ClipUnreadable(name.reason) for name in self.unreadable),
            *(ListingDamaged(name.reason) for name in self.damaged),
            *(
                ListingDamaged(f"the camera lists {naming.safe_path(path)} more than once")
                for path in self.listed_twice
            ),
        )

    def may_hide(self, path: bytes) -> bool:
        """Return whether a file at ``path`` may be there though it is not listed."""
        return any(
            name.path in {b"", path} or path.startswith(name.path + b"/")
            for name in (*self.unreadable, *self.damaged)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """What a camera's files are on, as it was found when the camera was opened.

    ``volume`` is the file system's own identifier, "" where it has none. ``dirty`` says that it
    was not closed properly; dockd records that and never repairs it. ``fill_fraction`` is how
    full it was, 0 to 1, None where that says nothing of the camera.
    """

    file_system: str
    volume: str
    dirty: bool
    fill_fraction: float | None = None


class Eraser(Protocol):
    """The camera while it can be written to."""

    def erase(self, file: FoundFile) -> None:
        """Delete one file, if it still has this size and mtime and the camera is still there.

        Raises:
            CameraGone: the camera left; whether the file is gone is not known.
            ClipChangedWhileRead: it is another file now; it was not deleted.
        """


StopFlag = Callable[[], bool]
"""Asked between two reads; true stops the work. A thread cannot be cancelled any other way."""


class ReadPacer(Protocol):
    """What slows reading down to what the port can do or the station's read budget allows."""

    def before_read(self, size_bytes: int) -> None:
        """Block until ``size_bytes`` more may be read."""


class Camera(Protocol):
    """One camera during one docking. Every method that touches it may raise CameraGone."""

    @property
    def serial(self) -> str:
        """Its identity."""

    @property
    def slot(self) -> str:
        """Where it is."""

    @property
    def pacer(self) -> "ReadPacer":
        """What every read from it goes through: what its port can do."""

    @property
    def medium(self) -> Medium:
        """What its files are on."""

    @property
    def clock_source(self) -> ClockSource:
        """What tells its clock."""

    def is_present(self) -> bool:
        """Return whether this very camera is still in its slot."""

    def battery(self) -> BatteryWord | None:
        """Return what it says of its battery; None: nothing. Asked again with every listing."""

    def listing(self) -> Listing:
        """Return all its files; a folder that cannot be read is among the refused.

        Raises:
            CameraGone: it was not there before or after; an empty list proves nothing.
        """

    def open(self, file: FoundFile) -> int:
        """Return a read-only descriptor of one regular file, never reached through a link.

        Raises:
            CameraGone, ClipUnreadable, ClipChangedWhileRead (it is no longer that file)
        """

    def is_clearable(self, path: bytes) -> bool:
        """Return whether a file at ``path`` is footage that may be cleared."""

    def is_troubled(self) -> bool:
        """Return whether its file system is dirty or gave an error in this docking."""

    def writable(self) -> AbstractContextManager[Eraser]:
        """Make the camera writable; leaving the context flushes it and goes back to read-only."""

    def close(self) -> None:
        """Let go of it."""


class CameraSource(Protocol):
    """A family of cameras, watched."""

    def sightings(self) -> AsyncIterator[News]:
        """Yield every change of every slot, beginning with what is docked now."""

    def open(self, sighting: Sighting) -> Camera:
        """Return the camera of a sighting. Blocks. Raises CameraGone when it left meanwhile."""
