"""A machine's disks, and the log of everything that was written to one of them."""

import ctypes
import os
import struct
import subprocess
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

T = TypeVar("T")

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS = 0x00020000
_SECTOR_BYTES = 512
_MAGIC = 0x6A736677736872
_FLUSH, _FUA, _DISCARD = 1, 2, 4


@dataclass(frozen=True)
class Disk:
    """A disk as the guest sees it, by the serial that it shows, and as the host keeps it.

    Attributes:
        serial: The guest finds it as /dev/disk/by-id/virtio-SERIAL.
        path: The file that holds it.
        format: What kind of file that is.
        log: Where every write and flush is logged, in order; `BlockLog` reads it. A new log each
            time the machine starts.
    """

    serial: str
    path: Path
    format: Literal["qcow2", "raw"] = "qcow2"
    log: Path | None = None

    @property
    def node(self) -> str:
        """The name that QEMU knows it by."""
        return f"disk-{self.serial}"

    @property
    def link(self) -> str:
        """The path at which the guest finds it."""
        return f"/dev/disk/by-id/virtio-{self.serial}"

    def blockdev(self) -> dict[str, Any]:
        """Describe it to QEMU."""
        file = {"driver": "file", "filename": str(self.path)}
        disk: dict[str, Any] = {"driver": self.format, "file": file}
        if self.log is not None:
            disk = logged(disk, log=self.log)
        return disk | {"node-name": self.node}


def logged(disk: dict[str, Any], *, log: Path) -> dict[str, Any]:
    """Describe a disk to QEMU of which everything that is written to it is logged, anew."""
    log.unlink(missing_ok=True)
    log.touch()
    # The count of entries is written with each: what is killed writes nothing at its end.
    options = {"log-sector-size": _SECTOR_BYTES, "log-super-update-interval": 1}
    file = {"driver": "file", "filename": str(log)}
    return {"driver": "blklogwrites", "file": disk, "log": file, **options}


def overlay(base: Path, path: Path) -> Path:
    """Make a disk that begins as another one, which is never written."""
    command: list[str | Path] = [
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-F",
        "qcow2",
        "-b",
        base,
        path,
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def ext4(path: Path, *, size_bytes: int) -> Path:
    """Make a raw disk with an empty ext4 on it, its label the file's stem."""
    path.touch()
    os.truncate(path, size_bytes)
    command: list[str | Path] = [
        "mkfs.ext4",
        "-q",
        "-L",
        path.stem,
        "-E",
        "lazy_itable_init=0",
        path,
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def copy_sparsely(source: Path, target: Path) -> Path:
    """Copy a disk; its holes stay holes."""
    subprocess.run(["cp", "--sparse=always", source, target], check=True)
    return target


def with_mounted(disk: Path, folder: Path, work: Callable[[], T]) -> T:
    """Do something with a raw disk's file system mounted on a folder, and return what comes of it.

    It is done in a thread with a name space of mounts that is its own and that of all it starts:
    nobody else sees the mount, and it ends with them, whatever happens.

    Raises:
        RuntimeError: It cannot be mounted.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_in_name_space, disk, folder, work).result()


def _in_name_space(disk: Path, folder: Path, work: Callable[[], T]) -> T:
    # Not os.unshare, which came with Python 3.12.
    if _libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "this thread gets no name space of its own")
    _as_root("mount", "--make-rprivate", "/")
    loop = _as_root("losetup", "--find", "--show", str(disk))
    try:
        # A loop device that somebody had set read-only stays so for whoever gets it next.
        _as_root("blockdev", "--setrw", loop)
        _as_root("mount", loop, str(folder))
    finally:
        # Detached at once, it goes when nothing is mounted from it any more.
        _as_root("losetup", "--detach", loop)
    try:
        return work()
    finally:
        _as_root("umount", str(folder))


def _as_root(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr}")
    return result.stdout.strip()


@dataclass(frozen=True)
class Entry:
    """One write, flush or discard, in the order in which the disk was done with them."""

    sector: int
    sectors: int
    flags: int
    data_at: int

    @property
    def is_flush(self) -> bool:
        """Whether everything before it is on the disk for good."""
        return bool(self.flags & _FLUSH)

    @property
    def may_get_lost(self) -> bool:
        """Whether a power cut may take it: a write that was not made durable by its own wish."""
        return not self.flags & (_FLUSH | _FUA) and self.sectors > 0


class BlockLog:
    """What was written to a disk; source: the kernel's dm-log-writes, whose format it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            self.entries = list(_entries(file))

    def flushed(self, point: int) -> int:
        """Count the entries that no power cut behind the first `point` can take any more."""
        flushes = (at + 1 for at in reversed(range(point)) if self.entries[at].is_flush)
        return next(flushes, 0)

    def unflushed(self, point: int) -> list[int]:
        """List the writes that a power cut behind the first `point` entries could take or leave."""
        entries = range(self.flushed(point), point)
        return [at for at in entries if self.entries[at].may_get_lost]

    def replay(self, base: Path, target: Path, *, point: int, lost: Collection[int] = ()) -> Path:
        """Make the disk as it was behind the first `point` entries, without some that got lost.

        Raises:
            ValueError: One of `lost` was flushed, so that no power cut could take it.
        """
        if not set(lost) <= set(self.unflushed(point)):
            raise ValueError("only what was not flushed can get lost")
        copy_sparsely(base, target)
        with self._path.open("rb") as log, target.open("r+b") as disk:
            for at, entry in enumerate(self.entries[:point]):
                if at not in lost and entry.sectors:
                    disk.seek(entry.sector * _SECTOR_BYTES)
                    disk.write(_data(log, entry))
        return target


def entries_in(log: Path) -> int:
    """Count the entries of a log, also while it grows; none where there is no log yet."""
    try:
        with log.open("rb", buffering=0) as file:
            count, again = -1, _count(file)
            # Whoever reads what is just being written may see half of it.
            while count != again:
                file.seek(0)
                count, again = again, _count(file)
            return count
    except FileNotFoundError:
        return 0


def _count(file: BinaryIO | FileIO) -> int:
    super_block = file.read(_SECTOR_BYTES)
    if len(super_block) < _SECTOR_BYTES or not any(super_block):
        # It is only just being made.
        return 0
    magic, _, count, sector_bytes = struct.unpack_from("<QQQI", super_block)
    if (magic, sector_bytes) != (_MAGIC, _SECTOR_BYTES):
        raise ValueError("not a log of writes in sectors of 512 bytes")
    return int(count)


def _entries(file: BinaryIO) -> Iterator[Entry]:
    at = _SECTOR_BYTES
    for _ in range(_count(file)):
        file.seek(at)
        sector, sectors, flags, _ = struct.unpack_from("<4Q", file.read(_SECTOR_BYTES))
        at += _SECTOR_BYTES
        yield Entry(sector, sectors, flags, at)
        if not flags & _DISCARD:
            at += sectors * _SECTOR_BYTES


def _data(log: BinaryIO, entry: Entry) -> bytes:
    size_bytes = entry.sectors * _SECTOR_BYTES
    if entry.flags & _DISCARD:
        return bytes(size_bytes)
    log.seek(entry.data_at)
    return log.read(size_bytes)
