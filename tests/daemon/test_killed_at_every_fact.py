"""Killed at every fact: promises 1 and 2 of DESIGN.md, on the daemon as a process.

Every kind of fact in the table has a scenario that leads to it; the process is killed with
SIGKILL right before the commit that makes it durable, started again, killed right after it, and
started once more. At each death, and at the end, the world is held against the promises.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from dockd.core.facts import FACTS
from dockd.station.ledger import fault_points
from tests.daemon.conftest import FIRED, HAPPENED
from tests.daemon.harness import StationProcess, station
from tests.daemon.rooms import Bucket, Room, Share
from tests.daemon.scenarios import JOURNEY, JOURNEY_FACTS, LEADS_TO, NEVER_CAME_BACK, Scenario
from tests.daemon.world import World

Record = Callable[[str, object], None]
pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(400)]

_AGAIN = [
    (kind, number)
    for kind, count in {**JOURNEY_FACTS, "part-spooled": 2}.items()
    for number in range(2, count + 1)
]
# What a far side takes part in, and what follows from that: tried on a real S3 server as well.
_AT_THE_STORE = [
    "holds-listed",
    "command-taken",
    "store-probed",
    "checkpointed",
    "transfer-queued",
    "upload-creating",
    "upload-opened",
    "part-sending",
    "part-stored",
    "part-unsent",
    "object-finalizing",
    "object-confirming",
    "receipt-accepted",
    "wipe-intended",
    "clip-wiped",
]
# A share tells no time: on a box whose clock nobody disciplines no list of holds counts there, nor
# does a command.
_NO_SHARE = ["holds-listed", "command-taken"]


def _scenario_of(kind: str) -> Scenario:
    return LEADS_TO.get(kind, JOURNEY)


def _live_through(
    folder: Path, scenario: Scenario, *, room: Room, faults: list[str], record: Record
) -> StationProcess:
    """Live a scenario through with faults, to its good end."""
    world = World(folder, room=room)
    with station(world, settings=scenario.settings, faults=faults) as process:
        scenario.run(process, world, room)
        if process.faults:
            # The last act of a run: the second fault comes at the end of the next one.
            process.start()
            process.stop()
        world.check_finished()
    record(FIRED, [f"{fault.split(':')[0]} {fault.split(':')[2]}" for fault in process.fired])
    record(HAPPENED, dict(process.facts()))
    return process


def test_every_fact_has_a_scenario() -> None:
    """A new kind of fact is a new fault point, and nobody forgets to lead a station to it."""
    assert set(fault_points()) == set(FACTS) == set(LEADS_TO) | set(JOURNEY_FACTS)


def test_an_ordinary_day_is_what_it_is_said_to_be(tmp_path: Path, record_property: Record) -> None:
    """The table of how often each fact happens on an ordinary day is true."""
    lived = _live_through(
        tmp_path, JOURNEY, room=Share(tmp_path), faults=[], record=record_property
    )
    assert dict(lived.facts()) == dict(JOURNEY_FACTS)


@pytest.mark.parametrize("kind", [kind for kind in fault_points() if kind not in _NO_SHARE])
def test_killed_right_before_and_right_after(
    kind: str, tmp_path: Path, record_property: Record
) -> None:
    """Whichever fact a kill comes at, nothing is lost, doubled or cleared without both keys."""
    faults = [f"{kind}:1:kill-before", f"{kind}:1:kill"]
    lived = _live_through(
        tmp_path, _scenario_of(kind), room=Share(tmp_path), faults=faults, record=record_property
    )
    assert lived.fired == faults


@pytest.mark.parametrize(("kind", "number"), _AGAIN)
def test_killed_at_a_later_one(
    kind: str, number: int, tmp_path: Path, record_property: Record
) -> None:
    """With some clips, parts and receipts done and others not, every restart goes on from there."""
    faults = [f"{kind}:{number}:kill"]
    lived = _live_through(
        tmp_path, _scenario_of(kind), room=Share(tmp_path), faults=faults, record=record_property
    )
    assert lived.fired == faults


@pytest.mark.parametrize("kind", ["clip-verified", "part-spooled", "transfer-queued"])
def test_killed_over_what_is_left_of_a_clip(
    kind: str, tmp_path: Path, record_property: Record
) -> None:
    """What a camera left behind when it was pulled becomes one partial piece of evidence."""
    faults = [f"{kind}:1:kill-before", f"{kind}:1:kill"]
    lived = _live_through(
        tmp_path, NEVER_CAME_BACK, room=Share(tmp_path), faults=faults, record=record_property
    )
    assert lived.fired == faults


@pytest.mark.xdist_group("daemon-on-seaweedfs")
@pytest.mark.parametrize("kind", _AT_THE_STORE)
def test_killed_with_a_real_store(
    kind: str, tmp_path: Path, bucket: Bucket, record_property: Record
) -> None:
    """A real S3 server ends with one version of every clip, wherever the kills came."""
    faults = [f"{kind}:1:kill-before", f"{kind}:1:kill"]
    lived = _live_through(
        tmp_path, _scenario_of(kind), room=bucket, faults=faults, record=record_property
    )
    assert lived.fired == faults
