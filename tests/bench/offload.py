"""Camera to proven copy: dockd's daemon against scripts that give the same guarantee."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from tests.bench.bench import Bench
from tests.bench.copying import COPIERS
from tests.bench.footage import fastest_folder, shoot
from tests.bench.measuring import GB, MIB, Cost, settle_disk
from tests.bench.rows import Peer, Row
from tests.bench.station import Setup, offload

CLIPS: Final = 8
CLIP_BYTES: Final = 256 * MIB
_NO_WIPE: Final = '[wipe]\nafter = "never"\n'


@contextmanager
def camera(bench: Bench, *, clips: int, clip_bytes: int) -> Iterator[Path]:
    """Make a camera full of footage in memory where there is room for it, else on the disk."""
    source = fastest_folder(clips * clip_bytes, otherwise=bench.folder)
    folder = Path(mkdtemp(prefix="dockd-bench-camera-", dir=source))
    try:
        made = folder / "BWC-000001"
        shoot(made, clips=clips, clip_bytes=clip_bytes)
        yield made
    finally:
        shutil.rmtree(folder)


def by_dockd(bench: Bench, source: Path, *, run: int) -> Cost:
    """Offload once with a station of its own, and remove its spool again."""
    folder = bench.subfolder(f"dockd-{run}")
    settle_disk()
    setup = Setup(folder=folder, rack=source.parent / "rack", more=_NO_WIPE)
    try:
        return offload(setup, source)
    finally:
        shutil.rmtree(folder)
        settle_disk()


def measure(bench: Bench) -> list[Row]:
    """Return offload.throughput and offload.cpu against each peer."""
    size_bytes = CLIPS * CLIP_BYTES
    ours: list[Cost] = []
    theirs: dict[str, list[Cost]] = {copier.name: [] for copier in COPIERS}
    with camera(bench, clips=CLIPS, clip_bytes=CLIP_BYTES) as source:
        where = "tmpfs" if source.is_relative_to("/dev/shm") else "the same disk, page cache"  # noqa: S108 - only looked at
        for run in range(bench.runs):
            ours.append(by_dockd(bench, source, run=run))
            for copier in COPIERS:
                theirs[copier.name].append(copier.copy(source, folder=bench.folder))
    told = f"dockd run, {CLIPS} clips of {CLIP_BYTES // MIB} MiB from {where}, docked by rename"
    rows = []
    for copier in COPIERS:
        costs = theirs[copier.name]
        rows.append(
            bench.row(
                f"offload.throughput.{copier.name}",
                values=[size_bytes / 1e6 / cost.wall_s for cost in ours],
                unit="MB/s",
                goal=">=1.5",
                command=told,
                peer=Peer(
                    name=copier.name,
                    values=[size_bytes / 1e6 / cost.wall_s for cost in costs],
                    command=copier.command(),
                ),
            )
        )
        rows.append(
            bench.row(
                f"offload.cpu.{copier.name}",
                values=[cost.cpu_s / size_bytes * GB for cost in ours],
                unit="CPU s/GB",
                # dockd takes the part digests as well, which cp + openssl leave to the upload.
                goal="<=1.3",
                command=told,
                peer=Peer(
                    name=copier.name,
                    values=[cost.cpu_s / size_bytes * GB for cost in costs],
                    command=copier.command(),
                ),
            )
        )
    return rows
