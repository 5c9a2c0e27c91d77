"""Everything that a camera's file system can be filled with, carried by a running station."""

import hashlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from dockd.core.naming import safe_path, store_key
from tests.badinput.scene import Scene, scene
from tests.daemon.rooms import Share
from tests.daemon.scenarios import cleared

pytestmark = [pytest.mark.real, pytest.mark.slow]

DEEP = b"/".join([b"DCIM", *(b"%02d" % level for level in range(1, 64))])
ESCAPING = (
    b"DCIM/..\\..\\etc\\passwd",
    b"DCIM/....//../...".replace(b"//../", b"/"),
    b"DCIM/%2e%2e%2fup",
    b"DCIM/~root",
    b"DCIM/-rf",
    b"DCIM/con.",
    b"DCIM/ begins and ends with a space ",
    b"DCIM/a?versionId=1&uploads#x",
    b"DCIM/a+b",
    b"DCIM/a;b:c*d|e<f>g\"h'i`j$(k)",
    b"DCIM/.dockd.json",
    b"DCIM/x.dockd.json",
    b"DCIM/.uploads",
    b"DCIM/.part",
)
"""Names that mean something to a shell, a URL, a spool or a store; none may here."""

NAMES: Mapping[str, tuple[bytes, ...]] = {
    "control characters": (b"DCIM/a\nb\r\x1b[31m\x07\x7f.MP4", b"DCIM/\t"),
    "not UTF-8": (b"DCIM/\xff\xfe\x80.MP4", b"DCIM/\xc3\x28", b"\xe9t\xe9/\xe0"),
    "255 bytes": (b"DCIM/" + b"n" * 255, b"DCIM/" + b"\xf0\x9f\x90\xb0" * 63 + b"abc"),
    "only case": (b"DCIM/clip.mp4", b"DCIM/Clip.mp4", b"DCIM/CLIP.MP4", b"dcim/clip.mp4"),
    "escaping": ESCAPING,
    "64 deep": (DEEP + b"/clip.mp4",),
    "empty": (b"DCIM/nothing.mp4", b"empty"),
}


def fill(home: Path, paths: Mapping[bytes, bytes]) -> None:
    """Write files by their raw paths below ``home``."""
    for path, content in paths.items():
        file = os.path.join(os.fsencode(home), path)  # noqa: PTH118  raw bytes
        os.makedirs(os.path.dirname(file), exist_ok=True)  # noqa: PTH103, PTH120
        with open(file, "xb") as written:  # noqa: PTH123
            written.write(content)


def stored_in(share: Share, serial: str, paths: Mapping[bytes, bytes]) -> None:
    """Fail unless the store has exactly these contents at their keys."""
    expected = {}
    for path, content in paths.items():
        digest = hashlib.sha256(content).hexdigest()
        expected[store_key(serial, sha256=digest, path=path), digest] = 1
    assert dict(share.contents(serial)) == expected


def carried(at: Scene, serial: str) -> None:
    """Dock a camera, wait until it is clear, and see that nothing but folders is left."""
    at.world.dock(serial, "A1")
    cleared(at.station, at.world, serial)


@pytest.mark.parametrize("kind", NAMES)
def test_files_of_any_name_arrive_and_are_cleared(tmp_path: Path, kind: str) -> None:
    """Whatever a file is called, its bytes reach the store under a safe key and it is cleared."""
    share = Share(tmp_path)
    with scene(tmp_path, room=share) as at:
        at.station.start()
        serial = at.world.film({})
        files = {
            path: b"" if kind == "empty" else b"footage of " + path for path in NAMES[kind]
        }
        fill(at.folder(serial), files)
        carried(at, serial)
        stored_in(share, serial, files)
        said = at.station.get(f"/v1/clips?camera={serial}")["clips"]
        assert len(said) == len(files)
        assert all(clip["path"].isprintable() and clip["place"] == "wiped" for clip in said)
        assert not list((tmp_path / "spool").glob("*/../../[!s]*passwd*"))
        at.station.stop()
