"""The cameras, and the judge: what must hold at every moment, read from the outside.

The judge made the footage, so it knows every byte; it reads cameras, spool and store itself, and
takes from dockd only the ledger, as the record that it holds against them.
"""

import hashlib
import itertools
import os
import random
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from dockd.core.naming import store_key
from dockd.station.ledger import verify_chain
from tests.daemon.rooms import Room, sha256_of

MIB = 1024 * 1024
LEDGER = "ledger.sqlite3"
BIG = "DCIM/100MEDIA/0001.MP4"
SMALL = "DCIM/100MEDIA/0002.MP4"
EMPTY = "DCIM/100MEDIA/0003.MP4"
# The daemon's parts are of 16 MiB: this is three of them, the last one not whole.
BIG_BYTES = 40 * MIB + 12_345
JOURNEY: Mapping[str, int] = {BIG: BIG_BYTES, SMALL: 100_001, EMPTY: 0}

_WALK_S = 1.0
# No file, one that nothing was written to, one whose first change was cut off and is to be undone.
_NO_LEDGER = ("unable to open", "no such table", "attempt to write a readonly database")

_seeds = itertools.count(secrets.randbits(32))
_serials = itertools.count(1)
_EPOCH_NS = 1_790_000_000 * 10**9


@cache
def _random_bytes(size_bytes: int) -> bytes:
    return random.Random(size_bytes).randbytes(size_bytes)


def new_content(size_bytes: int) -> bytes:
    """Return bytes that no other clip has; fast, for the most part the same ones every time."""
    if size_bytes < 16:
        return b"0123456789abcdef"[:size_bytes]
    return next(_seeds).to_bytes(16) + _random_bytes(size_bytes - 16)


@dataclass
class Original:
    """One file as it once was on a camera.

    Attributes:
        lost_by: Who took it from the camera, when that was not dockd.
        cut_to_bytes: What of it the station is to keep, when its camera never came back with it.
    """

    serial: str
    path: str
    sha256: str
    size_bytes: int
    lost_by: str | None = None
    cleared: bool = field(default=False, compare=False)

    @property
    def key(self) -> str:
        """Where a store is to hold it."""
        return store_key(self.serial, sha256=self.sha256, path=self.path.encode())


