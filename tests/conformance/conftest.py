"""The real servers of the conformance suites, one of each for a whole run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.far_sides import (
    DirectoryFarSide,
    FarSide,
    MemoryFarSide,
    S3FarSide,
    WrappedFarSide,
    new_bucket,
)
from tests.fakes.servers import S3Server, rclone_s3, seaweedfs


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A running SeaweedFS."""
    with seaweedfs(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def buckets(seaweed: S3Server) -> dict[bool, str]:
    """One bucket without and one with versions and locks: SeaweedFS runs out of volumes soon."""
    return {versioned: new_bucket(seaweed, versioned=versioned) for versioned in (False, True)}


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A running `rclone serve s3`."""
    with rclone_s3(tmp_path_factory.mktemp("rclone")) as server:
        yield server


def _seaweed_case(name: str) -> object:
    # One group, so that one worker starts the server and runs all its tests.
    marks = [pytest.mark.real, pytest.mark.xdist_group("seaweedfs")]
    return pytest.param(name, id=name, marks=marks)


def _rclone_case(name: str) -> object:
    marks = [pytest.mark.real, pytest.mark.xdist_group("rclone")]
    return pytest.param(name, id=name, marks=marks)


@pytest.fixture(
    params=[
        "memory",
        "memory-wrapped",
        "directory",
        _seaweed_case("seaweedfs"),
        _seaweed_case("seaweedfs-locked"),
        _seaweed_case("seaweedfs-wrapped"),
        _rclone_case("rclone"),
        _rclone_case("rclone-read-back"),
    ]
)
def far(request: pytest.FixtureRequest, tmp_path: Path) -> FarSide:
    """Each far side in turn, empty."""
    match request.param:
        case "memory":
            return MemoryFarSide()
        case "memory-wrapped":
            return WrappedFarSide(MemoryFarSide())
        case "directory":
            return DirectoryFarSide(tmp_path)
        case str(name) if name.startswith("seaweedfs"):
            buckets: dict[bool, str] = request.getfixturevalue("buckets")
            server: S3Server = request.getfixturevalue("seaweed")
            return _on_seaweedfs(name, server, tmp_path, buckets=buckets)
        case name:
            server = request.getfixturevalue("rclone")
            read_back = name == "rclone-read-back"
            return S3FarSide(
                server=server,
                credentials=server.credentials_file(tmp_path),
                bucket=new_bucket(server),
                strength="digest" if read_back else "size",
                refuses_wrong_bytes=False,
                replaces=True,
                read_back="when-unproven" if read_back else "never",
            )


def _on_seaweedfs(
    name: str, server: S3Server, folder: Path, *, buckets: dict[bool, str]
) -> FarSide:
    locked = name == "seaweedfs-locked"
    side = S3FarSide(
        server=server,
        credentials=server.credentials_file(folder),
        bucket=buckets[locked],
        lock_days=1 if locked else 0,
        # It appends ".versions" to the name and keeps to its own limit of 255.
        longest_name_bytes=246 if locked else 255,
    )
    return WrappedFarSide(side) if name == "seaweedfs-wrapped" else side
