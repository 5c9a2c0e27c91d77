"""The journal of a station: whole fields, an explanation for every line, and stories in order."""

from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise

import pytest

from dockd.core.catalogue import CATALOGUE
from dockd.core.facts import FACTS, ClipFact, DockingFact
from dockd.station.journal import message_id
from tests.rack import journal
from tests.rack.camera import Camera, make_camera
from tests.rack.journal import Record
from tests.rack.rack import CONFIG, SERVICE, Rack
from tests.rack.station import built_package, running_station

# They share a guest.
pytestmark = pytest.mark.xdist_group("the rack's journal")

SERIAL, OTHER_SERIAL, STICK = "BWC-000123", "BWC-000124", "STICK-1"
_CLIP = {"CLIP", "CAMERA", "SLOT", "DOCKING", "PATH"}
_DOCKING = {"CAMERA", "SLOT", "DOCKING"}
_PROBLEM = {
    "problem-opened": {"SLUG", "SUBJECT", "REASON", "OWNER", "NEXT"},
    "problem-closed": {"SLUG", "SUBJECT", "LASTED_S"},
}
_PRIORITIES = {str(number) for number in range(3, 8)}
_HEADINGS = ("What happened: ", "What dockd does: ", "What a person should do: ")


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> list[Camera]:
    """Give two cameras, for one is to be told from the other."""
    folder = tmp_path_factory.mktemp("cameras")
    return [make_camera(folder, serial=serial) for serial in (SERIAL, OTHER_SERIAL)]


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory, cameras: list[Camera]) -> Iterator[Rack]:
    """Give a station with something to tell: two dockings, a stick, a reload, a restart, a hold."""
    with running_station(built_package(), tmp_path_factory.mktemp("station")) as station:
        for slot, camera in enumerate(cameras, start=1):
            station.dock.dock(slot, camera)
        stick = make_camera(tmp_path_factory.mktemp("stick"), serial=STICK)
        station.dock.dock(3, stick)
        station.until(lambda: bool(station.problems("camera-not-allowed")), "the refusal")
        station.until_cleared(1, 2)
        station.agent.run("dockd", "hold", SERIAL, "--why", "a case")
        station.agent.run("dockd", "release", SERIAL, "--why", "no case")
        for slot in (1, 2, 3):
            station.dock.yank(slot)
        station.until(
            lambda: {station.slot(slot)["state"] for slot in (1, 2, 3)} == {"empty"}, "empty slots"
        )
        _reload(station)
        station.agent.run("systemctl", "restart", SERVICE)
        station.until_ready()
        yield station


def _reload(station: Rack) -> None:
    """Reload twice: a configuration that is right, and one that is not."""
    right = station.agent.read(CONFIG).decode()
    for text in (f"{right}\n[uplink]\nrate_limit_mbit_s = 900\n", f"{right}\n[wrong]\n"):
        station.agent.write(CONFIG, text)
        before = len(_of_dockd(station))
        station.agent.run("systemctl", "reload", SERVICE)
        station.until(lambda count=before: len(_of_dockd(station)) > count, "the reload")  # type: ignore[misc]  # bound at once, by its default
    station.agent.write(CONFIG, right)


def _of_dockd(rack: Rack) -> list[Record]:
    return [entry for entry in rack.journal(unit=SERVICE) if "DOCKD_EVENT" in entry]


def _names(entry: Record) -> set[str]:
    return {name.removeprefix("DOCKD_") for name in entry if name.startswith("DOCKD_")}


def _needed(entry: Record) -> set[str]:
    """Return the fields without which an entry would be a sentence about nothing."""
    event = str(entry["DOCKD_EVENT"])
    if event in _PROBLEM:
        return _PROBLEM[event]
    if event not in FACTS:
        return set()
    fact = FACTS[event]
    # Left out: what is not always known, what no person reads, and a clip's number in the ledger.
    own = {field.name.upper() for field in fields(fact) if field.default is not None}
    own -= {"PART_SHA256"}
    if issubclass(fact, ClipFact):
        own |= _CLIP
    return own | (_DOCKING if issubclass(fact, DockingFact) else set())


