"""One booted guest: a QEMU process that boots, saves, goes on, is shut down, or loses its power."""

import json
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from dockd.station.clock import SystemClock
from tests.rack.agent import Agent
from tests.rack.disk import Disk
from tests.rack.image import Image
from tests.rack.monitor import Monitor
from tests.rack.waiting import wait_until

BOOT_S = 180.0
_START_S = 30.0
_SAVE_S = 60.0
_SHUTDOWN_S = 90.0
# Where the slots' hub is, as the guest's udev says it in ID_PATH.
XHCI_PATH = "pci-0000:00:05.0"
STORE_ADDRESS = "10.0.2.100"
STORE_PORT = 443
_MEMORY = "768M"
_FIRST_DISK = 8
_UNHURRIED = 10 << 30


@dataclass(frozen=True)
class Ports:
    """Ports on the host's loopback: where the guest's store is, and where its status is served."""

    store: int
    status: int


class Machine:
    """A guest with a root disk and perhaps more, a rack's USB controller, and a store's address.

    Whatever happens to the process that made it, QEMU does not outlive that process.
    """

    def __init__(self, folder: Path, *, image: Image, disks: Sequence[Disk], ports: Ports) -> None:
        self.folder = folder
        self.image = image
        self.disks = list(disks)
        self.ports = ports
        self._process: subprocess.Popen[bytes] | None = None
        self._wires: list[Monitor | Agent] = []

    @property
    def console(self) -> Path:
        """What the guest's kernel and systemd wrote, over all boots."""
        return self.folder / "console.log"

    def boot(self, *, plugged: Callable[[], None] | None = None) -> str:
        """Switch on, wait until systemd has started everything, and return what it makes of it.

        `running` is well, `degraded` means that a unit failed. What `plugged` plugs in is there
        from the first moment.

        Raises:
            TimeoutError: It did not come up; its console says how far it got.
        """
        self._start("-S")
        if plugged is not None:
            plugged()
        self.monitor.do("cont")
        self.monitor.await_event(
            "VSERPORT_CHANGE", where=lambda data: bool(data["open"]), timeout_s=BOOT_S
        )
        self._meet_agent()
        return self.agent.run("systemctl", "is-system-running", "--wait", check=False).text

    def resume(self, memory: Path) -> None:
        """Go on from a saved memory instead of booting; the disks must be as they were then."""
        self._start("-incoming", f"exec:cat {shlex.quote(str(memory))}")
        # QEMU may have arrived before anybody listened to its events.
        wait_until(
            lambda: self.monitor.do("query-status")["status"] == "running",
            what="the saved guest to go on",
            timeout_s=_START_S,
        )
        self._meet_agent()
        # It wakes up believing that no time has passed.
        self.agent.run("date", "--set", f"@{SystemClock().now().timestamp()}")

    def save(self, memory: Path) -> None:
        """Save the memory of the running guest and switch it off; the disks stay as they are."""
        self.monitor.do("migrate-set-parameters", max_bandwidth=_UNHURRIED)
        self.monitor.do("migrate", uri=f"exec:cat > {shlex.quote(str(memory))}")
        wait_until(
            lambda: self.monitor.do("query-migrate").get("status") in {"completed", "failed"},
            what="the guest's memory to be saved",
            timeout_s=_SAVE_S,
        )
        if self.monitor.do("query-migrate")["status"] == "failed":
            raise RuntimeError("QEMU could not save the guest's memory")
        self.monitor.do("quit")
        self._wait()

    def attach(self, disk: Disk) -> None:
        """Add a disk: now, when the guest runs, and at every boot from then on."""
        if self.is_on:
            self.monitor.do("blockdev-add", **disk.blockdev())
            place = _FIRST_DISK + len(self.disks)
            self.monitor.do("device_add", driver="virtio-blk-pci", **_device(disk, place))
            wait_until(lambda: self.agent.exists(disk.link), what=disk.link, timeout_s=_START_S)
        self.disks.append(disk)

    def detach(self, serial: str) -> None:
        """Take a disk out that `attach` added, with the guest's consent."""
        (disk,) = (disk for disk in self.disks if disk.serial == serial)
        self.monitor.do("device_del", id=disk.node)
        self.monitor.await_event(
            "DEVICE_DELETED", where=lambda data: data.get("device") == disk.node
        )
        self.monitor.do("blockdev-del", node_name=disk.node)
        self.disks.remove(disk)

    def moved(self, device: str) -> tuple[int, int]:
        """Count the bytes that were read from and written to a disk, by its device's id."""
        for drive in self.monitor.do("query-blockstats"):
            if device in drive.get("qdev", "").split("/"):
                return drive["stats"]["rd_bytes"], drive["stats"]["wr_bytes"]
        raise LookupError(f"there is no disk {device}")

    def shut_down(self) -> None:
        """Shut down as `systemctl poweroff` does, and wait for the power to be off."""
        self.agent.start("systemctl", "poweroff")
        self._wait()

    def cut(self) -> None:
        """Cut the power: what is not on the disks is lost. Harmless when it is off already."""
        if self._process is not None:
            self._process.kill()
            self._wait()

    @property
    def is_on(self) -> bool:
        """Whether the guest has power."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()

    def _start(self, *arguments: str) -> None:
        # A folder of their own: a socket's path may not be longer than 107 bytes.
        self._sockets = tempfile.TemporaryDirectory(prefix="rack-")
        # The kernel ends QEMU with us, however we end: a pytest that was killed leaves no guest.
        command = ["setpriv", "--pdeathsig", "KILL", "--", *self._command(), *arguments]
        with (self.folder / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(
            lambda: not self.is_on or self._socket("agent").exists(),
            what="QEMU to listen",
            timeout_s=_START_S,
        )
        if not self.is_on:
            said = (self.folder / "qemu.log").read_text(errors="replace")
            raise RuntimeError(f"QEMU did not start: {said[-2000:]}")
        self.monitor = Monitor(self._socket("monitor"))
        self._wires.append(self.monitor)

    def _socket(self, name: str) -> Path:
        return Path(self._sockets.name) / name

    def _meet_agent(self) -> None:
        self.agent = Agent(self._socket("agent"))
        self._wires.append(self.agent)
        self.agent.synchronise()

    def _wait(self) -> None:
        if self._process is not None:
            self._process.wait(_SHUTDOWN_S)
            self._process = None
            for wire in self._wires:
                wire.close()
            self._wires.clear()
            self._sockets.cleanup()

    def _command(self) -> list[str]:
        # fmt: off
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            # Software emulation always: a /dev/kvm that opens may still hang a guest.
            "-machine", "pc,i8042=off,smbus=off,vmport=off,hpet=off",
            # One processor: there are more guests at once than cores. Left out is what makes
            # emulation slow: string instructions byte by byte, a page table of five levels.
            "-accel", "tcg", "-cpu", "max,la57=off,-erms,-fsrm", "-smp", "1",
            "-m", _MEMORY,
            "-kernel", str(self.image.kernel), "-initrd", str(self.image.initrd),
            "-append", _KERNEL_LINE,
            "-qmp", f"unix:{self._socket('monitor')},server=on,wait=off",
            "-chardev", f"file,id=console,path={self.console},append=on",
            "-serial", "chardev:console",
            "-chardev", f"socket,id=agent,path={self._socket('agent')},server=on,wait=off",
            "-device", "virtio-serial-pci,addr=3",
            "-device", "virtserialport,id=agent,chardev=agent,name=org.qemu.guest_agent.0",
            "-netdev", self._network(), "-device", "virtio-net-pci,id=nic,netdev=net,addr=4",
            "-device", "qemu-xhci,id=xhci,addr=5",
            "-device", "usb-hub,id=hub,bus=xhci.0,port=1,port-power=on",
            # Guests that go on from one saved memory must not share their random numbers.
            "-device", "vmgenid,guid=auto", "-device", "virtio-rng-pci,addr=6",
        ]
        # fmt: on
        for place, disk in enumerate(self.disks, start=_FIRST_DISK):
            command += ["-blockdev", json.dumps(disk.blockdev())]
            command += ["-device", json.dumps({"driver": "virtio-blk-pci", **_device(disk, place)})]
        return command

    def _network(self) -> str:
        store = f"nc -N 127.0.0.1 {self.ports.store}"
        return (
            "user,id=net,restrict=on"
            f",hostfwd=tcp:127.0.0.1:{self.ports.status}-10.0.2.15:8471"
            f",guestfwd=tcp:{STORE_ADDRESS}:{STORE_PORT}-cmd:{store}"
        )


# Drivers of what this machine has and nobody needs: loading them, and what they stand on, takes
# emulated seconds; a cipher's in instructions that are emulated themselves is no faster than plain.
_LEFT_OUT = (
    "ata_piix,ata_generic,pata_acpi,floppy,pcspkr,i2c_piix4,qemu_fw_cfg,button,serio_raw,"
    "efi_pstore,kvm_amd,ccp,powernow_k8,aesni_intel,ghash_clmulni_intel,crct10dif_pclmul,"
    "crc32_pclmul,sha512_ssse3,sha256_ssse3,sha1_ssse3"
)
# No net.ifnames: the one network card is eth0, whatever place it is in. No addresses at random:
# what is emulated at the same addresses in every process is translated once, and not for each.
_KERNEL_LINE = (
    "root=/dev/disk/by-id/virtio-rootdisk rw console=ttyS0 net.ifnames=0 quiet mitigations=off "
    "systemd.show_status=no rd.udev.log_level=3 cryptomgr.notests random.trust_cpu=on norandmaps "
    f"modprobe.blacklist={_LEFT_OUT}"
)


def _device(disk: Disk, place: int) -> dict[str, str]:
    return {"drive": disk.node, "id": disk.node, "serial": disk.serial, "addr": f"{place:x}"}
