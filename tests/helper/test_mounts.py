"""Promises about mounts, with the kernel's own calls: ext4 on loop devices stands for a camera's.

What vfat and exfat themselves do is shown in the rack; this host has neither.
"""

import errno
import gc
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from dockd.errors import CameraGone, DockdError, Refused
from dockd.helper import linux
from dockd.helper.mounts import Mount
from tests.helper.fake_sysfs import KEYBOARD
from tests.helper.scene import CONFIGURATION, ON_THIS_HOST, LoopDisk, Scene

WRITABLE = '{"verb": "make-writable", "slot": "A1", "deadline_s": 30}'
READ_ONLY = '{"verb": "make-read-only", "slot": "A1"}'
UNMOUNT = '{"verb": "unmount", "slot": "A1"}'
pytestmark = pytest.mark.real
Disks = Callable[..., LoopDisk]


def names(mount: int) -> list[str]:
    """List the mount's root."""
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=mount)
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - a descriptor, not a path
    finally:
        os.close(folder)


def create(mount: int, name: str) -> None:
    """Make an empty file in the mount's root."""
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=mount))


def is_writable(mount: int) -> bool:
    """Try to make a file; any error but that of a read-only file system is the test's."""
    try:
        create(mount, "trial")
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return False
    os.unlink("trial", dir_fd=mount)
    return True


@contextmanager
def mounted(scene: Scene) -> Iterator[int]:
    """Mount slot A1, and let go of the descriptor in the end."""
    _, mount = scene.mount()
    try:
        yield mount
    finally:
        os.close(mount)


@pytest.fixture
def docked(scene: Scene, disks: Disks) -> Scene:
    """Return a helper with a camera in slot A1."""
    scene.dock(disks())
    return scene


def test_a_camera_becomes_a_descriptor_and_stands_in_no_mount_table(docked: Scene) -> None:
    """The answer says what is mounted; the mount can be read, not written, and nobody finds it."""
    before = Path("/proc/self/mountinfo").read_text()
    answer, mount = docked.mount()
    assert names(mount) == ["lost+found"]
    assert not is_writable(mount)
    assert Path("/proc/self/mountinfo").read_text() == before
    assert (answer["serial"], answer["file_system"], answer["dirty"]) == (
        "BWC-000001",
        "ext4",
        False,
    )
    assert isinstance(answer["uuid"], str)
    os.close(mount)


def test_the_device_is_read_only_until_it_is_made_writable(scene: Scene, disks: Disks) -> None:
    """The kernel itself refuses writable mounts of it before, and after."""
    disk = disks()
    scene.dock(disk)
    with mounted(scene) as mount:
        assert disk.is_read_only()
        assert scene.ask(WRITABLE, descriptor=mount) == {"deadline_s": 30}
        assert not disk.is_read_only()
        assert is_writable(mount)
        assert scene.ask(READ_ONLY, descriptor=mount) == {"clean": True}
        assert disk.is_read_only()
        assert not is_writable(mount)
        assert scene.ask(READ_ONLY, descriptor=mount) == {"clean": True}


def test_the_whole_disk_is_read_only_with_its_partitions(scene: Scene, disks: Disks) -> None:
    """Around the one partition that is being wiped nothing can be written at any time."""
    disk = disks(partitions=1, others=1)
    footage, other = disk.parts
    scene.dock(disk)
    with mounted(scene) as mount:
        assert [disk.is_read_only(part) for part in ("", footage, other)] == [True, True, True]
        scene.ask(WRITABLE, descriptor=mount)
        assert not disk.is_read_only(footage)
        assert disk.is_read_only(other)
        assert is_writable(mount)
        scene.ask(READ_ONLY, descriptor=mount)
        assert [disk.is_read_only(part) for part in ("", footage, other)] == [True, True, True]


