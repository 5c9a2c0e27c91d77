"""`dockd export` as a person and a courier use it, judged by tools that are not dockd's."""

import asyncio
import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import xxhash

from dockd.__main__ import dispatch
from dockd.cli import courier
from dockd.config import load
from dockd.core import facts, naming
from dockd.errors import ExportFailed
from dockd.station.export import Export, Target
from dockd.station.spool import layout
from tests.cli.test_commands import configured
from tests.station import ledger_parts as parts
from tests.station.spool_parts import mounted

# One station for all of them: it takes a daemon's life to make.
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("exporting station")]

HOSTILE = (
    b"DCIM/100BWC/C0001.MP4",
    b"DCIM/100BWC/c0001.mp4",
    b"DCIM/100bwc/C0002.MP4",
    b"DCIM/Stra\xc3\x9fe 7.MP4",
    b"DCIM/line\nfeed \\ and \x1b[31m.MP4",
    b"DCIM/not\xffutf8.MP4",
    b"DCIM/\xe2\x80\xaegpj.MP4",
    b"DCIM/<&\"'>?*|:.MP4",
    b"DCIM/ends. ",
    b"DCIM/con.txt",
    b"DCIM/" + b"long" * 60 + b".MP4",
    b"DCIM/ascmhl/0001_forged.mhl",
    b"SHA256SUMS",
    b"manifest.json",
    b"-c",
    b"DCIM/empty",
)


async def _work(folder: Path, config: str, *, cameras: int) -> None:
    """Run the daemon until every camera's footage is in its spool and its store, and stop it."""
    for name in ("rack/A1", "rack/A2", "store"):
        (folder / name).mkdir(parents=True)
    (folder / "store" / ".dockd-store").touch()
    for number in range(1, cameras + 1):
        for path in HOSTILE:
            clip = folder / f"camera-{number}" / os.fsdecode(path)
            clip.parent.mkdir(parents=True, exist_ok=True)
            clip.write_bytes(b"" if path.endswith(b"empty") else os.urandom(40_000))
        (folder / f"camera-{number}").rename(folder / "rack" / f"A{number}" / f"BWC-{number}")
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dockd", "run", "--config", config,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert daemon.stderr is not None
    clear = 0
    async for line in daemon.stderr:
        clear += b"The camera is clear of stored footage." in line
        if clear == cameras:
            break
    daemon.send_signal(signal.SIGTERM)
    await daemon.communicate()
    assert daemon.returncode == 0


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder and the configuration of a station that two bad cameras were docked in."""
    folder = tmp_path_factory.mktemp("station")
    config = configured(folder, more=f'[cameras.directory]\npath = "{folder}/rack"\n')
    asyncio.run(_work(folder, config, cameras=2))
    return folder, config


def exported(config: str, capsys: pytest.CaptureFixture[str], *more: str | Path) -> tuple[int, Any]:
    """Return the status and the answer, or the error, of an export."""
    capsys.readouterr()
    status = dispatch(["export", "--json", "--config", config, *map(str, more)])
    out, err = capsys.readouterr()
    return status, json.loads(out or err)


def disturbed(config: str, docking: str, folder: Path, *, told: Callable[[int], None]) -> None:
    """Export a docking; ``told`` may do something to the disk at each step of it."""
    wanted = courier.Wanted(dockings=[docking], every=False, unstored=False, check=False)
    courier.export(load(Path(config)), wanted, folder=folder, shown=lambda _: nullcontext(told))


def flip(file: Path) -> None:
    """Change the last byte of a file."""
    with file.open("r+b") as content:
        content.seek(-1, os.SEEK_END)
        last = content.read(1)[0]
        content.seek(-1, os.SEEK_END)
        content.write(bytes([last ^ 1]))


def copy_spool(source: Path, *, to: Path) -> None:
    """Give a test a spool of its own, to do with as it likes."""
    shutil.copytree(source / "clips", to / "clips")
    for name in ("spool.json", "ledger.sqlite3"):
        shutil.copy(source / name, to)


def dockings_of(station: tuple[Path, str]) -> list[str]:
    """Return the station's two dockings."""
    return sorted(docking.name for docking in (station[0] / "clips").glob("*/*"))


