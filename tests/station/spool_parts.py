"""What the spool's tests share: clips made of bytes, a spool to try, disks that fail, mounts."""

import errno
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from dockd.core import naming
from dockd.core.clip import Clip, Part
from dockd.core.sidecar import Sidecar
from dockd.ports.spool import Copied, CopyTarget, Keeping, Proof
from dockd.station.spool.directory import DirectorySpool, Pace
from dockd.station.spool.disk import Disk

PART = 64 * 1024
DOCKING = "20261123T015900Z-7f3a91c2"


def content_of(size_bytes: int, *, seed: int = 1) -> bytes:
    """Return bytes that repeat nowhere, the same for the same seed."""
    return hashlib.shake_256(seed.to_bytes(4, "big")).digest(size_bytes)


def clip_of(
    content: bytes, *, number: int = 1, path: bytes = b"DCIM/clip.mp4", camera: str = "BWC-1"
) -> Clip:
    """Return the clip that a first sighting of ``content`` would begin."""
    return Clip(
        number=number,
        camera=camera,
        docking=DOCKING,
        slot="A1",
        path=path,
        size_bytes=len(content),
        mtime_ns=1_763_862_000_000_000_000,
        birth_docking=DOCKING,
    )


def proven(clip: Clip, proof: Proof) -> Clip:
    """Return ``clip`` as its verification leaves it."""
    return replace(
        clip,
        copied=True,
        sha256=proof.sha256,
        xxh128=proof.xxh128,
        key=naming.store_key(clip.camera, sha256=proof.sha256, path=clip.path),
        part_size_bytes=proof.part_size_bytes,
        part_sha256=proof.part_sha256,
        stored_size_bytes=proof.size_bytes,
        proof=proof.method,
        partial=proof.size_bytes < clip.size_bytes,
    )


def sidecar_of(clip: Clip) -> Sidecar:
    """Return the sidecar of a proven clip."""
    return Sidecar(
        clip=clip, recorded_at="2026-11-23T01:00:00Z", verified_at="2026-11-23T02:00:00Z"
    )


def source_of(tmp_path: Path, content: bytes) -> Path:
    """Write what the camera holds, and return its path."""
    source = tmp_path / "source"
    source.write_bytes(content)
    return source


class Unhurried:
    """A pacer that never waits and counts what is read."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def before_read(self, size_bytes: int) -> None:
        self.read_bytes += size_bytes


@dataclass(slots=True)
class Attempt:
    """One copy as a stage would run it: what was durable, and how much was read."""

    spool: DirectorySpool
    clip: Clip
    source: Path
    stop: Callable[[], bool] = lambda: False
    durable: list[Part] = field(default_factory=list)
    pacer: Unhurried = field(default_factory=Unhurried)
    target: CopyTarget | None = None

    def run(self) -> Copied:
        self.target = self.spool.claim(self.clip)
        descriptor = os.open(self.source, os.O_RDONLY)
        try:
            return self.spool.copy(
                descriptor,
                clip=self.clip,
                target=self.target,
                stop=self.stop,
                pacer=self.pacer,
                durable=self.durable.extend,
            )
        finally:
            os.close(descriptor)
            self.spool.release(self.target)


def never() -> bool:
    """Say that nothing needs to stop."""
    return False


def stop_after(reads: int) -> Callable[[], bool]:
    """Return a stop flag that is raised after so many reads."""
    left = iter(range(reads))
    return lambda: next(left, None) is None


def spool_at(path: Path, *, reserve_bytes: int = 0, disk: Disk | None = None) -> DirectorySpool:
    """Return an adopted spool with small parts, each made durable by itself."""
    spool = DirectorySpool(
        path,
        reserve_bytes=reserve_bytes,
        expected_spool_id=None,
        pace=Pace(part_size=PART, sync_every_s=0.0),
        disk=disk,
    )
    spool.adopt()
    return spool


def kept(spool: DirectorySpool, clip: Clip, *, source: Path) -> Clip:
    """Copy, prove and keep a clip; return it as proven."""
    copied = Attempt(spool, clip, source).run()
    proof = spool.prove(clip, part_name=copied.part_name, size_bytes=copied.size_bytes, stop=never)
    done = proven(clip, proof)
    spool.keep(Keeping(part_name=copied.part_name, sidecar=sidecar_of(done)))
    return done


def sha256(content: bytes) -> str:
    """Return the SHA-256 of ``content`` in hex."""
    return hashlib.sha256(content).hexdigest()


def part_digests(content: bytes) -> tuple[str, ...]:
    """Return the SHA-256 of every part of ``content``; an empty one is one empty part."""
    return tuple(
        sha256(content[offset : offset + PART]) for offset in range(0, len(content) or 1, PART)
    )


class FailingDisk(Disk):
    """A disk whose syncs and writes fail as told; everything else is real."""

    def __init__(self, *, sync_fails: Sequence[int] = (), write_errno: int = 0) -> None:
        self.syncs = 0
        self._sync_fails = frozenset(sync_fails)
        self._write_errno = write_errno

    def write(self, descriptor: int, content: memoryview, *, offset: int) -> None:
        if self._write_errno and offset > 0:
            raise OSError(self._write_errno, os.strerror(self._write_errno))
        super().write(descriptor, content, offset=offset)

    def sync_data(self, descriptor: int) -> None:
        self._count()
        super().sync_data(descriptor)

    def sync(self, descriptor: int) -> None:
        self._count()
        super().sync(descriptor)

    def _count(self) -> None:
        self.syncs += 1
        if self.syncs in self._sync_fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


@contextmanager
def mounted(*arguments: str, at: Path) -> Iterator[Path]:
    """Mount something real for the length of the context."""
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", *arguments, str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)
