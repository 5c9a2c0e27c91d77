"""One real S3 server for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.conformance.far_sides import new_bucket
from tests.fakes.servers import S3Server, seaweedfs


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A running SeaweedFS."""
    with seaweedfs(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture(scope="session")
def versioned_bucket(weed: S3Server) -> str:
    """A bucket that keeps every version, so that nothing sent twice can hide."""
    return new_bucket(weed, versioned=True)
