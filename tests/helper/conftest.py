"""What the tests of the helper share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helper.scene import LoopDisk, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Yield a helper over two empty slots; it leaves nothing writable."""
    scene = Scene(tmp_path)
    yield scene
    scene.service.close()


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Callable[..., LoopDisk]]:
    """Yield a maker of formatted loop devices, which are detached at the end."""
    made: list[LoopDisk] = []

    def make(*, partitions: int = 0, others: int = 0) -> LoopDisk:
        image = tmp_path / f"medium-{len(made)}"
        made.append(LoopDisk(image, partitions=partitions, others=others))
        return made[-1]

    yield make
    for disk in made:
        disk.detach()
