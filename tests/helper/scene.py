"""A helper over a fake sysfs: its clock stands still, its disks are real loop devices."""

import subprocess
from pathlib import Path

from dockd.helper.configuration import Watched
from dockd.helper.memory import Memory
from dockd.helper.mounts import Mounting
from dockd.helper.power import Power
from dockd.helper.rack import Rack
from dockd.helper.requests import parse
from dockd.helper.service import Answer, Service
from dockd.helper.usb import Usb
from tests.fakes.still_clock import StillClock
from tests.helper.fake_sysfs import CONTROLLER, FakeSysfs

STABLE = f"pci-{CONTROLLER}-usb-0:"
# The host has no vfat and no exfat. Everything else about mounting is the same for ext4.
ON_THIS_HOST = Mounting(nodes=Path("/dev"), file_systems={"ext4": ()})

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

    def __init__(self, image: Path, *, make: str = "mkfs.ext4 -q", size: str = "8M") -> None:
        subprocess.run(["truncate", "-s", size, image], check=True)
        subprocess.run([*make.split(), image], check=True, capture_output=True)
        found = subprocess.run(
            ["losetup", "--find", "--show", image], check=True, capture_output=True, text=True
        )
        self.name = Path(found.stdout.strip()).name
        # Unlike a camera's disk, a loop device keeps being read-only for whoever comes next.
        subprocess.run(["blockdev", "--setrw", f"/dev/{self.name}"], check=True)
        self.dev = (Path("/sys/block") / self.name / "dev").read_text().strip()
        self.diskseq = int((Path("/sys/block") / self.name / "diskseq").read_text())

    def is_read_only(self) -> bool:
        return (Path("/sys/block") / self.name / "ro").read_text().strip() == "1"

    def detach(self) -> None:
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
        usb = Usb(self.folder / "sys")
        self.rack = Rack(usb=usb, configuration=Watched(self.configuration))
        self.power = Power(memory=Memory(self.folder / "cuts.json"), now=self.clock.monotonic_s)
        self.service = Service(
            self.rack,
            usb=usb,
            mounting=ON_THIS_HOST,
            power=self.power,
            memory=Memory(self.folder / "writable.json"),
            now=self.clock.monotonic_s,
        )

    def dock(self, disk: LoopDisk, *, name: str = "1-1.1", serial: str = "BWC-000001") -> None:
        self.sysfs.plug(name, serial=serial, authorised=True)
        self.sysfs.add_disk(name, disk=disk.name, dev=disk.dev, diskseq=disk.diskseq)

    def ask(self, packet: str, *, descriptor: int | None = None, owner: int = 1) -> Answer:
        answer, mount = self.service.answer(
            parse(packet.encode()), descriptor=descriptor, owner=owner
        )
        assert mount is None
        return answer

    def mount(self, slot: str = "A1") -> tuple[Answer, int]:
        request = parse(f'{{"verb": "mount", "slot": "{slot}"}}'.encode())
        answer, mount = self.service.answer(request, descriptor=None, owner=1)
        assert mount is not None
        return answer, mount

    def disable(self, number: int) -> str:
        return (self.sysfs.port("1-1", number) / "disable").read_text().strip()

    def what_is_due(self) -> None:
        """Do at once what the helper's own threads would."""
        for slot in self.service.overdue():
            self.service.take_back(slot)
        self.service.give_back()
