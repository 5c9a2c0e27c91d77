"""A process of its own in which umockdev stands for the kernel's and udev's side of sysfs.

Run below ``umockdev-wrapper``, with a scene's name; prints what was seen, as JSON. libumockdev has
no Python of its own: GObject's C functions are called through ctypes.
"""

import asyncio
import ctypes
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pyudev

from dockd.ports.journal import Level
from dockd.station.udev import UdevBus

HUB = "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1"
CAMERA = f"{HUB}/1-1.2"
# umockdev gives up when more than ten events wait in its socket.
BURST = 8
BURSTS = 200
PATIENCE_S = 20

_mock = ctypes.CDLL("libumockdev.so.0")
for _name, _takes in {
    "umockdev_testbed_new": [],
    "umockdev_testbed_add_from_string": [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p],
    "umockdev_testbed_uevent": [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p],
    "umockdev_testbed_remove_device": [ctypes.c_void_p, ctypes.c_char_p],
}.items():
    getattr(_mock, _name).argtypes = _takes
_mock.umockdev_testbed_new.restype = ctypes.c_void_p
_mock.umockdev_testbed_add_from_string.restype = ctypes.c_int


class Kernel:
    """A controller with a hub, and what happens on it."""

    def __init__(self) -> None:
        self._bed = _mock.umockdev_testbed_new()
        self._add("/devices/pci0000:00/0000:00:14.0", "pci")
        self._add("/devices/pci0000:00/0000:00:14.0/usb1", "usb", bDeviceClass="09", devnum="1")
        self._add(HUB.removeprefix("/sys"), "usb", bDeviceClass="09", devnum="2")

    def _add(self, path: str, subsystem: str, kind: str = "usb_device", **attributes: str) -> None:
        lines = [f"P: {path}", f"E: SUBSYSTEM={subsystem}"]
        if subsystem != "pci":
            lines.append(f"E: DEVTYPE={kind}")
        lines += [f"A: {name}={value}" for name, value in attributes.items()]
        text = "\n".join(lines) + "\n"
        if not _mock.umockdev_testbed_add_from_string(self._bed, text.encode(), None):
            raise AssertionError(f"umockdev does not take {path}")

    def plug(self, devnum: int) -> None:
        attributes = {"idVendor": "46f4", "idProduct": "0001", "bDeviceClass": "00"}
        path = CAMERA.removeprefix("/sys")
        self._add(path, "usb", serial=f"BWC-{devnum}", devnum=str(devnum), **attributes)

    def plug_what_is_on_it(self) -> None:
        """Have the camera's interface and its disk appear, once it is authorised."""
        path = f"{CAMERA.removeprefix('/sys')}/{Path(CAMERA).name}:1.0"
        self._add(path, "usb", kind="usb_interface", bInterfaceClass="08")
        self._add(f"{path}/host0/target0:0:0/0:0:0:0/block/sda", "block", kind="disk", size="8")

    def tell(self, action: str) -> None:
        _mock.umockdev_testbed_uevent(self._bed, CAMERA.encode(), action.encode())

    def unplug(self) -> None:
        self.tell("remove")
        _mock.umockdev_testbed_remove_device(self._bed, CAMERA.encode())


class Silent:
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, event: str, sentence: str, *, level: Level = "info", **fields: object) -> None:
        self.said.append(event)


class Scene:
    """The real bus, listened to."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.journal = Silent()
        self.bus = UdevBus(journal=self.journal)
        self.rung = asyncio.Event()
        self.rings = 0

    def ring(self) -> None:
        self.rings += 1
        self.rung.set()

    async def ringing(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.rung.wait()
        self.rung.clear()

    def serials(self) -> list[str]:
        return [device.serial for device in self.bus.devices() if not device.is_hub]


async def come_and_go(scene: Scene) -> object:
    """Plug a camera in, exchange it, and pull it."""
    with scene.bus.listening(scene.ring):
        await scene.ringing()
        seen = [scene.serials()]
        scene.kernel.plug(3)
        await scene.ringing()
        seen.append(scene.serials())
        (first,) = (device for device in scene.bus.devices() if not device.is_hub)
        scene.kernel.unplug()
        await scene.ringing()
        seen.append(scene.serials())
        scene.kernel.plug(4)
        await scene.ringing()
        seen.append(scene.serials())
    return {"seen": seen, "port": first.port, "still": scene.bus.is_there(first)}


async def below(scene: Scene) -> object:
    """Plug a camera in, and have its interface and its disk appear."""
    with scene.bus.listening(scene.ring):
        await scene.ringing()
        scene.kernel.plug(3)
        await scene.ringing()
        rings = scene.rings
        witness = pyudev.Monitor.from_netlink(pyudev.Context(), source="udev")
        witness.filter_by("block")
        witness.start()
        scene.kernel.plug_what_is_on_it()
        assert witness.poll(timeout=PATIENCE_S) is not None
        # The loop looks once at what has come by now.
        for _ in range(3):
            await asyncio.sleep(0)
        rings_below = scene.rings - rings
        scene.kernel.unplug()
        await scene.ringing()
    return {"rings": rings_below, "serials": scene.serials()}


async def burst(scene: Scene) -> object:
    """Tell of changes in bursts, as a shift change does, then of one more."""
    with scene.bus.listening(scene.ring):
        await scene.ringing()
        scene.kernel.plug(3)
        await scene.ringing()
        for _ in range(BURSTS):
            for _ in range(BURST):
                scene.kernel.tell("change")
            await scene.ringing()
        rings = scene.rings
        scene.kernel.unplug()
        while scene.serials():
            await scene.ringing()
    return {"rings": rings, "serials": scene.serials()}


SCENES: dict[str, Callable[[Scene], Awaitable[object]]] = {
    "come-and-go": come_and_go,
    "below": below,
    "burst": burst,
}


async def main(name: str) -> None:
    """Play one scene."""
    scene = Scene()
    print(json.dumps(await SCENES[name](scene)))  # noqa: T201 - it is asked for on stdout


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
