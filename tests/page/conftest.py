"""One browser for all of the page's tests, in one worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.page import browser

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here: a real browser, shared by whoever runs in its worker."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.real)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Chromium that runs for as long as the tests do."""
    with browser.chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield address
