"""Promises about port power: cuts are leases, safety is not, and nothing is cut while written."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dockd.core.catalogue import CATALOGUE
from dockd.errors import DockdError, NotFound, Refused
from tests.helper.scene import CONFIGURATION, STABLE, LoopDisk, Scene

THREE = CONFIGURATION + f'[[slots]]\nname = "A3"\nport = "{STABLE}1.3"\n'


def power(
    scene: Scene, slot: str = "A1", *, on: bool = False, kind: str = "budget", owner: int = 1
) -> object:
    """Ask for a port's power; return whether it has some."""
    packet = {"verb": "port-power", "slot": slot, "on": on, "kind": kind, "lease_s": 60}
    return scene.ask(json.dumps(packet), owner=owner)["powered"]


def cuts(scene: Scene) -> list[str]:
    """Read the switches of the first three ports."""
    return [scene.disable(number) for number in (1, 2, 3)]


def test_a_cut_and_its_end_reach_the_port(scene: Scene) -> None:
    """Both halves of a USB 3 port lose and regain power together, read back from the kernel."""
    scene.sysfs.add_bus(2, speed="5000")
    scene.sysfs.add_hub("2-1")
    peer = scene.sysfs.port("2-1", 1)
    scene.sysfs.peers(scene.sysfs.port("1-1", 1), peer)
    assert power(scene) is False
    assert (scene.disable(1), (peer / "disable").read_text().strip()) == ("1", "1")
    row = scene.look().rows()[0]
    assert row["powered"] is False
    assert power(scene, on=True) is True
    assert (scene.disable(1), (peer / "disable").read_text().strip()) == ("0", "0")


@pytest.mark.parametrize("kind", ["budget", "hold"])
def test_a_lease_that_is_not_renewed_ends(scene: Scene, kind: str) -> None:
    """After lease_s the port has power again, unless the daemon asked once more."""
    power(scene, kind=kind)
    scene.clock.advance(59)
    scene.what_is_due()
    power(scene, kind=kind)
    scene.clock.advance(59)
    scene.what_is_due()
    assert scene.disable(1) == "1"
    scene.clock.advance(1)
    scene.what_is_due()
    assert scene.disable(1) == "0"


def test_the_daemons_end_gives_back_one_port_after_the_other(tmp_path: Path) -> None:
    """A connection that ended takes its cuts along, one every two seconds, and nobody else's."""
    scene = Scene(tmp_path, configuration=THREE.replace("budget_w = 15", "budget_w = 90"))
    for slot in ("A1", "A2", "A3"):
        power(scene, slot, owner=2 if slot == "A3" else 1)
    scene.service.connection_ended(1)
    seen = []
    for _ in range(4):
        scene.what_is_due()
        seen.append(cuts(scene))
        scene.clock.advance(2)
    assert seen == [["0", "1", "1"], ["0", "0", "1"], ["0", "0", "1"], ["0", "0", "1"]]
    scene.service.connection_ended(2)
    scene.what_is_due()
    assert cuts(scene) == ["0", "0", "0"]


def test_between_two_ports_given_back_there_are_two_seconds(tmp_path: Path) -> None:
    """However often the helper looks, starts are staggered."""
    scene = Scene(tmp_path, configuration=THREE.replace("budget_w = 15", "budget_w = 90"))
    power(scene, "A1")
    power(scene, "A2")
    scene.service.connection_ended(1)
    scene.what_is_due()
    scene.clock.advance(1.9)
    scene.what_is_due()
    assert cuts(scene)[:2] == ["0", "1"]


def test_what_is_given_back_stays_within_the_budget(tmp_path: Path) -> None:
    """With watts for two cameras and two in their slots, the third port waits for one to leave."""
    scene = Scene(tmp_path, configuration=THREE)
    power(scene, "A3")
    scene.sysfs.plug("1-1.1", serial="BWC-1")
    scene.sysfs.plug("1-1.2", serial="BWC-2")
    scene.service.connection_ended(1)
    for _ in range(5):
        scene.what_is_due()
        scene.clock.advance(2)
    assert scene.disable(3) == "1"
    scene.sysfs.yank("1-1.1")
    scene.what_is_due()
    assert scene.disable(3) == "0"


@pytest.mark.parametrize("by", ["lease", "daemon"])
def test_a_camera_that_has_just_been_given_its_power_counts_before_it_is_seen(
    tmp_path: Path, by: str
) -> None:
    """With watts for two and one in its slot, two that wait are not both powered: one is.

    A camera takes seconds to show itself, longer than it is from one port to the next. A slot in
    which none does is empty, and its share is the next one's. So it is too where the daemon had
    just given the power when it died.
    """
    scene = Scene(tmp_path, configuration=THREE)
    scene.sysfs.plug("1-1.1", serial="BWC-1")
    power(scene, "A2")
    power(scene, "A3")
    if by == "daemon":
        power(scene, "A2", on=True)
    scene.service.connection_ended(1)
    for _ in range(5):
        scene.what_is_due()
        scene.clock.advance(2)
    assert cuts(scene) == ["0", "0", "1"]
    scene.clock.advance(20)
    scene.what_is_due()
    assert cuts(scene) == ["0", "0", "0"]


