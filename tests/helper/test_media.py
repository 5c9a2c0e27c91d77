"""Promises about media: told by blkid in a box, and whether they were closed properly."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dockd.helper import media

pytestmark = pytest.mark.real


def formatted(file: Path, *, make: str, size: str = "64M") -> Path:
    """Return a new image of a file system."""
    subprocess.run(["truncate", "-s", size, file], check=True)
    subprocess.run([*make.split(), file], check=True, capture_output=True)
    return file


def dirty(file: Path, version: str) -> bool:
    """Ask whether an image is dirty."""
    kind = "vfat" if version else "exfat"
    opened = os.open(file, os.O_RDONLY)
    try:
        volume = media.Volume(file_system=kind, version=version, uuid="")
        return media.is_dirty(opened, volume=volume)
    finally:
        os.close(opened)


def probed(file: Path) -> media.Volume:
    """Ask what is on an image."""
    opened = os.open(file, os.O_RDONLY)
    try:
        return media.probe(opened)
    finally:
        os.close(opened)


def change(file: Path, at: int, value: bytes) -> None:
    """Write bytes into an image."""
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(value)


@pytest.mark.parametrize(
    ("make", "size", "kind", "version"),
    [
        ("mkfs.vfat -F 32 -n FOOTAGE -i 12345678", "64M", "vfat", "FAT32"),
        ("mkfs.vfat -F 16 -i 12345678", "32M", "vfat", "FAT16"),
        ("mkfs.vfat -F 12 -i 12345678", "2M", "vfat", "FAT12"),
        ("mkfs.exfat", "64M", "exfat", "1.0"),
        ("mkfs.ext4 -q", "8M", "ext4", "1.0"),
        ("mkswap", "8M", "swap", "1"),
    ],
)
def test_a_file_system_is_told(
    tmp_path: Path, make: str, size: str, kind: str, version: str
) -> None:
    """Kind, version and serial number are what the medium was formatted with."""
    volume = probed(formatted(tmp_path / "medium", make=make, size=size))
    assert (volume.file_system, volume.version) == (kind, version)
    assert volume.uuid
    if kind == "vfat":
        assert volume.uuid == "1234-5678"


@pytest.mark.parametrize(
    ("make", "size"),
    [
        ("mkfs.vfat -F 32", "64M"),
        ("mkfs.vfat -F 16", "32M"),
        ("mkfs.vfat -F 12", "2M"),
        ("mkfs.exfat", "64M"),
    ],
)
def test_a_volume_larger_than_its_medium_is_told(tmp_path: Path, make: str, size: str) -> None:
    """A medium that was cut off lacks so much, one that is whole or longer lacks nothing."""
    file = formatted(tmp_path / "medium", make=make, size=size)
    assert missing(file) == 0
    size_bytes = file.stat().st_size
    os.truncate(file, size_bytes + 4096)
    assert missing(file) == 0
    os.truncate(file, size_bytes // 2)
    assert missing(file) == size_bytes // 2


def missing(file: Path) -> int:
    """Ask how much of its volume an image lacks."""
    volume = probed(file)
    assert volume is not None
    opened = os.open(file, os.O_RDONLY)
    try:
        return media.missing_bytes(opened, volume=volume)
    finally:
        os.close(opened)


def test_what_is_unclear_is_nothing(tmp_path: Path) -> None:
    """An empty medium, noise, and one that is two things at once are none."""
    empty = tmp_path / "empty"
    empty.touch()
    assert probed(empty).file_system == "unknown"
    noise = tmp_path / "noise"
    noise.write_bytes(os.urandom(1 << 20))
    assert probed(noise).file_system == "unknown"
    both = formatted(tmp_path / "both", make="mkfs.ext4 -q", size="8M")
    fat = formatted(tmp_path / "fat", make="mkfs.vfat", size="8M")
    change(both, 0, fat.read_bytes()[:512])
    assert probed(both).file_system == "unknown"


def test_blkid_sees_a_copy_and_nothing_of_the_device(tmp_path: Path) -> None:
    """It has none of the helper's capabilities, and writes neither its copy nor another file.

    As the unit does it: a user that is not root, with ambient capabilities.
    """
    medium = formatted(tmp_path / "medium", make="mkfs.vfat", size="64M")
    tmp_path.chmod(0o755)
    medium.chmod(0o644)
    program = (
        "import os, subprocess, sys\n"
        "from dockd.helper import linux, media\n"
        "linux.leave_children_nothing()\n"
        "copy = media._copied(os.open(sys.argv[1], os.O_RDONLY))\n"
        "script = (\"grep -E '^(CapPrm|CapEff|CapAmb|NoNewPrivs)' /proc/self/status | cut -f 2;\"\n"
        "    'for n in $(ls /proc/self/fd); do readlink /proc/$$/fd/$n; done | grep -v pipe;'\n"
        "    f'for file in /proc/self/fd/{copy} $0; do (echo x >> $file) || echo refused; done')\n"
        "command = [*media._LIMITED, '/bin/sh', '-c', script, sys.argv[2]]\n"
        "subprocess.run(command, pass_fds=[copy], check=True)\n"
    )
    as_the_unit = (
        *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
        *("--inh-caps=+sys_admin,+dac_override", "--ambient-caps=+sys_admin,+dac_override"),
    )
    with tempfile.NamedTemporaryFile() as own:
        os.chown(own.name, 65534, -1)
        found = subprocess.run(
            [*as_the_unit, sys.executable, "-c", program, medium, own.name],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            capture_output=True,
            text=True,
            check=True,
        )
    assert found.stdout.split("\n") == [
        *("0000000000000000", "0000000000000000", "0000000000000000", "1"),
        "/memfd:medium (deleted)",
        *("refused", "refused", ""),
    ]


@pytest.mark.parametrize("bits", ["12", "16", "32"])
def test_a_fat_that_was_not_closed_is_dirty(tmp_path: Path, bits: str) -> None:
    """Linux's state in the boot sector counts, and what others leave in FAT[1]."""
    size = {"12": "2M", "16": "32M", "32": "64M"}[bits]
    file = formatted(tmp_path / "medium", make=f"mkfs.vfat -F {bits}", size=size)
    assert not dirty(file, f"FAT{bits}")
    state = 0x41 if bits == "32" else 0x25
    change(file, state, b"\x01")
    assert dirty(file, f"FAT{bits}")
    change(file, state, b"\x00")
    reserved = int.from_bytes(file.read_bytes()[14:16], "little") * 512
    if bits == "32":
        for top in (b"\x07", b"\x0b"):
            change(file, reserved + 7, top)
            assert dirty(file, f"FAT{bits}")
    elif bits == "16":
        for top in (b"\x7f", b"\xbf"):
            change(file, reserved + 3, top)
            assert dirty(file, f"FAT{bits}")


