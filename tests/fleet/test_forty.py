"""Forty daemons, one real store, and the store is killed in the middle of it."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from dockd.simulator.seaweed import BUCKET, SeaweedFS
from tests.daemon.harness import StationProcess, station
from tests.daemon.rooms import NAME
from tests.daemon.world import BIG, MIB, SMALL, World

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]
STATIONS = 40
# Two parts, the second of which is no whole one, and a clip of one request.
FILES = {BIG: 17 * MIB, SMALL: MIB}
CLIPS = STATIONS * len(FILES)
PATIENCE_S = 400.0
POLL_S = 0.2


class Central:
    """The far side of all stations, read by boto3."""

    def __init__(self, store: SeaweedFS, *, credentials: Path) -> None:
        self._store = store
        self._credentials = credentials
        self._judge: Any = store.client()

    def close(self) -> None:
        self._judge.close()

    def toml(self) -> str:
        return (
            f'[[store]]\nname = "{NAME}"\nkind = "s3"\nendpoint = "{self._store.endpoint}"\n'
            f'bucket = "{BUCKET}"\ncredentials = "{self._credentials}"\n'
        )

    def contents(self, camera: str) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        listed = self._judge.list_object_versions(Bucket=BUCKET, Prefix=f"{camera}/")
        for held in listed.get("Versions", []):
            if not held["Key"].startswith(f"{camera}/dockings/"):
                body = self._judge.get_object(
                    Bucket=BUCKET, Key=held["Key"], VersionId=held["VersionId"]
                )["Body"]
                found[held["Key"], hashlib.sha256(body.read()).hexdigest()] += 1
        return found


class Forty:
    """The stations, each with a rack, a spool and a camera of its own."""

    def __init__(self, stations: list[StationProcess]) -> None:
        self.stations = stations
        self.serials = [each.world.film(FILES) for each in stations]

    def start(self) -> None:
        for each in self.stations:
            each.spawn()
        self.until(lambda: all(each.is_ready for each in self.stations), "all are ready")

    def dock(self) -> None:
        for each, serial in zip(self.stations, self.serials, strict=True):
            each.world.dock(serial, "A1")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is true of all of them; each of them runs on meanwhile."""
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            for each in self.stations:
                each.catch_up()
            if condition():
                return
            if time.monotonic() > deadline_s:
                late = next(each for each in self.stations if not each.count("docking-cleared"))
                raise AssertionError(f"it never came about that {what}\n{late.story()}")
            time.sleep(POLL_S)

    def count(self, kind: str, **fields: object) -> int:
        return sum(each.count(kind, **fields) for each in self.stations)

    def clips_stored(self) -> int:
        return sum(_clips_stored(each) for each in self.stations)


def _clips_stored(each: StationProcess) -> int:
    """Return how many clips have a receipt; one is repeated before a clip is cleared."""
    return len({event.subject for event in each.all("receipt-accepted")})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeaweedFS]:
    """A running SeaweedFS with a versioned bucket, on ports that stay its own."""
    made = SeaweedFS(tmp_path)
    made.program.start()
    try:
        made.make_bucket()
        yield made
    finally:
        made.end()


@pytest.fixture
def forty(store: SeaweedFS, tmp_path: Path) -> Iterator[Forty]:
    """Forty stations that are not started yet."""
    credentials = tmp_path / "credentials"
    credentials.write_text(store.credentials)
    with ExitStack() as stack:
        central = Central(store, credentials=credentials)
        stack.callback(central.close)
        stations = []
        for number in range(STATIONS):
            folder = tmp_path / f"{number:02}"
            folder.mkdir()
            stations.append(stack.enter_context(station(World(folder, room=central))))
        yield Forty(stations)


def test_forty_stations_lose_nothing_when_their_store_is_killed(
    forty: Forty, store: SeaweedFS, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed under load and started again, it has every clip of every station exactly once."""
    forty.start()
    forty.dock()
    began_s = time.monotonic()
    forty.until(lambda: forty.clips_stored() >= CLIPS // 3, "a third of the clips is stored")
    store.program.kill()
    killed_s, before = time.monotonic(), forty.clips_stored()
    waiting = [each for each in forty.stations if _clips_stored(each) < len(FILES)]
    forty.until(
        lambda: all(each.count("problem-opened", slug="store-unreachable") for each in waiting),
        "every station that still has clips says that the store is away",
    )
    store.program.start()
    store.await_ready()
    back_s = time.monotonic()
    again_s: dict[str, float] = {}

    def is_cleared() -> bool:
        for each in waiting:
            if _clips_stored(each) == len(FILES):
                again_s.setdefault(each.world.station, time.monotonic() - back_s)
        return all(each.count("docking-cleared") for each in forty.stations)

    forty.until(is_cleared, "every camera is cleared")
    ended_s = time.monotonic()
    for each in forty.stations:
        each.stop()
        each.catch_up()
        each.world.check_finished()
        assert each.count("clip-held") == 0
    with capsys.disabled():
        print(
            f"\n{STATIONS} daemons, {CLIPS} clips, {sum(FILES.values()) * STATIONS / 1e9:.2f} GB: "
            f"store killed after {killed_s - began_s:.1f} s with {before} clips stored and "
            f"{len(waiting)} stations still sending, away for {back_s - killed_s:.1f} s; the "
            f"stations had stored everything {median(again_s.values()):.1f} s after its return in "
            f"the median, {max(again_s.values()):.1f} s at the latest; all cleared after "
            f"{ended_s - began_s:.1f} s. Parts begun {forty.count('part-sending')}, arrived "
            f"{forty.count('part-stored')}, needed {2 * STATIONS}; nothing lost, nothing twice"
        )
