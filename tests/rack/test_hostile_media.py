"""Media that no honest camera has: what can be read is kept, and nothing on them is put right."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from dockd.core.catalogue import CATALOGUE
from tests.rack.camera import Camera
from tests.rack.hostile_cases import Case, Trouble, broken_media, odd_media
from tests.rack.journey import is_clean, keys, store_of
from tests.rack.rack import SERVICE, Rack, slot_name
from tests.rack.station import built_package, running_station

# They share a guest.
pytestmark = pytest.mark.xdist_group("hostile media")

SETTLED_S = 300.0


@dataclass(frozen=True)
class Seen:
    """A case, what the station said of its slot while it was docked, and its medium's digests.

    `is_done` says that the station came to its end with it.
    """

    case: Case
    is_done: bool
    slot: int
    problems: Sequence[Mapping[str, Any]]
    before: str
    after: str

    def told(self) -> Mapping[str, Any]:
        """Return the problem that the case has to have."""
        assert self.case.trouble is not None
        (problem,) = (one for one in self.problems if _is(one, self.case.trouble, self.slot))
        return problem


# As the two functions make them.
TROUBLED = ("corrupted FAT", "loop", "ext4", "NTFS", "cut off", "dirty")
TROUBLED_LATER = ("names on vfat", "names on exFAT", "crossed chains, again")
UNTROUBLED = ("crossed chains", "odd on vfat, 1980", "odd on exFAT, 2099", "ordinary")
CLEARED = (*UNTROUBLED, "dirty")
ALL = (*UNTROUBLED, *TROUBLED, *TROUBLED_LATER)


def _is(problem: Mapping[str, Any], trouble: Trouble, slot: int) -> bool:
    subject = trouble.about or f"slot {slot_name(slot)}"
    same = (problem["slug"], problem["subject"]) == (trouble.slug, subject)
    return same and trouble.words in problem["reason"]


@dataclass(frozen=True)
class Shown:
    """The station, and what it showed of each case."""

    rack: Rack
    seen: Mapping[str, Seen]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Dock every medium, a rack full at a time, and let the station do what it can with it."""
    shelf = tmp_path_factory.mktemp("shelf")
    broken = broken_media(shelf)
    with running_station(built_package(), tmp_path_factory.mktemp("station")) as rack:
        seen = _docked(rack, broken)
        seen |= _docked(rack, odd_media(shelf, broken))
        assert set(seen) == set(ALL)
        yield Shown(rack, seen)


def _docked(rack: Rack, cases: Mapping[str, Case]) -> dict[str, Seen]:
    before = {name: _digest(case.camera) for name, case in cases.items()}
    slots = dict(enumerate(cases, start=1))
    for slot, name in slots.items():
        rack.dock.dock(slot, cases[name].camera)
    # One that does not come to its end fails its own tests, and no other's.
    with suppress(TimeoutError):
        waiting = list(slots)

        def all_done() -> bool:
            while waiting and _settled(rack, waiting[0], cases[slots[waiting[0]]]):
                waiting.pop(0)
            return not waiting

        rack.until(all_done, "every camera to be done", timeout_s=SETTLED_S)
    done = {slot: _settled(rack, slot, cases[name]) for slot, name in slots.items()}
    said = rack.get("/v1/problems?limit=1000")["problems"]
    for slot in slots:
        rack.dock.yank(slot)
    rack.until(
        lambda: all(rack.slot(slot)["state"] == "empty" for slot in slots), "the rack to be empty"
    )
    return {
        name: Seen(cases[name], done[slot], slot, said, before[name], _digest(cases[name].camera))
        for slot, name in slots.items()
    }


def _settled(rack: Rack, slot: int, case: Case) -> bool:
    # What costs the guest least is asked first: it has better things to do than to be looked at.
    places = rack.slot(slot)["clips"]
    if places["stored"] + places["wiped"] < len(case.kept):
        return False
    if case.cleared and not rack.is_cleared(slot):
        return False
    said = rack.get("/v1/problems?limit=1000")["problems"] if case.trouble else []
    return case.trouble is None or any(_is(problem, case.trouble, slot) for problem in said)


