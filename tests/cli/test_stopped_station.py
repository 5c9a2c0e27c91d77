"""What the command line finds on a station that has done its work and was stopped."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from dockd.__main__ import dispatch
from tests.cli.doctoring import DOCTOR
from tests.cli.test_commands import configured

# One station for all of them: it takes a daemon's life to make.
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("stopped station")]


async def _work(folder: Path, config: str) -> None:
    """Run the daemon until it has taken in, stored and cleared one camera, and stop it."""
    for name in ("rack/A1", "store", "camera/DCIM"):
        (folder / name).mkdir(parents=True)
    (folder / "store" / ".dockd-store").touch()
    for number in range(2):
        (folder / "camera" / "DCIM" / f"C{number}.MP4").write_bytes(os.urandom(100_000))
    (folder / "camera").rename(folder / "rack" / "A1" / "BWC-1")
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dockd", "run", "--config", config,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert daemon.stderr is not None
    async for line in daemon.stderr:
        if b"The camera is clear of stored footage." in line:
            break
    daemon.send_signal(signal.SIGTERM)
    await daemon.communicate()
    assert daemon.returncode == 0


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder and the configuration of a station that has done its work."""
    folder = tmp_path_factory.mktemp("station")
    config = configured(folder, more=f'[cameras.directory]\npath = "{folder}/rack"\n')
    asyncio.run(_work(folder, config))
    return folder, config


def files(folder: Path) -> list[Path]:
    """Return every file below a folder; an empty folder is nothing that was left behind."""
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def verified(config: str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, object]:
    """Return the status and the answer of a verification."""
    capsys.readouterr()
    status = dispatch(["verify", "--json", "--config", config, *more])
    out, _ = capsys.readouterr()
    return status, json.loads(out) if out else None


def test_a_verification_finds_what_is_well_and_what_is_not(
    done: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Copies in the spool and the store verify; a changed byte and a changed record are found."""
    folder, config = done
    well = {"checked": 2, "ok": 2, "bad": [], "chain": "intact"}
    assert verified(config, capsys) == (0, well)
    assert verified(config, capsys, "--store", "central") == (0, well)
    assert verified(config, capsys, "--store", "nowhere")[0] == 5
    assert verified(config, capsys, "--docking", "20000101T000000Z-00000000")[0] == 5

    copy = next((folder / "clips").rglob("C0.MP4"))
    copy.chmod(0o600)
    content = copy.read_bytes()
    copy.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    status, answer = verified(config, capsys)
    assert status == 1
    assert isinstance(answer, dict)
    assert (answer["checked"], answer["ok"], answer["chain"]) == (2, 1, "intact")
    assert [bad.keys() for bad in answer["bad"]] == [{"id", "key", "reason"}]
    copy.write_bytes(content)

    with sqlite3.connect(folder / "ledger.sqlite3") as ledger:
        for (trigger,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            ledger.execute(f'DROP TRIGGER "{trigger}"')
        ledger.execute("UPDATE events SET kind = 'clip-gone' WHERE sequence = 5")
    ledger.close()
    status, answer = verified(config, capsys)
    assert status == 1
    assert isinstance(answer, dict)
    assert answer["chain"] == {"broken_at": 5}


def test_the_doctor_tells_areas_apart(
    done: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The doctor finds spool and store well, leaves nothing behind, and names what is not."""
    folder, config = done
    before = files(folder)
    status = dispatch([*DOCTOR, "--config", config])
    findings = json.loads(capsys.readouterr().out)["findings"]
    unwell = {finding["area"] for finding in findings if not finding["well"]}
    # The clock of a machine that runs tests may be anything.
    assert unwell <= {"clock"}
    assert status == (13 if unwell else 0)
    assert files(folder) == before

    (tmp_path / "store").mkdir()
    broken = configured(tmp_path)
    dispatch([*DOCTOR, "--config", broken])
    found = json.loads(capsys.readouterr().out)["findings"]
    assert {one["area"] for one in found if not one["well"]} - {"clock"} == {"network"}
    assert all(one["next"] for one in found if not one["well"])


def test_a_healthy_ledger_is_not_rebuilt(
    done: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A rebuild is for a ledger that is lost or wrong; with --force the sidecars are enough."""
    folder, config = done
    (folder / "ledger.sqlite3").rename(folder / "lost.sqlite3")
    assert dispatch(["rebuild", "--json", "--config", config]) == 0
    assert json.loads(capsys.readouterr().out)["clips"] == 2
    assert dispatch(["rebuild", "--config", config]) == 4
    assert dispatch(["rebuild", "--force", "--config", config]) == 0
