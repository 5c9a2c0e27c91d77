"""Devices that QEMU has not: made in the guest with the kernel's own gadgets on a dummy controller.

A gadget may have any ids, no serial number, several media, or be several things at once.
Source: the kernel's Documentation/usb/gadget_configfs.rst and gadget-testing.rst.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from tests.rack.agent import Agent
from tests.rack.waiting import wait_until

_FOLDER = "/sys/kernel/config/usb_gadget"
_SEEN_S = 30.0
# A keyboard's report descriptor, from gadget_hid.rst.
_KEYBOARD = (
    "05010906a101050719e029e71500250175019508810295017508810395057501"
    "050819012905910295017503910395067508150025650507190029658100c0"
)


@dataclass(frozen=True)
class Gadget:
    """What a device says that it is.

    Attributes:
        media: Files of the guest that it shows as disks, one LUN each.
        serial: None leaves the serial number out.
        keyboard: It can type, too.
        network: It is a network card, too.
    """

    media: Sequence[str] = ()
    serial: str | None = None
    vendor_id: str = "1d6b"
    product_id: str = "0104"
    keyboard: bool = False
    network: bool = False


def load(agent: Agent, *, sockets: int = 1) -> None:
    """Give the guest a USB controller whose sockets take gadgets, numbered from 0."""
    agent.run("modprobe", "dummy_hcd", f"num={sockets}")
    agent.run("modprobe", "libcomposite")


def plug(agent: Agent, gadget: Gadget, *, socket: int = 0) -> str:
    """Plug a gadget into a socket of the dummy controller and return its port as ID_PATH has it."""
    agent.shell("\n".join(_script(gadget, name=f"g{socket}", socket=socket)))
    wait_until(
        lambda: agent.shell(f"ls -d {_devices(socket)}", check=False).status == 0,
        what="the gadget to be seen",
        timeout_s=_SEEN_S,
    )
    return f"platform-dummy_hcd.{socket}-usb-0:1"


def sysfs(agent: Agent, *, socket: int = 0) -> str:
    """Say where the guest's kernel shows the device in a socket."""
    return agent.shell(f"echo {_devices(socket)}").text


def unplug(agent: Agent, *, socket: int = 0) -> None:
    """Pull a gadget out."""
    agent.shell(f"echo > {_FOLDER}/g{socket}/UDC")


def _devices(socket: int) -> str:
    return f"/sys/devices/platform/dummy_hcd.{socket}/usb*/*-1"


def _script(gadget: Gadget, *, name: str, socket: int) -> list[str]:
    lines = [
        f"mkdir -p {_FOLDER}/{name}/strings/0x409 {_FOLDER}/{name}/configs/c.1",
        f"cd {_FOLDER}/{name}",
        f"echo 0x{gadget.vendor_id} > idVendor",
        f"echo 0x{gadget.product_id} > idProduct",
        "echo Rack > strings/0x409/manufacturer",
        "echo Gadget > strings/0x409/product",
    ]
    if gadget.serial is not None:
        lines.append(f"printf %s {shlex.quote(gadget.serial)} > strings/0x409/serialnumber")
    functions = []
    if gadget.media:
        functions.append("mass_storage.0")
        for number, medium in enumerate(gadget.media):
            lun = f"functions/mass_storage.0/lun.{number}"
            lines += [f"mkdir -p {lun}", f"echo {shlex.quote(medium)} > {lun}/file"]
    if gadget.keyboard:
        functions.append("hid.0")
        hid = "functions/hid.0"
        lines += [f"mkdir -p {hid}", f"echo 1 > {hid}/protocol", f"echo 8 > {hid}/report_length"]
        escaped = "".join(f"\\0{byte:03o}" for byte in bytes.fromhex(_KEYBOARD))
        lines.append(f"printf %b '{escaped}' > {hid}/report_desc")
    if gadget.network:
        functions.append("ecm.0")
        lines.append("mkdir -p functions/ecm.0")
    lines += [f"ln -s functions/{function} configs/c.1/" for function in functions]
    return [*lines, f"echo dummy_udc.{socket} > UDC"]
