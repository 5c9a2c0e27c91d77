"""The faults of the demo: when they fire, and when they count."""

from collections.abc import Iterable, Mapping

from dockd.simulator.faults import CablePull, Move, Script, StationKill, StoreOutage
from dockd.simulator.record import Event

Told = tuple[str, Mapping[str, object]]

STORED: Told = ("part-stored", {})
SENDING: Told = ("part-sending", {})

PART = 100
CLIP = 10 * PART


def events(*facts: Told) -> list[Event]:
    """Return facts as the record gives them."""
    return [
        Event(sequence=number, kind=kind, fields=fields)
        for number, (kind, fields) in enumerate(facts, start=1)
    ]


def moves(script: Script, facts: Iterable[Event]) -> list[Move]:
    """Return what the script does about facts."""
    return [move for event in facts for move in script.saw(event)]


def docked(docking: str, *, slot: str) -> Told:
    """Tell of the one camera's docking."""
    return "docked", {"docking": docking, "camera": "C", "slot": slot, "family": "directory"}


def seen(clip: int, size_bytes: int = CLIP) -> Told:
    """Tell of a clip on it."""
    return "clip-seen", {"clip": clip, "camera": "C", "size_bytes": size_bytes}


def part(index: int, *, docking: str, clip: int = 1) -> Told:
    """Tell of a durable part."""
    fields = {"clip": clip, "docking": docking, "offset": index * PART, "size_bytes": PART}
    return "part-spooled", fields


def undocked(docking: str) -> Told:
    """Tell of its leaving."""
    return "undocked", {"docking": docking, "reason": "the camera left"}


def pull() -> CablePull:
    """Return the fault that most tests are about."""
    return CablePull("C", clip_bytes=CLIP, camera_bytes=12 * PART)


def test_a_camera_is_pulled_in_mid_copy_and_docked_again_once_it_is_gone() -> None:
    """The pull waits for a durable part past a quarter, the redock for the record of it."""
    fault = pull()
    before = events(docked("d1", slot="A1"), seen(1), part(0, docking="d1"), part(1, docking="d1"))
    assert moves(Script([fault]), before) == []
    assert moves(Script([fault]), events(part(2, docking="d1"))) == [Move.PULL_CAMERA]
    assert moves(Script([fault]), events(part(3, docking="d1"))) == []
    assert moves(Script([fault]), events(undocked("d1"))) == [Move.DOCK_AGAIN]
    assert moves(Script([fault]), events(docked("d2", slot="A9"), part(4, docking="d2"))) == []
    assert fault.is_over
    assert fault.complaint() is None
    assert "40% of its long clip (33% of the camera)" in fault.story()
    assert "A1" in fault.story()
    assert "A9" in fault.story()


def test_a_pull_after_the_copy_does_not_count() -> None:
    """A camera that was copied before it left was not pulled in mid-copy, and the demo says so."""
    fault = pull()
    parts = [part(index, docking="d1") for index in range(10)]
    copied = ("clip-copied", {"clip": 1, "docking": "d1"})
    moves(Script([fault]), events(docked("d1", slot="A1"), seen(1), *parts, copied, undocked("d1")))
    assert fault.is_over
    assert fault.complaint() == "the clip was already copied when its camera was pulled"


def test_a_pull_that_came_late_does_not_count() -> None:
    """More than nine tenths of the clip in the spool is not in mid-copy."""
    fault = CablePull("C", clip_bytes=CLIP, camera_bytes=CLIP)
    ten = [part(index, docking="d1") for index in range(10)]
    moves(Script([fault]), events(docked("d1", slot="A1"), seen(1), *ten, undocked("d1")))
    assert fault.complaint() == "100% of the clip was copied when the camera was pulled"


def test_a_copy_that_begins_anew_after_the_pull_is_a_complaint() -> None:
    """A resume is behind the durable parts; a copy from the first byte on fails the demo."""
    fault = pull()
    four = [part(index, docking="d1") for index in range(4)]
    begun = events(docked("d1", slot="A1"), seen(1), *four, undocked("d1"))
    moves(Script([fault]), begun)
    moves(Script([fault]), events(docked("d2", slot="A2"), part(0, docking="d2")))
    assert "went on at byte 0 instead of 400" in (fault.complaint() or "")


def test_a_last_part_recorded_after_the_leaving_is_where_the_copy_goes_on() -> None:
    """The copying thread may commit one more part after its camera is known to be gone."""
    fault = pull()
    three = [part(index, docking="d1") for index in range(3)]
    moves(Script([fault]), events(docked("d1", slot="A1"), seen(1), *three, undocked("d1")))
    late = events(part(3, docking="d1"), docked("d2", slot="A2"), part(4, docking="d2"))
    moves(Script([fault]), late)
    assert fault.complaint() is None
    assert "30% of its long clip" in fault.story()


def test_the_store_is_killed_with_a_part_on_its_way_and_started_once_that_is_noticed() -> None:
    """The outage begins while something is sent and ends when the station has said so."""
    fault = StoreOutage()
    assert moves(Script([fault]), events(SENDING, STORED, SENDING, STORED)) == []
    assert moves(Script([fault]), events(SENDING)) == [Move.KILL_STORE]
    other = ("problem-opened", {"slug": "spool-full"})
    assert moves(Script([fault]), events(SENDING, STORED, other)) == []
    noticed = ("problem-opened", {"slug": "store-unreachable"})
    assert moves(Script([fault]), events(noticed, noticed)) == [Move.START_STORE]
    assert fault.complaint() == "nothing reached the store after it came back"
    moves(Script([fault]), events(STORED))
    assert fault.is_over
    assert fault.complaint() is None


def test_dockd_is_killed_at_a_receipt_after_everything_else() -> None:
    """The kill waits for the other faults and some receipts, and counts when dockd came back."""
    outage = StoreOutage()
    fault = StationKill(after=[outage], clips=8)
    script = Script([outage, fault])
    receipt = ("receipt-accepted", {"clip": 4})
    assert moves(script, events(receipt, ("station-started", {}))) == []
    noticed = ("problem-opened", {"slug": "store-unreachable"})
    moves(script, events(STORED, STORED, SENDING, noticed, STORED))
    assert moves(script, events(("receipt-accepted", {"clip": 5}))) == [Move.KILL_STATION]
    assert fault.complaint() == "dockd did not come back"
    assert moves(script, events(("station-started", {}), receipt)) == []
    assert fault.is_over
    assert script.complaints() == []
    assert "receipt 2 of 8" in fault.story()


def test_a_fault_that_never_fired_is_a_complaint() -> None:
    """A quiet day does not pass for one on which everything went wrong."""
    outage = StoreOutage()
    script = Script([pull(), outage, StationKill(after=[outage], clips=1)])
    assert script.complaints() == [
        "camera pulled in mid-copy: C was never pulled",
        "store killed while it received: the store was never killed",
        "dockd killed: dockd was never killed",
    ]
