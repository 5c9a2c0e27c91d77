"""Several stores at once: two of three clear a camera, and each goes its own way."""

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.far_sides import new_bucket
from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.rooms import Bucket, Several, Share
from tests.daemon.scenarios import cleared, undocked
from tests.daemon.world import BIG, JOURNEY, SMALL, World
from tests.fakes.servers import S3Server, seaweedfs

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(400)]
FLAGGED = "DCIM/locked/0004.MP4"


def receipts(dockd: StationProcess, store: str) -> int:
    """Return how many clips have a receipt of a store now."""
    return len(dockd.world.ask("SELECT 1 FROM receipts WHERE store = ?", store))


def three(folder: Path) -> tuple[Share, Share, Share]:
    """Return three shares of which two are required."""
    return Share(folder), Share(folder, name="second"), Share(folder, name="third")


def relied_on(dockd: StationProcess) -> set[tuple[str, ...]]:
    """Return the stores that turned a key, one tuple for each set of them that ever did."""
    return {tuple(intent.fields["stores"]) for intent in dockd.all("wipe-intended")}


def breakers(dockd: StationProcess) -> dict[str, Any]:
    """Return each store's breaker, as the status page has it."""
    return {each["name"]: each["breaker"] for each in dockd.get("/v1/status")["stores"]}


def test_two_of_three_clear_a_camera_and_the_third_catches_up(tmp_path: Path) -> None:
    """A store that is away keeps neither the others' progress nor the camera; then it gets all."""
    central, second, third = three(tmp_path)
    room = Several((third, central, second), required=2)
    world = World(tmp_path, room=room)
    with station(world) as dockd:
        third.leave()
        dockd.start()
        serial = world.film()
        world.dock(serial, "A1")
        cleared(dockd, world, serial)
        assert receipts(dockd, "third") == 0
        dockd.until(lambda: second.manifests(serial), "the second store has the manifest")
        dockd.until(
            lambda: dockd.all("problem-opened", slug="store-unreachable"), "it says who is away"
        )
        (problem,) = dockd.all("problem-opened", slug="store-unreachable")
        assert problem.fields["subject"] == "store third"
        third.come_back()
        dockd.until(lambda: receipts(dockd, "third") == len(JOURNEY), "the third has all of it")
        assert set(breakers(dockd).values()) == {"closed"}
        undocked(dockd, world, serial)
        dockd.stop()
    world.check_finished()
    assert third.contents(serial) == central.contents(serial) == second.contents(serial)


def test_one_of_three_clears_nothing(tmp_path: Path) -> None:
    """While two stores are away a receipt of one clears nothing, and a kill changes none of it."""
    central, second, third = three(tmp_path)
    room = Several((central, second, third), required=2)
    world = World(tmp_path, room=room)
    with station(world, faults=["receipt-accepted:2:kill"]) as dockd:
        second.leave()
        third.leave()
        dockd.start()
        serial = world.film()
        world.dock(serial, "A1")
        dockd.until(lambda: receipts(dockd, "central") == len(JOURNEY), "one store has it all")
        third.come_back()
        cleared(dockd, world, serial)
        assert relied_on(dockd) == {("central", "third")}
        second.come_back()
        dockd.until(lambda: receipts(dockd, "second") == len(JOURNEY), "the second has all of it")
        undocked(dockd, world, serial)
        dockd.stop()
    world.check_finished()


def test_a_store_taken_out_of_the_configuration_counts_no_longer(tmp_path: Path) -> None:
    """Receipts of a store that is not configured now clear nothing: another has to give its own."""
    central, second, third = three(tmp_path)
    room = Several((central, second), required=2)
    world = World(tmp_path, room=room)
    with station(world) as dockd:
        second.leave()
        dockd.start()
        serial = world.film({BIG: 100_000, SMALL: 1000})
        world.dock(serial, "A1")
        dockd.until(lambda: receipts(dockd, "central") == 2, "one store has it all")
        dockd.stop()
        # Central's receipts are there; second's will be. Central's must not count any more.
        room.rooms = (second, third)
        dockd.configure(Settings())
        third.leave()
        second.come_back()
        dockd.start()
        dockd.until(lambda: receipts(dockd, "second") == 2, "the second store has it all")
        third.come_back()
        cleared(dockd, world, serial)
        assert relied_on(dockd) == {("second", "third")}
        undocked(dockd, world, serial)
        dockd.stop()
    world.check_finished()


def test_what_is_flagged_goes_to_one_more(tmp_path: Path) -> None:
    """A store that takes flagged clips gets those alone; no wipe waits for it or rests on it."""
    central, court = Share(tmp_path), Share(tmp_path, name="court", takes="flagged")
    room = Several((central, court), required=1)
    world = World(tmp_path, room=room)
    with station(world) as dockd:
        central.leave()
        dockd.start()
        serial = world.film({FLAGGED: 100_000, SMALL: 1000})
        world.dock(serial, "A1")
        dockd.until(lambda: receipts(dockd, "court") == 1, "what is flagged is at the court")
        central.come_back()
        cleared(dockd, world, serial)
        assert relied_on(dockd) == {("central",)}
        undocked(dockd, world, serial)
        dockd.stop()
    world.check_finished()
    assert [key.split("/", 2)[2] for key, _ in court.contents(serial)] == [FLAGGED]


@pytest.mark.xdist_group("daemon-on-seaweedfs")
def test_each_store_has_keys_of_its_own(
    tmp_path: Path, weed: S3Server, versioned_bucket: str
) -> None:
    """Two stores that refuse each other's keys get each its own, which may come one by one."""
    folders = {name: tmp_path / f"keys-{name}" for name in ("central", "second")}
    (tmp_path / "weed").mkdir()
    for folder in folders.values():
        folder.mkdir()
    with seaweedfs(tmp_path / "weed") as other:
        # Each begins with the keys of the other.
        swapped = {"central": other, "second": weed}
        keys = {name: swapped[name].credentials_file(folders[name]) for name in folders}
        central = Bucket(weed, bucket=versioned_bucket, credentials=keys["central"])
        bucket = new_bucket(other, versioned=True)
        second = Bucket(other, bucket=bucket, credentials=keys["second"], name="second")
        world = World(tmp_path, room=Several((central, second), required=2))
        with station(world) as dockd:
            dockd.start()
            serial = world.film()
            world.dock(serial, "A1")
            for name in folders:
                _refused_at(dockd, name, count=1)
            other.credentials_file(folders["second"])
            dockd.until(lambda: receipts(dockd, "second") == len(JOURNEY), "the second has it")
            assert receipts(dockd, "central") == 0
            assert dockd.count("wipe-intended") == 0
            _refused_at(dockd, "second", count=0)
            weed.credentials_file(folders["central"])
            cleared(dockd, world, serial)
            assert relied_on(dockd) == {("central", "second")}
            undocked(dockd, world, serial)
            dockd.stop()
        world.check_finished()
        assert central.contents(serial) == second.contents(serial)


def _refused_at(dockd: StationProcess, store: str, *, count: int) -> None:
    """Wait until a store's refusal of our keys is an open problem, or is none any more."""

    def as_it_should() -> object:
        problems = dockd.get("/v1/status")["problems"]
        refused = [one["subject"] for one in problems if one["slug"] == "store-refused-credentials"]
        return refused.count(f"store {store}") == count

    dockd.until(as_it_should, f"{count} refusals at {store}")