def test_at_its_deadline_a_mount_is_read_only_again(docked: Scene) -> None:
    """Asking again starts it anew; nobody has to ask for the end."""
    with mounted(docked) as mount:
        docked.ask(WRITABLE, descriptor=mount)
        docked.clock.advance(29)
        docked.ask(WRITABLE, descriptor=mount)
        docked.clock.advance(29)
        docked.what_is_due()
        assert is_writable(mount)
        docked.clock.advance(1)
        docked.what_is_due()
        assert not is_writable(mount)
        assert (docked.sysfs.folder("1-1.1") / "authorized").read_text() == "1\n"


def test_nobody_holds_the_deadline_up_by_asking(docked: Scene) -> None:
    """Whoever gets an overdue slot's turn takes it back first, whatever else was asked."""
    with mounted(docked) as mount:
        docked.ask(WRITABLE, descriptor=mount)
        docked.clock.advance(30)
        with pytest.raises(Refused):
            docked.ask(READ_ONLY)
        assert not is_writable(mount)


def test_the_end_of_the_connection_ends_its_being_writable(docked: Scene) -> None:
    """What one connection made writable goes with it; another's end means nothing to it."""
    with mounted(docked) as mount:
        docked.ask(WRITABLE, descriptor=mount, owner=1)
        docked.service.connection_ended(2)
        docked.what_is_due()
        assert is_writable(mount)
        docked.service.connection_ended(1)
        docked.what_is_due()
        assert not is_writable(mount)
        assert names(mount) == ["lost+found"]


def test_a_file_kept_open_for_writing_does_not_keep_the_camera_writable(docked: Scene) -> None:
    """Asked, the helper says why not; at the deadline it takes the device away instead."""
    authorised = docked.sysfs.folder("1-1.1") / "authorized"
    with mounted(docked) as mount:
        docked.ask(WRITABLE, descriptor=mount)
        kept = os.open("kept", os.O_CREAT | os.O_WRONLY, dir_fd=mount)
        with pytest.raises(Refused, match="open for writing"):
            docked.ask(READ_ONLY, descriptor=mount)
        docked.clock.advance(30)
        docked.what_is_due()
        assert authorised.read_text().strip() == "0"
        os.close(kept)


def test_a_helper_that_ends_leaves_nothing_writable(docked: Scene) -> None:
    """Stopping the service takes back what it gave."""
    with mounted(docked) as mount:
        docked.ask(WRITABLE, descriptor=mount)
        docked.service.close()
        assert not is_writable(mount)


def test_what_a_killed_helper_left_writable_is_taken_away(docked: Scene) -> None:
    """Its successor cannot make the mount read-only: while somebody holds it the device goes."""
    authorised = docked.sysfs.folder("1-1.1") / "authorized"
    with mounted(docked) as mount:
        docked.ask(WRITABLE, descriptor=mount)
        docked.start()
        assert authorised.read_text().strip() == "0"


def test_what_a_killed_helper_left_is_taken_away_without_its_rule(docked: Scene) -> None:
    """A camera that is none any more, because its rule went meanwhile, is writable no longer."""
    authorised = docked.sysfs.folder("1-1.1") / "authorized"
    with mounted(docked) as mount:
        docked.ask(WRITABLE, descriptor=mount)
        docked.configuration.write_text(CONFIGURATION.replace("BWC-", "OTHER-"))
        docked.start()
        assert authorised.read_text().strip() == "0"


@pytest.mark.parametrize("why", ["camera-not-allowed", "not-found", "camera-duplicate-serial"])
def test_what_is_a_camera_no_more_is_not_made_writable(docked: Scene, why: str) -> None:
    """Mounted by a rule, or in a slot, that went since, or with a twin: it can be read on at most.

    What was writable then goes back as it would have, at its deadline or when it is asked for.
    """
    with mounted(docked) as mount:
        docked.ask(WRITABLE, descriptor=mount)
        if why == "camera-duplicate-serial":
            docked.sysfs.plug("1-1.2", serial="BWC-000001")
        else:
            change = {"camera-not-allowed": ("BWC-", "OTHER-"), "not-found": ('"A1"', '"Z1"')}
            docked.configuration.write_text(CONFIGURATION.replace(*change[why]))
        with pytest.raises(DockdError) as refusal:
            docked.ask(WRITABLE, descriptor=mount)
        assert refusal.value.slug == why
        assert is_writable(mount)
        docked.ask(READ_ONLY, descriptor=mount)
        assert not is_writable(mount)
        with pytest.raises(DockdError):
            docked.ask(WRITABLE, descriptor=mount)
        assert not is_writable(mount)
        assert names(mount) == ["lost+found"]


