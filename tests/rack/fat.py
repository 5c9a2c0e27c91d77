"""Files in a FAT32 image, written and read without mounting it: the host's kernel has no FAT.

Names are written as they are, those that no honest camera would use as well: a name that is short
and has no small ASCII letter as one entry of cp437, every other one as a long name. Written files
lie in one piece each; what is read may lie anywhere. Source: Microsoft's FAT specification
(fatgen103), whose terms stand below.
"""

import struct
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tests.rack.exfat import Found
from tests.rack.footage import FIRST_RECORDED, Item

_ENTRY_BYTES = 32
_FOLDER, _ARCHIVE, _LABEL, _LONG = 0x10, 0x20, 0x08, 0x0F
_DELETED, _SMALL_BASE, _SMALL_EXTENSION = 0xE5, 0x08, 0x10
_LAST_LONG = 0x40
_NAME_UNITS = 13
# Where the 13 units of a long name stand in its entry.
_UNITS_AT = (slice(1, 11), slice(14, 26), slice(28, 32))
_END_OF_CHAIN, _LINK = 0x0FFFFFF8, 0x0FFFFFFF
_NOT_SHORT = frozenset(b'"*+,/:;<=>?[\\]| ')


class Fat:
    """A volume of FAT32 that fills a file."""

    def __init__(self, image: Path) -> None:
        self._image = image
        with image.open("rb") as file:
            boot = file.read(512)
        sector_bytes, cluster_sectors, reserved, tables = struct.unpack_from("<HBHB", boot, 11)
        sectors, table_sectors = struct.unpack_from("<II", boot, 32)
        self.root: int = struct.unpack_from("<I", boot, 44)[0]
        self.cluster_bytes: int = sector_bytes * cluster_sectors
        self._tables = [(reserved + table_sectors * n) * sector_bytes for n in range(tables)]
        self._heap: int = (reserved + table_sectors * tables) * sector_bytes
        self._clusters: int = (sectors * sector_bytes - self._heap) // self.cluster_bytes
        self._information: int = struct.unpack_from("<H", boot, 48)[0] * sector_bytes

    def fill(self, items: Sequence[Item]) -> None:
        """Put files into a volume that was just made."""
        with self._image.open("r+b") as file:
            filling = _Filling(self, file)
            filling.folder(items, below=PurePosixPath())
            left = self._clusters - (filling.next_cluster - 2)
            file.seek(self._information + 488)
            file.write(struct.pack("<II", left, filling.next_cluster - 1))

    def files(self) -> dict[str, Found]:
        """List what is on the volume, folders too."""
        with self._image.open("rb") as file:
            return {found.path: found for found in self._walk(file, _folder("", self.root))}

    def read(self, found: Found) -> bytes:
        """Read a file's content."""
        with self._image.open("rb") as file:
            return self._content(file, found)[: found.size_bytes]

    def chain(self, found: Found) -> list[int]:
        """List the clusters of a file or folder, in order."""
        with self._image.open("rb") as file:
            return list(self._chain(file, found.first_cluster))

    def link(self, cluster: int, *following: int) -> None:
        """Say in every table what follows on a cluster, on the one behind it, and so on."""
        with self._image.open("r+b") as file:
            self.write_links(file, cluster, following)

    def point(self, path: str, *, cluster: int) -> None:
        """Let the entry of a file or folder say that it begins in another cluster."""
        files = self.files()
        above = path.rpartition("/")[0]
        first = files[above].first_cluster if above else self.root
        with self._image.open("r+b") as file:
            for own in self._chain(file, first):
                for at in range(self.offset(own), self.offset(own + 1), _ENTRY_BYTES):
                    file.seek(at)
                    entry = bytearray(file.read(_ENTRY_BYTES))
                    if entry[11] != _LONG and _first_cluster(entry) == files[path].first_cluster:
                        entry[20:22] = (cluster >> 16).to_bytes(2, "little")
                        entry[26:28] = (cluster & 0xFFFF).to_bytes(2, "little")
                        file.seek(at)
                        file.write(entry)

    def write_links(self, file: BinaryIO, cluster: int, following: Sequence[int]) -> None:
        """Write one run of the tables."""
        for table in self._tables:
            file.seek(table + cluster * 4)
            file.write(struct.pack(f"<{len(following)}I", *following))

    def offset(self, cluster: int) -> int:
        """Say where in the image a cluster begins."""
        return self._heap + (cluster - 2) * self.cluster_bytes

    def clusters_of(self, size_bytes: int) -> int:
        """Say how many clusters hold this many bytes."""
        return -(-size_bytes // self.cluster_bytes)

    def _walk(self, file: BinaryIO, folder: Found) -> Iterator[Found]:
        data = self._content(file, folder)
        long_name = b""
        for at in range(0, len(data), _ENTRY_BYTES):
            entry = data[at : at + _ENTRY_BYTES]
            if entry[0] == 0:
                return
            if entry[0] == _DELETED or entry[:2] in {b". ", b".."}:
                long_name = b""
            elif entry[11] == _LONG:
                long_name = b"".join(entry[units] for units in _UNITS_AT) + long_name
            elif not entry[11] & _LABEL:
                name = _long(long_name) if long_name else _short_shown(entry)
                found = _described(entry, path=f"{folder.path}/{name}".lstrip("/"))
                yield found
                if found.is_folder:
                    yield from self._walk(file, found)
                long_name = b""

    def _content(self, file: BinaryIO, found: Found) -> bytes:
        pieces = []
        for cluster in self._chain(file, found.first_cluster):
            file.seek(self.offset(cluster))
            pieces.append(file.read(self.cluster_bytes))
        return b"".join(pieces)

    def _chain(self, file: BinaryIO, cluster: int) -> Iterator[int]:
        while 2 <= cluster < _END_OF_CHAIN:
            yield cluster
            file.seek(self._tables[0] + cluster * 4)
            cluster = struct.unpack("<I", file.read(4))[0] & _LINK


class _Filling:
    """One filling of a fresh volume: clusters are given out in order, the root's first."""

    def __init__(self, volume: Fat, file: BinaryIO) -> None:
        self.next_cluster = volume.root
        self._volume, self._file = volume, file
        self._aliases = 0

    def folder(
        self, items: Sequence[Item], *, below: PurePosixPath, parent: int | None = None
    ) -> int:
        """Write a folder and everything below it and return its first cluster."""
        depth = len(below.parts)
        names = dict.fromkeys(PurePosixPath(item.path).parts[depth] for item in items)
        # At most so many entries, the two dots among them: what is not needed stays zero.
        own = self._reserve(sum(3 + len(name) // 6 for name in names) * _ENTRY_BYTES + 64)
        when = items[0].recorded_at if items else FIRST_RECORDED
        entries = b"" if parent is None else _dots(when, own=own, parent=parent)
        for name in names:
            inside = [item for item in items if PurePosixPath(item.path).parts[depth] == name]
            when = inside[0].recorded_at
            if PurePosixPath(inside[0].path) == below / name:
                (item,) = inside
                first = self._reserve(item.size_bytes)
                self._put(first, item.content)
                entry = _entry(_ARCHIVE, when, first, item.size_bytes)
            else:
                above = 0 if parent is None else own
                first = self.folder(inside, below=below / name, parent=above)
                entry = _entry(_FOLDER, when, first)
            entries += self._named(name, entry)
        self._put(own, entries)
        return own

    def _reserve(self, size_bytes: int) -> int:
        """Take a chain in one piece and return its first cluster."""
        count = self._volume.clusters_of(size_bytes)
        if count == 0:
            return 0
        first = self.next_cluster
        self.next_cluster += count
        self._volume.write_links(self._file, first, [*range(first + 1, first + count), _LINK])
        return first

    def _put(self, first: int, content: bytes) -> None:
        if content:
            self._file.seek(self._volume.offset(first))
            self._file.write(content)

    def _named(self, name: str, entry: bytes) -> bytes:
        short = _short(name)
        if short is not None:
            return short + entry[11:]
        self._aliases += 1
        alias = f"LFN~{self._aliases:04}".ljust(11).encode()
        units = name.encode("utf-16-le", "surrogatepass")
        if len(units) % (2 * _NAME_UNITS):
            units += b"\0\0"
        units += b"\xff" * (-len(units) % (2 * _NAME_UNITS))
        parts = [units[at : at + 2 * _NAME_UNITS] for at in range(0, len(units), 2 * _NAME_UNITS)]
        longs = [_long_entry(number, part, alias) for number, part in enumerate(parts, start=1)]
        last = longs.pop()
        return b"".join([bytes([last[0] | _LAST_LONG]) + last[1:], *reversed(longs)]) + (
            alias + entry[11:]
        )


def _dots(when: datetime, *, own: int, parent: int) -> bytes:
    """Write with what a folder begins: itself, and the one above, which is 0 for the root."""
    named = ((b".", own), (b"..", parent))
    return b"".join(dot.ljust(11) + _entry(_FOLDER, when, to)[11:] for dot, to in named)


def _entry(attributes: int, when: datetime, first: int, size_bytes: int = 0) -> bytes:
    """Describe one file; its name is written over the first eleven bytes."""
    date = (when.year - 1980) << 9 | when.month << 5 | when.day
    time = when.hour << 11 | when.minute << 5 | when.second // 2
    return bytes(11) + struct.pack(
        "<BBBHHHHHHHI",
        *(attributes, 0, 0, time, date, date, first >> 16, time, date, first & 0xFFFF),
        size_bytes,
    )


def _long_entry(number: int, units: bytes, alias: bytes) -> bytes:
    check = 0
    for byte in alias:
        check = ((check & 1) << 7 | check >> 1) + byte & 0xFF
    return (
        bytes([number])
        + units[:10]
        + bytes([_LONG, 0, check])
        + units[10:22]
        + bytes(2)
        + units[22:]
    )


def _short(name: str) -> bytes | None:
    """Write a name as 8.3 in cp437, or return None where that cannot be."""
    base, dot, extension = name.partition(".")
    try:
        raw = base.encode("cp437"), extension.encode("cp437")
    except UnicodeEncodeError:
        return None
    fits = 0 < len(raw[0]) <= 8 and len(raw[1]) <= 3 and bool(extension) == bool(dot)
    odd = any(
        byte < 0x20
        or byte == 0x7F
        or byte in _NOT_SHORT
        or chr(byte) in "abcdefghijklmnopqrstuvwxyz."
        for byte in raw[0] + raw[1]
    )
    if not fits or odd:
        return None
    written = raw[0].ljust(8) + raw[1].ljust(3)
    # A first byte that means `deleted` is written as one that means itself.
    return b"\x05" + written[1:] if written[0] == _DELETED else written


def _short_shown(entry: bytes) -> str:
    raw = bytes([_DELETED]) + entry[1:11] if entry[0] == 0x05 else entry[:11]
    base, extension = raw[:8].rstrip().decode("cp437"), raw[8:].rstrip().decode("cp437")
    base = base.lower() if entry[12] & _SMALL_BASE else base
    extension = extension.lower() if entry[12] & _SMALL_EXTENSION else extension
    return f"{base}.{extension}" if extension else base


def _long(units: bytes) -> str:
    codes = struct.unpack(f"<{len(units) // 2}H", units)
    length = codes.index(0) if 0 in codes else len(codes)
    return units[: 2 * length].decode("utf-16-le", "surrogatepass")


def _first_cluster(entry: bytes | bytearray) -> int:
    high, low = entry[20:22], entry[26:28]
    return int.from_bytes(high, "little") << 16 | int.from_bytes(low, "little")


def _described(entry: bytes, *, path: str) -> Found:
    return Found(
        path=path,
        is_folder=bool(entry[11] & _FOLDER),
        first_cluster=_first_cluster(entry),
        size_bytes=int.from_bytes(entry[28:32], "little"),
        in_one_piece=False,
    )


def _folder(path: str, first_cluster: int) -> Found:
    return Found(
        path, is_folder=True, first_cluster=first_cluster, size_bytes=0, in_one_piece=False
    )
