"""One camera with everything that a file system can hold, carried by a running station."""

import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dockd.core.naming import store_key
from tests.badinput.scene import Scene, fill, scene
from tests.daemon.rooms import Share

# One group, so that one worker carries the camera once for all of its tests.
pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.xdist_group("badinput-names")]

DEEP = b"/".join([b"DCIM", *(b"%02d" % level for level in range(1, 64))])
NAMES: Mapping[str, tuple[bytes, ...]] = {
    "control characters": (b"DCIM/a\nb\r\x1b[31m\x07\x7f.MP4", b"DCIM/\t"),
    "not UTF-8": (b"DCIM/\xff\xfe\x80.MP4", b"DCIM/\xc3\x28", b"DCIM/\xe9t\xe9/\xe0"),
    "255 bytes": (b"DCIM/" + b"n" * 255, b"DCIM/" + b"\xf0\x9f\x90\xb0" * 63 + b"abc"),
    "only case": (b"DCIM/c.mp4", b"DCIM/C.mp4", b"DCIM/C.MP4", b"DCIM/Folder/c", b"DCIM/folder/c"),
    # They mean something to a shell, a URL, a spool or a store; here they may not.
    "escaping": (
        b"DCIM/..\\..\\etc\\passwd",
        b"DCIM/.../...",
        b"DCIM/%2e%2e%2f%2e%2e%2fup",
        b"DCIM/~root",
        b"DCIM/-rf",
        b"DCIM/con.",
        b"DCIM/ begins and ends with a space ",
        b"DCIM/a?versionId=1&uploads#x",
        b"DCIM/a+b",
        b"DCIM/a;b:c*d|e<f>g\"h'i`j$(k)",
        b"DCIM/.dockd.json",
        b"DCIM/x.dockd.json",
        b"DCIM/.uploads/x",
        b"DCIM/1.part",
    ),
    "64 deep": (DEEP + b"/clip.mp4",),
    "empty": (b"DCIM/nothing.mp4", b"DCIM/" + b"e" * 255),
}
LINKS = {b"DCIM/link": b"/etc/passwd", b"DCIM/folder-link": b"/etc", b"DCIM/dangling": b"../../up"}
MANY = 1500
"""Files in one folder of the camera that is carried; `test_many.py` takes 20,000."""


def contents(kind: str) -> dict[bytes, bytes]:
    """Return the footage of one kind by raw path."""
    return {path: b"" if kind == "empty" else b"footage of " + path for path in NAMES[kind]}


@dataclass(frozen=True)
class Carried:
    """A camera that was docked until nothing more was to be done, and what was said of it."""

    at: Scene
    serial: str
    home: Path
    share: Share
    clips: list[dict[str, Any]]
    problems: list[dict[str, Any]]

    def arrived(self, files: Mapping[bytes, bytes]) -> None:
        """Fail unless these files are in the store under their keys, and on the camera no more."""
        held = self.share.contents(self.serial)
        shown = {clip["key"]: clip for clip in self.clips}
        for path, content in files.items():
            digest = hashlib.sha256(content).hexdigest()
            key = store_key(self.serial, sha256=digest, path=path)
            assert held[key, digest] == 1, path
            assert not os.path.lexists(os.path.join(os.fsencode(self.home), path)), path  # noqa: PTH118 - names are bytes
            clip = shown[key]
            assert (clip["place"], clip["sha256"]) == ("wiped", digest)
            assert clip["path"].isprintable()

    def left_and_named(self, path: bytes, kind: str) -> None:
        """Fail unless something is where it was and a problem names it, its kind and what to do."""
        assert os.path.lexists(os.path.join(os.fsencode(self.home), path)), path  # noqa: PTH118 - names are bytes
        subject = f"camera {self.serial} file {path.decode()}"
        (found,) = [problem for problem in self.problems if problem["subject"] == subject]
        assert found["slug"] == "name-unsupported"
        assert kind in found["reason"]
        assert (found["owner"], bool(found["next"])) == ("evidence", True)


