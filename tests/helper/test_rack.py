"""Promises about slots: found by port, and their cameras never exchanged on the way."""

import json
from pathlib import Path

import pytest

from dockd.errors import CameraGone, DockdError, NotFound, Refused
from dockd.helper.configuration import Watched
from dockd.helper.rack import Rack
from tests.helper.fake_sysfs import KEYBOARD, STORAGE
from tests.helper.scene import CONFIGURATION, STABLE, Scene

AUTHORISE = '{"verb": "authorise", "slot": "A1"}'


def is_authorised(scene: Scene, name: str) -> bool:
    """Read whether the kernel may bind a device."""
    return (scene.sysfs.folder(name) / "authorized").read_text().strip() == "1"


def rows(scene: Scene) -> dict[str, dict[str, object]]:
    """Ask for the slots, by name."""
    answer = scene.ask('{"verb": "slots"}')["slots"]
    assert isinstance(answer, list)
    return {row["slot"]: row for row in answer}


def slug_of(scene: Scene, packet: str) -> str:
    """Ask, and return why not."""
    with pytest.raises(DockdError) as refusal:
        scene.ask(packet)
    return refusal.value.slug


def test_a_camera_by_a_rule_is_authorised(scene: Scene) -> None:
    """A storage device that a rule accepts is bound once the daemon asks, and says who it is."""
    scene.sysfs.plug("1-1.1", serial="BWC-7")
    assert not is_authorised(scene, "1-1.1")
    assert scene.ask(AUTHORISE) == {"device": "1-1.1", "serial": "BWC-7"}
    assert is_authorised(scene, "1-1.1")
    assert scene.ask(AUTHORISE)["device"] == "1-1.1"


@pytest.mark.parametrize(
    ("device", "slug"),
    [
        ({"interfaces": KEYBOARD}, "camera-not-storage"),
        ({"interfaces": (*STORAGE, (1, 3, 1, 1))}, "camera-not-storage"),
        ({"interfaces": ((0, 2, 6, 0), (1, 10, 0, 0))}, "camera-not-storage"),
        ({"serial": None}, "camera-without-serial"),
        ({"serial": "BWC-\x1b[2J"}, "camera-without-serial"),
        ({"serial": "USB-1"}, "camera-not-allowed"),
        ({"product_id": "0002"}, "camera-not-allowed"),
    ],
)
def test_what_is_no_camera_is_never_authorised(
    scene: Scene, device: dict[str, object], slug: str
) -> None:
    """A keyboard, a network adapter, a composite, no serial, no rule: refused and left unbound."""
    scene.sysfs.plug("1-1.1", **device)  # type: ignore[arg-type] # a table of cases
    assert slug_of(scene, AUTHORISE) == slug
    assert not is_authorised(scene, "1-1.1")
    assert slug_of(scene, '{"verb": "mount", "slot": "A1"}') == slug
    refused = rows(scene)["A1"]["refused"]
    assert isinstance(refused, dict)
    assert refused["slug"] == slug


def test_a_serial_number_that_is_there_twice_is_believed_of_neither(scene: Scene) -> None:
    """Two slots with one serial number: both are refused, until one of them is empty."""
    scene.sysfs.plug("1-1.1", serial="BWC-1")
    scene.sysfs.plug("1-1.2", serial="BWC-1")
    for slot in ("A1", "A2"):
        packet = json.dumps({"verb": "authorise", "slot": slot})
        assert slug_of(scene, packet) == "camera-duplicate-serial"
        assert rows(scene)[slot]["refused"] == {
            "slug": "camera-duplicate-serial",
            "reason": "Serial BWC-1 is in slots A1, A2 at once.",
        }
    assert not is_authorised(scene, "1-1.1")
    scene.sysfs.yank("1-1.2")
    scene.ask(AUTHORISE)
    assert is_authorised(scene, "1-1.1")


