"""A whole daemon on an emulated hub: cuts for safety, and power that comes back bit by bit."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.powered import CAMERA_W, PoweredSlots, powered_slots
from tests.daemon.rooms import Share
from tests.daemon.scenarios import cleared
from tests.daemon.world import SMALL, World

pytestmark = [pytest.mark.real, pytest.mark.slow]

SLOTS = ("A1", "A2", "A3")
GIVE_BACK = Path(sys.executable).with_name("dockd-give-back")


def budget(slots: PoweredSlots, cameras: float) -> Settings:
    """Return a configuration with power for so many cameras."""
    return Settings(power=slots.toml(budget_w=cameras * CAMERA_W))


def all_cleared(dockd: StationProcess, world: World, slots: PoweredSlots) -> None:
    """Start with power for all, a camera in each slot, and all of them clear."""
    dockd.configure(budget(slots, len(SLOTS)))
    dockd.start()
    for slot in SLOTS:
        serial = world.film({SMALL: 1000})
        slots.put_in(serial, slot)
        cleared(dockd, world, serial)


def looked_at(dockd: StationProcess, slots: PoweredSlots, *, times: int) -> None:
    """Wait until the daemon has read its hub so often once more."""
    after = slots.hub.asked.count("health") + times
    dockd.until(lambda: slots.hub.asked.count("health") >= after, "the hub is read")


def turns_between_starts(asked: list[str]) -> list[int]:
    """Return how often the hub was read between a port that came on and the next one."""
    starts = [number for number, command in enumerate(asked) if command.startswith("mode s ")]
    return [asked[one:other].count("health") for one, other in pairwise(starts)]


def most_on(asked: list[str], *, on: int) -> int:
    """Return how many ports had power at once, at most; ``on`` had some before."""
    most = on
    for command in asked:
        on += command.startswith("mode s ") - command.startswith("mode o ")
        most = max(most, on)
    return most


def test_a_rack_that_is_too_hot_is_cut_and_comes_back_one_port_at_a_time(tmp_path: Path) -> None:
    """Above 45 C no port has power, at 43 none yet, below 42 one after the other, and it is said.

    The cut outlives whoever made it: a daemon that is killed leaves it to a safe reading.
    """
    world = World(tmp_path, room=Share(tmp_path))
    with station(world) as dockd, powered_slots(world, SLOTS) as slots:
        all_cleared(dockd, world, slots)
        slots.hub.temperature = "46.0"
        dockd.until(lambda: slots.dark() == list(SLOTS), "every port is cut")
        dockd.happened("problem-opened", slug="charge-temperature", count=len(SLOTS))
        slots.hub.temperature = "43.0"
        looked_at(dockd, slots, times=2)
        assert slots.dark() == list(SLOTS)
        before = len(slots.hub.asked)
        slots.hub.temperature = "41.0"
        dockd.until(lambda: not slots.dark(), "every port has power again")
        assert min(turns_between_starts(slots.hub.asked[before:])) >= 1
        dockd.happened("docking-continued", count=len(SLOTS))
        slots.hub.temperature = "46.0"
        dockd.until(lambda: slots.dark() == list(SLOTS), "every port is cut again")
        dockd.kill()
        subprocess.run([GIVE_BACK, str(world.folder)], check=True)
        assert slots.dark() == list(SLOTS)


def test_power_is_given_back_within_the_budget_by_the_living_and_for_the_dead(
    tmp_path: Path,
) -> None:
    """Three cameras, power for one, then for two: at no moment have more ports power than that.

    When the daemon is killed, `dockd-give-back` gives a port back only where there is room.
    """
    world = World(tmp_path, room=Share(tmp_path))
    with station(world) as dockd, powered_slots(world, SLOTS) as slots:
        all_cleared(dockd, world, slots)
        dockd.reload(budget(slots, 1))
        dockd.until(lambda: len(slots.dark()) == len(SLOTS) - 1, "there is power for one")
        before = len(slots.hub.asked)
        dockd.reload(budget(slots, 2))
        dockd.until(lambda: len(slots.dark()) == 1, "there is power for two")
        looked_at(dockd, slots, times=2)
        assert most_on(slots.hub.asked[before:], on=1) == 2
        dockd.kill()
        dark = slots.dark()
        subprocess.run([GIVE_BACK, str(world.folder)], check=True)
        assert slots.dark() == dark
        slots.take_out(next(slot for slot in SLOTS if slot not in dark))
        slots.follow()
        subprocess.run([GIVE_BACK, str(world.folder)], check=True)
        assert slots.dark() == []


def test_a_person_gives_a_slot_its_power_back_that_was_cut_for_safety(tmp_path: Path) -> None:
    """A slot that drew too much has power again by an order, before a restart of dockd and after.

    Who ordered it is on record, and while nobody does it stays dark.
    """
    world = World(tmp_path, room=Share(tmp_path))
    with station(world) as dockd, powered_slots(world, SLOTS) as slots:
        all_cleared(dockd, world, slots)

        def burn() -> None:
            usual_ma = slots.hub.ports[1].current_ma
            slots.hub.ports[1].current_ma = 3000
            dockd.until(lambda: slots.dark() == ["A1"], "the slot is cut")
            slots.hub.ports[1].current_ma = usual_ma
            looked_at(dockd, slots, times=2)
            assert slots.dark() == ["A1"]

        burn()
        dockd.order("release", "slots", "A1")
        dockd.until(lambda: not slots.dark(), "the slot has power again")
        dockd.happened("safety-cut-released", slot="A1")
        burn()
        dockd.kill()
        dockd.start()
        dockd.until(lambda: "cut-for-safety" in problems_of(dockd), "what was found is said")
        assert slots.dark() == ["A1"]
        dockd.order("release", "slots", "A1")
        dockd.until(lambda: not slots.dark(), "the slot has power again")
        dockd.until(lambda: "cut-for-safety" not in problems_of(dockd), "it is over")


def problems_of(dockd: StationProcess) -> set[str]:
    """Return the slugs of the open problems."""
    return {problem["slug"] for problem in dockd.get("/v1/problems")["problems"]}
