"""A minimal Debian 12 to install the package in: made once, and kept by what it is made of."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / "build" / "package"
SUITE: Final = "bookworm"
# What the package depends on (apt finds it in place and needs no network), and man to read with.
# init-system-helpers and util-linux are essential. No systemd-sysv: nothing here is ever booted.
PACKAGES: Final = (
    "ca-certificates",
    "libudev1",
    "man-db",
    "procps",
    "python3.11",
    "systemd",
    "tzdata",
    "udev",
)
# In a private mount and process namespace: what is mounted or left running ends with the command.
_ENTER: Final = (
    'mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/dev/shm" && exec chroot "$0" "$@"'
)


@dataclass(frozen=True, slots=True)
class Debian:
    """One tree of files, and what happens in it."""

    tree: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root.

        Raises:
            AssertionError: it failed; with what it said.
        """
        result = subprocess.run(
            [*self.entering(), *command],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or result.returncode == 0, (command, result.stdout, result.stderr)
        return result

    def entering(self) -> list[str]:
        """Return how a command that follows is run inside."""
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        return [*namespaces, "sh", "-c", _ENTER, str(self.tree)]

    def take(self, package: Path) -> str:
        """Put a package in; return where it is inside."""
        shutil.copy(package, self.tree / "srv" / package.name)
        return f"/srv/{package.name}"

    def install(self, package: Path, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Install, upgrade or downgrade as an admin does, without a network or questions."""
        options = ("--yes", "--allow-downgrades", "--no-install-recommends")
        return self.run(
            *("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", *options),
            *("-o", "APT::Sandbox::User=root", "-o", "Dpkg::Use-Pty=0", self.take(package)),
            check=check,
        )

    def uid(self, user: str) -> int:
        """Return the number of a user inside."""
        return int(self.run("id", "--user", user).stdout)

    def path(self, inside: str) -> Path:
        """Return where a file of the tree is outside."""
        return self.tree / inside.lstrip("/")


@contextmanager
def layer_over(debian: Debian, folder: Path) -> Iterator[Debian]:
    """Give a system that begins as another one and keeps its changes to itself, in memory."""
    layer, tree = folder / "layer", folder / "tree"
    layer.mkdir()
    tree.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", layer], check=True)
    try:
        (layer / "upper").mkdir()
        (layer / "work").mkdir()
        options = f"lowerdir={debian.tree},upperdir={layer}/upper,workdir={layer}/work"
        subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", tree], check=True)
        try:
            yield Debian(tree)
        finally:
            subprocess.run(["umount", "--lazy", tree], check=True)
    finally:
        subprocess.run(["umount", "--lazy", layer], check=True)


def minimal() -> Debian:
    """Return the bare system, never to be changed; make it when there is none of this content yet.

    Raises:
        RuntimeError: this is not root, who owns the files in it.
        CalledProcessError: mmdebstrap failed.
    """
    if os.geteuid() != 0:
        raise RuntimeError("a Debian to install the package in is made by root")
    recipe = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root"]
    recipe += [f"--include={','.join(PACKAGES)}", SUITE]
    CACHE.mkdir(parents=True, exist_ok=True)
    tree = CACHE / f"debian-{hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]}"
    with (CACHE / "debian.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.exists():
            for old in CACHE.glob("debian-*/"):
                shutil.rmtree(old)
            unfinished = CACHE / "debian-unfinished"
            subprocess.run([*recipe, unfinished], stdin=subprocess.DEVNULL, check=True)
            unfinished.rename(tree)
    return Debian(tree)