class World:
    """Everything around one station."""

    def __init__(self, folder: Path, *, room: Room) -> None:
        self.folder = folder
        self.room = room
        self.rack = folder / "rack"
        self.spool = folder / "spool"
        self._shelf = folder / "shelf"
        for each in (self.rack, self._shelf):
            each.mkdir()
        self.station = f"test-{secrets.token_hex(6)}"
        self.originals: list[Original] = []
        self.partials: list[tuple[str, str]] = []
        self.spool_may_forget = False
        # What goes on by itself in the rack while a test waits.
        self.meanwhile: Callable[[], None] = lambda: None
        self._homes: dict[str, Path] = {}

    # --- cameras -----------------------------------------------------------------------------

    def film(self, files: Mapping[str, int] = JOURNEY) -> str:
        """Make a camera with files of these sizes in bytes, not docked; return its serial."""
        serial = f"BWC-{os.getpid()}-{next(_serials):04d}-{secrets.token_hex(3)}"
        self.bring(serial)
        for number, (path, size_bytes) in enumerate(files.items()):
            self.record(serial, path, new_content(size_bytes), mtime_ns=_EPOCH_NS + number)
        return serial

    def bring(self, serial: str) -> None:
        """Have a camera that was filmed with elsewhere, not docked; it is empty so far."""
        self._homes[serial] = self._shelf / serial
        self._homes[serial].mkdir()

    def record(self, serial: str, path: str, content: bytes, *, mtime_ns: int) -> None:
        """Have a camera write a file; one that was there is lost by the camera's own doing."""
        self.lose(serial, path, by="overwritten by its camera")
        file = self._homes[serial] / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, ns=(mtime_ns, mtime_ns))
        digest = hashlib.sha256(content).hexdigest()
        self.originals.append(Original(serial, path, digest, len(content)))

    def lose(self, serial: str, path: str, *, by: str) -> None:
        """Have somebody who is not dockd delete a file."""
        for original in self.originals:
            if (original.serial, original.path, original.cleared) == (serial, path, False):
                original.lost_by = original.lost_by or by
        (self._homes[serial] / path).unlink(missing_ok=True)

    def file(self, serial: str, path: str) -> Path:
        """Return where a camera's file is now."""
        return self._homes[serial] / path

    def dock(self, serial: str, slot: str) -> None:
        """Put a camera into a slot, in one piece."""
        (self.rack / slot).mkdir(exist_ok=True)
        self._homes[serial] = self._homes[serial].rename(self.rack / slot / serial)

    def yank(self, serial: str) -> None:
        """Pull a camera, whatever it is doing."""
        self._homes[serial] = self._homes[serial].rename(self._shelf / serial)

    def hand_over(self, serial: str, other: "World") -> None:
        """Carry a camera that is not docked to another station; what was on it goes along."""
        # Which docking was later is told by their seconds, and nobody walks faster than that.
        time.sleep(_WALK_S)
        home = self._homes.pop(serial)
        other._homes[serial] = home.rename(other._shelf / serial)
        other.originals += [one for one in self.originals if one.serial == serial]
        self.originals = [one for one in self.originals if one.serial != serial]

    # --- the promises ------------------------------------------------------------------------

    def look(self) -> None:
        """Check, cheaply, that what has just left a camera is in the spool and in the store."""
        self.meanwhile()
        absent = [
            original
            for original in self.originals
            if not original.cleared
            and original.lost_by is None
            and not self.file(original.serial, original.path).exists()
        ]
        if not absent:
            return
        kept, stored = self._kept(), self._stored()
        for original in absent:
            assert original.sha256 in kept or self.spool_may_forget, (
                f"cleared without a copy in the spool: {original}"
            )
            assert stored[original.key, original.sha256], f"cleared without a store: {original}"
            original.cleared = True

    def check(self) -> None:
        """Check everything that must hold at any instant, the daemon dead or alive."""
        self.look()
        kept, stored = self._kept(), self._stored()
        for original in self.originals:
            held = stored[original.key, original.sha256]
            assert held <= 1, f"{held} versions of one original: {original}"
            on_camera = original.lost_by is None and self._is_on_camera(original)
            safe = on_camera or held or original.sha256 in kept
            # What its camera itself overwrote before anybody had it is nobody's fault here.
            assert safe or original.lost_by is not None, f"no copy anywhere: {original}"
        # A power cut may leave a ledger's file that was never written to.
        if self.ask("SELECT 1 FROM meta"):
            assert verify_chain(self.spool / LEDGER) == "intact"
            self._check_tallies()

    def check_finished(self) -> None:
        """Check that everything arrived exactly once and that every camera is empty."""
        self.check()
        expected = Counter(
            {(original.key, original.sha256): 1 for original in self.originals}
            | dict.fromkeys(self.partials, 1)
        )
        assert self._stored() == expected
        for serial, home in self._homes.items():
            left = [path for path in home.rglob("*") if path.is_file()]
            assert not left, f"footage is left on {serial}: {left}"
        self._check_clips()

    def _check_clips(self) -> None:
        """Hold the ledger's clips against the originals: one for each, where it should be."""
        rows = self.ask(
            "SELECT camera, path, sha256, camera_copy, place, partial FROM clips"
            " WHERE merged_into IS NULL"
        )
        found = Counter((row["camera"], row["path"].decode(), row["sha256"]) for row in rows)
        whole = Counter(
            {(one.serial, one.path, one.sha256): 1 for one in self.originals}
            | {
                (key.split("/")[0], key.split("/", 2)[2], sha256): 1
                for key, sha256 in self.partials
            }
        )
        assert found == whole, "the ledger's clips are not the originals"
        lost = {one.sha256 for one in self.originals if one.lost_by is not None}
        lost |= {sha256 for _, sha256 in self.partials}
        for row in rows:
            wanted = {"gone"} if row["sha256"] in lost else {"wiped"}
            assert row["camera_copy"] in wanted, dict(row)

    def _is_on_camera(self, original: Original) -> bool:
        try:
            return sha256_of(self.file(original.serial, original.path)) == original.sha256
        except FileNotFoundError:
            return False

    def _kept(self) -> set[str]:
        """Return the digests of what the spool keeps under a name, read by ourselves."""
        return {
            sha256_of(path)
            for path in (self.spool / "clips").rglob("*")
            if path.is_file() and not path.name.endswith(".dockd.json")
        }

    def _stored(self) -> Counter[tuple[str, str]]:
        stored: Counter[tuple[str, str]] = Counter()
        for serial in self._homes:
            stored += self.room.contents(serial)
        return stored

    # --- the record --------------------------------------------------------------------------

    def ask(self, query: str, *arguments: Any) -> Sequence[sqlite3.Row]:  # noqa: ANN401 - what SQLite takes
        """Return what the ledger's file answers; nothing while there is none."""
        uri = f"file:{self.spool / LEDGER}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
                connection.row_factory = sqlite3.Row
                return connection.execute(query, arguments).fetchall()
        except sqlite3.OperationalError as error:
            if any(word in str(error) for word in _NO_LEDGER):
                return []
            raise

    def _check_tallies(self) -> None:
        """Count the clips anew, and compare with the counts that the ledger keeps."""
        columns = "place, known, count(*) AS clips, sum(size_bytes) AS size_bytes"
        counted = self.ask(
            f"SELECT {columns} FROM clips WHERE merged_into IS NULL GROUP BY 1, 2"  # noqa: S608 - ours, no input
        )
        kept = self.ask(
            "SELECT place, known, clips, size_bytes FROM tallies"
            " WHERE scope = 'station' AND clips > 0"
        )
        assert {tuple(row) for row in kept} == {tuple(row) for row in counted}
