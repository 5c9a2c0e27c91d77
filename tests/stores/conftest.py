"""What the tests of stores share."""

import pytest


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    """Whether the server is talked to over TLS."""
    return bool(request.param)
