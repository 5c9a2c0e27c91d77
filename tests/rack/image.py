"""The guest's root file system: built once with mmdebstrap, and kept by what it is made of."""

import fcntl
import gzip
import hashlib
import inspect
import lzma
import os
import secrets
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build" / "rack"

_GUEST = Path(__file__).with_name("guest")
_SUITE = "bookworm"
_SIZE = "4G"
# Fields of a kernel's setup header: how many sectors it has, and where the kernel lies behind it.
_SETUP_SECTORS = 0x1F1
_PAYLOAD = 0x248
# It ends with us, its children too, and nobody else sees what it mounts: a build that was killed
# must neither write into the next one's folder nor leave /proc and /sys in what is then removed.
_ALONE = (
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc"),
    *("--kill-child=KILL", "--"),
)


@dataclass(frozen=True)
class Image:
    """What a machine boots from: a disk that is never written, and its kernel."""

    disk: Path
    kernel: Path
    initrd: Path


def base_image() -> Image:
    """Return the base system's image; build it when there is none of this content yet.

    Raises:
        RuntimeError: What mmdebstrap or one of its companions complained about.
    """
    with kept("base", key=_content(_GUEST)) as (folder, is_new):
        if is_new:
            _build(folder)
    return Image(folder / "root.qcow2", folder / "vmlinux", folder / "initrd.cpio")


@contextmanager
def kept(name: str, *, key: str) -> Iterator[tuple[Path, bool]]:
    """Give the folder of the cache that holds this content, and whether it has yet to be filled.

    One process fills it while others wait. What was left by a filling that failed is thrown away,
    and so is what older content of the same name left behind.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"{name}-{key[:16]}"
    done = folder / "done"
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_new = not done.exists()
        if is_new:
            for old in CACHE.glob(f"{name}-*"):
                shutil.rmtree(old)
            folder.mkdir()
        yield folder, is_new
        done.touch()


def hash_of(*paths: Path, parts: Sequence[str] = ()) -> str:
    """Name the content of some files, and of some words beside them."""
    digest = hashlib.sha256(repr(tuple(parts)).encode())
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def run(*command: str | Path, log: Path) -> None:
    """Run a program to its end, its output kept in a file.

    Raises:
        RuntimeError: It failed; the end of its output says why.
    """
    with log.open("ab") as out:
        result = subprocess.run(
            (*_ALONE, *command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            check=False,
        )
    if result.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{log.read_text(errors='replace')[-3000:]}")


def _content(folder: Path) -> str:
    """Hash a folder: every name, mode, link and byte in it, and how the image is made of it."""
    making = inspect.getsource(_build) + inspect.getsource(_kernel_in)
    digest = hashlib.sha256(making.encode())
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        content = str(path.readlink()).encode() if path.is_symlink() else b""
        content = path.read_bytes() if path.is_file() else content
        digest.update(f"{path.relative_to(folder)} {mode:o} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _build(folder: Path) -> None:
    if os.geteuid() != 0:
        raise RuntimeError("the rack's image is built by root, who owns the files in it")
    tree, raw, log = folder / "tree", folder / "root.raw", folder / "build.log"
    lines = (_GUEST / "packages").read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    run(
        "mmdebstrap",
        "--variant=minbase",
        "--mode=root",
        f"--include={','.join(packages)}",
        # Before the packages: what the kernel's own hooks read while they make the initrd.
        f"--essential-hook=sync-in {_GUEST / 'tree'} /",
        f'--customize-hook={_GUEST / "customize"} "$1"',
        _SUITE,
        tree,
        log=log,
    )
    # After mmdebstrap, which takes it away: each guest that boots would be another machine.
    (tree / "etc/machine-id").write_text(f"{secrets.token_hex(16)}\n")
    # Unpacked once, and not at every boot under emulation, which takes it three seconds.
    (folder / "vmlinux").write_bytes(_kernel_in((tree / "vmlinuz").read_bytes()))
    (folder / "initrd.cpio").write_bytes(gzip.decompress((tree / "initrd.img").read_bytes()))
    run("mke2fs", "-q", "-t", "ext4", "-L", "rack", "-d", tree, raw, _SIZE, log=log)
    run("qemu-img", "convert", "-O", "qcow2", raw, folder / "root.qcow2", log=log)
    raw.unlink()
    shutil.rmtree(tree)


def _kernel_in(image: bytes) -> bytes:
    """Return the kernel itself out of a bzImage (Linux, Documentation/arch/x86/boot.rst).

    QEMU enters it by its PVH note, as a hypervisor does.
    """
    sectors = image[_SETUP_SECTORS] or 4
    at, length = struct.unpack_from("<II", image, _PAYLOAD)
    start = (sectors + 1) * 512 + at
    # Behind the compressed stream lies its size, which a decompressor leaves alone.
    return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(image[start : start + length])