def test_a_device_exchanged_after_the_look_is_not_authorised(scene: Scene) -> None:
    """Who swaps the camera for a keyboard between check and use gets nothing bound."""
    scene.sysfs.plug("1-1.1", serial="BWC-1")
    device = scene.look().camera("A1")
    scene.sysfs.yank("1-1.1")
    scene.sysfs.plug("1-1.1", interfaces=KEYBOARD)
    with pytest.raises(FileNotFoundError):
        device.authorise(allowed=True)
    assert not is_authorised(scene, "1-1.1")


def test_only_a_slot_of_the_configuration_is_served(scene: Scene) -> None:
    """A camera on a port that is no slot is nobody's, and a slot without a name there is none."""
    scene.sysfs.plug("1-1.3")
    assert set(rows(scene)) == {"A1", "A2"}
    for slot in ("1-1.3", "B9"):
        with pytest.raises(NotFound):
            scene.ask(json.dumps({"verb": "authorise", "slot": slot}))
    assert slug_of(scene, AUTHORISE) == "camera-gone"
    assert not is_authorised(scene, "1-1.3")


def test_with_auto_slots_only_accepted_devices_make_a_slot(tmp_path: Path) -> None:
    """Each port with an accepted camera is a slot named by its short form; others stay out."""
    scene = Scene(tmp_path, configuration=CONFIGURATION + "[cameras]\nauto_slots = true\n")
    scene.sysfs.plug("1-1.1", serial="BWC-1")
    scene.sysfs.plug("1-1.3", serial="BWC-3")
    scene.sysfs.plug("1-1.4", interfaces=KEYBOARD)
    found = rows(scene)
    assert set(found) == {"A1", "A2", "1-1.3"}
    assert found["1-1.3"]["port"] == f"{STABLE}1.3"
    scene.ask('{"verb": "authorise", "slot": "1-1.3"}')
    assert is_authorised(scene, "1-1.3")
    assert not is_authorised(scene, "1-1.4")


def test_a_usb_3_port_and_its_peer_are_one_slot(tmp_path: Path) -> None:
    """A camera is found on either half; a device on each half is not one camera."""
    scene = Scene(tmp_path)
    scene.sysfs.add_bus(2, speed="5000")
    scene.sysfs.add_hub("2-1")
    scene.sysfs.peers(scene.sysfs.port("1-1", 1), scene.sysfs.port("2-1", 1))
    scene.sysfs.plug("2-1.1", serial="BWC-1")
    assert scene.ask(AUTHORISE)["device"] == "2-1.1"
    scene.sysfs.plug("1-1.1", serial="BWC-2")
    assert slug_of(scene, AUTHORISE) == "camera-not-storage"
    row = rows(scene)["A1"]
    assert row["device"] == "1-1.1"
    assert row["refused"] == {
        "slug": "camera-not-storage",
        "reason": "Slot A1 shows two devices.",
    }


def test_the_stable_form_follows_the_controller_not_the_bus_number(tmp_path: Path) -> None:
    """When buses are numbered otherwise after a boot, the slot is still the same socket."""
    scene = Scene(tmp_path)
    for link in scene.sysfs.devices.iterdir():
        link.unlink()
    scene.sysfs.add_bus(5)
    scene.sysfs.add_hub("5-1")
    scene.sysfs.plug("5-1.1", serial="BWC-1")
    assert scene.ask(AUTHORISE)["device"] == "5-1.1"


def test_two_names_for_one_port_serve_neither(tmp_path: Path) -> None:
    """A port named in its stable and in its short form is no slot at all until one is gone."""
    more = '[[slots]]\nname = "B1"\nport = "1-1.1"\n'
    scene = Scene(tmp_path, configuration=CONFIGURATION + more)
    scene.sysfs.plug("1-1.1")
    assert slug_of(scene, AUTHORISE) == "config-invalid"


