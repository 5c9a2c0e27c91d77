"""What every camera family promises, whatever its cameras are made of.

A family's tests derive from ``CameraConformance`` and give it a ``bay``: a slot with a camera
that can be filled, docked and pulled. Files are put on the medium behind dockd's back.
"""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

import pytest

from dockd.errors import CameraGone, ClipChangedWhileRead, ClipUnreadable
from dockd.ports.camera import Camera, FoundFile, Listing


class Bay(Protocol):
    """A slot and the medium of the camera that belongs in it."""

    @property
    def medium(self) -> Path:
        """The camera's root while it is docked, for the test to fill."""

    def docked(self) -> Camera:
        """Return the camera, opened from a sighting."""

    def pull(self) -> None:
        """Take the camera out, without a word."""

    def put_back(self) -> None:
        """Dock it again."""


def put(bay: Bay, path: bytes, content: bytes = b"footage") -> None:
    """Put a file on the medium."""
    target = bay.medium / os.fsdecode(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def paths_of(listing: Listing) -> list[bytes]:
    """Return the raw paths of a listing's files."""
    return [file.path for file in listing.files]


def only_file(camera: Camera) -> FoundFile:
    """Return the one file that is on a camera."""
    (file,) = camera.listing().files
    return file


def erased_and_held(medium: Path) -> int:
    """Count the files below a folder that have no name any more and are still open here."""
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        # Another thread may close one of its own meanwhile.
        with suppress(FileNotFoundError):
            links.append(str(entry.readlink()))
    return sum(link.startswith(str(medium)) and link.endswith("(deleted)") for link in links)


def content_of(camera: Camera, file: FoundFile) -> bytes:
    """Read a file through the camera."""
    descriptor = camera.open(file)
    with os.fdopen(descriptor, "rb") as source:
        return source.read()


class CameraConformance:
    """The promises; ``bay`` is the family's fixture."""

    def test_every_file_is_footage(self, bay: Bay) -> None:
        """Every regular file is listed, with its raw path, its size and its mtime."""
        put(bay, b"DCIM/100/clip.mp4", b"12345")
        put(bay, b".hidden", b"")
        put(bay, b"settings.txt", b"x")
        os.utime(bay.medium / "settings.txt", ns=(0, 1_763_862_000_000_000_000))
        listing = bay.docked().listing()
        assert paths_of(listing) == [b".hidden", b"DCIM/100/clip.mp4", b"settings.txt"]
        assert [file.size_bytes for file in listing.files] == [0, 5, 1]
        assert listing.files[2].mtime_ns == 1_763_862_000_000_000_000
        assert not listing.refused

    def test_names_are_raw(self, bay: Bay) -> None:
        """Control characters, bytes that are no UTF-8, 255 bytes and case all come through."""
        names = [b"a\n\x01b", b"\xff\xfe.mp4", b"n" * 255, b"CLIP", b"clip"]
        for name in names:
            put(bay, b"DCIM/" + name, name)
        camera = bay.docked()
        listing = camera.listing()
        assert paths_of(listing) == sorted(b"DCIM/" + name for name in names)
        for file in listing.files:
            assert content_of(camera, file) == file.path.removeprefix(b"DCIM/")

    def test_deep_and_wide_media_are_listed_whole(self, bay: Bay) -> None:
        """Folders 64 deep and thousands of files in one folder are all found, and can be read."""
        deep = b"/".join([b"d"] * 64) + b"/clip"
        put(bay, deep, b"deep")
        for number in range(2_000):
            put(bay, b"DCIM/%05d" % number, b"")
        camera = bay.docked()
        listing = camera.listing()
        assert len(listing.files) == 2_001
        (file,) = (file for file in listing.files if file.path == deep)
        assert content_of(camera, file) == b"deep"

    def test_only_regular_files_are_footage(self, bay: Bay, tmp_path: Path) -> None:
        """Links, fifos and sockets are refused by name, and nothing is read through them."""
        secret = tmp_path / "secret"
        secret.mkdir()
        (secret / "file").write_bytes(b"secret")
        put(bay, b"clip")
        (bay.medium / "file-link").symlink_to(secret / "file")
        (bay.medium / "folder-link").symlink_to(secret)
        os.mkfifo(bay.medium / "fifo")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.fsencode(bay.medium / "socket"))
        listing = bay.docked().listing()
        assert paths_of(listing) == [b"clip"]
        assert [(name.path, name.slug) for name in listing.refused] == [
            (name, "name-unsupported")
            for name in (b"fifo", b"file-link", b"folder-link", b"socket")
        ]
        assert not listing.unreadable

    def test_system_names_are_left_alone(self, bay: Bay) -> None:
        """What desktops write on any medium is neither footage nor refused, whatever its case."""
        put(bay, b"System Volume Information/IndexerVolumeGuid")
        put(bay, b".Trashes/501/old")
        put(bay, b"DCIM/.DS_Store")
        put(bay, b"DCIM/THUMBS.DB")
        put(bay, b"DCIM/.Trashes/clip")
        listing = bay.docked().listing()
        assert paths_of(listing) == [b"DCIM/.Trashes/clip"]
        assert not listing.refused

    def test_marked_folders_are_flagged(self, bay: Bay) -> None:
        """A file below a folder called FLAGGED or LOCKED is flagged, and no other is."""
        for path in (b"DCIM/LOCKED/a", b"Flagged/x/b", b"DCIM/c", b"DCIM/locked"):
            put(bay, path)
        flags = {file.path: file.flagged for file in bay.docked().listing().files}
        assert flags == {
            b"DCIM/LOCKED/a": True,
            b"Flagged/x/b": True,
            b"DCIM/c": False,
            b"DCIM/locked": False,
        }

    def test_a_listing_of_a_pulled_camera_is_not_believed(self, bay: Bay) -> None:
        """A camera that is not there any more has no listing, rather than an empty one."""
        put(bay, b"clip")
        camera = bay.docked()
        bay.pull()
        assert not camera.is_present()
        with pytest.raises(CameraGone):
            camera.listing()

    def test_a_pulled_camera_is_neither_read_nor_cleared(self, bay: Bay) -> None:
        """After a pull nothing is opened or deleted, though its folder is still held."""
        put(bay, b"clip")
        camera = bay.docked()
        file = only_file(camera)
        with ExitStack() as stack:
            eraser = stack.enter_context(camera.writable())
            bay.pull()
            with pytest.raises(CameraGone):
                camera.open(file)
            with pytest.raises(CameraGone):
                eraser.erase(file)
            with pytest.raises(CameraGone):
                stack.close()
        bay.put_back()
        assert content_of(bay.docked(), file) == b"footage"

    def test_a_camera_that_says_nothing_of_its_battery_has_no_charge(self, bay: Bay) -> None:
        """Nobody makes a number up; whose cameras do speak is in `batteries.BatteryConformance`."""
        assert bay.docked().battery() is None

    def test_a_redocked_camera_is_a_new_stay(self, bay: Bay) -> None:
        """A camera that was away, however shortly, is a new docking; the old one stays ended."""
        put(bay, b"clip")
        first = bay.docked()
        bay.pull()
        bay.put_back()
        second = bay.docked()
        assert not first.is_present()
        assert second.is_present()

    @pytest.mark.parametrize("becomes", ["longer", "newer", "a link", "a folder", "gone"])
    def test_another_file_is_neither_opened_nor_erased(self, bay: Bay, becomes: str) -> None:
        """A file that is not the one that was listed is neither read nor deleted."""
        put(bay, b"DCIM/clip", b"footage")
        camera = bay.docked()
        file = only_file(camera)
        target = bay.medium / "DCIM/clip"
        if becomes == "longer":
            target.write_bytes(b"other footage")
        elif becomes == "newer":
            os.utime(target, ns=(1, 1))
        else:
            target.unlink()
        if becomes == "a link":
            target.symlink_to("/etc/passwd")
        elif becomes == "a folder":
            target.mkdir()
        with pytest.raises(ClipChangedWhileRead):
            camera.open(file)
        with camera.writable() as eraser, pytest.raises(ClipChangedWhileRead):
            eraser.erase(file)
        assert os.path.lexists(target) == (becomes != "gone")

    def test_no_path_leads_out_of_the_camera(self, bay: Bay, tmp_path: Path) -> None:
        """A path with a link or .. on its way opens and deletes nothing elsewhere."""
        outside = tmp_path / "outside"
        outside.mkdir()
        victim = outside / "clip"
        victim.write_bytes(b"footage")
        put(bay, b"DCIM/clip", b"footage")
        camera = bay.docked()
        (bay.medium / "link").symlink_to(outside)
        status = victim.stat()
        up = os.path.relpath(victim, bay.medium).encode()
        for path in (b"link/clip", up, os.fsencode(victim), b"./DCIM/clip", b"DCIM//clip"):
            file = FoundFile(path=path, size_bytes=7, mtime_ns=status.st_mtime_ns, flagged=False)
            with pytest.raises((ClipChangedWhileRead, ClipUnreadable)):
                os.close(camera.open(file))
            with (
                camera.writable() as eraser,
                pytest.raises((ClipChangedWhileRead, ClipUnreadable)),
            ):
                eraser.erase(file)
        assert victim.read_bytes() == b"footage"

    def test_an_erased_file_is_gone_and_no_other(self, bay: Bay) -> None:
        """Erasing takes the one file, and the next listing shows it."""
        put(bay, b"DCIM/a")
        put(bay, b"DCIM/b")
        camera = bay.docked()
        assert camera.is_clearable(b"DCIM/a")
        with camera.writable() as eraser:
            eraser.erase(camera.listing().files[0])
        assert paths_of(camera.listing()) == [b"DCIM/b"]
        assert not camera.is_troubled()

    def test_what_is_erased_is_held_until_its_name_is_off_the_medium(self, bay: Bay) -> None:
        """A file's clusters are not freed before that, nor are ever too many files held."""
        for number in range(300):
            put(bay, b"DCIM/%03d" % number)
        camera = bay.docked()
        held: list[int] = []
        with camera.writable() as eraser:
            for file in camera.listing().files:
                eraser.erase(file)
                held.append(erased_and_held(bay.medium))
        assert held[:256] == [*range(1, 256), 0]
        assert held[256:] == list(range(1, 45))
        assert erased_and_held(bay.medium) == 0
        assert paths_of(camera.listing()) == []


UNREADABLE = """
import os, sys
os.setgid(65534); os.setuid(65534)
from pathlib import Path
from dockd.cameras.pacing import Pacer
from dockd.cameras.directory import DirectoryCamera
from dockd.errors import ClipUnreadable
camera = DirectoryCamera(Path(sys.argv[1]), slot="A1", pacer=Pacer(0), has_left=lambda: False)
listing = camera.listing()
print(b" ".join(file.path for file in listing.files).decode())
print(b" ".join(name.path for name in listing.unreadable).decode(), camera.is_troubled())
print(listing.may_hide(b"private/clip"), listing.may_hide(b"open/clip"))
for file in listing.files:
    try:
        os.close(camera.open(file))
    except ClipUnreadable as error:
        print(file.path.decode(), error.fields["error"])
"""


def seen_by_nobody(root: Path) -> list[str]:
    """Return what a directory camera shows to a user without rights; root is refused nothing."""
    return subprocess.run(
        [sys.executable, "-c", UNREADABLE, str(root)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