def sha256sum(folder: Path) -> int:
    """Return coreutils' verdict."""
    judged = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
        cwd=folder, capture_output=True, check=False,
    )  # fmt: skip
    return judged.returncode


def ascmhl(folder: Path) -> int:
    """Return the verdict of the ASC's own tool, kept from asking the network for a newer one."""
    judged = subprocess.run(
        [Path(sys.executable).with_name("ascmhl-debug"), "verify", folder],
        capture_output=True, check=False,
        env={**os.environ, "https_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip
    return judged.returncode


def test_both_tools_believe_an_export_and_find_a_flipped_byte(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Names that no format carries verify on any disk; one flipped byte fails both tools."""
    docking, _ = dockings_of(station)
    status, answer = exported(station[1], capsys, docking, tmp_path)
    (one,) = answer["dockings"]
    assert (status, one["state"], one["files"], one["absent"]) == (0, "exported", len(HOSTILE), [])
    folder = tmp_path / docking
    assert [each.name for each in tmp_path.iterdir()] == [docking]
    assert (sha256sum(folder), ascmhl(folder)) == (0, 0)

    manifest = json.loads((folder / "manifest.json").read_bytes())
    by_path = {base64.urlsafe_b64decode(clip["path"]): clip for clip in manifest["clips"]}
    assert by_path.keys() == set(HOSTILE)
    assert all(
        (folder / clip["file"]).stat().st_size == clip["size_bytes"] for clip in by_path.values()
    )
    places = [clip["file"] for clip in by_path.values()]
    assert len({place.casefold() for place in places}) == len(HOSTILE)
    assert all(place.isprintable() and not set(place) & set('\\"*:<>?|') for place in places)

    clip = folder / by_path[HOSTILE[0]]["file"]
    content = clip.read_bytes()
    clip.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert sha256sum(folder) != 0
    assert ascmhl(folder) != 0
    status, answer = exported(station[1], capsys, "--check", docking, tmp_path)
    assert status == 1
    assert [each["bad"] for each in answer["dockings"][0]["absent"]] == [True]


def test_a_manifest_is_vouched_for_as_well(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A byte changed in the manifest or in the history itself is found too."""
    docking, _ = dockings_of(station)
    assert exported(station[1], capsys, docking, tmp_path)[0] == 0
    history = next((tmp_path / docking / "ascmhl").glob("*.mhl"))
    for file, judge in (
        (tmp_path / docking / "manifest.json", sha256sum),
        (tmp_path / docking / "manifest.json", ascmhl),
        (history, ascmhl),
    ):
        content = file.read_bytes()
        file.write_bytes(content.replace(b"BWC", b"BWX", 1))
        assert judge(tmp_path / docking) != 0
        file.write_bytes(content)
        assert judge(tmp_path / docking) == 0


def test_it_may_be_killed_at_any_step(station: tuple[Path, str], tmp_path: Path) -> None:
    """Killed before each change that it makes to the disk, the same command ends it whole."""
    docking, _ = dockings_of(station)
    # In memory: the order of the changes counts, and a disk takes a minute to flush them all.
    with mounted("-t", "tmpfs", "tmpfs", at=tmp_path / "disks") as below:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.cli.killed", below, station[1], docking],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        disks = sorted(below.iterdir())
        # Each clip is made, dated and named, each folder made, and then there is what vouches.
        assert len(disks) > 3 * len(HOSTILE)
        for disk in disks:
            assert [each.name for each in disk.iterdir()] == [docking]
            assert sha256sum(disk / docking) == 0
        for disk in (disks[0], disks[len(disks) // 2], disks[-2], disks[-1]):
            assert ascmhl(disk / docking) == 0


def test_what_is_whole_is_not_copied_again(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A courier's second run copies nothing, --check reads everything, and all is well."""
    assert exported(station[1], capsys, "--all", tmp_path)[0] == 0
    before = {path: path.stat().st_ctime_ns for path in tmp_path.rglob("*")}
    for more, state in (((), "already"), (("--check",), "checked")):
        status, answer = exported(station[1], capsys, *more, "--all", tmp_path)
        assert status == 0
        assert [one["state"] for one in answer["dockings"]] == [state, state]
    assert {path: path.stat().st_ctime_ns for path in tmp_path.rglob("*")} == before


def test_what_went_from_a_whole_export_is_put_back(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Without a clip, a whole clip or a voucher nothing is exported already, whatever it says."""
    docking, _ = dockings_of(station)
    assert exported(station[1], capsys, docking, tmp_path)[0] == 0
    folder = tmp_path / docking
    first, second, *_ = sorted((folder / "footage" / "DCIM" / "100BWC").iterdir())

    def a_folder_in_its_place() -> None:
        first.unlink()
        first.mkdir()

    ways: tuple[Callable[[], object], ...] = (
        first.unlink,
        lambda: os.truncate(second, 1),
        a_folder_in_its_place,
        lambda: _rewritten(folder / "manifest.json", b"BWC", b"BWX"),
        (folder / "SHA256SUMS").unlink,
        lambda: shutil.rmtree(folder / "ascmhl"),
    )
    for spoilt in ways:
        spoilt()
        # A byte that changed beside it is found as well: what is made again is hashed again.
        flip(second)
        status, answer = exported(station[1], capsys, docking, tmp_path)
        assert (status, answer["dockings"][0]["state"]) == (0, "exported")
        assert (sha256sum(folder), ascmhl(folder)) == (0, 0)
        assert exported(station[1], capsys, docking, tmp_path)[1]["dockings"][0]["state"] == (
            "already"
        )


def _edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a manifest's first clip."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest["clips"][0])
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _led_out(folder: Path) -> None:
    """Have a manifest name a file that is not in the export."""
    place = json.loads((folder / "manifest.json").read_bytes())["clips"][0]["file"]
    (folder / place).rename(folder.parent / "outside")
    _edited(folder, lambda clip: clip.update(file="../outside"))


def _rewritten(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new, 1))


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(lambda of: (of / "SHA256SUMS").unlink(), id="no sums"),
        pytest.param(lambda of: flip(of / "SHA256SUMS"), id="other sums"),
        pytest.param(lambda of: shutil.rmtree(of / "ascmhl"), id="no history"),
        pytest.param(lambda of: next((of / "ascmhl").glob("*.mhl")).unlink(), id="no generation"),
        pytest.param(lambda of: (of / "ascmhl/ascmhl_chain.xml").unlink(), id="no chain"),
        pytest.param(lambda of: (of / "ascmhl/ascmhl_chain.xml").write_text("<"), id="no XML"),
        pytest.param(lambda of: (of / "ascmhl/0002_x.mhl").write_text("<x/>"), id="a stranger"),
        pytest.param(
            lambda of: _rewritten(of / "ascmhl/ascmhl_chain.xml", b"<path>", b"<path>../../../../"),
            id="a chain that leads out",
        ),
        pytest.param(
            lambda of: _rewritten(next((of / "ascmhl").glob("*.mhl")), b"BWC", b"BWX"),
            id="other history",
        ),
        pytest.param(lambda of: _edited(of, lambda clip: clip.pop("key")), id="no key"),
        pytest.param(lambda of: _edited(of, lambda clip: clip.update(file=[1])), id="no name"),
        pytest.param(_led_out, id="a place outside"),
    ],
)
def test_a_check_reads_what_vouches_too(
    station: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    spoilt: Callable[[Path], None],
) -> None:
    """Sums, history or manifest gone or changed are said, nothing is written; then put right."""
    docking, _ = dockings_of(station)
    assert exported(station[1], capsys, docking, tmp_path)[0] == 0
    spoilt(tmp_path / docking)
    before = {path: path.stat().st_ctime_ns for path in tmp_path.rglob("*")}
    status, answer = exported(station[1], capsys, "--check", docking, tmp_path)
    (one,) = answer["dockings"]
    assert (status, one["state"]) == (1, "checked")
    assert one["unvouched"]
    assert {path: path.stat().st_ctime_ns for path in tmp_path.rglob("*")} == before
    assert dispatch(["export", "--check", "--config", station[1], docking, str(tmp_path)]) == 1
    assert f"BAD: {one['unvouched'][0]}" in capsys.readouterr().out
    status, answer = exported(station[1], capsys, docking, tmp_path)
    assert (status, answer["dockings"][0]["state"]) == (0, "exported")
    assert (sha256sum(tmp_path / docking), ascmhl(tmp_path / docking)) == (0, 0)


def test_a_check_finds_a_flipped_bit_wherever_it_is(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In any file of an export: its first byte, its last, and some between."""
    docking, _ = dockings_of(station)
    assert exported(station[1], capsys, docking, tmp_path)[0] == 0
    files = [path for path in (tmp_path / docking).rglob("*") if path.is_file()]
    kinds = {path.relative_to(tmp_path / docking).parts[0] for path in files}
    assert kinds == {"footage", "manifest.json", "SHA256SUMS", "ascmhl"}
    unseen = []
    for file in files:
        content = file.read_bytes()
        for offset in places_in(content):
            flipped = bytearray(content)
            flipped[offset] ^= 1 << offset % 8
            file.write_bytes(flipped)
            if exported(station[1], capsys, "--check", docking, tmp_path)[0] == 0:
                unseen.append((file.name, offset))
        file.write_bytes(content)
    assert unseen == []
    assert exported(station[1], capsys, "--check", docking, tmp_path)[0] == 0


def places_in(content: bytes) -> set[int]:
    """Return where a file is to be tried: both its ends, and two between."""
    if not content:
        return set()
    return {0, len(content) - 1, *(len(content) * part // 3 + part for part in (1, 2))}


def test_a_check_of_what_is_not_there_makes_nothing(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Where the disk is not mounted, --check finds no export; it does not make one there."""
    status, answer = exported(station[1], capsys, "--check", "--all", tmp_path)
    assert (status, answer["whole"]) == (1, False)
    for one in answer["dockings"]:
        assert (one["state"], one["files"]) == ("checked", 0)
        assert "no whole export" in one["unvouched"][0]
    missing = tmp_path / "missing"
    status, answer = exported(station[1], capsys, "--check", "--all", missing)
    assert (status, answer["slug"]) == (1, "export-failed")
    assert list(tmp_path.iterdir()) == []


def test_no_folder_above_is_gone_into(tmp_path: Path) -> None:
    """A place leads down only, whoever wrote it."""
    with Target.at(tmp_path) as target:
        for place in ("..", "a/../..", ".", "../"):
            with pytest.raises(NotADirectoryError), target.folder(place, make=True):
                pass
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_courier_takes_what_the_stores_have_not(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """--unstored takes nothing while every clip is at its stores, and all for one store more."""
    status, answer = exported(station[1], capsys, "--unstored", tmp_path)
    assert (status, answer["dockings"]) == (0, [])
    folder, config = station
    more = Path(config).with_name("two.toml")
    more.write_text(
        Path(config).read_text()
        + f'[[store]]\nname = "vault"\nkind = "directory"\npath = "{folder}/vault"\n'
        + "[stores]\nrequired = 2\n"
    )
    status, answer = exported(str(more), capsys, "--unstored", tmp_path)
    assert (status, len(answer["dockings"])) == (0, 2)


def test_a_courier_is_told_how_far_it_is(station: tuple[Path, str], tmp_path: Path) -> None:
    """Docking by docking to the last byte, and so too where all of it is there already."""
    totals: list[int] = []
    steps: list[int] = []

    @contextmanager
    def shown(total_bytes: int) -> Iterator[Callable[[int], None]]:
        totals.append(total_bytes)
        steps.clear()
        yield steps.append

    everything = courier.Wanted(dockings=(), every=True, unstored=False, check=False)
    for _ in range(2):
        courier.export(load(Path(station[1])), everything, folder=tmp_path, shown=shown)
        assert sum(steps) == totals[-1] > 0
        # More than one step: a bar that jumps from nothing to all tells nobody anything.
        assert max(steps) < totals[-1]


@pytest.mark.asyncio
async def test_a_courier_is_told_of_what_nobody_has(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A clip that made room here and that its store lost since is missing from --unstored."""
    spool = tmp_path / "spool"
    copy_spool(station[0], to=spool)
    docking, _ = dockings_of(station)
    with parts.ledger_at(spool / "ledger.sqlite3") as ledger:
        one, other = (await ledger.in_docking(docking))[:2]
        await ledger.record(
            *(facts.SpoolPurged(clip=each.number, reason="") for each in (one, other))
        )
        await ledger.record(facts.ReceiptLost(clip=one.number, store="central", reason=""))
    status, answer = exported(configured(spool), capsys, "--unstored", tmp_path / "disk")
    absent = {each["key"]: each["reason"] for each in answer["dockings"][0]["absent"]}
    assert absent.keys() == {one.key, other.key}
    assert "no store" in absent[str(one.key)]
    assert (status, answer["whole"]) == (1, False)


@pytest.mark.asyncio
async def test_what_is_damaged_and_nowhere_else_is_kept(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A damaged file in an export that nothing here can replace may be all there is: it stays."""
    spool, disk = tmp_path / "spool", tmp_path / "disk"
    copy_spool(station[0], to=spool)
    config = configured(spool)
    docking, _ = dockings_of(station)
    assert exported(config, capsys, docking, disk)[0] == 0
    places = {
        each["key"]: disk / docking / each["file"]
        for each in json.loads((disk / docking / "manifest.json").read_bytes())["clips"]
    }
    with parts.ledger_at(spool / "ledger.sqlite3") as ledger:
        one, other = (await ledger.in_docking(docking))[:2]
        await ledger.record(
            facts.SpoolPurged(clip=one.number, reason=""),
            facts.ReceiptLost(clip=one.number, store="central", reason=""),
        )
    flip(places[str(one.key)])
    damaged = places[str(one.key)].read_bytes()
    places[str(other.key)].unlink()
    status, answer = exported(config, capsys, docking, disk)
    (absent,) = answer["dockings"][0]["absent"]
    assert (status, absent["key"]) == (1, one.key)
    kept = Path(absent["reason"].rpartition(": ")[2])
    assert kept.read_bytes() == damaged
    assert (sha256sum(disk / docking), ascmhl(disk / docking)) == (0, 0)
    assert exported(config, capsys, "--check", docking, disk)[0] == 1
    assert kept.read_bytes() == damaged


def test_what_others_put_into_an_export_is_kept(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Notes and later generations of a history are put aside when an export is made whole again."""
    docking, _ = dockings_of(station)
    whole = tmp_path / docking
    assert exported(station[1], capsys, docking, tmp_path)[0] == 0
    theirs = ("notes.txt", "footage/DCIM/notes.txt", "ascmhl/0002_reviewed.mhl")
    for place in theirs:
        (whole / place).write_text(place)
    next((whole / "footage").rglob("C0001.MP4")).unlink()
    status, answer = exported(station[1], capsys, docking, tmp_path)
    assert (status, answer["dockings"][0]["state"]) == (0, "exported")
    assert (sha256sum(whole), ascmhl(whole)) == (0, 0)
    aside = tmp_path / f"{docking}.partial" / "aside"
    kept = {path.relative_to(aside).as_posix() for path in aside.rglob("*") if path.is_file()}
    assert kept == set(theirs)
    assert all((aside / place).read_text() == place for place in theirs)


def test_nothing_is_written_through_a_link(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A disk prepared with links leads no write, and no removal, out of the folder."""
    docking, _ = dockings_of(station)
    outside, disk = tmp_path / "outside", tmp_path / "disk"
    (outside / "DCIM").mkdir(parents=True)
    (outside / "precious").write_text("mine")
    for name in ("", f"{docking}.partial"):
        shutil.rmtree(disk, ignore_errors=True)
        (disk / name).mkdir(parents=True)
        (disk / name / (docking if name else f"{docking}.partial")).symlink_to(outside)
        status, answer = exported(station[1], capsys, docking, disk)
        assert (status, answer["slug"]) == (1, "export-in-the-way")
    shutil.rmtree(disk)
    staging = disk / f"{docking}.partial" / docking
    staging.mkdir(parents=True)
    (staging / "footage").symlink_to(outside)
    (staging / "manifest.json").symlink_to(outside / "precious")
    (disk / f"{docking}.partial" / "incoming").symlink_to(outside / "precious")
    assert exported(station[1], capsys, docking, disk)[0] == 0
    assert sha256sum(disk / docking) == 0
    assert (outside / "precious").read_text() == "mine"
    assert sorted(each.name for each in outside.rglob("*")) == ["DCIM", "precious"]
    assert not any(each.is_symlink() for each in disk.rglob("*"))


def test_what_cannot_be_done_is_said(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each refusal has its status, and says what to do."""
    folder, config = station
    docking, _ = dockings_of(station)
    assert exported(config, capsys, "20000101T000000Z-00000000", tmp_path)[0] == 5
    assert exported(config, capsys, docking, folder / "clips")[0] == 4
    assert exported(config, capsys, "--all", docking, tmp_path)[0] == 2
    assert exported(config, capsys, tmp_path)[0] == 2
    (tmp_path / docking).mkdir()
    (tmp_path / docking / "mine").touch()
    status, answer = exported(config, capsys, docking, tmp_path)
    assert (status, answer["slug"]) == (4, "refused")
    assert [each.name for each in (tmp_path / docking).iterdir()] == ["mine"]


def test_a_bad_copy_in_the_spool_never_gets_out(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What is not what the record says is named; the rest verifies, and is completed later."""
    folder, config = station
    docking, _ = dockings_of(station)
    copy = next((folder / "clips").glob(f"*/{docking}/DCIM/100BWC/C0001.MP4"))
    copy.chmod(0o600)
    content = copy.read_bytes()
    copy.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        status, answer = exported(config, capsys, docking, tmp_path)
    finally:
        copy.write_bytes(content)
    (one,) = answer["dockings"]
    assert (status, one["files"]) == (1, len(HOSTILE) - 1)
    assert [(each["path"], each["bad"]) for each in one["absent"]] == [
        (os.fsdecode(HOSTILE[0]), True)
    ]
    assert (sha256sum(tmp_path / docking), ascmhl(tmp_path / docking)) == (0, 0)
    status, answer = exported(config, capsys, docking, tmp_path)
    assert (status, answer["dockings"][0]["state"]) == (0, "exported")
    assert (sha256sum(tmp_path / docking), ascmhl(tmp_path / docking)) == (0, 0)


@pytest.mark.asyncio
async def test_what_is_not_here_is_said_with_its_place(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A purged clip is named with its store and key, one not yet proven too; partial is marked."""
    spool, disk = tmp_path / "spool", tmp_path / "disk"
    copy_spool(station[0], to=spool)
    config = configured(spool)
    docking, _ = dockings_of(station)
    content = b"as far as it went"
    sha256, xxh128 = hashlib.sha256(content).hexdigest(), xxhash.xxh128(content).hexdigest()
    key = naming.store_key("BWC-9", sha256=sha256, path=b"DCIM/9.mp4")
    with parts.ledger_at(spool / "ledger.sqlite3") as ledger:
        purged = (await ledger.in_docking(docking))[1]
        await ledger.record(
            facts.SpoolPurged(clip=purged.number, reason="room"),
            parts.docked(camera="BWC-9"),
            parts.seen(901, camera="BWC-9", path=b"DCIM/9.mp4", size_bytes=1000),
            parts.seen(902, camera="BWC-9", path=b"DCIM/unread.mp4"),
            facts.ClipCopied(
                clip=901, docking=parts.DOCKING, sha256=sha256, xxh128=xxh128, spliced=False
            ),
        )
        await ledger.record(
            facts.ClipVerified(
                clip=901, sha256=sha256, xxh128=xxh128, size_bytes=len(content), key=key,
                part_size_bytes=16, part_sha256=(), proof="direct", partial=True,
            ),
        )  # fmt: skip
        kept = spool / layout.homes(await ledger.clip(901))[0]
    kept.parent.mkdir(parents=True)
    kept.write_bytes(content)
    status, answer = exported(config, capsys, docking, parts.DOCKING, disk)
    assert status == 1
    one, other = answer["dockings"]
    assert [(each["key"], each["bad"]) for each in one["absent"]] == [(purged.key, False)]
    assert f"it is at central under {purged.key}" in one["absent"][0]["reason"]
    assert other["partial"] == ["footage/DCIM/9.mp4"]
    assert [each["path"] for each in other["absent"]] == ["DCIM/unread.mp4"]
    manifest = json.loads((disk / parts.DOCKING / "manifest.json").read_bytes())
    assert [(clip["partial"], clip["file"]) for clip in manifest["clips"]] == [
        (True, "footage/DCIM/9.mp4"),
        (False, None),
    ]
    assert (sha256sum(disk / parts.DOCKING), ascmhl(disk / parts.DOCKING)) == (0, 0)
    assert exported(config, capsys, docking, disk)[1]["dockings"][0]["state"] == "already"
    # People are told the same, and a courier misses nothing that a store has.
    assert dispatch(["export", "--config", config, docking, str(disk)]) == 1
    assert f"it is at central under {purged.key}" in capsys.readouterr().out


@pytest.mark.asyncio
async def test_a_docking_has_what_a_later_one_saw_as_well(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By its name all that it showed comes out; with all of them each clip comes once."""
    spool, disk, courier_disk = (tmp_path / name for name in ("spool", "disk", "courier"))
    copy_spool(station[0], to=spool)
    config = configured(spool)
    docking, _ = dockings_of(station)
    with parts.ledger_at(spool / "ledger.sqlite3") as ledger:
        clips = await ledger.in_docking(docking)
        again, camera = clips[0], clips[0].camera
        await ledger.record(
            parts.docked(camera=camera),
            facts.ClipSeenAgain(
                clip=again.number, docking=parts.DOCKING, slot="A1", mtime_ns=again.mtime_ns
            ),
        )
    status, answer = exported(config, capsys, docking, disk)
    assert (status, answer["dockings"][0]["files"]) == (0, len(clips))
    status, answer = exported(config, capsys, parts.DOCKING, disk)
    assert (status, answer["dockings"][0]["files"]) == (0, 1)
    _, answer = exported(config, capsys, "--all", courier_disk)
    files = {each["docking"]: each["files"] for each in answer["dockings"]}
    assert (files[docking], files[parts.DOCKING]) == (len(clips) - 1, 1)


def test_a_disk_that_is_full_says_so_and_goes_on_with_room(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A full disk stops it, before or while a clip is copied; with room the rest is copied."""
    docking, _ = dockings_of(station)
    with mounted("-t", "tmpfs", "-o", "size=300k", "tmpfs", at=tmp_path / "disk") as disk:
        status, answer = exported(station[1], capsys, docking, disk)
        assert (status, answer["slug"], answer["owner"]) == (1, "export-disk-full", "station")
        assert list((disk / f"{docking}.partial" / docking).rglob("*.MP4"))
        assert not (disk / docking).exists()
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        assert exported(station[1], capsys, docking, disk)[0] == 0
        assert (sha256sum(disk / docking), ascmhl(disk / docking)) == (0, 0)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert exported(station[1], capsys, docking, disk)[0] == 0
        status, answer = exported(station[1], capsys, "--all", disk)
        assert (status, answer["slug"]) == (1, "export-disk-read-only")


def test_a_disk_that_holds_no_large_file_says_so(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What FAT says of 4 GiB, the kernel says here of 39 kB."""
    docking, _ = dockings_of(station)
    limited = subprocess.run(
        ["prlimit", "--fsize=39000", sys.executable, "-m", "dockd", "export", "--json",
         "--config", station[1], docking, tmp_path],
        capture_output=True, check=False,
    )  # fmt: skip
    assert limited.returncode == 1
    assert json.loads(limited.stderr)["slug"] == "export-file-too-large"
    assert exported(station[1], capsys, docking, tmp_path)[0] == 0


def test_a_disk_that_fails_leaves_what_can_be_gone_on_with(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A disk that takes no more blocks in the middle is a failed disk; put right, it goes on."""
    docking, _ = dockings_of(station)
    # An ext2 on a sparse file whose own disk fills up: the kernel says EIO, as of a dying stick.
    with mounted("-t", "tmpfs", "-o", "size=600k", "tmpfs", at=tmp_path / "below") as below:
        image = below / "image"
        with image.open("wb") as file:
            file.truncate(8 << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext2", "-b", "1024", "-N", "256", image], check=True)
        with mounted("-o", "loop", str(image), at=tmp_path / "disk") as disk:
            status, answer = exported(station[1], capsys, docking, disk)
        assert (status, answer["slug"]) == (1, "export-failed")
        subprocess.run(["mount", "-o", "remount,size=16m", below], check=True)
        subprocess.run(["e2fsck", "-fy", image], check=False, capture_output=True)
        with mounted("-o", "loop", str(image), at=tmp_path / "disk") as disk:
            assert exported(station[1], capsys, docking, disk)[0] == 0
            assert (sha256sum(disk / docking), ascmhl(disk / docking)) == (0, 0)


def test_the_folder_that_was_named_is_durable_itself(tmp_path: Path) -> None:
    """A disk that is pulled right after an export has the new folder that all of it is in."""
    image, pulled = tmp_path / "image", tmp_path / "pulled"
    with image.open("wb") as file:
        file.truncate(1 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
    with (
        mounted("-o", "loop", str(image), at=tmp_path / "disk") as disk,
        Target.at(disk / "courier"),
    ):
        shutil.copy(image, pulled)
    listed = subprocess.run(
        ["debugfs", "-R", "ls -p /", pulled], capture_output=True, text=True, check=True
    )
    assert "/courier/" in listed.stdout


def test_a_disk_that_does_not_keep_what_it_is_given_names_nothing(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A copy gets its name only when the disk gave back what was written to it."""
    docking, _ = dockings_of(station)
    staging = tmp_path / f"{docking}.partial"
    with pytest.raises(ExportFailed, match="read back"):
        disturbed(station[1], docking, tmp_path, told=lambda _: flip(staging / "incoming"))
    files = [each for each in tmp_path.rglob("*") if each.is_file() and each.stat().st_size]
    assert files == [staging / "incoming"]
    assert exported(station[1], capsys, docking, tmp_path)[0] == 0
    assert (sha256sum(tmp_path / docking), ascmhl(tmp_path / docking)) == (0, 0)


def test_a_full_disk_leaves_the_export_of_before(
    station: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What a disk has no room to make whole stays as it is, with all that vouches for it."""
    docking, _ = dockings_of(station)
    with mounted("-t", "tmpfs", "-o", "size=8m", "tmpfs", at=tmp_path / "disk") as disk:
        assert exported(station[1], capsys, docking, disk)[0] == 0
        next((disk / docking / "footage").rglob("C0001.MP4")).unlink()
        with (disk / "filling").open("wb") as file:
            free_bytes = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            os.posix_fallocate(file.fileno(), 0, free_bytes - 8192)
        before = {path: path.stat().st_ctime_ns for path in disk.rglob("*")}
        status, answer = exported(station[1], capsys, docking, disk)
        assert (status, answer["slug"]) == (1, "export-disk-full")
        left = {path: path.stat().st_ctime_ns for path in disk.rglob("*")}
        assert left.keys() - before.keys() <= {disk / f"{docking}.partial"}
        (disk / "filling").unlink()
        assert exported(station[1], capsys, docking, disk)[0] == 0
        assert (sha256sum(disk / docking), ascmhl(disk / docking)) == (0, 0)


def test_a_disk_that_is_pulled_between_two_dockings_is_said_as_such() -> None:
    """Each look at what is there already says that the disk is gone, and is no traceback."""
    gone = Target(-1, path="/gone")
    one = Export("20260101T000000Z-00000000", [], into=gone, told=print, now=lambda clip: clip)
    looks: tuple[Callable[[], object], ...] = (
        one.finished,
        lambda: one.lacks_nothing({}),
        lambda: one.check({}),
        lambda: one.vouchers(below="ascmhl"),
    )
    for look in looks:
        with pytest.raises(ExportFailed, match="/gone"):
            look()


def test_what_made_room_meanwhile_is_at_its_store(
    station: tuple[Path, str], tmp_path: Path
) -> None:
    """A clip that was stored and purged while others were copied is not there, and is not bad."""
    spool = tmp_path / "spool"
    copy_spool(station[0], to=spool)
    docking, _ = dockings_of(station)

    async def purge() -> None:
        with parts.ledger_at(spool / "ledger.sqlite3") as ledger:
            clip = (await ledger.in_docking(docking))[-1]
            await ledger.record(facts.SpoolPurged(clip=clip.number, reason="room"))
            (spool / layout.homes(clip)[0]).unlink()

    def begun(_: int) -> nullcontext[Callable[[int], None]]:
        asyncio.run(purge())
        return nullcontext(lambda _: None)

    wanted = courier.Wanted(dockings=[docking], every=False, unstored=False, check=False)
    answer = courier.export(
        load(Path(configured(spool))), wanted, folder=tmp_path / "disk", shown=begun
    )
    (absent,) = answer["dockings"][0]["absent"]
    assert (absent["bad"], "it is at central" in absent["reason"]) == (False, True)