def test_what_a_killed_helper_left_is_let_be_once_nobody_holds_it(
    scene: Scene, disks: Disks
) -> None:
    """A daemon that let go of the mount, as it should, loses no camera; it is read-only again."""
    disk = disks()
    scene.dock(disk)
    with mounted(scene) as mount:
        scene.ask(WRITABLE, descriptor=mount)
    scene.service._writable.clear()
    scene.service._mounts.clear()
    assert not disk.is_read_only()
    scene.start()
    assert disk.is_read_only()
    assert (scene.sysfs.folder("1-1.1") / "authorized").read_text().strip() == "1"


def test_what_a_killed_helper_left_read_only_is_let_be(docked: Scene) -> None:
    """Who goes on reading below a mount of the helper before loses nothing by the next one."""
    with mounted(docked) as mount:
        docked.start()
        assert (docked.sysfs.folder("1-1.1") / "authorized").read_text().strip() == "1"
        assert names(mount) == ["lost+found"]


def test_only_the_mount_that_was_handed_out_counts(docked: Scene, disks: Disks) -> None:
    """A file in it, another folder, another slot's mount, a pipe, or nothing, is refused."""
    docked.dock(disks(), name="1-1.2", serial="BWC-000002")
    _, other = docked.mount("A2")
    with mounted(docked) as mount, tempfile.TemporaryFile() as file:
        inside = os.open("lost+found", os.O_RDONLY, dir_fd=mount)
        elsewhere = os.open("/", os.O_PATH)
        reading, writing = os.pipe()
        for foreign in (None, other, inside, elsewhere, reading, writing, file.fileno(), 9999):
            for packet in (WRITABLE, READ_ONLY):
                with pytest.raises(Refused, match="not the mount"):
                    docked.ask(packet, descriptor=foreign)
        assert not is_writable(mount)
        for each in (inside, elsewhere, reading, writing, other):
            os.close(each)


def test_another_mount_of_the_same_medium_is_not_taken_for_it(scene: Scene, disks: Disks) -> None:
    """Same device and same root inode, but not the mount that was handed out: a foreign one."""
    disk = disks()
    scene.dock(disk)
    with mounted(scene):
        node = os.open(f"/dev/{disk.name}", os.O_RDONLY)
        own = linux.mount_detached(node, file_system="ext4", options=())
        with pytest.raises(Refused, match="not the mount"):
            scene.ask(WRITABLE, descriptor=own)
        os.close(own)
        os.close(node)


def test_after_an_unmount_a_kept_descriptor_is_worth_nothing(docked: Scene) -> None:
    """It still reads, and can neither be made writable nor be mounted a second time meanwhile."""
    with mounted(docked) as mount:
        docked.ask(UNMOUNT)
        with pytest.raises(Refused, match="Nothing of slot"):
            docked.ask(WRITABLE, descriptor=mount)
        with pytest.raises(Refused, match="still mounted"):
            docked.mount()
        assert names(mount) == ["lost+found"]
    with mounted(docked) as mount:
        assert not is_writable(mount)
    docked.ask(UNMOUNT)
    docked.ask(UNMOUNT)


def test_unmounting_what_is_writable_makes_it_read_only(docked: Scene) -> None:
    """The client's own descriptor outlives the mount's record, not its being writable."""
    with mounted(docked) as mount:
        docked.ask(WRITABLE, descriptor=mount)
        docked.ask(UNMOUNT)
        assert not is_writable(mount)


