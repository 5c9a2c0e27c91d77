"""A sysfs of plain folders: buses, hubs with switchable ports, and devices that come and go.

What is there has the shape that Linux 6.1 shows (FACTS section 1); a device that leaves takes its
files with it, as the kernel's do: who holds its folder open finds nothing below it any more.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

STORAGE = ((0, 8, 6, 0x50),)
KEYBOARD = ((0, 3, 1, 1),)
CONTROLLER = "0000:00:14.0"


def descriptors(
    interfaces: Sequence[tuple[int, int, int, int]], *, configurations: int = 1
) -> bytes:
    """Return a device's raw descriptors: interfaces are number, class, subclass, protocol."""
    body = b"".join(
        bytes((9, 4, number, 0, 1, kind, subclass, protocol, 0)) + bytes((7, 5, 0x81, 2, 0, 2, 0))
        for number, kind, subclass, protocol in interfaces
    )
    total = (9 + len(body)).to_bytes(2, "little")
    numbers = len({number for number, *_ in interfaces})
    configuration = bytes((9, 2)) + total + bytes((numbers, 1, 0, 0x80, 50)) + body
    head = bytes((18, 1, 0, 2, 0, 0, 0, 64, 0xF4, 0x46, 1, 0, 0, 0, 1, 2, 3, configurations))
    return head + configuration * configurations


class FakeSysfs:
    """Builds and changes the tree at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.devices = root / "bus/usb/devices"
        self.devices.mkdir(parents=True)
        (root / "bus/pci").mkdir()
        self._controller = root / "devices/pci0000:00" / CONTROLLER
        self._controller.mkdir(parents=True)
        (self._controller / "subsystem").symlink_to(root / "bus/pci")
        (root / "bus/usb").mkdir(exist_ok=True)

    def add_bus(self, number: int = 1, *, speed: str = "480", ports: int = 4) -> None:
        folder = self._controller / f"usb{number}"
        self._ports(folder / f"{number}-0:1.0", owner=f"usb{number}", count=ports)
        (folder / "speed").write_text(f"{speed}\n")
        (folder / "authorized_default").write_text("1\n")
        (folder / "subsystem").symlink_to(self.root / "bus/usb")
        (self.devices / folder.name).symlink_to(folder)

    def add_hub(self, name: str = "1-1", *, ports: int = 8, authorised: bool = True) -> None:
        self.plug(name, interfaces=((0, 9, 0, 0),), serial=None, authorised=authorised)
        if authorised:
            self._ports(self.folder(name) / f"{name}:1.0", owner=name, count=ports)

    @staticmethod
    def _ports(interface: Path, *, owner: str, count: int) -> None:
        for number in range(1, count + 1):
            port = interface / f"{owner}-port{number}"
            port.mkdir(parents=True)
            (port / "disable").write_text("0\n")

    def port(self, owner: str, number: int) -> Path:
        prefix = f"{owner.removeprefix('usb')}-0" if owner.startswith("usb") else owner
        return self.devices.resolve() / owner / f"{prefix}:1.0" / f"{owner}-port{number}"

    def peers(self, one: Path, other: Path) -> None:
        (one / "peer").symlink_to(other)
        (other / "peer").symlink_to(one)

    def folder(self, name: str) -> Path:
        bus, _, chain = name.partition("-")
        steps = chain.split(".")
        folder = self._controller / f"usb{bus}"
        for upto in range(1, len(steps) + 1):
            folder /= f"{bus}-{'.'.join(steps[:upto])}"
        return folder

    def plug(
        self,
        name: str,
        *,
        serial: str | None = "BWC-000001",
        vendor_id: str = "46f4",
        product_id: str = "0001",
        interfaces: Sequence[tuple[int, int, int, int]] = STORAGE,
        raw: bytes | None = None,
        authorised: bool = False,
    ) -> Path:
        folder = self.folder(name)
        folder.mkdir(parents=True)
        (folder / "idVendor").write_text(f"{vendor_id}\n")
        (folder / "idProduct").write_text(f"{product_id}\n")
        (folder / "authorized").write_text(f"{int(authorised)}\n")
        (folder / "descriptors").write_bytes(descriptors(interfaces) if raw is None else raw)
        if serial is not None:
            (folder / "serial").write_text(f"{serial}\n")
        for number, kind, *_ in interfaces:
            interface = folder / f"{name}:1.{number}"
            interface.mkdir()
            (interface / "bInterfaceClass").write_text(f"{kind:02x}\n")
            (self.devices / interface.name).symlink_to(interface)
        (self.devices / name).symlink_to(folder)
        return folder

    def add_disk(
        self,
        name: str,
        *,
        disk: str,
        dev: str,
        diskseq: int,
        lun: int = 0,
        partitions: Sequence[tuple[str, str]] = (),
    ) -> Path:
        unit = self.folder(name) / f"{name}:1.0/host0/target0:0:0/0:0:0:{lun}"
        folder = unit / "block" / disk
        folder.mkdir(parents=True)
        (folder / "dev").write_text(f"{dev}\n")
        (folder / "diskseq").write_text(f"{diskseq}\n")
        for part, number in partitions:
            (folder / part).mkdir()
            (folder / part / "partition").write_text("1\n")
            (folder / part / "dev").write_text(f"{number}\n")
        return folder

    def yank(self, name: str) -> None:
        for link in self.devices.iterdir():
            if link.name == name or link.name.startswith((f"{name}:", f"{name}.")):
                link.unlink()
        shutil.rmtree(self.folder(name))
