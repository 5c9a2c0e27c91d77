"""The spool in a directory of a local file system (DESIGN.md section 4, "Offload")."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from dockd.core import sidecar as sidecars
from dockd.core import transfer
from dockd.core.clip import Clip
from dockd.core.sidecar import Sidecar
from dockd.errors import (
    DockdError,
    FsyncFailed,
    SpoolChanged,
    SpoolFull,
    SpoolReadOnly,
)
from dockd.ports.camera import ReadPacer, StopFlag
from dockd.ports.spool import Copied, CopyTarget, Keeping, PartDurable, Proof, Space
from dockd.station.spool import incoming, keeping, layout
from dockd.station.spool.buffers import Buffers
from dockd.station.spool.copying import Conduct, CopyPass, Source
from dockd.station.spool.direct_io import BLOCK_BYTES, Opened, open_below, why_not_below
from dockd.station.spool.disk import Disk, writing
from dockd.station.spool.holds import DAMAGED_NAME
from dockd.station.spool.identity import Identity, sync_folder
from dockd.station.spool.ownership import Claimed, Owners
from dockd.station.spool.proving import Extent, nothing, read_back
from dockd.station.spool.resuming import progress_of
from dockd.station.spool.room import Room


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How large parts are and how often they are made durable.

    ``part_size`` in bytes is for tests; None is the design's (16 MiB up to 2 GiB, else 64 MiB).
    ``sync_every_s``: parts that are finished are synced together this often, or singly where
    copying one takes longer.
    """

    part_size: int | None = None
    sync_every_s: float = 1.0
    monotonic_s: Callable[[], float] = time.monotonic


