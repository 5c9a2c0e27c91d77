"""The kernel's word on changes of a few folders: inotify(7), which the standard library lacks."""

import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)

_IN_MOVED_FROM: Final = 0x00000040
_IN_MOVED_TO: Final = 0x00000080
_IN_CREATE: Final = 0x00000100
_IN_DELETE: Final = 0x00000200
_IN_Q_OVERFLOW: Final = 0x00004000
_IN_IGNORED: Final = 0x00008000
_IN_ONLYDIR: Final = 0x01000000
_IN_DONT_FOLLOW: Final = 0x02000000
_IN_NONBLOCK: Final = 0x00000800
_IN_CLOEXEC: Final = 0x00080000

_LEFT: Final = _IN_MOVED_FROM | _IN_DELETE
_CAME: Final = _IN_MOVED_TO | _IN_CREATE
# File systems that nobody changes but through this kernel, which then tells (statfs(2) has the
# numbers): ext4, xfs, btrfs, f2fs, tmpfs, overlay. On a share others change what is here.
_TOLD: Final = frozenset({0xEF53, 0x58465342, 0x9123683E, 0xF2F52010, 0x01021994, 0x794C7630})
_STATFS_BYTES: Final = 256
_HEADER: Final = struct.Struct("=iIII")
_READ_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A name that left a watched folder or came to it; ``folder`` is None when some were lost."""

    folder: Path | None
    name: str
    left: bool


class Watcher:
    """Watches folders for names that come and go."""

    def __init__(self) -> None:
        self.descriptor: Final = int(_libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC))
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._folders: dict[int, Path] = {}
        self._watches: dict[Path, int] = {}

    def watch(self, folder: Path) -> bool:
        """Watch a folder; return false when it is watched already, or cannot be."""
        if folder in self._watches:
            return False
        mask = _LEFT | _CAME | _IN_ONLYDIR | _IN_DONT_FOLLOW
        watch = int(_libc.inotify_add_watch(self.descriptor, os.fsencode(folder), mask))
        if watch >= 0:
            self._folders[watch] = folder
            self._watches[folder] = watch
        return watch >= 0

    def tells_all(self, folder: Path) -> bool:
        """Return whether the kernel tells of every name that comes to or leaves a folder."""
        answer = ctypes.create_string_buffer(_STATFS_BYTES)
        if folder not in self._watches or _libc.statfs(os.fsencode(folder), answer) != 0:
            return False
        return ctypes.c_ulong.from_buffer(answer).value & 0xFFFFFFFF in _TOLD

    def forget(self, folder: Path) -> None:
        """Watch a folder no longer: its name means another one now, or none."""
        watch = self._watches.pop(folder, None)
        if watch is not None:
            self._folders.pop(watch, None)
            _libc.inotify_rm_watch(self.descriptor, watch)

    def changes(self) -> Iterator[Change]:
        """Yield what happened since the last call, oldest first; it does not wait."""
        while True:
            try:
                content = os.read(self.descriptor, _READ_BYTES)
            except BlockingIOError:
                return
            yield from self._decoded(content)

    def _decoded(self, content: bytes) -> Iterator[Change]:
        offset = 0
        while offset < len(content):
            watch, mask, _, length = _HEADER.unpack_from(content, offset)
            offset += _HEADER.size
            name = content[offset : offset + length].rstrip(b"\0")
            offset += length
            if mask & _IN_IGNORED:
                self._ignored(watch)
                continue
            if mask & _IN_Q_OVERFLOW:
                # inotify(7): the queue was full, and what did not fit into it is lost.
                yield Change(folder=None, name="", left=True)
            elif watch in self._folders:
                yield Change(
                    folder=self._folders[watch],
                    name=os.fsdecode(name),
                    left=bool(mask & _LEFT),
                )

    def _ignored(self, watch: int) -> None:
        folder = self._folders.pop(watch, None)
        if folder is not None and self._watches.get(folder) == watch:
            del self._watches[folder]

    def close(self) -> None:
        """Stop watching."""
        os.close(self.descriptor)
