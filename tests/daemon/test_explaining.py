"""What a person is told of a clip that waits: its place, whom it is behind, and about how long."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conformance.tus_sides import with_receipts
from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.rooms import Bucket, Room, Uploads
from tests.daemon.world import MIB, World
from tests.fakes.servers import node_tus

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("daemon-on-seaweedfs"),
]
# Three minutes for all of it, two clips at a time: nobody's turn comes while the test looks.
SLOWLY = Settings(rate_limit_mbit_s=4)
# In two parts: what has only one finds a lane beside these.
FILES = {f"DCIM/100MEDIA/000{number}.MP4": 17 * MIB for number in range(1, 6)}


@pytest.fixture(params=["s3", "tus"])
def room(request: pytest.FixtureRequest, tmp_path: Path, bucket: Bucket) -> Iterator[Room]:
    """The only store of a station."""
    with ExitStack() as stack:
        if request.param == "s3":
            yield bucket
            return
        server = stack.enter_context(node_tus(tmp_path, relative=True))
        yield Uploads(
            stack.enter_context(with_receipts(server, tmp_path, field="{key}", how="json"))
        )


def explained(dockd: StationProcess, clip: str) -> str:
    """Return what `dockd explain` prints of a clip, in one line."""
    command = [sys.executable, "-m", "dockd", "explain", clip, "--config", str(dockd.config)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return " ".join(told.stdout.split())


def test_a_clip_that_waits_knows_its_place_and_its_time(tmp_path: Path, room: Room) -> None:
    """The line is the one that is followed, and its time is by the rate that was measured."""
    world = World(tmp_path, room=room)
    with station(world, settings=SLOWLY) as dockd:
        dockd.start()
        world.dock(world.film(FILES), "A1")
        dockd.happened("docking-offloaded")
        clips = [clip["id"] for clip in dockd.get("/v1/clips")["clips"]]
        dockd.until(
            lambda: all(dockd.get(f"/v1/clips/{clip}")["eta"] for clip in clips), "a rate is known"
        )
        told = {clip: dockd.get(f"/v1/clips/{clip}")["reason"] for clip in clips}
        (fifth,) = (clip for clip, said in told.items() if "is fifth in line" in said)
        printed = explained(dockd, fifth)
        dockd.kill()
    sent = [clip for clip, said in told.items() if "is on its way to store central" in said]
    assert len(sent) == 2, told
    (third,) = (said for said in told.values() if "is third in line" in said)
    behind = re.search(r"in line to store central, behind (\w+) and (\w+), about", third)
    assert behind is not None, third
    assert set(behind.groups()) == set(sent)
    behind = re.search(
        r"fifth in line to store central, behind (\w+), (\w+) and 2 others, about ([2-9]) minutes",
        printed,
    )
    assert behind is not None, printed
    assert set(behind.groups()[:2]) == set(sent)