def test_the_racks_buses_bind_nothing_by_themselves(scene: Scene) -> None:
    """Looking at the slots guards their bus, and says so in every row."""
    default = scene.sysfs.devices / "usb1/authorized_default"
    assert all(row["guarded"] for row in rows(scene).values())
    assert default.read_text().strip() == "0"


def test_the_controllers_other_bus_is_guarded_as_well(scene: Scene) -> None:
    """A device that is faster than the rack's hub shows itself there, and is not bound either."""
    scene.sysfs.add_bus(2, speed="5000")
    rows(scene)
    assert (scene.sysfs.devices / "usb2/authorized_default").read_text().strip() == "0"


def test_a_bus_with_a_keyboard_is_left_alone(scene: Scene) -> None:
    """The station's console goes on working; the rows say that its bus is not guarded."""
    scene.sysfs.plug("1-2", interfaces=KEYBOARD, serial=None, authorised=True)
    # As after a boot, before the helper starts.
    (scene.sysfs.devices / "usb1/authorized_default").write_text("1\n")
    assert not any(row["guarded"] for row in rows(scene).values())
    assert (scene.sysfs.devices / "usb1/authorized_default").read_text() == "1\n"


def test_a_keyboard_on_the_controllers_other_bus_is_said(scene: Scene) -> None:
    """What is faster than the rack's hub would be bound there: its slots are not guarded."""
    scene.sysfs.add_bus(2, speed="5000")
    scene.sysfs.plug("2-2", interfaces=KEYBOARD, serial=None, authorised=True)
    found = rows(scene).values()
    assert (scene.sysfs.devices / "usb1/authorized_default").read_text().strip() == "0"
    assert (scene.sysfs.devices / "usb2/authorized_default").read_text() == "1\n"
    assert [row["guarded"] for row in found] == [False, False]


@pytest.mark.parametrize("place", ["1-1.1", "1-1.1.4"])
def test_a_keyboard_in_a_slot_is_not_the_consoles(scene: Scene, place: str) -> None:
    """Bound while the machine booted, it neither keeps the bus open nor goes on typing."""
    default = scene.sysfs.devices / "usb1/authorized_default"
    default.write_text("1\n")
    if place == "1-1.1.4":
        scene.sysfs.add_hub("1-1.1")
    scene.sysfs.plug(place, interfaces=KEYBOARD, serial=None, authorised=True)
    assert all(row["guarded"] for row in rows(scene).values())
    assert default.read_text().strip() == "0"
    # Without its hub, what was behind it is nowhere.
    assert not is_authorised(scene, "1-1.1")


def test_a_hub_that_comes_back_leads_to_its_slots_again(tmp_path: Path) -> None:
    """A guarded bus binds no new hub by itself; the helper binds one that leads to a slot."""
    scene = Scene(tmp_path)
    scene.sysfs.yank("1-1")
    scene.sysfs.add_hub(authorised=False)
    scene.sysfs.plug("1-2", interfaces=((0, 9, 0, 0),), serial=None)
    rows(scene)
    assert is_authorised(scene, "1-1")
    assert not is_authorised(scene, "1-2")


def test_something_else_where_a_hub_should_be_is_not_bound(tmp_path: Path) -> None:
    """A keyboard on the hub's own port stays unbound, though slots would lie behind it."""
    scene = Scene(tmp_path)
    scene.sysfs.yank("1-1")
    scene.sysfs.plug("1-1", interfaces=((0, 9, 0, 0), (1, 3, 1, 1)))
    rows(scene)
    assert not is_authorised(scene, "1-1")


def test_a_slot_says_what_is_in_it(scene: Scene) -> None:
    """Every row has the protocol's keys, an empty slot's are null."""
    scene.sysfs.plug("1-1.1", serial="BWC-1")
    found = rows(scene)
    assert found["A1"] == {
        "slot": "A1",
        "port": f"{STABLE}1.1",
        "device": "1-1.1",
        "serial": "BWC-1",
        "powered": True,
        "guarded": True,
        "refused": None,
    }
    assert found["A2"]["device"] is None
    assert found["A2"]["refused"] is None