def _digest(camera: Camera) -> str:
    return hashlib.sha256(camera.image.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ALL)
def test_what_can_be_read_arrives_and_nothing_else(shown: Shown, name: str) -> None:
    """Each file that the kernel can read is in the store, once, as it was read."""
    assert shown.seen[name].is_done
    case = shown.seen[name].case
    held = store_of(shown.rack).contents(case.camera.serial)
    if name == "crossed chains, again":
        assert keys(case.camera.serial, case.kept) <= held
    else:
        assert held == keys(case.camera.serial, case.kept)


@pytest.mark.parametrize("name", [*TROUBLED, *TROUBLED_LATER])
def test_what_is_wrong_is_said_in_an_admins_words(shown: Shown, name: str) -> None:
    """What is the matter, who acts, and what that person does: on the page and in the journal."""
    problem = shown.seen[name].told()
    kind = CATALOGUE[problem["slug"]]
    assert (problem["severity"], problem["owner"]) == (kind.severity, kind.owner)
    assert problem["next"] == kind.next_step
    entries = shown.rack.journal("DOCKD_EVENT=problem-opened", f"DOCKD_SLUG={kind.slug}")
    told = [(entry["DOCKD_SUBJECT"], entry["DOCKD_REASON"]) for entry in entries]
    assert (problem["subject"], problem["reason"]) in told


@pytest.mark.parametrize("name", [name for name in ALL if name not in CLEARED])
def test_nothing_is_written_to_a_medium_that_is_not_cleared(shown: Shown, name: str) -> None:
    """It is byte by byte what it was: nothing is deleted, and nothing is repaired."""
    seen = shown.seen[name]
    assert seen.before == seen.after


@pytest.mark.parametrize("name", CLEARED)
def test_a_medium_that_is_cleared_keeps_its_other_files(shown: Shown, name: str) -> None:
    """Its footage is gone, and its settings can be read where they were."""
    camera = shown.seen[name].case.camera
    assert camera.found() == camera.others
    assert is_clean(camera) == (name not in {"crossed chains", "dirty"})


def test_a_dirty_bit_is_recorded_and_never_repaired(shown: Shown) -> None:
    """It stands in the docking's record, nothing is deleted before all is stored, and it stays."""
    camera = shown.seen["dirty"].case.camera
    assert camera.is_dirty
    story = shown.rack.journal(f"DOCKD_CAMERA={camera.serial}")
    (docked,) = (entry for entry in story if entry["DOCKD_EVENT"] == "docked")
    assert docked["DOCKD_DIRTY"] == "True"
    intended = [entry["DOCKD_EVENT"] for entry in story].index("wipe-intended")
    stored = {
        entry["DOCKD_CLIP"]
        for entry in story[:intended]
        if entry["DOCKD_EVENT"] == "receipt-accepted"
    }
    assert len(stored) == len(camera.items)


@pytest.mark.parametrize(
    ("name", "recorded_at"),
    [("odd on vfat, 1980", "1980-01-01T00:00:00Z"), ("odd on exFAT, 2099", "2099-12-31T23:59:58Z")],
    ids=["1980", "2099"],
)
def test_a_cameras_wrong_clock_is_kept_as_it_is(shown: Shown, name: str, recorded_at: str) -> None:
    """What the camera says of when it recorded goes with the clip, and stops nothing."""
    camera = shown.seen[name].case.camera
    store = store_of(shown.rack)
    assert store.metadata(camera.serial, "recorded-at") == {recorded_at}


def test_what_was_said_of_a_slot_ends_when_its_camera_is_taken(shown: Shown) -> None:
    """An empty slot has nothing to report, and the station none of its own mistakes."""
    problems = shown.rack.get("/v1/problems?limit=1000")["problems"]
    assert [one for one in problems if one["subject"].startswith("slot ")] == []
    assert [one for one in problems if one["slug"] in {"internal-error", "slot-fault"}] == []
    units = (SERVICE, "dockd-helper.service")
    restarts = shown.rack.agent.run("systemctl", "show", "--property=NRestarts", "--value", *units)
    assert restarts.text.split() == ["0", "0"]