def test_an_exfat_that_was_not_closed_or_failed_is_dirty(tmp_path: Path) -> None:
    """VolumeDirty and MediaFailure both count."""
    file = formatted(tmp_path / "medium", make="mkfs.exfat")
    assert not dirty(file, "")
    for flags in (b"\x02", b"\x04"):
        change(file, 106, flags)
        assert dirty(file, "")


def test_a_boot_sector_of_nonsense_is_no_trap(tmp_path: Path) -> None:
    """Zeros, ones, and an end in mid-sector are read without an error."""
    for number, content in enumerate((b"", b"\0" * 512, b"\xff" * 512, b"\xff" * 30)):
        file = tmp_path / str(number)
        file.write_bytes(content)
        for bits in ("12", "16", "32"):
            dirty(file, f"FAT{bits}")
        dirty(file, "")


def test_a_medium_larger_than_memory_is_copied_in_part(tmp_path: Path) -> None:
    """Of a sparse terabyte two MiB are read."""
    file = formatted(tmp_path / "medium", make="mkfs.exfat", size="64M")
    os.truncate(file, 1 << 40)
    opened = os.open(file, os.O_RDONLY)
    copy = media._copied(opened)
    assert os.fstat(copy).st_size == 1 << 40
    assert os.fstat(copy).st_blocks * 512 <= 3 << 20
    os.close(copy)
    os.close(opened)