def test_a_safety_cut_stays_until_safety_lifts_it(scene: Scene) -> None:
    """No lease, no ended connection, no budget and no restart gives a hot battery power."""
    power(scene, kind="budget")
    power(scene, kind="safety")
    power(scene, kind="budget")
    with pytest.raises(Refused, match="safety"):
        power(scene, on=True, kind="hold")
    scene.service.connection_ended(1)
    scene.start()
    for _ in range(3):
        scene.clock.advance(4000)
        scene.what_is_due()
    assert scene.disable(1) == "1"
    assert power(scene, on=True, kind="safety") is True
    assert scene.disable(1) == "0"


@pytest.mark.parametrize("kind", ["budget", "hold", "safety"])
def test_a_cut_outlasts_its_hub(scene: Scene, kind: str) -> None:
    """A hub that was reset, or left and came back, gives all its ports power: not for long."""
    power(scene, kind=kind)
    (scene.sysfs.port("1-1", 1) / "disable").write_text("0\n")
    scene.what_is_due()
    assert cuts(scene) == ["1", "0", "0"]
    scene.sysfs.yank("1-1")
    scene.what_is_due()
    scene.sysfs.add_hub()
    scene.what_is_due()
    assert cuts(scene) == ["1", "0", "0"]
    assert power(scene, on=True, kind=kind) is True
    scene.what_is_due()
    assert cuts(scene) == ["0", "0", "0"]


def test_a_helper_that_was_killed_knows_its_cuts(scene: Scene) -> None:
    """The next helper gives the daemon a moment to renew, and gives back what it does not."""
    power(scene, "A1")
    power(scene, "A2")
    scene.start()
    scene.what_is_due()
    assert cuts(scene)[:2] == ["1", "1"]
    power(scene, "A2")
    scene.clock.advance(30)
    scene.what_is_due()
    assert cuts(scene)[:2] == ["0", "1"]


def test_a_cut_is_given_back_when_its_slot_is_configured_no_more(scene: Scene) -> None:
    """Changing the configuration strands no port without power."""
    power(scene)
    scene.configuration.write_text(CONFIGURATION.replace('"A1"', '"Z1"'))
    scene.clock.advance(60)
    scene.what_is_due()
    assert scene.disable(1) == "0"


def test_no_room_to_remember_gives_power_back_all_the_same(scene: Scene) -> None:
    """Where /run is full no port is cut, and what is cut comes back at the end of its lease."""
    power(scene)
    (scene.folder / "cuts.new").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space"):
        power(scene, "A2")
    scene.clock.advance(60)
    scene.what_is_due()
    assert cuts(scene)[:2] == ["0", "0"]


def unswitchable(port: Path, how: str) -> None:
    """Break a port's switch."""
    (port / "disable").unlink()
    if how == "ignores":
        (port / "disable").symlink_to("/dev/null")
    elif how == "refuses":
        (port / "disable").symlink_to("/dev/full")


@pytest.mark.parametrize("how", ["ignores", "refuses", "lacks"])
@pytest.mark.parametrize("half", ["port", "peer"])
def test_a_port_that_does_not_follow_is_said_to(scene: Scene, how: str, half: str) -> None:
    """No switch, a switch that errs or one that does nothing: refused, and nothing stays cut."""
    scene.sysfs.add_bus(2, speed="5000")
    scene.sysfs.add_hub("2-1")
    port, peer = scene.sysfs.port("1-1", 1), scene.sysfs.port("2-1", 1)
    scene.sysfs.peers(port, peer)
    unswitchable(port if half == "port" else peer, how)
    with pytest.raises(Refused) as refusal:
        power(scene)
    assert refusal.value.slug == "port-not-switchable"
    assert refusal.value.slug in CATALOGUE
    other = peer if half == "port" else port
    assert (other / "disable").read_text().strip() == "0"
    # Nor is it taken for a cut one, whose camera would never be cleared.
    assert (scene.folder / "cuts.json").read_text() == "{}"


def test_a_port_that_is_not_there_cannot_be_cut(scene: Scene) -> None:
    """Without its hub a slot's power is said not to be switchable, and other names not found."""
    scene.sysfs.yank("1-1")
    with pytest.raises(Refused) as refusal:
        power(scene)
    assert refusal.value.slug == "port-not-switchable"
    for slot in ("B1", "1-1.1", "usb1"):
        with pytest.raises(NotFound):
            power(scene, slot)


@pytest.mark.real
def test_a_writable_slot_is_not_cut_and_a_cut_slot_not_written(
    scene: Scene, disks: Callable[[], LoopDisk]
) -> None:
    """Not even for safety: the wipe's seconds pass first; and a cut port's mount stays as it is."""
    scene.dock(disks())
    _, mount = scene.mount()
    writable = '{"verb": "make-writable", "slot": "A1", "deadline_s": 60}'
    scene.ask(writable, descriptor=mount)
    for kind in ("budget", "hold", "safety"):
        with pytest.raises(DockdError, match="writable"):
            power(scene, kind=kind)
    assert scene.disable(1) == "0"
    scene.ask('{"verb": "make-read-only", "slot": "A1"}', descriptor=mount)
    power(scene)
    with pytest.raises(DockdError, match="cut"):
        scene.ask(writable, descriptor=mount)
