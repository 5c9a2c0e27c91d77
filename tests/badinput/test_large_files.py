"""A file beyond four GiB, whole: no size, offset or part has only 32 bits on its way."""

import os
from pathlib import Path

import pytest

from tests.badinput.scene import scene
from tests.daemon.rooms import Share, sha256_of
from tests.daemon.world import BIG, MIB, SMALL

# Each byte is read five times on its way.
pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(500)]

LARGE_BYTES = (1 << 32) + 3 * MIB + 7
# What is told apart where something counts in 32 bits, signed or not; all else is a hole.
MARKED = {
    0: b"begin",
    (1 << 31) - 3: b"signed",
    (1 << 32) - 3: b"unsigned",
    LARGE_BYTES - 3: b"end",
}


def test_a_file_beyond_four_gib_arrives_whole(tmp_path: Path) -> None:
    """It is in the store under its own digest, and it is cleared like any other."""
    share = Share(tmp_path)
    with scene(tmp_path, room=share) as at:
        at.station.start()
        serial = at.world.film({SMALL: 5})
        film(at.world.file(serial, BIG))
        expected = sha256_of(at.world.file(serial, BIG))
        at.world.dock(serial, "A1")
        # Each of these reads it whole, and is waited for by itself.
        for kind in ("part-spooled", "clip-verified", "receipt-accepted"):
            at.station.happened(kind, count=2)
        at.station.happened("docking-cleared")
        stored = share.path_of(f"{serial}/{expected}/{BIG}")
        assert stored.stat().st_size == LARGE_BYTES
        with stored.open("rb") as file:
            found = {at: os.pread(file.fileno(), len(mark), at) for at, mark in MARKED.items()}
        assert found == MARKED
        assert not at.world.file(serial, BIG).exists()
        at.station.stop()


def film(path: Path) -> None:
    """Write a sparse file with its marks."""
    with path.open("xb") as file:
        for offset, mark in MARKED.items():
            os.pwrite(file.fileno(), mark, offset)
    assert path.stat().st_size == LARGE_BYTES
