"""The package, built once, and systems to look at it in."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package.debian import ROOT, Debian, layer_over, minimal


@pytest.fixture(scope="session")
def deb() -> Path:
    """Return the package of this tree, as `make deb` builds it."""
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    made = subprocess.run(
        ["make", "--no-print-directory", "deb"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return ROOT / made.stdout.splitlines()[-1]


@pytest.fixture(scope="session")
def contents(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with what is in the package, its control files below DEBIAN."""
    folder = tmp_path_factory.mktemp("contents")
    subprocess.run(["dpkg-deb", "--raw-extract", deb, folder], check=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def installed(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    """Return a minimal Debian in which the package was installed, for looking only."""
    with layer_over(minimal(), tmp_path_factory.mktemp("installed")) as debian:
        debian.install(deb)
        yield debian


@pytest.fixture
def debian(installed: Debian, tmp_path: Path) -> Iterator[Debian]:
    """Return a system with the package that a test may change."""
    with layer_over(installed, tmp_path) as own:
        yield own
