"""The peers that bring footage over with proof, as an administrator would script them."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.machine import program, version
from tests.bench.measuring import Cost, settle_disk, shell


@dataclass(frozen=True, slots=True, kw_only=True)
class Copier:
    """A peer: its script copies ``$SRC`` to ``$DST``, makes it durable, and compares both sides.

    ``programs`` are what it needs, its version's namesake first.
    """

    name: str
    script: str
    programs: tuple[str, ...]
    version_argument: str = "--version"

    def command(self) -> str:
        """Return the script with the version of what it runs, for the row."""
        return f"{self.script} ({version(self.programs[0], self.version_argument)})"

    def copy(self, source: Path, *, folder: Path) -> Cost:
        """Copy and compare once, and remove the copy again."""
        target = folder / f"copied-by-{self.name}"
        target.mkdir()
        settle_disk()
        places = {"SRC": str(source), "DST": str(target), "RCLONE": program("rclone")}
        try:
            return shell(
                self.script,
                environment={**places, "RCLONE_CONFIG": "/dev/null"},
                log=folder / f"{self.name}.log",
            )
        finally:
            shutil.rmtree(target)
            settle_disk()


CP_OPENSSL: Final = Copier(
    name="cp_openssl",
    # The two sides beside each other: on more than one core that is faster than in turn.
    script=(
        'cp -r "$SRC/." "$DST" && sync && '
        '{ (cd "$SRC" && openssl dgst -sha256 -r DCIM/*) > "$DST.src" & '
        'p=$!; (cd "$DST" && openssl dgst -sha256 -r DCIM/*) > "$DST.dst"; wait $p; } && '
        'cmp "$DST.src" "$DST.dst" && rm "$DST.src" "$DST.dst"'
    ),
    programs=("openssl", "cp"),
    version_argument="version",
)
RSYNC: Final = Copier(
    name="rsync",
    script=(
        'rsync -rW --fsync "$SRC/" "$DST/" && '
        '[ -z "$(rsync -rnc --itemize-changes "$SRC/" "$DST/")" ]'
    ),
    programs=("rsync",),
)
RCLONE: Final = Copier(
    name="rclone",
    script='"$RCLONE" copy "$SRC" "$DST" && sync && "$RCLONE" check --download "$SRC" "$DST"',
    programs=("rclone",),
    version_argument="version",
)
COPIERS: Final = (CP_OPENSSL, RSYNC, RCLONE)