def _special(home: Path) -> None:
    """Put what is no file among the footage."""
    for path, target in LINKS.items():
        os.symlink(target, os.path.join(os.fsencode(home), path))  # noqa: PTH118, PTH211 - names are bytes
    os.mkfifo(home / "DCIM/fifo")
    folder = os.open(home / "DCIM", os.O_RDONLY)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(f"/proc/self/fd/{folder}/socket")
    finally:
        listener.close()
        os.close(folder)


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carried]:
    """Dock the camera and wait until the station says that it is clear."""
    folder = tmp_path_factory.mktemp("names")
    share = Share(folder)
    with scene(folder, room=share) as at:
        serial = at.world.film({})
        for kind in NAMES:
            fill(at.folder(serial), contents(kind))
        _special(at.folder(serial))
        at.station.start()
        at.world.dock(serial, "A1")
        at.station.happened("docking-cleared")
        yield Carried(
            at=at,
            serial=serial,
            home=at.folder(serial),
            share=share,
            clips=at.station.get(f"/v1/clips?camera={serial}&limit=1000")["clips"],
            problems=at.station.get("/v1/problems")["problems"],
        )
        at.station.stop()


def test_names_with_control_characters_arrive(carried: Carried) -> None:
    """A name that would steer a terminal is carried as it is and shown harmlessly."""
    carried.arrived(contents("control characters"))
    assert "\x1b[31m" not in carried.at.station.log.read_text()


def test_names_that_are_not_utf_8_arrive(carried: Carried) -> None:
    """A name in no encoding at all is carried byte by byte."""
    carried.arrived(contents("not UTF-8"))


def test_names_of_255_bytes_arrive(carried: Carried) -> None:
    """The longest name that a file system allows is short enough for spool and store."""
    carried.arrived(contents("255 bytes"))


def test_names_that_differ_only_in_case_arrive_each(carried: Carried) -> None:
    """Names that differ only in case are different clips with their own bytes."""
    carried.arrived(contents("only case"))


def test_names_that_lead_elsewhere_stay_where_they_belong(carried: Carried) -> None:
    """A name that means something to a spool, a URL or a store is only a name here."""
    carried.arrived(contents("escaping"))
    roots = {path.name for path in carried.at.world.folder.iterdir()}
    assert roots <= {
        *("rack", "shelf", "spool", "share", "api.sock", "notify.sock"),
        *("dockd.toml", "dockd.log", "faults.log"),
    }
    assert {path.name for path in carried.share.root.iterdir()} <= {
        *(carried.serial, ".uploads", ".dockd-store", ".dockd"),
        *(path.name for path in carried.share.root.glob(".*")),
    }


def test_files_64_folders_deep_arrive(carried: Carried) -> None:
    """A file below 64 folders is footage like any other."""
    carried.arrived(contents("64 deep"))


def test_empty_files_arrive(carried: Carried) -> None:
    """A file without a byte is a clip with a digest, a receipt and a wipe of its own."""
    carried.arrived(contents("empty"))


def test_links_are_left_and_named(carried: Carried) -> None:
    """A link is never followed: it stays, a problem names it, and nothing is read there."""
    for path in LINKS:
        carried.left_and_named(path, "symbolic link")
    stored = {digest for _, digest in carried.share.contents(carried.serial)}
    assert hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest() not in stored


def test_fifos_are_left_and_named(carried: Carried) -> None:
    """A fifo holds no thread up: it stays and a problem names it."""
    carried.left_and_named(b"DCIM/fifo", "fifo")


def test_sockets_are_left_and_named(carried: Carried) -> None:
    """A socket is not footage: it stays and a problem names it."""
    carried.left_and_named(b"DCIM/socket", "socket")


def test_what_was_named_is_forgotten_once_it_is_gone(carried: Carried) -> None:
    """When what cannot be footage is taken off the camera by hand, its problems end."""
    at = carried.at
    at.world.yank(carried.serial)
    at.station.happened("undocked")
    for path in (*LINKS, b"DCIM/fifo", b"DCIM/socket"):
        (at.folder(carried.serial) / path.decode()).unlink()
    at.world.dock(carried.serial, "B2")
    at.settled("name-unsupported")
