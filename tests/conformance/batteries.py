"""What a camera family promises whose cameras say how full their batteries are.

Derive from ``BatteryConformance`` beside ``CameraConformance``, with a ``bay`` that knows where.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from dockd.core.battery import BatteryReading, ChargeSource, Nonsense
from dockd.errors import CameraGone
from tests.conformance.cameras import Bay


class BatteryBay(Bay, Protocol):
    """A bay whose camera speaks of its battery."""

    @property
    def battery_file(self) -> Path:
        """Where it does so."""


def say(bay: BatteryBay, content: bytes) -> None:
    """Have the camera say something of its battery."""
    bay.battery_file.parent.mkdir(parents=True, exist_ok=True)
    bay.battery_file.write_bytes(content)


class BatteryConformance:
    """The promises; ``bay`` is the family's fixture."""

    def test_a_charge_is_told_with_its_source_and_its_uncertainty(self, bay: BatteryBay) -> None:
        """What the camera says is quoted as the camera's, and a new saying is told from the old."""
        camera = bay.docked()
        assert camera.battery() is None
        say(bay, b" 42.5 %\r\n")
        first = camera.battery()
        assert first is not None
        assert first.reading == BatteryReading(
            percent=42.5, error_percent=3.0, source=ChargeSource.CAMERA
        )
        assert camera.battery() == first
        os.utime(bay.battery_file, ns=(1, 1))
        again = camera.battery()
        assert again is not None
        assert (again.reading, again.said != first.said) == (first.reading, True)

    def test_what_a_pulled_camera_says_of_its_battery_is_nothing(self, bay: BatteryBay) -> None:
        """A file that can still be read after its camera has left is no word of it."""
        say(bay, b"42")
        camera = bay.docked()
        bay.pull()
        with pytest.raises(CameraGone):
            camera.battery()

    @pytest.mark.parametrize(
        "content",
        [b"", b"NaN", b"400 %", b"-1", b"inf", b"1e1", b"\xff\x00" * 9, b"5" * 4096, b"4 2"],
    )
    def test_a_charge_that_cannot_be_is_no_reading(self, bay: BatteryBay, content: bytes) -> None:
        """Garbage, NaN, 400 % and what is too long are not believed, and it is said why."""
        say(bay, content)
        word = bay.docked().battery()
        assert word is not None
        assert isinstance(word.reading, Nonsense)
        assert word.reading.reason.isprintable()

    def test_a_charge_is_read_from_a_file_and_through_no_link(
        self, bay: BatteryBay, tmp_path: Path
    ) -> None:
        """A link, a fifo and a folder say nothing, hold nobody up, and end nothing."""
        (tmp_path / "secret").write_bytes(b"42")
        camera, file = bay.docked(), bay.battery_file
        file.parent.mkdir(exist_ok=True)
        makers: list[tuple[Callable[[], None], Callable[[], None]]] = [
            (lambda: file.symlink_to(tmp_path / "secret"), file.unlink),
            (lambda: os.mkfifo(file), file.unlink),
            (file.mkdir, file.rmdir),
        ]
        for make, remove in makers:
            make()
            word = camera.battery()
            assert word is not None
            assert isinstance(word.reading, Nonsense)
            remove()
        assert camera.battery() is None
        assert not camera.is_troubled()
