"""A helper over a fake sysfs: its clock stands still, its disks are real loop devices."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from dockd.helper.configuration import Watched
from dockd.helper.mounts import FileSystems
from dockd.helper.rack import Rack
from dockd.helper.requests import parse
from dockd.helper.service import Service
from tests.fakes.still_clock import StillClock
from tests.helper.fake_sysfs import CONTROLLER, FakeSysfs

STABLE = f"pci-{CONTROLLER}-usb-0:"
# The host has no vfat and no exfat. Everything else about mounting is the same for ext4.
ON_THIS_HOST: FileSystems = {"ext4": ()}

CONFIGURATION = f"""
[[slots]]
name = "A1"
port = "{STABLE}1.1"
[[slots]]
name = "A2"
port = "{STABLE}1.2"
[[cameras.accept]]
family = "mass-storage"
vendor_id = "46f4"
product_id = "0001"
serial = "BWC-*"
[power]
budget_w = 15
camera_w = 7.5
"""


class LoopDisk:
    """An image on a loop device, which is a block device with a sequence number like any other."""

    def __init__(
        self,
        image: Path,
        *,
        make: str = "mkfs.ext4 -q",
        size: str = "8M",
        partitions: int = 0,
        others: int = 0,
    ) -> None:
        """Make it, with ``partitions`` of that file system and ``others`` that hold nothing."""
        subprocess.run(["truncate", "-s", size, image], check=True)
        found = subprocess.run(
            ["losetup", "--partscan", "--find", "--show", image],
            check=True,
            capture_output=True,
            text=True,
        )
        node = found.stdout.strip()
        self.name = Path(node).name
        self._sysfs = Path("/sys/block") / self.name
        # Unlike a camera's disk, a loop device keeps being read-only for whoever comes next.
        subprocess.run(["blockdev", "--setrw", node], check=True)
        # The partitions are told to the kernel one by one: this host's reads no tables.
        count = partitions + others
        share = (int((self._sysfs / "size").read_text()) - 2048) // max(1, count)
        for number in range(1, count + 1):
            start = 2048 + (number - 1) * share
            subprocess.run(["addpart", node, str(number), str(start), str(share)], check=True)
        self.parts = [f"{self.name}p{number}" for number in range(1, count + 1)]
        for name in self.parts[:partitions] or [self.name]:
            subprocess.run([*make.split(), f"/dev/{name}"], check=True, capture_output=True)
        self.dev = (self._sysfs / "dev").read_text().strip()
        self.diskseq = int((self._sysfs / "diskseq").read_text())

    def part_devs(self) -> list[tuple[str, str]]:
        return [(part, (self._sysfs / part / "dev").read_text().strip()) for part in self.parts]

    def is_read_only(self, part: str = "") -> bool:
        return (self._sysfs / part / "ro").read_text().strip() == "1"

    def detach(self) -> None:
        # Else whoever mounts an image next, in any test, may get a device that stays read-only.
        subprocess.run(["blockdev", "--setrw", f"/dev/{self.name}"], check=True)
        subprocess.run(["losetup", "--detach", f"/dev/{self.name}"], check=True)


class Scene:
    """A hub with two slots in use, and a helper that serves them."""

    def __init__(self, folder: Path, *, configuration: str = CONFIGURATION) -> None:
        self.folder = folder
        self.sysfs = FakeSysfs(folder / "sys")
        self.sysfs.add_bus()
        self.sysfs.add_hub()
        (folder / "etc").mkdir(mode=0o755)
        self.configuration = folder / "etc/dockd.toml"
        self.configuration.write_text(configuration)
        self.configuration.chmod(0o644)
        self.clock = StillClock()
        self.start()

    def start(self) -> None:
        """Start the helper, as again after it was killed."""
        watched = Watched(self.configuration)

        def look() -> Rack:
            return Rack(watched.now(), sysfs=self.folder / "sys")

        self.look = look
        self.service = Service(
            look=look,
            file_systems=ON_THIS_HOST,
            cuts=self.folder / "cuts.json",
            now=self.clock.monotonic_s,
        )

    def dock(self, disk: LoopDisk, *, name: str = "1-1.1", serial: str = "BWC-000001") -> None:
        self.sysfs.plug(name, serial=serial, authorised=True)
        self.sysfs.add_disk(
            name,
            disk=disk.name,
            dev=disk.dev,
            diskseq=disk.diskseq,
            partitions=disk.part_devs(),
        )

    def ask(
        self, packet: str, *, descriptor: int | None = None, owner: int = 1
    ) -> Mapping[str, object]:
        request = parse(packet.encode())._replace(descriptor=descriptor, owner=owner)
        answer, mount = self.service.answer(request)
        assert mount is None
        return answer

    def mount(self, slot: str = "A1") -> tuple[Mapping[str, object], int]:
        request = parse(f'{{"verb": "mount", "slot": "{slot}"}}'.encode())
        answer, mount = self.service.answer(request)
        assert mount is not None
        # What a client gets is its own.
        return answer, os.dup(mount.descriptor)

    def disable(self, number: int) -> str:
        return (self.sysfs.port("1-1", number) / "disable").read_text().strip()

    def what_is_due(self) -> None:
        """Do at once what the helper's own threads would."""
        for slot in self.service.overdue():
            self.service.take_back(slot)
        self.service.power.keep()
