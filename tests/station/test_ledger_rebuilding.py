"""A lost ledger is made again from the sidecars, and claims nothing that they do not prove."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from dockd.core import sidecar
from dockd.core.clip import CameraCopy, Clip, Place, SpoolCopy
from dockd.errors import Refused
from dockd.station.ledger import Report, SqliteLedger, open_ledger, rebuild, verify_chain
from tests.station import ledger_parts as parts

LATER_DOCKING: Final = "20261124T020000Z-00000002"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return a spool with a ledger that knows one clip of its own."""
    with parts.ledger_at(tmp_path / "ledger.sqlite3") as ledger:
        ledger.record_from_thread(parts.docked(), *parts.proven(1)).result()
        ledger.record_from_thread(*parts.stored(1)).result()
    return tmp_path


def kept(number: int) -> Clip:
    """Return a clip that was copied in one docking and proven."""
    return Clip(
        number=number,
        camera=parts.CAMERA,
        docking=parts.DOCKING,
        birth_docking=parts.DOCKING,
        seen_in=(parts.DOCKING,),
        slot="A1",
        path=b"DCIM/%d.mp4" % number,
        size_bytes=100,
        mtime_ns=number,
        flagged=True,
        spool_copy=SpoolCopy.PROVEN,
        copied=True,
        copied_in=(parts.DOCKING,),
        hashed_in=parts.DOCKING,
        copied_sha256=parts.digest(number),
        sha256=parts.digest(number),
        xxh128=parts.XXH128,
        key=parts.key(number),
        stored_size_bytes=100,
        part_size_bytes=parts.PART_BYTES,
        part_sha256=(parts.SHA256,) * 7,
        proof="direct",
    )


def keep(spool: Path, clip: Clip, *, name: str = "") -> Path:
    """Lay a clip and its sidecar into the spool; return the sidecar."""
    home = spool / "clips" / parts.CAMERA / parts.DOCKING / (name or f"{clip.number}.mp4")
    home.parent.mkdir(parents=True, exist_ok=True)
    home.write_bytes(b"x" * clip.stored_size_bytes)
    beside = home.with_name(home.name + sidecar.SUFFIX)
    at = "2026-11-23T02:00:00Z"
    beside.write_bytes(sidecar.encode(clip, recorded_at=at, verified_at=at))
    return beside


def rebuilt(spool: Path, *, force: bool = False) -> Report:
    """Rebuild the ledger of ``spool``."""
    return rebuild(spool, clock=parts.HandClock(looks=10_000), force=force)


def reopened(spool: Path) -> SqliteLedger:
    """Open the ledger of ``spool``."""
    return open_ledger(spool / "ledger.sqlite3", clock=parts.HandClock())


@pytest.mark.asyncio
async def test_a_rebuilt_ledger_knows_what_the_sidecars_prove(spool: Path) -> None:
    """Clips come back proven, unreceipted, and in dockings that have ended."""
    (spool / "ledger.sqlite3").unlink()
    whole = kept(7)
    spliced = replace(
        kept(8),
        docking=LATER_DOCKING,
        seen_in=(parts.DOCKING, LATER_DOCKING),
        copied_in=(parts.DOCKING, LATER_DOCKING),
        hashed_in=None,
    )
    partial = replace(
        kept(9), size_bytes=500, partial=True, copied=False, copied_sha256=None, hashed_in=None
    )
    for clip in (whole, spliced, partial):
        keep(spool, clip)
    report = await asyncio.to_thread(rebuilt, spool)
    assert (report.clips, report.size_bytes, report.refused) == (3, 300, ())
    assert report.moved_aside is None
    assert verify_chain(spool / "ledger.sqlite3") == "intact"
    ledger = reopened(spool)
    assert await ledger.clip(7) == whole
    assert (await ledger.clip(8)).hashed_in is None
    assert (await ledger.clip(8)).seen_in == spliced.seen_in
    assert (await ledger.clip(9)).partial
    for number in (7, 8, 9):
        clip = await ledger.clip(number)
        assert (clip.camera_copy, clip.spool_copy) == (CameraCopy.PRESENT, SpoolCopy.PROVEN)
        assert await ledger.receipts(number) == []
    assert await ledger.open_dockings() == []
    assert len(await ledger.dockings()) == 2
    assert (await ledger.tally()).clips[Place.VERIFIED] == 3
    assert (await ledger.head()).ledger_id == report.ledger_id
    assert ledger.next_clip_number() == 10
    ledger.close()


