"""A station with the tus project's server: what clears a camera, and what is resumed."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conformance.tus_sides import node_far_side, of_node, with_receipts
from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.rooms import Uploads
from tests.daemon.scenarios import cleared
from tests.daemon.world import BIG, BIG_BYTES, World
from tests.fakes.broken_s3 import Heard
from tests.fakes.meddler import Lose, Meddling, Pass, meddler
from tests.fakes.servers import TusServer, free_ports, node_tus

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("tus"),
]
# Slow enough that a part is on its way for seconds.
SLOW_LINK = Settings(rate_limit_mbit_s=60)


@pytest.fixture
def rooms() -> Iterator[ExitStack]:
    """Everything that has to be closed when the test is over."""
    with ExitStack() as stack:
        yield stack


def settled(dockd: StationProcess, world: World) -> StationProcess:
    """Return a station with a camera that has one large clip, docked."""
    dockd.start()
    world.dock(world.film({BIG: BIG_BYTES}), "A1")
    return dockd


def key_of(world: World) -> str:
    """Return the key of the only original."""
    (original,) = world.originals
    return original.key


def test_without_receipts_nothing_is_cleared_and_the_reason_says_so(
    rooms: ExitStack, tmp_path: Path
) -> None:
    """A tus server alone takes all footage and clears no camera, and people are told why."""
    server = rooms.enter_context(node_tus(tmp_path))
    world = World(tmp_path, room=Uploads(node_far_side(server)))
    dockd = rooms.enter_context(station(world))
    dockd.start()
    serial = world.film()
    world.dock(serial, "A1")
    dockd.happened("receipt-accepted", count=3, strength="size")
    dockd.happened("docking-offloaded")
    dockd.happened("checkpointed", where="spool")
    status = dockd.get("/v1/status")
    (store,) = status["stores"]
    assert store["receipt_strength"] == "size"
    (problem,) = [p for p in status["problems"] if p["slug"] == "store-unproven"]
    assert "receipt_url" in problem["reason"]
    for clip in dockd.get("/v1/clips")["clips"]:
        assert clip["place"] == "verified"
        assert "receipt_url" in clip["reason"]
    dockd.stop()
    assert not dockd.count("wipe-intended")
    assert all(world.file(serial, original.path).exists() for original in world.originals)
    world.check()
    # No checkpoint that nobody could read again is left there, nor a probe that shows nothing.
    keys = {key for key, _ in of_node(server.folder)}
    assert not any(key.startswith(".dockd") for key in keys)


@pytest.mark.parametrize(("field", "how"), [("{key}", "json"), ("{upload}", "repr-digest")])
def test_with_receipts_a_camera_is_cleared(
    rooms: ExitStack, tmp_path: Path, field: str, how: str
) -> None:
    """Where the store tells the SHA-256, everything arrives once and the camera is cleared."""
    server = rooms.enter_context(node_tus(tmp_path, relative=True))
    side = rooms.enter_context(with_receipts(server, tmp_path, field=field, how=how))
    world = World(tmp_path, room=Uploads(side))
    dockd = rooms.enter_context(station(world))
    dockd.start()
    serial = world.film()
    world.dock(serial, "A1")
    cleared(dockd, world, serial)
    dockd.stop()
    assert dockd.count("receipt-accepted", strength="size") == 0
    world.check_finished()


def test_a_server_killed_in_mid_patch_is_gone_on_with(rooms: ExitStack, tmp_path: Path) -> None:
    """SIGKILL under a PATCH and a restart cost what was in flight, and no second upload."""
    (port,) = free_ports(1)
    crashing = ExitStack()
    rooms.enter_context(crashing)
    server = crashing.enter_context(node_tus(tmp_path, port=port))
    uploads = Uploads(node_far_side(server))
    world = World(tmp_path, room=uploads)
    dockd = settled(rooms.enter_context(station(world, settings=SLOW_LINK)), world)
    _in_mid_patch(dockd, server)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    crashing.close()
    rooms.enter_context(node_tus(tmp_path, port=port))
    dockd.happened("receipt-accepted")
    dockd.stop()
    assert world.room.contents(world.originals[0].serial).total() == 1
    assert uploads.begun(key_of(world)) == 1
    world.check()


def test_a_station_killed_in_mid_patch_goes_on_with_its_upload(
    rooms: ExitStack, tmp_path: Path
) -> None:
    """The ledger knows the upload's address: the next process asks it where it is."""
    server = rooms.enter_context(node_tus(tmp_path))
    uploads = Uploads(node_far_side(server))
    world = World(tmp_path, room=uploads)
    dockd = settled(rooms.enter_context(station(world, settings=SLOW_LINK)), world)
    _in_mid_patch(dockd, server)
    dockd.kill()
    dockd.start()
    dockd.happened("receipt-accepted")
    dockd.stop()
    assert world.room.contents(world.originals[0].serial).total() == 1
    assert uploads.begun(key_of(world)) == 1
    world.check()


def test_a_clip_whose_last_reply_was_lost_arrived_once(rooms: ExitStack, tmp_path: Path) -> None:
    """A clip is asked for when the reply to its last PATCH is lost, and not sent again."""
    server = rooms.enter_context(node_tus(tmp_path, relative=True))
    front = rooms.enter_context(meddler(server.url.removeprefix("http://").partition("/")[0]))
    side = node_far_side(server)
    side.url = f"{front.endpoint}/files"
    front.script = _losing_the_last(BIG_BYTES)
    uploads = Uploads(side)
    world = World(tmp_path, room=uploads)
    dockd = settled(rooms.enter_context(station(world)), world)
    dockd.happened("receipt-accepted")
    dockd.stop()
    assert world.room.contents(world.originals[0].serial).total() == 1
    assert uploads.begun(key_of(world)) == 1
    world.check()


def _in_mid_patch(dockd: StationProcess, server: TusServer) -> None:
    """Wait until a part is on its way and some of the clip has arrived."""
    dockd.happened("part-stored")
    dockd.happened("part-sending", count=2)
    arrived = max(path.stat().st_size for path in server.folder.iterdir())
    dockd.until(
        lambda: max(path.stat().st_size for path in server.folder.iterdir()) > arrived,
        "more of the clip arrives",
    )


def _losing_the_last(size_bytes: int) -> Meddling:
    lost: list[Heard] = []

    def script(heard: Heard) -> Pass | Lose:
        begins = int(heard.headers.get("upload-offset", "-1"))
        ends = begins + int(heard.headers.get("content-length", "0"))
        if heard.method == "PATCH" and ends == size_bytes and not lost:
            lost.append(heard)
            return Lose()
        return Pass()

    return script
