"""One camera at two stations before one real store: one object, two keys each, nobody alarmed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.rooms import Bucket
from tests.daemon.scenarios import cleared, undocked
from tests.daemon.world import BIG, MIB, World

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("daemon-on-seaweedfs"),
]
# The last moment before A has its receipt, and how far the object is by then.
_NOTHING_SENT = "transfer-queued:1:kill-before"
_HALF_SENT = "part-stored:1:kill"
_ALL_SENT = "object-confirming:1:kill-before"
_PROVEN_UNSAID = "receipt-accepted:1:kill-before"


@contextmanager
def two_stations(
    folder: Path,
    *,
    bucket: Bucket,
    at_a: Sequence[str] = (),
    at_b: Sequence[str] = (),
    settings_a: Settings | None = None,
) -> Iterator[tuple[StationProcess, StationProcess]]:
    """Two stations with spools and ledgers of their own, before one bucket."""
    folders = folder / "a", folder / "b"
    for each in folders:
        each.mkdir()
    a, b = (World(each, room=bucket) for each in folders)
    with station(a, settings=settings_a, faults=at_a) as first, station(b, faults=at_b) as second:
        yield first, second


def objects(bucket: Bucket, serial: str) -> int:
    """Return how many versions of anything of a camera the bucket holds."""
    return sum(bucket.contents(serial).values())


@pytest.mark.parametrize("at_b", [[], ["object-confirming:1:kill"], ["wipe-intended:1:kill"]])
@pytest.mark.parametrize("at_a", [_NOTHING_SENT, _HALF_SENT, _ALL_SENT, _PROVEN_UNSAID])
def test_offloaded_at_a_and_cleared_at_b(
    tmp_path: Path, bucket: Bucket, at_a: str, at_b: list[str]
) -> None:
    """Whoever is first, and whenever either is killed: one object, and A knows where its clip is.

    A is killed before it has its receipt. B offloads the camera itself, proves whatever object is
    there and clears the camera; then A takes its receipt from that object, and what it finds gone
    is B's doing.
    """
    with two_stations(tmp_path, bucket=bucket, at_a=[at_a], at_b=at_b) as (a, b):
        a.start()
        serial = a.world.film({BIG: 20 * MIB})
        a.world.dock(serial, "A1")
        a.until(lambda: a.fired, "A is killed", restart=False)
        a.world.yank(serial)
        a.world.hand_over(serial, b.world)

        b.start()
        b.world.dock(serial, "B1")
        cleared(b, b.world, serial)
        b.happened("manifest-stored")
        assert b.count("clip-verified") == 1, "B's own copy is one of its two keys"
        undocked(b, b.world, serial)
        b.stop()
        b.world.check_finished()
        assert objects(bucket, serial) == 1
        b.world.hand_over(serial, a.world)

        a.start()
        a.world.dock(serial, "A1")
        (docking,) = {event.fields["docking"] for event in b.all("clip-wiped")}
        a.happened("clip-elsewhere", station=b.world.station, docking=docking)
        a.happened("receipt-accepted", strength="digest")
        assert a.count("problem-opened", slug="clip-gone") == 0
        assert a.count("problem-opened", slug="no-known-copy") == 0
        assert a.count("wipe-intended") == 0
        books = a.get("/v1/completeness")
        assert books["closes"]
        assert (books["seen"], books["unaccounted"]) == (1, 0)
        undocked(a, a.world, serial)
        a.stop()
        a.world.check()
        assert objects(bucket, serial) == 1


def test_b_clears_nothing_on_keys_of_a(tmp_path: Path, bucket: Bucket) -> None:
    """What A offloaded and the store holds clears nothing at B before B's own copy is proven."""
    kept = Settings(wipe_after="never")
    with two_stations(tmp_path, bucket=bucket, at_b=["clip-copied:1:kill"], settings_a=kept) as (
        a,
        b,
    ):
        a.start()
        serial = a.world.film({BIG: 20 * MIB})
        a.world.dock(serial, "A1")
        a.happened("receipt-accepted")
        a.stop()
        a.world.yank(serial)
        a.world.hand_over(serial, b.world)

        b.start()
        b.world.dock(serial, "B1")
        b.until(lambda: b.fired, "B is killed between its copy and the proof", restart=False)
        assert b.world.file(serial, BIG).exists()
        b.start()
        cleared(b, b.world, serial)
        order = [event.kind for event in b.events]
        assert order.index("clip-verified") < order.index("receipt-accepted")
        assert order.index("receipt-accepted") < order.index("wipe-intended")
        undocked(b, b.world, serial)
        b.stop()
        b.world.check_finished()


def test_somebody_who_deletes_is_told_of_until_a_store_has_it(
    tmp_path: Path, bucket: Bucket
) -> None:
    """A clip that is gone before any receipt, and that no other station had, is `clip-gone`.

    It is said although dockd was killed between the loss and the word of it, and for as long as no
    store has proven a copy.
    """
    slow = Settings(rate_limit_mbit_s=0.5)
    with two_stations(tmp_path, bucket=bucket, at_a=[_NOTHING_SENT], settings_a=slow) as (a, _):
        a.start()
        serial = a.world.film({BIG: 20 * MIB})
        a.world.dock(serial, "A1")
        a.until(lambda: a.fired, "A is killed", restart=False)
        a.world.yank(serial)
        a.world.lose(serial, BIG, by="somebody")
        # Killed with what was lost on record and nothing said of it yet.
        a.faults = ["clip-gone:1:kill"]
        a.fired = []
        a.start()
        a.world.dock(serial, "A1")
        a.until(lambda: a.fired, "A is killed again")
        # At this rate the clip takes minutes: nothing else than this can happen first.
        a.happened("problem-opened", slug="clip-gone")
        assert a.count("receipt-accepted") == 0
        assert a.count("clip-elsewhere") == 0
        a.stop()
        a.configure(Settings())
        a.start()
        a.happened("receipt-accepted")
        a.happened("problem-closed", slug="clip-gone")
        undocked(a, a.world, serial)
        a.stop()
