"""A listing believes no name that leads to something else than a file of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LISTED = """
import json, os, sys
from dockd.cameras import tree
if sys.argv[2:]:
    os.setgid(65534); os.setuid(65534)
root = os.open(sys.argv[1], os.O_RDONLY)
found = tree.listing(root, flagging=tree.lies_in_flagged_folder)
print(json.dumps({
    "files": [file.path.decode() for file in found.files],
    "refused": {name.path.decode(): [name.slug, name.reason] for name in found.refused},
    "doubts": len(found.doubts),
    "hides": {path: found.may_hide(path.encode()) for path in ("DCIM/b", "DCIM/c", "dcim/b")},
}))
"""


def listed(root: Path, script: str = "", *, as_nobody: bool = False) -> dict[str, Any]:
    """List a folder in a process of its own, with mounts of its own that a script makes before."""
    shell = f'set -e; {script}\nexec "$@"'
    program = [sys.executable, "-c", LISTED, str(root), *["nobody"][: int(as_nobody)]]
    said = subprocess.run(
        ["unshare", "--mount", "sh", "-c", shell, "sh", *program],
        cwd=root,
        check=True,
        capture_output=True,
    ).stdout
    found: dict[str, Any] = json.loads(said)
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a camera with clips a, b and c, and an empty folder."""
    (tmp_path / "DCIM").mkdir()
    (tmp_path / "dcim").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "DCIM" / name).write_bytes(name.encode())
    return tmp_path


def test_two_names_of_one_file_are_one_file_and_a_doubt(root: Path) -> None:
    """As two names on a FAT that differ in case: the second's own content can be read by nobody."""
    found = listed(root, "mount --bind DCIM/a DCIM/b")
    assert len(found["files"]) == 2
    ((path, (slug, reason)),) = found["refused"].items()
    assert {path, *found["files"]} == {"DCIM/a", "DCIM/b", "DCIM/c"}
    assert slug == "camera-listing-damaged"
    assert "DCIM/a" in reason
    assert "DCIM/b" in reason
    assert found["doubts"] == 1
    assert found["hides"]["DCIM/b"] == (path == "DCIM/b")
    assert not found["hides"]["DCIM/c"]


def test_two_names_of_one_folder_are_one_folder_and_a_doubt(root: Path) -> None:
    """As a folder whose chain is another's: what it really holds is shown by nothing."""
    found = listed(root, "mount --bind DCIM dcim")
    assert len(found["files"]) == 3
    assert [slug for slug, _ in found["refused"].values()] == ["camera-listing-damaged"]
    assert found["doubts"] == 1


def test_a_file_with_several_names_of_its_own_is_listed_at_each(root: Path) -> None:
    """Hard links, which a share may have, are no damage."""
    os.link(root / "DCIM/a", root / "DCIM/hard")
    found = listed(root)
    assert found["files"] == ["DCIM/a", "DCIM/b", "DCIM/c", "DCIM/hard"]
    assert found["doubts"] == 0


def test_an_entry_that_cannot_be_looked_at_keeps_no_other_from_being_listed(root: Path) -> None:
    """Each such entry is named; its clip is not taken for gone."""
    # Its names can be read, and nothing behind them.
    (root / "DCIM").chmod(0o744)
    for folder in (*root.parents, root):
        folder.chmod(folder.stat().st_mode | 0o5)
    (root / "clip").write_bytes(b"clip")
    found = listed(root, as_nobody=True)
    assert found["files"] == ["clip"]
    assert sorted(found["refused"]) == ["DCIM/a", "DCIM/b", "DCIM/c"]
    assert {slug for slug, _ in found["refused"].values()} == {"clip-unreadable"}
    assert found["doubts"] == 3
    assert found["hides"] == {"DCIM/b": True, "DCIM/c": True, "dcim/b": False}