def test_a_mount_of_the_camera_before_is_not_the_next_ones(scene: Scene, disks: Disks) -> None:
    """After another camera was docked, the old descriptor opens nothing of the new one."""
    scene.dock(disks())
    with mounted(scene) as old:
        scene.sysfs.yank("1-1.1")
        scene.dock(disks(), serial="BWC-000002")
        with pytest.raises(CameraGone):
            scene.ask(WRITABLE, descriptor=old)
        with mounted(scene) as new:
            with pytest.raises(Refused, match="not the mount"):
                scene.ask(WRITABLE, descriptor=old)
            scene.ask(WRITABLE, descriptor=new)
            assert not is_writable(old)


def test_a_disk_exchanged_behind_its_name_is_not_mounted(scene: Scene, disks: Disks) -> None:
    """A name or number used again has another sequence number, and that is what counts."""
    disk = disks()
    scene.sysfs.plug("1-1.1", authorised=True)
    scene.sysfs.add_disk("1-1.1", disk=disk.name, dev=disk.dev, diskseq=disk.diskseq + 1)
    with pytest.raises(CameraGone):
        scene.mount()


def test_a_disk_node_of_another_number_is_not_opened(scene: Scene, disks: Disks) -> None:
    """/dev's name for it leads elsewhere: refused, whatever is there."""
    disk = disks()
    scene.sysfs.plug("1-1.1", authorised=True)
    scene.sysfs.add_disk("1-1.1", disk=disk.name, dev="8:0", diskseq=disk.diskseq)
    with pytest.raises(Refused) as refusal:
        scene.mount()
    assert refusal.value.slug == "camera-media-refused"


def test_a_camera_that_is_not_authorised_is_not_mounted(scene: Scene, disks: Disks) -> None:
    """First authorise, then mount."""
    scene.dock(disks())
    (scene.sysfs.folder("1-1.1") / "authorized").write_text("0")
    with pytest.raises(Refused, match="not authorised"):
        scene.mount()


def test_a_device_turned_into_another_is_not_mounted(scene: Scene, disks: Disks) -> None:
    """The rules are applied at the mount as well, to what is there then."""
    scene.dock(disks())
    scene.sysfs.yank("1-1.1")
    scene.sysfs.plug("1-1.1", interfaces=KEYBOARD, authorised=True)
    with pytest.raises(Refused) as refusal:
        scene.mount()
    assert refusal.value.slug == "camera-not-storage"


def test_a_camera_exchanged_after_the_look_is_not_mounted(scene: Scene, disks: Disks) -> None:
    """Who swaps it between check and use gets neither the old one nor the new one."""
    scene.dock(disks())
    second = disks()
    camera = scene.look().camera("A1")
    scene.sysfs.yank("1-1.1")
    scene.dock(second, serial="BWC-000002")
    with pytest.raises(CameraGone):
        Mount(camera, file_systems=ON_THIS_HOST)
    assert not second.is_read_only()


def test_a_disk_that_cannot_be_opened_yet_is_waited_for(scene: Scene) -> None:
    """Linux shows a disk a moment before its node is there: that is no bad medium."""
    scene.sysfs.plug("1-1.1", authorised=True)
    scene.sysfs.add_disk("1-1.1", disk="sd-not-there", dev="8:400", diskseq=1)
    with pytest.raises(Refused) as refusal:
        scene.mount()
    assert refusal.value.slug == "slot-settling"


def test_no_disk_yet_is_told_apart_from_a_bad_one(scene: Scene) -> None:
    """Between being authorised and the disk's appearing the answer is to ask again."""
    scene.sysfs.plug("1-1.1", authorised=True)
    with pytest.raises(Refused) as refusal:
        scene.mount()
    assert refusal.value.slug == "slot-settling"


def test_two_units_on_one_device_are_refused(scene: Scene, disks: Disks) -> None:
    """Nobody knows which of two LUNs would be the footage."""
    disk = disks()
    scene.dock(disk)
    scene.sysfs.add_disk("1-1.1", disk="sdz", dev="8:400", diskseq=1, lun=1)
    with pytest.raises(Refused, match="2 units") as refusal:
        scene.mount()
    assert refusal.value.slug == "camera-media-refused"


