"""The demo's night: it shows what the charge plan made of it, and it can fail."""

from collections.abc import Sequence
from io import StringIO

import pytest
from rich.console import Console

from dockd.simulator.charging import CameraNight, Night, night
from dockd.simulator.closing import show_night


def docked(cameras: int) -> dict[str, Sequence[str]]:
    """Return the slots of some cameras; the first was docked in two."""
    return {f"BWC-{number}": ("A0", f"A{number + 1}") for number in range(cameras)}


@pytest.mark.parametrize("cameras", [2, 8])
def test_every_camera_of_the_demo_is_ready_with_power_for_half_of_them(cameras: int) -> None:
    """Within the budget, and with less time above 80 % than where the first come is served."""
    slots = [f"A{number}" for number in range(cameras + 1)]
    came = night(docked(cameras), slots=slots, seed=23)
    assert came.complaints() == []
    assert came.ready == cameras
    assert 0 < came.peak_w <= came.reserved_w <= came.budget_w == (cameras // 2) * 7.5
    assert came.above80_h < 0.7 * came.today_above80_h
    assert [each.slot for each in came.cameras] == slots[1:]
    assert all(each.held_s > 3600 for each in came.cameras)


def made(*, percent: float = 99.0, peak_w: float = 7.0, reserved_w: float = 7.5) -> Night:
    """Return a night of one camera and a budget of 7.5 W."""
    one = CameraNight(camera="BWC-1", slot="A1", docked_percent=10, percent=percent)
    return Night(cameras=[one], budget_w=7.5, peak_w=peak_w, reserved_w=reserved_w)


@pytest.mark.parametrize(
    ("came", "complaints"),
    [
        (made(), []),
        (made(percent=94.0), ["BWC-1 has 94 % at its shift, not 95 %"]),
        (made(peak_w=8.0), ["8.0 W were given of a budget of 7.5 W"]),
        (made(reserved_w=15.0), ["15.0 W were given of a budget of 7.5 W"]),
    ],
)
def test_a_camera_that_is_not_ready_or_a_watt_too_many_fails_the_demo(
    came: Night, complaints: list[str]
) -> None:
    """What batteries and ports show is held against the budget and the start of the shift."""
    assert came.complaints() == complaints


def test_the_night_is_shown_with_what_it_came_to() -> None:
    """A row for the camera, and watts, hours and readiness in one line."""
    console = Console(file=StringIO(), width=100)
    show_night(console, made(percent=60.0))
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert "BWC-1" in shown
    assert "never" in shown
    assert "charging: 0 of 1 cameras ready at 06:00; at most 7.0 W drawn" in shown