def test_without_any_usb_there_are_slots_and_nothing_in_them(tmp_path: Path) -> None:
    """A station without USB answers, with every slot empty."""
    configuration = tmp_path / "dockd.toml"
    configuration.write_text('[[slots]]\nname = "A1"\nport = "1-1"\n')
    configuration.chmod(0o600)
    tmp_path.chmod(0o755)
    rack = Rack(Watched(configuration).now(), sysfs=tmp_path)
    (row,) = rack.rows()
    assert (row["device"], row["powered"]) == (None, None)
    with pytest.raises(CameraGone):
        rack.camera("A1")


def test_a_device_that_leaves_while_the_slots_are_read_is_no_error(scene: Scene) -> None:
    """Half a device, as in the moment of a yank, reads as an empty slot."""
    folder = scene.sysfs.plug("1-1.1")
    (folder / "idVendor").unlink()
    assert rows(scene)["A1"]["device"] is None
    with pytest.raises((CameraGone, Refused)):
        scene.ask(AUTHORISE)


WITH_HUB = CONFIGURATION + 'driver = "cambrionix"\n'
SERIAL_ADAPTER = ((0, 0xFF, 0xFF, 0xFF),)


@pytest.mark.parametrize("place", ["1-1.8", "1-2"])
def test_a_charging_hub_s_serial_port_is_bound(tmp_path: Path, place: str) -> None:
    """On a guarded bus it would never come back after a yank; beside the slots it is let in."""
    scene = Scene(tmp_path, configuration=WITH_HUB)
    for _ in range(2):
        scene.sysfs.plug(place, vendor_id="0403", product_id="6001", interfaces=SERIAL_ADAPTER)
        rows(scene)
        assert is_authorised(scene, place)
        scene.sysfs.yank(place)


@pytest.mark.parametrize(
    ("configuration", "place", "vendor_id", "interfaces"),
    [
        (CONFIGURATION, "1-2", "0403", SERIAL_ADAPTER),
        (WITH_HUB, "1-1.1", "0403", SERIAL_ADAPTER),
        (WITH_HUB, "1-1.1.4", "0403", SERIAL_ADAPTER),
        (WITH_HUB, "1-2", "46f4", SERIAL_ADAPTER),
        (WITH_HUB, "1-2", "0403", KEYBOARD),
        (WITH_HUB, "1-2", "0403", (*SERIAL_ADAPTER, (1, 2, 6, 0))),
        (WITH_HUB, "1-2", "0403", STORAGE),
    ],
)
def test_nothing_else_is_bound_for_a_charging_hub(
    tmp_path: Path,
    configuration: str,
    place: str,
    vendor_id: str,
    interfaces: tuple[tuple[int, int, int, int], ...],
) -> None:
    """Without such a hub configured, in a slot or behind one, of another kind: nothing is bound."""
    scene = Scene(tmp_path, configuration=configuration)
    scene.sysfs.plug(place, vendor_id=vendor_id, product_id="6001", interfaces=interfaces)
    rows(scene)
    assert not is_authorised(scene, place)


# In Debian's 6.1: ftdi_elan (a USB controller), usbtouchscreen, i2c_tiny_usb, snd_usb_audio.
@pytest.mark.parametrize("product_id", ["d6ea", "f9e9", "c631", "b8d8"])
def test_what_other_drivers_bind_by_the_same_vendor_is_no_charging_hub(
    tmp_path: Path, product_id: str
) -> None:
    """A controller, a touch screen, a bus or a sound card under FTDI's number stays unbound."""
    scene = Scene(tmp_path, configuration=WITH_HUB)
    scene.sysfs.plug("1-2", vendor_id="0403", product_id=product_id, interfaces=SERIAL_ADAPTER)
    rows(scene)
    assert not is_authorised(scene, "1-2")