def test_the_only_partition_is_mounted(scene: Scene, disks: Disks) -> None:
    """A partitioned disk with one file system that may be footage is a camera's."""
    scene.dock(disks(partitions=1))
    with mounted(scene) as mount:
        assert names(mount) == ["lost+found"]


def test_two_partitions_with_footage_are_refused(scene: Scene, disks: Disks) -> None:
    """Nobody knows which of the two a wipe would mean."""
    scene.dock(disks(partitions=2))
    with pytest.raises(Refused, match="2 partitions with footage"):
        scene.mount()


def test_more_partitions_than_a_camera_has_are_not_even_looked_at(
    scene: Scene, disks: Disks
) -> None:
    """A table of hundreds of partitions does not keep the helper busy."""
    disk = disks(partitions=1)
    scene.dock(disk)
    folder = scene.sysfs.folder("1-1.1") / "1-1.1:1.0/host0/target0:0:0/0:0:0:0/block" / disk.name
    for number in range(9):
        (folder / f"part{number}").mkdir()
        (folder / f"part{number}/partition").write_text("1\n")
    with pytest.raises(Refused, match="10 partitions"):
        scene.mount()


@pytest.mark.parametrize("make", ["mkfs.exfat", "mkfs.vfat -F 32", "mkswap"])
def test_any_other_file_system_is_refused(scene: Scene, tmp_path: Path, make: str) -> None:
    """What is not on the list never reaches the kernel's file system code."""
    disk = LoopDisk(tmp_path / "other", make=make, size="64M")
    try:
        scene.dock(disk)
        with pytest.raises(Refused, match="not vfat or exfat"):
            scene.mount()
    finally:
        disk.detach()


def test_a_damaged_file_system_is_a_refusal(scene: Scene, disks: Disks) -> None:
    """What blkid believes and the kernel does not is refused with the kernel's word."""
    disk = disks()
    with Path(f"/dev/{disk.name}").open("r+b") as node:
        # The block size in the superblock: blkid reads on, the kernel does not.
        node.seek(1024 + 24)
        node.write(b"\x40")
    scene.dock(disk)
    with pytest.raises(Refused) as refusal:
        scene.mount()
    assert refusal.value.slug == "camera-media-refused"


def test_nothing_is_left_open(docked: Scene) -> None:
    """A hundred mounts, refusals and wipes later the helper holds no more than before."""

    def held() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with mounted(docked):
        pass
    docked.ask(UNMOUNT)
    before = held()
    for _ in range(20):
        with mounted(docked) as mount:
            docked.ask(WRITABLE, descriptor=mount)
            with pytest.raises(DockdError):
                docked.ask(WRITABLE, descriptor=0)
        docked.ask(UNMOUNT)
        (docked.sysfs.folder("1-1.1") / "authorized").write_text("0")
        with pytest.raises(DockdError):
            docked.mount()
        docked.ask('{"verb": "authorise", "slot": "A1"}')
    # Not the same: what an earlier test held may be closed meanwhile.
    assert held() <= before


def test_a_refused_medium_is_closed_at_once(scene: Scene, disks: Disks) -> None:
    """What was opened of it is closed with its refusal, not when memory is tidied up some day."""

    def held() -> int:
        with suppress(Refused):
            scene.mount()
        return len(list(Path("/proc/self/fd").iterdir()))

    scene.dock(disks(partitions=2))
    gc.disable()
    try:
        assert {held() for _ in range(5)} == {held()}
    finally:
        gc.enable()


def test_the_helper_starts_fast_and_alone() -> None:
    """Of dockd it imports its own modules, the errors, and two pure ones of the core's."""
    code = (
        "import sys, dockd.helper.__main__;"
        "print([m for m in sys.modules if m.startswith('dockd') and not "
        "m.startswith('dockd.helper') and m not in ('dockd', 'dockd.errors', 'dockd.core',"
        " 'dockd.core.permitting', 'dockd.core.fragments')"
        " or 'site-packages' in (getattr(sys.modules[m], '__file__', '') or '')"
        " and not m.startswith(('dockd', '__editable__', '_'))])"
    )
    python = Path(__file__).parents[2] / ".venv/bin/python"
    found = subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