def test_every_event_carries_its_fields(rack: Rack) -> None:
    """Each line has its MESSAGE_ID, its priority, and a field for whatever a person searches by."""
    entries = _of_dockd(rack)
    told = {str(entry["DOCKD_EVENT"]) for entry in entries}
    assert told >= {
        *("station-started", "station-stopped", "docked", "listed", "clip-seen", "clip-verified"),
        *("receipt-accepted", "wipe-intended", "clip-wiped", "docking-cleared", "undocked"),
        *("problem-opened", "problem-closed", "set-aside", "set-free", "reloaded"),
        "reload-refused",
    }
    for entry in entries:
        assert entry["MESSAGE_ID"] == message_id(str(entry["DOCKD_EVENT"]))
        assert entry["PRIORITY"] in _PRIORITIES
        assert entry["SYSLOG_IDENTIFIER"] == "dockd"
        assert _needed(entry) - _names(entry) == set(), entry["DOCKD_EVENT"]


def test_dockd_says_nothing_without_fields(rack: Rack) -> None:
    """No library writes lines of its own into the journal: what dockd says is an event."""
    strangers = [
        str(entry["MESSAGE"])
        for entry in rack.journal(unit=SERVICE)
        if "DOCKD_EVENT" not in entry and entry.get("SYSLOG_IDENTIFIER") != "systemd"
    ]
    assert strangers == []


def test_every_line_is_explained(rack: Rack) -> None:
    """`journalctl -x` says of each line what happened, what dockd does, and what to do."""
    entries = rack.journal(unit=SERVICE)
    told = journal.told(rack.agent, unit=SERVICE)
    # It may have said more since.
    for entry, (line, explained) in zip(entries, told, strict=False):
        assert line.endswith(str(entry["MESSAGE"]))
        if "DOCKD_EVENT" in entry:
            missing = [heading for heading in _HEADINGS if heading not in explained]
            assert missing == [], line
            assert "Support: man:dockd(1)" in explained
    assert len(told) >= len(entries)


def test_the_installed_catalogue_explains_every_problem(rack: Rack) -> None:
    """Those that this station did not have are explained as well, by their slugs' MESSAGE_ID."""
    known = rack.agent.run("journalctl", "--list-catalog").text
    assert [slug for slug in CATALOGUE if message_id(slug) not in known] == []
    assert [kind for kind in FACTS if message_id(kind) not in known] == []


def test_a_cameras_story_is_told_whole_and_in_order(rack: Rack, cameras: list[Camera]) -> None:
    """From its docking to its leaving, each step and each clip, and nothing of any other camera."""
    story = rack.journal(f"DOCKD_CAMERA={SERIAL}")
    events = [str(entry["DOCKD_EVENT"]) for entry in story]
    steps = ["docked", "listed", "docking-offloaded", "docking-cleared", "undocked"]
    assert [event for event in events if event in steps][:5] == steps
    assert {str(entry.get("DOCKD_SLOT", "A1")) for entry in story} == {"A1"}
    assert {"set-aside", "set-free"} <= set(events)
    for path in cameras[0].clips:
        own = [str(entry["DOCKD_EVENT"]) for entry in story if entry.get("DOCKD_PATH") == path]
        order = ["clip-seen", "clip-copied", "clip-verified", "receipt-accepted"]
        order += ["wipe-intended", "clip-wiped"]
        # The store is asked once more right before the wipe: a second receipt is no second step.
        assert list(dict.fromkeys(event for event in own if event in order)) == order
    times = [int(str(entry["__REALTIME_TIMESTAMP"])) for entry in story]
    assert all(earlier <= later for earlier, later in pairwise(times))
    wiped = {entry["DOCKD_PATH"] for entry in story if entry["DOCKD_EVENT"] == "clip-wiped"}
    assert wiped == set(cameras[0].clips)


def test_a_slots_story_holds_its_problems(rack: Rack) -> None:
    """`journalctl DOCKD_SLOT=A3` shows that a stick was refused, why, and when that was over."""
    story = rack.journal("DOCKD_SLOT=A3")
    assert [entry["DOCKD_EVENT"] for entry in story] == ["problem-opened", "problem-closed"]
    assert STICK in str(story[0]["DOCKD_REASON"])


def test_a_person_reads_the_story_as_it_stands(rack: Rack) -> None:
    """Each line is one line, whatever is in its fields."""
    text = rack.agent.run("journalctl", "--no-pager", "-o", "cat", f"DOCKD_CAMERA={SERIAL}").text
    assert len(text.splitlines()) == len(rack.journal(f"DOCKD_CAMERA={SERIAL}"))
