"""Guests that were booted once, and from which any number of machines go on."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.servers import free_ports
from tests.rack.disk import Disk, copy_sparsely, overlay
from tests.rack.image import Image, base_image, hash_of, kept
from tests.rack.machine import Machine, Ports

_HERE = Path(__file__).parent
# A saved guest fits only the QEMU and the devices that it was saved with.
_SOURCES = tuple(_HERE / name for name in ("machine.py", "disk.py", "saved.py"))


@dataclass(frozen=True)
class Saved:
    """A guest in the middle of its life; its files are never written again.

    Disks that it has beside its root disk are raw, and lie in the folder as SERIAL.img.
    """

    image: Image
    folder: Path

    @property
    def memory(self) -> Path:
        """What `Machine.resume` goes on from."""
        return self.folder / "memory"

    @property
    def told(self) -> Path:
        """What a station in it had told its store of its ledger by then."""
        return self.folder / "told.json"

    @property
    def disk(self) -> Path:
        """Its root disk as it was then; booted from, it comes up as after a power cut."""
        return self.folder / "root.qcow2"

    def machine(self, folder: Path, *, ports: Ports) -> Machine:
        """Make a machine with copies of its disks."""
        return Machine(folder, image=self.image, disks=self._laid_out(folder), ports=ports)

    def go_back(self, machine: Machine) -> None:
        """Go on from that moment once more, with a machine of its own that is off."""
        machine.disks[:] = self._laid_out(machine.folder)
        machine.resume(self.memory)

    def _laid_out(self, folder: Path) -> list[Disk]:
        others = [
            Disk(image.stem, copy_sparsely(image, folder / image.name), "raw")
            for image in sorted(self.folder.glob("*.img"))
        ]
        return [root_on(self.disk, folder), *others]


def bare_guest() -> Saved:
    """Return a booted Debian without dockd; boot it when there is none of this making yet.

    Raises:
        RuntimeError: It does not come up well; the message names the units that failed.
    """
    image = base_image()
    with kept("bare", key=fitting(image.disk.parent.name)) as (folder, is_new):
        if is_new:
            with machine_on(image.disk, folder, image=image, ports=some_ports()) as machine:
                state = machine.boot()
                if state != "running":
                    failed = machine.agent.run("systemctl", "--failed", "--no-legend").text
                    raise RuntimeError(f"the guest came up as {state}: {failed}")
                # What is only in the memory would be lost to a machine that boots from the disk.
                machine.agent.run("sync")
                machine.save(folder / "memory")
    return Saved(image, folder)


@contextmanager
def resumed(saved: Saved, folder: Path, *, ports: Ports) -> Iterator[Machine]:
    """Go on with a saved guest, and cut its power in the end."""
    with saved.machine(folder, ports=ports) as machine:
        machine.resume(saved.memory)
        yield machine


def machine_on(disk: Path, folder: Path, *, image: Image, ports: Ports) -> Machine:
    """Make a machine whose root disk begins as this one."""
    return Machine(folder, image=image, disks=[root_on(disk, folder)], ports=ports)


def root_on(disk: Path, folder: Path) -> Disk:
    """Make a root disk that begins as this one."""
    return Disk("rootdisk", overlay(disk, folder / "root.qcow2"))


def some_ports() -> Ports:
    """Find ports for a machine and its store."""
    store, status = free_ports(2)
    return Ports(store=store, status=status)


def fitting(*parts: str) -> str:
    """Name what a saved guest depends on: these parts, this QEMU, and the sources that made it."""
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, check=True)
    return hash_of(*_SOURCES, parts=(*parts, version.stdout.decode()))
