"""Promises of the helper's unit: what its sandbox lets through is what a whole rack needs."""

import re
from pathlib import Path

UNIT = Path(__file__).parents[2] / "systemd/dockd-helper.service"
LARGEST_RACK = 64
DISKS_OF_ITS_OWN = 16


def major_of(disk: int) -> int:
    """Return the device number of the nth SCSI disk: Linux, drivers/scsi/sd.c, sd_major()."""
    group = disk // 16 % 16
    return 8 if group == 0 else 64 + group if group < 8 else 120 + group


def test_every_disk_of_the_largest_rack_may_be_opened() -> None:
    """The seventeenth disk has another number than the first; each camera is mounted all the same.

    So is one that comes when the kernel has not yet let go of the disks of those before.
    """
    allowed = re.findall(r"^DeviceAllow=block-(\d+) rw$", UNIT.read_text(), flags=re.MULTILINE)
    needed = {major_of(disk) for disk in range(2 * LARGEST_RACK + DISKS_OF_ITS_OWN)}
    assert needed <= set(map(int, allowed))
