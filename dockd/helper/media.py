"""What is on a camera's medium, found out without trusting it.

blkid reads hostile bytes in C, so it never sees the device: it runs without any privilege, with
none to gain and with limits, on a copy of the medium's first and last MiB.
Sources: Microsoft's FAT specification (fatgen103) and exFAT specification; fs/fat and fs/exfat.
"""

import os
import re
import subprocess
from typing import Final, NamedTuple

_COPIED_BYTES: Final = 1 << 20
_PATIENCE_S: Final = 10
_ANSWER_BYTES: Final = 4096
# The helper's own user, but without its privileges (`linux.leave_children_nothing`), and it writes
# no file.
_LIMITED: Final = ["/usr/bin/prlimit", "--cpu=5", "--as=268435456", "--fsize=0", "--nofile=16"]
# blkid(8): something, nothing recognised, and several things at once.
_ANSWERS: Final = {0, 2, 8}
# Of each FAT: where Linux keeps its state in the boot sector, and others in FAT[1]: in how many
# bytes, and which bits are set while all is well.
_FATS: Final = {"FAT12": (0x25, 0, 0), "FAT16": (0x25, 2, 0xC000), "FAT32": (0x41, 4, 0xC000000)}
_DIRTY: Final = 0x01
_EXFAT_DIRTY_OR_FAILED: Final = 0x02 | 0x04


class Volume(NamedTuple):
    """What blkid says of a file system; `version` and `uuid` are "" where there is none."""

    file_system: str = "unknown"
    version: str = ""
    uuid: str = ""


def probe(device: int) -> Volume:
    """Return which file system is on the medium, "unknown" where that is unclear.

    Raises OSError.
    """
    # Neither end of the pipe waits for the other: more than fits was never blkid's answer.
    answer, mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    with open(answer, "rb") as said, open(mouth, "wb"), open(_copied(device), "rb") as copy:  # noqa: PTH123 - descriptors
        try:
            blkid = subprocess.run(  # noqa: S603 - a constant command; only a descriptor's number varies
                [*_LIMITED, "/usr/sbin/blkid", "-p", "-o", "export", f"/dev/fd/{copy.fileno()}"],
                pass_fds=[copy.fileno()],
                stdout=mouth,
                stderr=mouth,
                timeout=_PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Volume()
        text = said.read1(_ANSWER_BYTES).decode(errors="replace")
    if blkid.returncode not in _ANSWERS:
        raise OSError(f"blkid cannot look at it: {text[:200]!r}")
    found = dict(line.partition("=")[::2] for line in text.splitlines())
    kind, version, uuid = (found.get(key, "")[:64] for key in ("TYPE", "VERSION", "UUID"))
    if re.fullmatch(r"[a-z0-9]{1,16}", kind) is None:
        return Volume()
    return Volume(kind, version, uuid if uuid.isprintable() else "")


def _copied(device: int) -> int:
    """Return a copy in memory of the medium's ends, as large as the medium; between is a hole."""
    size_bytes = os.lseek(device, 0, os.SEEK_END)
    copy = os.memfd_create("medium", os.MFD_CLOEXEC)
    try:
        os.ftruncate(copy, size_bytes)
        for at in {0, max(0, size_bytes - _COPIED_BYTES)}:
            os.pwrite(copy, os.pread(device, _COPIED_BYTES, at), at)
    except OSError:
        os.close(copy)
        raise
    return copy


def is_dirty(device: int, *, volume: Volume) -> bool:
    """Return whether it says that it was not closed properly, or met an error; raises OSError."""
    boot = os.pread(device, 512, 0).ljust(512, b"\0")
    if volume.file_system == "exfat":
        return bool(boot[106] & _EXFAT_DIRTY_OR_FAILED)
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
