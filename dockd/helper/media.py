"""What is on a camera's medium, found out without trusting it.

blkid reads hostile bytes in C, so it never sees the device: it runs without any privilege, with
none to gain and with limits, on a sealed copy of the medium's first and last MiB.
Sources: Microsoft's FAT specification (fatgen103) and exFAT specification; fs/fat and fs/exfat.
"""

import fcntl
import os
import re
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

_COPIED_BYTES: Final = 1 << 20
_PATIENCE_S: Final = 10
_ANSWER_BYTES: Final = 4096
# The helper's own user, but without its privileges (`linux.leave_children_nothing`), and it writes
# no file.
_LIMITED: Final = (
    *("/usr/bin/prlimit", "--cpu=5", "--as=268435456"),
    *("--fsize=0", "--nofile=16", "--core=0"),
)
# blkid(8): nothing recognised, and several things at once.
_NOTHING_FOUND: Final = (2, 8)
# Of each FAT: where Linux keeps its state in the boot sector, and others in FAT[1]: in how many
# bytes, and which bits are set while all is well.
_FATS: Final = {"FAT12": (0x25, 0, 0), "FAT16": (0x25, 2, 0xC000), "FAT32": (0x41, 4, 0xC000000)}
_DIRTY: Final = 0x01
_EXFAT_DIRTY_OR_FAILED: Final = 0x02 | 0x04


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What blkid says of a file system; `version` and `uuid` are "" where there is none."""

    file_system: str
    version: str
    uuid: str


def probe(device: int) -> Volume | None:
    """Return which file system is on the medium, or None where that is unclear; raises OSError."""
    with ExitStack() as held:
        copy = _sealed_copy(device)
        held.callback(os.close, copy)
        # Neither end waits for the other: more than fits was never blkid's answer.
        answer, mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        held.callback(os.close, answer)
        held.callback(os.close, mouth)
        try:
            blkid = subprocess.run(  # noqa: S603 - a constant command; only a descriptor's number varies
                [*_LIMITED, "/usr/sbin/blkid", "-p", "-o", "export", f"/proc/self/fd/{copy}"],
                pass_fds=(copy,),
                stdin=subprocess.DEVNULL,
                stdout=mouth,
                stderr=mouth,
                env={"LC_ALL": "C"},
                cwd="/",
                timeout=_PATIENCE_S,
                check=False,
            )
            said = os.read(answer, _ANSWER_BYTES).decode(errors="replace")
        except (subprocess.TimeoutExpired, BlockingIOError):
            return None
    if blkid.returncode not in {0, *_NOTHING_FOUND}:
        raise OSError(f"blkid cannot look at it: {said[:200]!r}")
    return _understood(said)


def _sealed_copy(device: int) -> int:
    size_bytes = os.lseek(device, 0, os.SEEK_END)
    copy = os.memfd_create("medium", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        # Of the same size, for blkid looks at the end as well; what is between is a hole.
        os.ftruncate(copy, size_bytes)
        for at in {0, max(0, size_bytes - _COPIED_BYTES)}:
            os.pwrite(copy, os.pread(device, _COPIED_BYTES, at), at)
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
        fcntl.fcntl(copy, fcntl.F_ADD_SEALS, seals)
    except OSError:
        os.close(copy)
        raise
    return copy


def _understood(answer: str) -> Volume | None:
    found = dict(line.partition("=")[::2] for line in answer.splitlines())
    kind, version, uuid = (found.get(key, "")[:64] for key in ("TYPE", "VERSION", "UUID"))
    if re.fullmatch(r"[a-z0-9]{1,16}", kind) is None:
        return None
    return Volume(file_system=kind, version=version, uuid=uuid if uuid.isprintable() else "")


def is_dirty(device: int, *, volume: Volume) -> bool:
    """Return whether it says that it was not closed properly, or met an error; raises OSError."""
    boot = os.pread(device, 512, 0).ljust(512, b"\0")
    if volume.file_system == "exfat":
        return bool(_number(boot, 106, 2) & _EXFAT_DIRTY_OR_FAILED)
    if volume.version not in _FATS:
        return False
    state_at, width, well = _FATS[volume.version]
    fat_at = _number(boot, 14, 2) * _number(boot, 11, 2)
    entry = _number(os.pread(device, width, fat_at + width), 0, width)
    return bool(boot[state_at] & _DIRTY) or entry & well != well


def missing_bytes(device: int, *, volume: Volume) -> int:
    """Return how far the volume says that it reaches beyond the end of `device`; raises OSError."""
    boot = os.pread(device, 512, 0).ljust(512, b"\0")
    if volume.file_system == "exfat":
        size_bytes = _number(boot, 72, 8) << min(boot[108], 12)
    else:
        sectors = _number(boot, 19, 2) or _number(boot, 32, 4)
        size_bytes = sectors * _number(boot, 11, 2)
    return max(0, size_bytes - os.lseek(device, 0, os.SEEK_END))


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")
