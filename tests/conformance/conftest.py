"""The real servers of the conformance suites, one of each for a whole run."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
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
from tests.conformance.tus_sides import (
    SeaweedTusFarSide,
    node_far_side,
    resumable_far_side,
    with_receipts,
)
from tests.fakes.servers import (
    S3Server,
    TusServer,
    node_tus,
    rclone_s3,
    resumable_upload,
    seaweedfs,
)


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


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TusServer]:
    """The tus project's own server, whose locations are absolute."""
    with node_tus(tmp_path_factory.mktemp("node-tus")) as server:
        yield server


@pytest.fixture(scope="session")
def node_relative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TusServer]:
    """The same, whose locations are relative, as behind a proxy that it knows nothing of."""
    with node_tus(tmp_path_factory.mktemp("node-tus"), relative=True) as server:
        yield server


@pytest.fixture(scope="session")
def resumable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TusServer]:
    """PyPI's tus server, which compares checksums."""
    with resumable_upload(tmp_path_factory.mktemp("resumable")) as server:
        yield server


def _seaweed_case(name: str) -> object:
    # One group, so that one worker starts the server and runs all its tests.
    marks = [pytest.mark.real, pytest.mark.xdist_group("seaweedfs")]
    return pytest.param(name, id=name, marks=marks)


def _rclone_case(name: str) -> object:
    marks = [pytest.mark.real, pytest.mark.xdist_group("rclone")]
    return pytest.param(name, id=name, marks=marks)


def _tus_case(name: str) -> object:
    marks = [pytest.mark.real, pytest.mark.xdist_group("tus")]
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
        _seaweed_case("seaweedfs-tus"),
        _tus_case("tus"),
        _tus_case("tus-wrapped"),
        _tus_case("tus-checksums"),
        _tus_case("tus-receipts-key-json"),
        _tus_case("tus-receipts-upload-repr"),
    ]
)
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FarSide]:
    """Each far side in turn, empty."""
    name: str = request.param
    if name.startswith("tus-receipts"):
        field, how = name.removeprefix("tus-receipts-").split("-")
        server: TusServer = request.getfixturevalue("node_relative")
        with with_receipts(server, tmp_path, field=f"{{{field}}}", how=how) as side:
            yield side
    else:
        yield _SIDES[name](request, tmp_path)


def _rclone_side(request: pytest.FixtureRequest, folder: Path, *, read_back: bool) -> FarSide:
    server: S3Server = request.getfixturevalue("rclone")
    return S3FarSide(
        server=server,
        credentials=server.credentials_file(folder),
        bucket=new_bucket(server),
        strength="digest" if read_back else "size",
        refuses_wrong_bytes=False,
        replaces=True,
        read_back="when-unproven" if read_back else "never",
    )


def _seaweed_side(request: pytest.FixtureRequest, folder: Path, *, locked: bool = False) -> FarSide:
    server: S3Server = request.getfixturevalue("seaweed")
    buckets: dict[bool, str] = request.getfixturevalue("buckets")
    return S3FarSide(
        server=server,
        credentials=server.credentials_file(folder),
        bucket=buckets[locked],
        lock_days=1 if locked else 0,
        # It appends ".versions" to the name and keeps to its own limit of 255.
        longest_name_bytes=246 if locked else 255,
    )


def _seaweed_tus(request: pytest.FixtureRequest, _: Path) -> FarSide:
    server: S3Server = request.getfixturevalue("seaweed")
    return SeaweedTusFarSide(filer=server.filer, root="tus-footage")


def _node_side(request: pytest.FixtureRequest, _: Path) -> FarSide:
    return node_far_side(request.getfixturevalue("node"))


_SIDES: Mapping[str, Callable[[pytest.FixtureRequest, Path], FarSide]] = {
    "memory": lambda *_: MemoryFarSide(),
    "memory-wrapped": lambda *_: WrappedFarSide(MemoryFarSide()),
    "directory": lambda _, folder: DirectoryFarSide(folder),
    "seaweedfs": _seaweed_side,
    "seaweedfs-locked": partial(_seaweed_side, locked=True),
    "seaweedfs-wrapped": lambda *at: WrappedFarSide(_seaweed_side(*at)),
    "seaweedfs-tus": _seaweed_tus,
    "rclone": partial(_rclone_side, read_back=False),
    "rclone-read-back": partial(_rclone_side, read_back=True),
    "tus": _node_side,
    "tus-wrapped": lambda *at: WrappedFarSide(_node_side(*at)),
    "tus-checksums": lambda request, _: resumable_far_side(request.getfixturevalue("resumable")),
}
