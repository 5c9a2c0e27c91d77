"""Which spool this is: ``spool.json`` in its root, written once when the spool is adopted.

A disk that was swapped, or is not mounted, shows another identity or none. Then nothing is
accepted and nothing wiped: ``spool-changed``.
"""

import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dockd.errors import Refused, SpoolChanged
from dockd.station.spool import layout
from dockd.station.spool.disk import Disk, writing

_FORMAT: Final = "dockd-spool/1"
_ID_BYTES: Final = 16
_LIMIT_BYTES: Final = 4096


class Identity:
    """The spool's root and the identity that the ledger expects there.

    ``expected`` is None only until the spool is adopted.
    """

    def __init__(self, path: Path, *, expected: str | None, disk: Disk) -> None:
        self._path: Final = path
        self._disk: Final = disk
        self._expected = expected
        self._root: int | None = None
        self._lock = threading.Lock()

    def root(self) -> int:
        """Return the descriptor of the spool's root, checked to be the ledger's spool.

        Raises:
            SpoolChanged: it is another one, it is not mounted, or it was never adopted.
        """
        with self._lock:
            if self._root is None:
                self._root = self._open()
            self._refuse_other_place(self._root)
            self._refuse_other_id(self._root)
            return self._root

    def adopt(self) -> str:
        """Make the spool this ledger's, and return its id.

        A spool that has an id keeps it. One that should have an id and has none is never given
        a new one: that is how a disk that is not mounted looks.

        Raises:
            SpoolChanged, SpoolReadOnly, SpoolFull
            Refused: the file system does not tell names apart that differ in case.
        """
        if self._expected is None:
            with writing("the spool's folders"):
                self._path.mkdir(parents=True, exist_ok=True)
            root = self._open()
            try:
                with writing("the spool's identity"):
                    self._make_folders(root)
                    self._expected = read_id(root) or self._write_id(root)
            finally:
                os.close(root)
        self.root()
        return self._expected

    def close(self) -> None:
        """Let go of the root; asked for again, it is opened again."""
        with self._lock:
            if self._root is not None:
                os.close(self._root)
                self._root = None

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SpoolChanged(
                f"the spool {self._path} cannot be opened: {error.strerror}",
                path=str(self._path),
            ) from error

    def _refuse_other_place(self, root: int) -> None:
        """Raise SpoolChanged when the path leads elsewhere than at the start."""
        ours = os.fstat(root)
        try:
            found = self._path.stat()
        except OSError as error:
            raise SpoolChanged(f"the spool {self._path} is not there") from error
        if (found.st_dev, found.st_ino) != (ours.st_dev, ours.st_ino):
            raise SpoolChanged(f"{self._path} is another file system or folder than at the start")

    def _refuse_other_id(self, root: int) -> None:
        found = read_id(root)
        if found is None:
            raise SpoolChanged(
                f"{self._path} holds no {layout.IDENTITY}: it is not mounted, or not a spool",
                expected=self._expected,
            )
        if found != self._expected:
            raise SpoolChanged(
                f"{self._path} is the spool {found}, and the ledger belongs to another",
                expected=self._expected,
                found=found,
            )

    def _make_folders(self, root: int) -> None:
        for folder in (layout.CLIPS, layout.INCOMING, layout.ORPHANS):
            try:
                os.mkdir(folder, 0o750, dir_fd=root)
            except FileExistsError:
                continue
        _refuse_case_blind(root)

    def _write_id(self, root: int) -> str:
        spool_id = secrets.token_hex(_ID_BYTES)
        content = json.dumps({"format": _FORMAT, "spool_id": spool_id}) + "\n"
        write_whole(
            layout.IDENTITY,
            content=content.encode(),
            temporary=f"{layout.INCOMING}/{layout.IDENTITY}",
            directory=root,
            disk=self._disk,
        )
        return spool_id


def read_id(root: int) -> str | None:
    """Return the id of the spool whose root is open, None where there is none.

    Raises:
        SpoolChanged: what is there cannot be read, or names no spool.
    """
    try:
        descriptor = os.open(
            layout.IDENTITY, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SpoolChanged(f"{layout.IDENTITY} cannot be read: {error.strerror}") from error
    try:
        content = json.loads(os.read(descriptor, _LIMIT_BYTES))
    except (OSError, ValueError) as error:
        raise SpoolChanged(f"{layout.IDENTITY} is not what dockd wrote") from error
    finally:
        os.close(descriptor)
    spool_id = content.get("spool_id") if isinstance(content, dict) else None
    if not isinstance(spool_id, str) or not spool_id:
        raise SpoolChanged(f"{layout.IDENTITY} names no spool")
    return spool_id


def _refuse_case_blind(root: int) -> None:
    """Raise Refused where ``CLIPS`` is ``clips``: two clips could become one there."""
    try:
        os.stat(layout.CLIPS.upper(), dir_fd=root)
    except FileNotFoundError:
        return
    raise Refused(
        "the spool's file system does not tell names apart that differ only in case",
        next_step="Put the spool on ext4, XFS or another file system that does.",
    )


def write_whole(name: str, *, content: bytes, temporary: str, directory: int, disk: Disk) -> None:
    """Write a small file so that it is there whole and durable, or not at all."""
    with begun_whole(temporary, content=content, directory=directory, disk=disk) as descriptor:
        disk.sync(descriptor)
    os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    sync_folder(layout.folder_of(name), directory=directory, disk=disk)


@contextmanager
def begun_whole(temporary: str, *, content: bytes, directory: int, disk: Disk) -> Iterator[int]:
    """Lend the descriptor of a small file that is written and not synced yet."""
    descriptor = os.open(
        temporary,
        os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC,
        0o640,
        dir_fd=directory,
    )
    try:
        disk.write(descriptor, memoryview(content), offset=0)
        yield descriptor
    finally:
        os.close(descriptor)


def sync_folder(folder: str, *, directory: int, disk: Disk) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        disk.sync(descriptor)
    finally:
        os.close(descriptor)
