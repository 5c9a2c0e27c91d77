"""The bound that the charge rows are measured against is right, and no simulation is above it."""

from itertools import pairwise

import pytest

from tests.bench.charge import SHORT, plan_of, simulate, today_of
from tests.bench.charge_bound import Need, most_ready


@pytest.mark.parametrize(
    ("needs", "ports", "most"),
    [
        # McNaughton: three times two hours on two ports in three hours, by taking turns.
        ([(0, 2), (0, 2), (0, 2)], 2, 3),
        ([(0, 2), (0, 2), (0, 3)], 2, 2),
        # No camera is on two ports at once.
        ([(0, 4)], 8, 0),
        # Who comes late has less time, and the port was idle before.
        ([(1, 2), (1, 2)], 1, 1),
        ([(0, 1), (1, 2)], 1, 2),
        ([(2, 1.5), (0, 2.5)], 1, 1),
        ([(5, 0)], 1, 1),
        ([], 1, 0),
    ],
)
def test_the_bound_is_what_ports_can_do_in_three_hours(
    needs: list[tuple[float, float]], ports: int, most: int
) -> None:
    """It counts as many cameras as can be ready by taking turns, and not one more."""
    jobs = [Need(from_s=from_h * 3600, takes_s=takes_h * 3600) for from_h, takes_h in needs]
    assert most_ready(jobs, ports=ports, until_s=3 * 3600) == most


@pytest.mark.parametrize(("copies_s", "most"), [(0.0, 2), (600.0, 1)])
def test_the_footage_of_cameras_that_will_not_be_ready_is_copied_all_the_same(
    copies_s: float, most: int
) -> None:
    """Of three at one port two could be ready, if nobody had to copy what is on the third."""
    jobs = [Need(from_s=0, takes_s=1.5 * 3600, copies_s=copies_s) for _ in range(3)]
    assert most_ready(jobs, ports=1, until_s=3 * 3600) == most
    # What is charged is copied meanwhile.
    assert most_ready(jobs[1:], ports=1, until_s=3 * 3600) == 2


def test_more_ports_are_never_worse() -> None:
    """Every further port has at least as many cameras ready."""
    jobs = [Need(from_s=n * 600, takes_s=3600 + n * 1200) for n in range(7)]
    counts = [most_ready(jobs, ports=ports, until_s=9000) for ports in range(1, 8)]
    assert all(fewer <= more for fewer, more in pairwise(counts))


def test_in_a_short_night_the_plan_has_no_fewer_cameras_ready_than_first_come() -> None:
    """One night of a seed: within the bound, within the budget, and not fewer than the peer."""
    ours, today = (simulate(1, scene=SHORT, decider=each, nights=1) for each in (plan_of, today_of))
    assert today.ready <= ours.ready <= ours.possible
    assert ours.peak_w <= SHORT.budget_w