class DirectorySpool:
    """Implements ``dockd.ports.spool.Spool``.

    ``reserve_bytes`` of the file system are left free. ``expected_spool_id`` is the ledger's, or
    None before the spool was adopted.
    """

    def __init__(
        self,
        path: Path,
        *,
        reserve_bytes: int,
        expected_spool_id: str | None,
        part_size: int | None = None,
        pace: Pace | None = None,
        disk: Disk | None = None,
    ) -> None:
        self._pace: Final = pace or Pace(part_size=part_size)
        if self._pace.part_size is not None and self._pace.part_size % BLOCK_BYTES:
            message = f"a part is whole blocks of {BLOCK_BYTES} bytes"
            raise ValueError(message)
        self._disk: Final = disk or Disk()
        self._identity: Final = Identity(path, expected=expected_spool_id, disk=self._disk)
        self._room: Final = Room(reserve_bytes=reserve_bytes)
        self._owners: Final = Owners()
        self._buffers: Final = Buffers()

    # --- the spool as a whole ------------------------------------------------------------------

    def adopt(self) -> str:
        """Make the spool this ledger's and return its id; see ``Identity.adopt``."""
        return self._identity.adopt()

    def close(self) -> None:
        """Let go of its folder, so that its disk can be unmounted."""
        self._identity.close()

    def space(self) -> Space:
        """Return how full it is."""
        root = self._identity.root()
        return self._room.look(root, promised_bytes=self._owners.promised_bytes())

    def why_unproven(self) -> str | None:
        """Return why copies cannot be read back from the device itself; None when they can."""
        root = self._identity.root()
        with writing("a trial of the file system"):
            return why_not_below(root)

    def incoming_numbers(self) -> tuple[int, ...]:
        """Return the numbers of the clips that the copies in ``incoming/`` name."""
        with writing("looking at the copies that are there"):
            return incoming.numbers(self._identity.root())

    def orphans(self, known: Iterable[Clip]) -> tuple[str, ...]:
        """Set aside every copy in ``incoming/`` of no ``known`` clip; return what is set aside.

        Done once at the start, before anything is claimed. They stay in ``incoming/orphans/``
        until a person has looked at them, for each may be all there is of a clip.
        """
        stems = (layout.part_stem(clip) for clip in known)
        root = self._identity.root()
        with writing("setting unknown copies aside"):
            return incoming.set_aside(root, known=stems, disk=self._disk)

    def left_for_a_person(self) -> frozenset[str]:
        """Return the slugs of what a person has yet to look at, and to take out of the spool."""
        root = self._identity.root()
        with writing("looking at what was set aside"):
            left = {
                "spool-orphans": bool(incoming.names(root, folder=layout.ORPHANS)),
                "holds-unreadable": DAMAGED_NAME in incoming.names(root, folder="."),
            }
        return frozenset(slug for slug, is_there in left.items() if is_there)

    def sidecars(self) -> Iterator[Sidecar | DockdError]:
        """Yield what is kept, by its sidecars; an error for each that cannot be believed."""
        for home, content in keeping.kept_sidecars(self._identity.root()):
            if isinstance(content, OSError):
                yield SpoolChanged(f"the sidecar of {home} cannot be read: {content.strerror}")
                continue
            try:
                found = sidecars.decode(content)
            except ValueError as error:
                yield SpoolChanged(f"the sidecar of {home} is not what was written: {error}")
            else:
                yield found

    # --- one clip's copy -----------------------------------------------------------------------

    def claim(self, clip: Clip) -> CopyTarget:
        """Return the ``.part`` to write, free of any other owner, and what can be resumed."""
        root = self._identity.root()
        stem = layout.part_stem(clip)

        def needs(claimed: Claimed, promised_bytes: int) -> int:
            has_bytes = incoming.allocated_bytes(root, name=claimed.name)
            size_bytes = max(0, clip.size_bytes - has_bytes)
            if clip.copied or size_bytes == 0:
                # It has its space already: a full spool keeps no copy from being finished.
                return 0
            self._room.refuse_beyond(root, size_bytes=size_bytes, promised_bytes=promised_bytes)
            return size_bytes

        def existing() -> Sequence[str]:
            with writing("a new copy"):
                return incoming.names(root)

        claimed = self._owners.claim(stem, existing=existing, needs=needs)
        return CopyTarget(
            part_name=claimed.name,
            resume_from=clip.spool_parts if claimed.exists else (),
        )

    def release(self, target: CopyTarget) -> None:
        """Give up ownership of a ``.part``; the file stays."""
        self._owners.release(target.part_name)

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
        """Copy a whole clip in this thread; ``stop`` is asked between reads."""
        conduct = Conduct(
            stop=stop,
            pacer=pacer,
            durable=durable,
            sync_every_s=self._pace.sync_every_s,
            monotonic_s=self._pace.monotonic_s,
        )
        source = Source(
            descriptor=source_fd,
            size_bytes=clip.size_bytes,
            opened=os.fstat(source_fd),
            name=f"clip {clip.id}",
        )
        with self._part(target.part_name, flags=os.O_RDWR | os.O_CREAT) as part:
            with self._buffers.lease() as buffer:
                progress = progress_of(part, recorded=target.resume_from, buffer=buffer, stop=stop)
            resumed_bytes = progress.offset
            copying = CopyPass(
                source,
                part=part,
                part_size_bytes=self._part_size_bytes(clip.size_bytes),
                progress=progress,
                conduct=conduct,
                disk=self._disk,
                allocated=lambda: self._owners.allocated(target.part_name),
            )
            with self._discarding_the_useless(target, copying=copying):
                copying.run(self._buffers)
        return Copied(
            part_name=target.part_name,
            size_bytes=progress.offset,
            sha256=progress.sha256.hexdigest(),
            xxh128=progress.xxh128.hexdigest(),
            spliced=resumed_bytes > 0,
        )

    @contextmanager
    def _discarding_the_useless(self, target: CopyTarget, *, copying: CopyPass) -> Iterator[None]:
        """Remove the copy when what failed leaves nothing in it to rely on.

        After a failed fsync nothing in the file can be believed: the kernel calls the lost pages
        clean. A full disk takes nothing away from parts that were durable before.
        """
        try:
            yield
        except FsyncFailed:
            self._remove_part(target.part_name)
            raise
        except (SpoolFull, SpoolReadOnly):
            if copying.durable_bytes == 0:
                self._remove_part(target.part_name)
            raise

    def prove(self, clip: Clip, *, part_name: str, size_bytes: int, stop: StopFlag) -> Proof:
        """Read a durable copy back from the device past the page cache and hash it.

        A copy that was named before a crash, and whose proof was not recorded, is read where it
        is now; of one that is nowhere the proof is of nothing.
        """
        root = self._identity.root()
        places = (f"{layout.INCOMING}/{part_name}", *keeping.unrecorded(root, clip=clip))
        for place in places:
            try:
                with _opened(root, place, flags=os.O_RDONLY) as copy:
                    return self._read_back(copy, clip=clip, size_bytes=size_bytes, stop=stop)
            except FileNotFoundError:
                continue
        return nothing(part_size_bytes=self._part_size_bytes(clip.size_bytes))

    def still_holds(self, clip: Clip, *, part_name: str, stop: StopFlag) -> int:
        """Return how many of a copy's recorded parts, from the first, read back as recorded."""
        try:
            with self._part(part_name, flags=os.O_RDONLY) as part, self._buffers.lease() as buffer:
                reached = progress_of(
                    part, recorded=clip.spool_parts, buffer=buffer, stop=stop
                ).offset
        except FileNotFoundError:
            return 0
        return sum(part.offset + part.size_bytes <= reached for part in clip.spool_parts)

    def keep(self, *proven: Keeping) -> None:
        """Give proven copies their names and sidecars, all of them durable when this returns."""
        if not proven:
            return
        root = self._identity.root()
        several = f" and {len(proven) - 1} more" if len(proven) > 1 else ""
        with writing(f"the name of clip {proven[0].sidecar.clip.id}{several}"):
            keeping.keep(root, proven, disk=self._disk)

    def discard(self, clip: Clip) -> None:
        """Remove every ``.part`` of a clip that no running copy owns."""
        root = self._identity.root()
        stem = layout.part_stem(clip)
        with writing(f"discarding the copy of clip {clip.id}"):
            for name in incoming.names(root):
                is_attempt = layout.attempt_of(name, stem=stem) is not None
                if is_attempt and not self._owners.owns(name):
                    os.unlink(f"{layout.INCOMING}/{name}", dir_fd=root)
            sync_folder(layout.INCOMING, directory=root, disk=self._disk)

    # --- kept clips ----------------------------------------------------------------------------

    def open(self, clip: Clip) -> BinaryIO:
        """Open a proven copy for reading; its size is the one that was proven."""
        descriptor = keeping.open_kept(self._identity.root(), clip=clip)
        return os.fdopen(descriptor, "rb", buffering=0)

    def verify(self, clip: Clip, *, stop: StopFlag) -> Proof:
        """Read a kept copy back from the device and hash it; the caller compares.

        Raises:
            FileNotFoundError, SpoolChanged
            CameraGone: ``stop`` said so.
        """
        root = self._identity.root()
        home = keeping.find(root, clip=clip)
        if home is None:
            raise FileNotFoundError(layout.homes(clip)[0])
        with _opened(root, home, flags=os.O_RDONLY) as kept:
            size_bytes = os.fstat(kept.descriptor).st_size
            return self._read_back(kept, clip=clip, size_bytes=size_bytes, stop=stop)

    def purge(self, clip: Clip) -> None:
        """Remove a stored clip's copy and sidecar."""
        root = self._identity.root()
        with writing(f"purging clip {clip.id}"):
            keeping.purge(root, clip=clip, disk=self._disk)

    # --- within --------------------------------------------------------------------------------

    def _part_size_bytes(self, size_bytes: int) -> int:
        return self._pace.part_size or transfer.part_size_bytes(size_bytes)

    @contextmanager
    def _part(self, name: str, *, flags: int) -> Iterator[Opened]:
        root = self._identity.root()
        with _opened(root, f"{layout.INCOMING}/{name}", flags=flags) as part:
            yield part

    def _read_back(self, opened: Opened, *, clip: Clip, size_bytes: int, stop: StopFlag) -> Proof:
        part_size = clip.part_size_bytes or self._part_size_bytes(size_bytes)
        return read_back(
            opened,
            extent=Extent(size_bytes=size_bytes, part_size_bytes=part_size),
            buffers=self._buffers,
            stop=stop,
        )

    def _remove_part(self, name: str) -> None:
        root = self._identity.root()
        try:
            os.unlink(f"{layout.INCOMING}/{name}", dir_fd=root)
        except OSError:
            # A read-only or failing disk: what stays is not believed without its digests.
            return


@contextmanager
def _opened(root: int, name: str, *, flags: int) -> Iterator[Opened]:
    with writing(f"opening {name}"):
        opened = open_below(root, name, flags=flags)
    try:
        yield opened
    finally:
        os.close(opened.descriptor)
