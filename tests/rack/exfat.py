"""Files in an exFAT image, written and read without mounting it: the host's kernel has no exFAT.

Written files lie in one piece each; what is read may lie anywhere. Source: Microsoft's exFAT file
system specification, whose section numbers stand below.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tests.rack.footage import Item

_ENTRY_BYTES = 32
_BITMAP, _UPCASE, _FILE, _STREAM, _NAME = 0x81, 0x82, 0x85, 0xC0, 0xC1
_DIRECTORY, _ARCHIVE = 0x10, 0x20
_ALLOCATED, _IN_ONE_PIECE = 0x01, 0x02
_END_OF_CHAIN = 0xFFFFFFF7
_UTC = 0x80
_NAME_UNITS = 15


@dataclass(frozen=True)
class Found:
    """A file or a folder as the volume describes it."""

    path: str
    is_folder: bool
    first_cluster: int
    size_bytes: int
    in_one_piece: bool


class Exfat:
    """A volume of exFAT that fills a file."""

    def __init__(self, image: Path) -> None:
        self._image = image
        with image.open("rb") as file:
            boot = file.read(512)
        sector_shift, cluster_shift = boot[108], boot[109]
        # 3.1: where things are, in sectors and clusters.
        numbers: tuple[int, ...] = struct.unpack_from("<5I", boot, 80)
        self._fat: int = numbers[0] << sector_shift
        self._heap: int = numbers[2] << sector_shift
        self._clusters, self._root = numbers[3:]
        self._cluster_bytes: int = 1 << (sector_shift + cluster_shift)

    def fill(self, items: Sequence[Item]) -> None:
        """Put files into a volume that was just made."""
        with self._image.open("r+b") as file:
            special = {entry[0]: entry for entry in self._root_entries(file)}
            upcase = _upcase_table(self._special(file, special[_UPCASE]))
            filling = _Filling(self, file, upcase, used=len(self._bits(file, special[_BITMAP])))
            entries = filling.folder(items, below=PurePosixPath())
            kept = b"".join(self._root_entries(file))
            if len(kept) + len(entries) > self._cluster_bytes:
                raise ValueError("too many entries for the root folder's one cluster")
            file.seek(self.offset(self._root))
            file.write(kept + entries)
            bits = (1 << (filling.next_cluster - 2)) - 1
            file.seek(self.offset(struct.unpack_from("<I", special[_BITMAP], 20)[0]))
            file.write(bits.to_bytes((self._clusters + 7) // 8, "little"))

    def files(self) -> dict[str, Found]:
        """List what is on the volume, folders too."""
        with self._image.open("rb") as file:
            root = Found(
                "", is_folder=True, first_cluster=self._root, size_bytes=0, in_one_piece=False
            )
            return {found.path: found for found in self._walk(file, root)}

    def read(self, found: Found) -> bytes:
        """Read a file's content."""
        with self._image.open("rb") as file:
            return self._content(file, found)[: found.size_bytes]

    def offset(self, cluster: int) -> int:
        """Say where in the image a cluster begins."""
        return self._heap + (cluster - 2) * self._cluster_bytes

    def clusters_of(self, size_bytes: int) -> int:
        """Say how many clusters hold this many bytes."""
        return -(-size_bytes // self._cluster_bytes)

    def _root_entries(self, file: BinaryIO) -> list[bytes]:
        file.seek(self.offset(self._root))
        cluster = file.read(self._cluster_bytes)
        entries = (cluster[at : at + _ENTRY_BYTES] for at in range(0, len(cluster), _ENTRY_BYTES))
        return [entry for entry in entries if entry[0] != 0]

    def _special(self, file: BinaryIO, entry: bytes) -> bytes:
        """Read what an entry for the bitmap or the up-case table points at (7.1, 7.2)."""
        first, size = struct.unpack_from("<IQ", entry, 20)
        file.seek(self.offset(first))
        return file.read(size)

    def _bits(self, file: BinaryIO, entry: bytes) -> str:
        """Give the allocation bitmap up to its last set bit."""
        return f"{int.from_bytes(self._special(file, entry), 'little'):b}"

    def _walk(self, file: BinaryIO, folder: Found) -> Iterator[Found]:
        data = self._content(file, folder)
        at = 0
        while at < len(data) and data[at] != 0:
            entry_count = 1
            if data[at] == _FILE:
                entry_count += data[at + 1]
                found = _described(data[at : at + entry_count * _ENTRY_BYTES], folder=folder.path)
                yield found
                if found.is_folder:
                    yield from self._walk(file, found)
            at += entry_count * _ENTRY_BYTES

    def _content(self, file: BinaryIO, found: Found) -> bytes:
        pieces = []
        for cluster in self._chain(file, found):
            file.seek(self.offset(cluster))
            pieces.append(file.read(self._cluster_bytes))
        return b"".join(pieces)

    def _chain(self, file: BinaryIO, found: Found) -> Iterator[int]:
        if found.in_one_piece:
            count = self.clusters_of(found.size_bytes)
            yield from range(found.first_cluster, found.first_cluster + count)
            return
        cluster = found.first_cluster
        while 2 <= cluster < _END_OF_CHAIN:
            yield cluster
            file.seek(self._fat + cluster * 4)
            (cluster,) = struct.unpack("<I", file.read(4))


class _Filling:
    """One filling of a fresh volume: clusters are given out in order."""

    def __init__(self, volume: Exfat, file: BinaryIO, upcase: dict[int, int], *, used: int) -> None:
        self.next_cluster = 2 + used
        self._volume, self._file, self._upcase = volume, file, upcase

    def folder(self, items: Sequence[Item], *, below: PurePosixPath) -> bytes:
        """Write everything below a folder and return the folder's own entries."""
        entries = b""
        depth = len(below.parts)
        for name in dict.fromkeys(PurePosixPath(item.path).parts[depth] for item in items):
            inside = [item for item in items if PurePosixPath(item.path).parts[depth] == name]
            if PurePosixPath(inside[0].path) == below / name:
                (item,) = inside
                first = self._write(item.content, size_bytes=item.size_bytes)
                size, attributes, when = item.size_bytes, _ARCHIVE, item.recorded_at
            else:
                content = self.folder(inside, below=below / name)
                size = max(self._volume.clusters_of(len(content)), 1)
                size *= self._volume._cluster_bytes
                first = self._write(content, size_bytes=size)
                attributes, when = _DIRECTORY, inside[0].recorded_at
            entries += self._entry_set(name, attributes, when, first=first, size_bytes=size)
        return entries

    def _write(self, content: bytes, *, size_bytes: int) -> int:
        """Write one piece and return its first cluster; zeros at its end become a hole."""
        if size_bytes == 0:
            return 0
        first = self.next_cluster
        self.next_cluster += self._volume.clusters_of(size_bytes)
        self._file.seek(self._volume.offset(first))
        self._file.write(content)
        return first

    def _entry_set(
        self, name: str, attributes: int, when: datetime, *, first: int, size_bytes: int
    ) -> bytes:
        """Describe one file (7.4, 7.6, 7.7)."""
        units = name.encode("utf-16-le", "surrogatepass")
        names = [units[at : at + 2 * _NAME_UNITS] for at in range(0, len(units), 2 * _NAME_UNITS)]
        stamp, hundredths = _timestamp(when)
        primary = struct.pack(
            "<BBHHHIIIBBBBB7x",
            *(_FILE, 1 + len(names), 0, attributes, 0, stamp, stamp, stamp),
            *(hundredths, hundredths, _UTC, _UTC, _UTC),
        )
        flags = _ALLOCATED | _IN_ONE_PIECE if first else _ALLOCATED
        head = struct.pack(
            "<BBBBHHQ", _STREAM, flags, 0, len(units) // 2, self._hash(units), 0, size_bytes
        )
        stream = head + struct.pack("<4xIQ", first, size_bytes)
        entries = primary + stream
        for part in names:
            entries += bytes([_NAME, 0]) + part.ljust(2 * _NAME_UNITS, b"\0")
        return entries[:2] + struct.pack("<H", _set_checksum(entries)) + entries[4:]

    def _hash(self, units: bytes) -> int:
        codes = struct.unpack(f"<{len(units) // 2}H", units)
        upper = struct.pack(f"<{len(codes)}H", *(self._upcase.get(code, code) for code in codes))
        value = 0
        for byte in upper:
            value = (((value & 1) << 15) | (value >> 1)) + byte & 0xFFFF
        return value


def _described(entries: bytes, *, folder: str) -> Found:
    attributes = struct.unpack_from("<H", entries, 4)[0]
    stream = entries[_ENTRY_BYTES : 2 * _ENTRY_BYTES]
    first, size = struct.unpack_from("<IQ", stream, 20)
    parts = range(2 * _ENTRY_BYTES, len(entries), _ENTRY_BYTES)
    units = b"".join(entries[at + 2 : at + _ENTRY_BYTES] for at in parts)[: 2 * stream[3]]
    name = units.decode("utf-16-le", "surrogatepass")
    return Found(
        path=f"{folder}/{name}" if folder else name,
        is_folder=bool(attributes & _DIRECTORY),
        first_cluster=first,
        size_bytes=size,
        in_one_piece=bool(stream[1] & _IN_ONE_PIECE),
    )


def _upcase_table(table: bytes) -> dict[int, int]:
    """Read the volume's up-case table, in which 0xFFFF and a count skip what stays (7.2.5)."""
    units = struct.unpack(f"<{len(table) // 2}H", table)
    upper: dict[int, int] = {}
    code, at = 0, 0
    while at < len(units):
        if units[at] == 0xFFFF and at + 1 < len(units):
            code += units[at + 1]
            at += 2
        else:
            upper[code] = units[at]
            code += 1
            at += 1
    return upper


def _set_checksum(entries: bytes) -> int:
    value = 0
    for at, byte in enumerate(entries):
        if at not in (2, 3):  # the checksum's own place
            value = (((value & 1) << 15) | (value >> 1)) + byte & 0xFFFF
    return value


def _timestamp(when: datetime) -> tuple[int, int]:
    """Write a time as exFAT does: two seconds, and hundredths beyond (7.4.8)."""
    date = (when.year - 1980) << 25 | when.month << 21 | when.day << 16
    time = when.hour << 11 | when.minute << 5 | when.second // 2
    return date | time, when.second % 2 * 100 + when.microsecond // 10_000
