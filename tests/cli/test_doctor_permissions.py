"""Whatever root may read and write, the doctor judges what the daemon's own user may."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from dockd.cli import acting
from tests.cli.test_commands import configured, dockd
from tests.cli.test_stopped_station import files
from tests.fakes import certificates

pytestmark = pytest.mark.real
# Some user who is not root, and whom every system has.
OTHER = "nobody"
TOKEN = "as long as it has to be"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that everybody may enter, which pytest's own are not."""
    with TemporaryDirectory(dir="/tmp", prefix="dockd-doctor-") as made:
        path = Path(made)
        path.chmod(0o755)
        yield path


def station(folder: Path) -> str:
    """Return the configuration of a station on which all is as it should be, for root."""
    for name in ("spool", "store"):
        (folder / name).mkdir(mode=0o755)
    (folder / "store" / ".dockd-store").touch()
    cert, key = certificates.self_signed(folder, "station")
    (folder / "token").write_text(TOKEN)
    for secret in (key, folder / "token"):
        secret.chmod(0o600)
    text = (
        Path(configured(folder))
        .read_text()
        .replace(f'path = "{folder}"', f'path = "{folder}/spool"')
    )
    text = text.replace(
        "[http]\n",
        f'[http]\ntls_cert = "{cert}"\ntls_key = "{key}"\ntoken_file = "{folder}/token"\n',
    )
    (folder / "dockd.toml").write_text(text)
    return str(folder / "dockd.toml")


async def unwell(config: str, *more: str) -> dict[str, str]:
    """Return what the doctor finds wrong: each with its area; the clock may be anything."""
    _, out, err = await dockd("doctor", "--json", "--config", config, *more)
    assert out, err
    found: list[dict[str, Any]] = json.loads(out)["findings"]
    assert all(one["next"] for one in found if not one["well"])
    return {
        one["finding"]: one["area"] for one in found if not one["well"] and one["area"] != "clock"
    }


@pytest.mark.asyncio
async def test_what_only_root_may_is_found(folder: Path) -> None:
    """A spool, a key and a token that are root's alone are each named; root itself sees none."""
    config = station(folder)
    assert await unwell(config, "--user", "root") == {}
    found = await unwell(config, "--user", OTHER)
    assert f"{folder}/spool cannot be written: Permission denied" in found
    assert any("the station's own TLS files" in said for said in found)
    assert any(f"{folder}/token cannot be read" in said for said in found)
    assert {"spool", "network", "store"} == set(found.values())


@pytest.mark.asyncio
async def test_what_the_daemon_may_is_well(folder: Path) -> None:
    """Given to its user, the same files are as they should be, and the trial leaves nothing."""
    config = station(folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)
    before = files(folder)
    assert await unwell(config, "--user", OTHER) == {}
    assert files(folder) == before


@pytest.mark.asyncio
async def test_its_status_and_its_errors_are_those_of_whom_it_looks_as(folder: Path) -> None:
    """A configuration that the daemon cannot read is named; nobody looks as a user who is none."""
    config = station(folder)
    status, _, _ = await dockd("doctor", "--user", OTHER, "--config", config)
    assert status == 1
    Path(config).chmod(0o600)
    status, _, err = await dockd("doctor", "--user", OTHER, "--config", config)
    assert (status, config in err) == (2, True)
    status, _, err = await dockd("doctor", "--user", "no-such-user", "--config", config)
    assert (status, "no-such-user" in err) == (2, True)


@pytest.mark.asyncio
async def test_whoever_is_not_root_looks_as_themselves(folder: Path) -> None:
    """And is told so: what is found is what they may, not what the daemon may."""
    config = station(folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "dockd", "doctor", "--json", "--config", config,
        stdout=asyncio.subprocess.PIPE, user=OTHER, cwd="/",
    )  # fmt: skip
    out, _ = await process.communicate()
    said = [one["finding"] for one in json.loads(out)["findings"]]
    assert any(one.startswith(f"looked at as {OTHER}") for one in said)


def test_root_looks_as_the_daemon_where_there_is_one() -> None:
    """Without being asked, on a station as installed; elsewhere it stays what it is."""
    assert acting.user_to_be(None, own_uid=0, known={"dockd"}.__contains__) == "dockd"
    assert acting.user_to_be(None, own_uid=0, known=set[str]().__contains__) is None
    assert acting.user_to_be(None, own_uid=1000, known={"dockd"}.__contains__) is None
    assert acting.user_to_be("root", own_uid=0, known={"root", "dockd"}.__contains__) is None