@pytest.mark.asyncio
async def test_what_cannot_be_believed_is_left_out_and_named(spool: Path) -> None:
    """Damaged sidecars, missing clips and a second copy of a clip are reported, not recorded."""
    good = keep(spool, kept(2))
    damaged = keep(spool, kept(3))
    damaged.write_bytes(damaged.read_bytes().replace(b"A1", b"A2"))
    alone = keep(spool, kept(4))
    alone.with_name("4.mp4").unlink()
    cut = keep(spool, kept(5))
    cut.with_name("5.mp4").write_bytes(b"short")
    twin = keep(spool, replace(kept(2), number=6), name="twin.mp4")
    report = await asyncio.to_thread(rebuilt, spool, force=True)
    reasons = dict(report.refused)
    assert report.clips == 1
    assert good not in reasons
    assert "check" in reasons[damaged]
    assert "cannot be seen" in reasons[alone]
    assert "5 bytes and not 100" in reasons[cut]
    assert "key" in reasons[twin]


@pytest.mark.asyncio
async def test_a_healthy_ledger_is_not_thrown_away(spool: Path) -> None:
    """A rebuild refuses a healthy ledger unless it is forced, and then keeps it aside whole."""
    keep(spool, kept(1))
    with pytest.raises(Refused, match="healthy"):
        rebuilt(spool)
    ledger = reopened(spool)
    before = await ledger.head()
    ledger.close()
    report = await asyncio.to_thread(rebuilt, spool, force=True)
    assert report.moved_aside is not None
    assert report.ledger_id != before.ledger_id
    assert verify_chain(report.moved_aside) == "intact"
    aside = open_ledger(report.moved_aside, clock=parts.HandClock())
    assert await aside.head() == before
    assert len(await aside.receipts(1)) == 1
    aside.close()


def test_a_damaged_ledger_is_rebuilt_and_kept_aside(spool: Path) -> None:
    """A ledger that SQLite cannot read is replaced without force, and its bytes are kept."""
    keep(spool, kept(1))
    (spool / "ledger.sqlite3").write_bytes(b"nonsense" * 1000)
    report = rebuilt(spool)
    assert report.clips == 1
    assert report.moved_aside is not None
    assert report.moved_aside.read_bytes() == b"nonsense" * 1000


def test_a_log_without_its_ledger_is_not_taken_for_the_new_ones(tmp_path: Path) -> None:
    """Somebody took the ledger away after a crash, and its log alone is left: it is kept aside."""
    path, log = tmp_path / "ledger.sqlite3", tmp_path / "ledger.sqlite3-wal"
    with parts.ledger_at(path) as ledger:
        ledger.record_from_thread(parts.docked(), *parts.proven(1)).result()
        left = log.read_bytes()
    path.unlink()
    log.write_bytes(left)
    keep(tmp_path, kept(7))
    report = rebuilt(tmp_path)
    assert report.clips == 1
    with parts.writable(path) as connection:
        numbers = [row["number"] for row in connection.execute("SELECT number FROM clips")]
        (named,) = connection.execute("SELECT value FROM meta WHERE key = 'ledger_id'").fetchall()
    assert (numbers, named["value"]) == ([7], report.ledger_id)
    (kept_aside,) = tmp_path.glob("ledger.sqlite3.*.aside-wal")
    assert kept_aside.read_bytes() == left


def test_a_ledger_whose_record_is_broken_is_rebuilt(spool: Path) -> None:
    """A record that was tampered with is no reason to keep a ledger."""
    path = spool / "ledger.sqlite3"
    with parts.writable(path) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET subject = 'clip:9' WHERE sequence = 2")
    assert rebuilt(spool).moved_aside is not None
    assert verify_chain(path) == "intact"


def test_a_running_daemon_is_not_rebuilt_under(spool: Path) -> None:
    """A rebuild beside a running daemon is refused, forced or not."""
    with (
        parts.ledger_at(spool / "ledger.sqlite3"),
        pytest.raises(Refused, match="another process"),
    ):
        rebuilt(spool, force=True)


def test_a_rebuild_that_was_interrupted_is_begun_again(spool: Path) -> None:
    """What an interrupted rebuild left behind is in nobody's way."""
    for suffix in ("", "-wal", "-shm"):
        (spool / f"ledger.sqlite3.rebuilding{suffix}").write_bytes(b"half")
    keep(spool, kept(1))
    assert rebuilt(spool, force=True).clips == 1
    assert sorted(path.name for path in spool.glob("*.rebuilding*")) == []
