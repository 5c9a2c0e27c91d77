"""The package as a later release would be, made of this one's."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from dockd.station.ledger.schema import MIGRATIONS

LATER: Final = "99.0"
LATER_SCHEMA: Final = MIGRATIONS[-1].version + 1
EPOCH_S: Final = 1_700_000_000
_DOCKD: Final = "usr/lib/dockd/lib/python3.11/site-packages/dockd"
_MIGRATION: Final = f"""
MIGRATIONS = (*MIGRATIONS, Migration({LATER_SCHEMA}, ("CREATE TABLE later (number INTEGER)",)))
"""


def later_release(package: Path, folder: Path) -> Path:
    """Make a package with a higher version, other modules, another example, a further migration."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    text = control.read_text(encoding="utf-8")
    control.write_text(re.sub(r"^Version: .*$", f"Version: {LATER}", text, flags=re.MULTILINE))
    with (tree / "usr/share/dockd/dockd.toml").open("a", encoding="utf-8") as example:
        example.write("# A key of a later release.\n")
    # A later release has modules that this one has not, and the other way round.
    (tree / _DOCKD / "later.py").write_text("LATER = 1\n")
    (tree / _DOCKD / "simulator/closing.py").unlink()
    with (tree / _DOCKD / "station/ledger/schema.py").open("a", encoding="utf-8") as schema:
        schema.write(_MIGRATION)
    # A release's files have all one time, whether they changed or not.
    for module in (tree / "usr/lib/dockd/lib").rglob("*.py"):
        os.utime(module, (EPOCH_S, EPOCH_S))
    made = folder / f"dockd_{LATER}.deb"
    # Not compressed: whoever takes it in has better things to do, an emulated guest above all.
    build = ["dpkg-deb", "--root-owner-group", "-Znone", "--build"]
    subprocess.run([*build, tree, made], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return made
