"""The rack's slots: a hub with eight ports, and the hands that plug in and pull out."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.rack.camera import Camera
from tests.rack.disk import logged
from tests.rack.machine import XHCI_PATH, Machine
from tests.rack.waiting import wait_until

SLOTS = range(1, 9)
# A socket of the controller itself: a place where nothing that is plugged in is in a slot.
NO_SLOT = "2"
# The controller's first bus (USB 2); its second is the USB 3 half of the same sockets.
_BUS = "/sys/bus/usb/devices/usb1"
_SEEN_S = 30.0


@dataclass(frozen=True)
class _Docking:
    """A camera as it was dropped into a slot."""

    camera: Camera
    limit_bytes_s: int
    write_limit_bytes_s: int
    serial: str
    log: Path | None


class Dock:
    """Hands at the rack of one machine; all that they do passes a real USB stack.

    A place is a slot's number, or a socket written as QEMU does (`NO_SLOT`).
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._docked: dict[int | str, Callable[[], None]] = {}

    def port(self, place: int | str) -> str:
        """Name a place as the guest's udev does in ID_PATH: a slot's `port`."""
        return f"{XHCI_PATH}-usb-0:{_socket(place)}"

    def sysfs(self, place: int | str) -> str:
        """Say where the guest's kernel shows the device in a place."""
        return f"/sys/bus/usb/devices/1-{_socket(place)}"

    def dock(
        self,
        place: int | str,
        camera: Camera,
        *,
        limit_bytes_s: int = 0,
        write_limit_bytes_s: int = 0,
        serial: str | None = None,
        log: Path | None = None,
    ) -> None:
        """Drop a camera into a slot, as fast as its USB allows or as slow as `limit_bytes_s`.

        `write_limit_bytes_s` slows down only what is written to it. Another `serial` than its own
        makes an impostor of it. What is written to it is in `log`.
        """
        shown = camera.serial if serial is None else serial
        docking = _Docking(camera, limit_bytes_s, write_limit_bytes_s, shown, log)
        again = partial(self._dock, place, docking)
        self._docked[place] = again
        again()

    def put_back(self) -> None:
        """Let every docked camera be there when a machine is switched on again."""
        for again in self._docked.values():
            again()

    def _dock(self, place: int | str, docking: "_Docking") -> None:
        node = _name(place)
        medium: dict[str, Any] = {
            "driver": "raw",
            "file": {"driver": "file", "filename": str(docking.camera.image)},
        }
        if docking.log is not None:
            medium = logged(medium, log=docking.log)
        limits = _limits(docking.limit_bytes_s, docking.write_limit_bytes_s)
        if any(limits.values()):
            self._machine.monitor.do(
                "object-add", qom_type="throttle-group", id=f"{node}-limit", limits=limits
            )
            medium = {"driver": "throttle", "throttle-group": f"{node}-limit", "file": medium}
        self._machine.monitor.do("blockdev-add", **medium | {"node-name": node})
        self.plug(place, "usb-storage", drive=node, serial=docking.serial, removable=True)

    def pace(self, place: int | str, *, limit_bytes_s: int) -> None:
        """Make the USB of a camera that was docked with a limit faster or slower."""
        limit = f"/objects/{_name(place)}-limit"
        limits = _limits(limit_bytes_s, 0)
        self._machine.monitor.do("qom-set", path=limit, property="limits", value=limits)

    def moved(self, place: int | str) -> tuple[int, int]:
        """Count the bytes that were read from and written to a camera since it was docked."""
        return self._machine.moved(_name(place))

    def yank(self, place: int | str) -> None:
        """Pull out whatever is in a slot, whatever it is doing."""
        node = _name(place)
        self._docked.pop(place, None)
        monitor = self._machine.monitor
        monitor.do("device_del", id=node)
        monitor.await_event("DEVICE_DELETED", where=lambda data: data.get("device") == node)
        if any(known["node-name"] == node for known in monitor.do("query-named-block-nodes")):
            monitor.do("blockdev-del", node_name=node)
        if any(known["name"] == f"{node}-limit" for known in self._objects()):
            monitor.do("object-del", id=f"{node}-limit")

    def plug(self, place: int | str, driver: str, **properties: Any) -> None:  # noqa: ANN401  (QEMU's)
        """Plug in any USB device that QEMU knows: `usb-kbd`, `usb-net`, `usb-mtp`."""
        place_properties = {"bus": "xhci.0", "port": _socket(place), "id": _name(place)}
        self._machine.monitor.do("device_add", driver=driver, **place_properties, **properties)

    def plug_network(self, place: int | str) -> None:
        """Plug in a USB network adapter, whose other end leads nowhere."""
        # A name of its own each time: QEMU keeps the cable when the adapter is pulled out.
        cable = f"cable-{secrets.token_hex(4)}"
        self._machine.monitor.do("netdev_add", type="hubport", id=cable, hubid=0)
        self.plug(place, "usb-net", netdev=cable)

    def power_off(self, place: int | str) -> None:
        """Cut the power of a slot's port, as the hub does when the station tells it to."""
        self._switch(place, "1")

    def power_on(self, place: int | str) -> None:
        """Give a slot's port its power back."""
        self._switch(place, "0")

    def dark(self, slots: Sequence[int]) -> set[int]:
        """Return those of the slots whose ports are without power, by the guest's kernel."""
        switches = [f"{_port_folder(slot)}/disable" for slot in slots]
        said = self._machine.agent.run("cat", *switches).text.split()
        return {slot for slot, value in zip(slots, said, strict=True) if value == "1"}

    def authorise_by_default(self, allowed: bool) -> None:
        """Let the kernel bind whatever is plugged into the rack, or nothing until it is told to."""
        self._machine.agent.shell(f"echo {int(allowed)} > {_BUS}/authorized_default")

    def await_device(self, place: int | str) -> None:
        """Wait until the guest's kernel sees the device in a place."""
        self._await(f"test -e {self.sysfs(place)}/idVendor", f"a device in {place}")

    def await_nothing(self, place: int | str) -> None:
        """Wait until the guest's kernel has noticed that a place is empty."""
        self._await(f"test ! -e {self.sysfs(place)}", f"nothing in {place}")

    def await_disk(self, place: int | str) -> str:
        """Wait until the medium in a slot is a disk to udev, and return its node in /dev."""
        link = f"/dev/disk/by-path/{self.port(place)}:1.0-scsi-0:0:0:0"
        self._await(f"test -b {link}", f"a disk in {place}")
        return self._machine.agent.run("readlink", "-f", link).text

    def _switch(self, place: int | str, value: str) -> None:
        self._machine.agent.shell(f"echo {value} > {_port_folder(place)}/disable")

    def _await(self, script: str, what: str) -> None:
        agent = self._machine.agent
        wait_until(
            lambda: agent.shell(script, check=False).status == 0, what=what, timeout_s=_SEEN_S
        )

    def _objects(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self._machine.monitor.do("qom-list", path="/objects")
        return found


def _limits(total_bytes_s: int, write_bytes_s: int) -> dict[str, int]:
    # QEMU knows a limit for both ways or one for each, and not both kinds at once.
    return {"bps-total": total_bytes_s, "bps-write": write_bytes_s}


def _port_folder(place: int | str) -> str:
    hub, _, port = _socket(place).rpartition(".")
    return f"/sys/bus/usb/devices/1-{hub}:1.0/1-{hub}-port{port}"


def _socket(place: int | str) -> str:
    return f"1.{place}" if isinstance(place, int) else place


def _name(place: int | str) -> str:
    return f"place-{_socket(place).replace('.', '-')}"
