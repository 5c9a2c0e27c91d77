"""What is on a camera's medium, found out without trusting it.

blkid reads hostile bytes in C, so it never sees the device: it runs without any privilege, with
none to gain and with limits, on a sealed copy of the medium's first and last MiB.
Sources: Microsoft's FAT specification (fatgen103) and exFAT specification; fs/fat and fs/exfat.
"""

import fcntl
import os
import re
import subprocess
from dataclasses import dataclass
from typing import Final

from dockd.errors import Refused

_COPIED_BYTES: Final = 1 << 20
_PATIENCE_S: Final = 10
_ANSWER_BYTES: Final = 4096
# The unit runs the helper as a user of its own, whose children have no privileges
# (`linux.leave_children_nothing`). Root's would have some: started as root, it sheds that here.
_AS_NOBODY: Final = (
    *("/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
    "--no-new-privs",
)
_SANDBOX: Final = (
    *(() if os.geteuid() else _AS_NOBODY),
    *("/usr/bin/prlimit", "--cpu=5", "--as=268435456", "--nofile=16", "--core=0"),
    f"--fsize={_ANSWER_BYTES}",
)
# blkid(8): nothing recognised, and several things at once.
_NOTHING_FOUND: Final = (2, 8)
_FAT12_MOST_CLUSTERS: Final = 0xFF4
_DIRTY_STATE: Final = 0x01
_EXFAT_DIRTY_OR_FAILED: Final = 0x02 | 0x04


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What blkid says of a file system; label and uuid are None where there is none."""

    file_system: str
    label: str | None
    uuid: str | None


def probe(device: int) -> Volume | None:
    """Return which file system is on the medium open as `device`, or None where that is unclear.

    Raises:
        OSError: It cannot be read.
        Refused: blkid cannot be run.
    """
    copy = _sealed_copy(device)
    answer = os.memfd_create("blkid-answer")
    try:
        blkid = subprocess.run(  # noqa: S603 - a constant command; only the number of the descriptor varies
            [*_SANDBOX, "/usr/sbin/blkid", "-p", "-o", "export", f"/proc/self/fd/{copy}"],
            pass_fds=(copy,),
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=answer,
            env={"LC_ALL": "C"},
            cwd="/",
            timeout=_PATIENCE_S,
            check=False,
        )
        said = os.pread(answer, _ANSWER_BYTES, 0).decode(errors="replace")
    except subprocess.TimeoutExpired:
        return None
    finally:
        os.close(copy)
        os.close(answer)
    if blkid.returncode not in {0, *_NOTHING_FOUND}:
        raise Refused(f"blkid cannot look at it: {said[:200]!r}", slug="camera-media-refused")
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
    kind = found.get("TYPE", "")
    if re.fullmatch(r"[a-z0-9]{1,16}", kind) is None:
        return None
    label = found.get("LABEL") or found.get("LABEL_FATBOOT")
    return Volume(file_system=kind, label=_text(label), uuid=_text(found.get("UUID")))


def _text(value: str | None) -> str | None:
    return value[:64] if value and value.isprintable() else None


def is_dirty(device: int, *, file_system: str) -> bool:
    """Return whether the file system says that it was not closed properly, or met an error.

    Raises:
        OSError: It cannot be read.
    """
    boot = os.pread(device, 512, 0).ljust(512, b"\0")
    if file_system == "exfat":
        return bool(_number(boot, 106, 2) & _EXFAT_DIRTY_OR_FAILED)
    if file_system != "vfat":
        return False
    fat_at = _number(boot, 14, 2) * _number(boot, 11, 2)
    is_fat32 = _number(boot, 22, 2) == 0
    # Linux keeps the state in the boot sector, others in the two topmost bits of FAT[1]:
    # clear when not closed properly, or after an error.
    if boot[0x41 if is_fat32 else 0x25] & _DIRTY_STATE:
        return True
    if is_fat32:
        return _number(os.pread(device, 4, fat_at + 4), 0, 4) & 0x0C000000 != 0x0C000000  # noqa: PLR2004 - said above
    return _has_16_bits(boot) and _number(os.pread(device, 2, fat_at + 2), 0, 2) < 0xC000  # noqa: PLR2004 - said above


def _has_16_bits(boot: bytes) -> bool:
    sector_bytes, cluster_sectors = max(1, _number(boot, 11, 2)), max(1, boot[13])
    sectors = _number(boot, 19, 2) or _number(boot, 32, 4)
    fats = boot[16] * _number(boot, 22, 2)
    root = -(-_number(boot, 17, 2) * 32 // sector_bytes)
    clusters = (sectors - _number(boot, 14, 2) - fats - root) // cluster_sectors
    return clusters > _FAT12_MOST_CLUSTERS


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")
