"""A history that dockd wrote is believed to the last byte, and none that was changed."""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dockd.station import mhl

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
CONTENT = b"footage"
CHAIN = "ascmhl_chain.xml"


def _history() -> Mapping[str, bytes]:
    """Return the files of a history of two files."""
    files = [mhl.listed(place, CONTENT, when=NOW) for place in ("a.mp4", "b/c.mp4")]
    return mhl.history("a docking", files, host="station", now=NOW, comment="<&\u202e")


# Made once: the ASC's library names it by the time of day.
WHOLE = _history()
LIST = next(name for name in WHOLE if name != CHAIN)


def test_what_was_written_is_believed() -> None:
    """Every place with what it hashes to."""
    assert mhl.said(WHOLE).keys() == {"a.mp4", "b/c.mp4"}


@pytest.mark.parametrize("name", [LIST, CHAIN], ids=["list", "chain"])
@pytest.mark.parametrize("bit", range(8))
def test_no_bit_of_a_history_can_be_flipped_unseen(name: str, bit: int) -> None:
    """Of the chain, which nothing vouches for, and of the list, for which the chain does."""
    content = WHOLE[name]
    unseen = []
    for offset in range(len(content)):
        flipped = bytearray(content)
        flipped[offset] ^= 1 << bit
        try:
            mhl.said({**WHOLE, name: bytes(flipped)})
        except ValueError:
            continue
        unseen.append(offset)
    assert unseen == []


@pytest.mark.parametrize("more", [b" ", b"\n", b"<!-- -->"])
def test_nothing_can_be_added_to_a_chain_unseen(more: bytes) -> None:
    """Nor taken from it."""
    for content in (WHOLE[CHAIN] + more, WHOLE[CHAIN][:-1]):
        with pytest.raises(ValueError, match="chain"):
            mhl.said({**WHOLE, CHAIN: content})


def test_a_history_that_others_went_on_with_is_believed(tmp_path: Path) -> None:
    """Whoever took the export over, and sealed it again with the ASC's own tool."""
    docking = tmp_path / "a docking"
    (docking / "b").mkdir(parents=True)
    for place in ("a.mp4", "b/c.mp4"):
        (docking / place).write_bytes(CONTENT)
    (docking / mhl.FOLDER).mkdir()
    for name, content in WHOLE.items():
        (docking / mhl.FOLDER / name).write_bytes(content)
    sealed = subprocess.run(
        [Path(sys.executable).with_name("ascmhl"), "create", docking, "-h", "xxh128"],
        capture_output=True, check=False,
        env={**os.environ, "https_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip
    assert sealed.returncode == 0, sealed.stderr
    files = {each.name: each.read_bytes() for each in (docking / mhl.FOLDER).iterdir()}
    assert len(files) == 3
    assert mhl.said(files).keys() >= {"a.mp4", "b/c.mp4"}
