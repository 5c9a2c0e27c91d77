"""Upgrade, downgrade, removal and purge: footage, ledger and configuration outlive them all.

Nothing is booted here, so what systemd is told is written down by a systemctl of the tests' own;
the virtual rack does the same things in a station that runs.
"""

import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from dockd.station.ledger.schema import MIGRATIONS
from tests.package.debian import Debian
from tests.package.later import EPOCH_S, LATER, LATER_SCHEMA, later_release

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("package"),
]
NEWEST = MIGRATIONS[-1].version
OWN_SETTING = '\n[station]\nname = "lambeth-03"\n'
SYSTEMCTL = '#!/bin/sh\necho "systemctl $*" >>/srv/told\n'


@pytest.fixture(scope="module")
def newer(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package as a later release."""
    return later_release(deb, tmp_path_factory.mktemp("newer"))


@pytest.fixture
def station(debian: Debian) -> Debian:
    """Return a system with the package, an admin's configuration, footage and a ledger in it."""
    with debian.path("/etc/dockd/dockd.toml").open("a", encoding="utf-8") as config:
        config.write(OWN_SETTING)
    debian.path("/etc/dockd/dockd.d/slots.toml").write_text('[[slots]]\nname = "A1"\n')
    fill(debian, "/var/lib/dockd")
    return debian


def fill(debian: Debian, spool: str, *, schema: int = NEWEST) -> None:
    """Put footage and a ledger of a schema into a spool."""
    clip = debian.path(f"{spool}/clips/BWC-1/20261123T015900Z-7f3a91c2/DCIM/1.MP4")
    clip.parent.mkdir(parents=True)
    clip.write_bytes(b"footage")
    with sqlite3.connect(debian.path(f"{spool}/ledger.sqlite3")) as ledger:
        ledger.execute("CREATE TABLE events (sequence INTEGER)")
        ledger.execute(f"PRAGMA user_version = {schema:d}")
    ledger.close()


def belongings(debian: Debian, spool: str = "/var/lib/dockd") -> dict[str, bytes]:
    """Return everything in the spool."""
    root = debian.path(spool)
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def watch(debian: Debian) -> None:
    """Pretend that systemd runs; what it is told is written down."""
    debian.path("/run/systemd/system").mkdir(parents=True)
    debian.path("/bin/systemctl").write_text(SYSTEMCTL)


def told(debian: Debian) -> str:
    """Return what systemd was told since the last time, and forget it."""
    record = debian.path("/srv/told")
    text = record.read_text(encoding="utf-8") if record.exists() else ""
    record.unlink(missing_ok=True)
    return text


def version(debian: Debian) -> str:
    """Return the version that is installed."""
    show = ("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "dockd")
    return debian.run(*show).stdout


def test_an_upgrade_keeps_everything_and_stops_nothing(station: Debian, newer: Path) -> None:
    """Configuration, footage and ledger are as before; the old daemon copies on until restarted."""
    watch(station)
    before = belongings(station)
    station.install(newer)
    assert version(station) == f"installed {LATER}"
    assert belongings(station) == before
    config = station.path("/etc/dockd/dockd.toml").read_text(encoding="utf-8")
    assert config.endswith(OWN_SETTING)
    assert station.path("/etc/dockd/dockd.d/slots.toml").exists()
    said = told(station)
    assert re.search(r"restart .*dockd\.service", said)
    assert " stop " not in said
    station.run("dockd", "check-config")


def test_an_upgrade_leaves_no_module_behind(station: Debian, newer: Path) -> None:
    """What the new release has not is gone, compiled or not; what it has is compiled."""
    station.install(newer)
    package = station.path("/usr/lib/dockd/lib/python3.11/site-packages/dockd")
    assert not list(package.rglob("closing*"))
    assert (package / "__pycache__/later.cpython-311.pyc").exists()


def test_an_upgrade_compiles_only_what_changed(station: Debian, newer: Path) -> None:
    """What both releases have is taken over compiled, whatever the time of the file."""
    package = station.path("/usr/lib/dockd/lib/python3.11/site-packages/dockd")
    folder = "__pycache__/{}.cpython-311.pyc"
    same = package / folder.format("errors")
    changed = package / "station/ledger" / folder.format("schema")
    for compiled in (same, changed):
        # Behind compiled code Python does not look.
        compiled.write_bytes(compiled.read_bytes() + b"before")
    station.install(newer)
    assert same.read_bytes().endswith(b"before")
    assert not changed.read_bytes().endswith(b"before")
    for compiled in package.rglob("*.pyc"):
        assert int.from_bytes(compiled.read_bytes()[8:12], "little") == EPOCH_S, compiled
    assert not station.path("/usr/lib/dockd/compiled-before").exists()


def test_a_ledger_of_a_newer_dockd_stops_a_downgrade(
    station: Debian, newer: Path, deb: Path
) -> None:
    """The older package says why it is not installed, and the newer one stays as it was."""
    station.install(newer)
    shutil.rmtree(station.path("/var/lib/dockd/clips"))
    station.path("/var/lib/dockd/ledger.sqlite3").unlink()
    fill(station, "/var/lib/dockd", schema=LATER_SCHEMA)
    # It came from an upgrade over several schemas at once.
    older = station.path(f"/var/lib/dockd/ledger.sqlite3.v{NEWEST - 2}.bak")
    older.touch()
    watch(station)
    refused = station.install(deb, check=False)
    assert refused.returncode != 0
    words = refused.stdout + refused.stderr
    assert f"is too old for the ledger in /var/lib/dockd: that has schema {LATER_SCHEMA}" in words
    assert "Install the version that wrote it" in words
    assert f"as it was before stands in /var/lib/dockd/{older.name}." in words
    assert version(station) == f"installed {LATER}"
    assert not re.search(r" (stop|restart) ", told(station))
    assert station.path(
        "/usr/lib/dockd/lib/python3.11/site-packages/dockd/__pycache__/later.cpython-311.pyc"
    ).exists()


def test_the_ledger_is_looked_for_where_the_configuration_says(
    station: Debian, newer: Path, deb: Path
) -> None:
    """A spool elsewhere protects its ledger, too, and is named when the package is purged."""
    station.install(newer)
    station.path("/etc/dockd/dockd.d/spool.toml").write_text('spool.path = "/srv/spool"\n')
    fill(station, "/srv/spool", schema=LATER_SCHEMA)
    refused = station.install(deb, check=False)
    assert "is too old for the ledger in /srv/spool" in refused.stdout + refused.stderr
    before = belongings(station, "/srv/spool")
    station.run("apt-get", "remove", "--yes", "dockd")
    purged = station.run("apt-get", "purge", "--yes", "dockd")
    assert "the footage and the ledger are kept, in /srv/spool" in purged.stdout
    assert belongings(station, "/srv/spool") == before


def test_a_downgrade_that_the_ledger_allows_is_done(
    station: Debian, newer: Path, deb: Path
) -> None:
    """An older dockd that knows the ledger's schema may come back."""
    station.install(newer)
    station.install(deb)
    assert version(station) != f"installed {LATER}"
    station.run("dockd", "check-config")


def test_removal_stops_the_station_and_keeps_what_it_had(station: Debian) -> None:
    """The program goes; configuration, footage and ledger stay, and so does whose they are."""
    watch(station)
    before = belongings(station)
    station.run("apt-get", "remove", "--yes", "dockd")
    assert re.search(r"stop .*dockd\.service", told(station))
    assert not station.path("/usr/lib/dockd").exists()
    assert not station.path("/usr/bin/dockd").is_symlink()
    assert station.path("/etc/dockd/dockd.toml").exists()
    assert belongings(station) == before
    station.run("id", "dockd")


def test_a_purge_never_deletes_footage(station: Debian) -> None:
    """Even a purge leaves every file of the spool alone, and says where it is."""
    before = belongings(station)
    purged = station.run("apt-get", "purge", "--yes", "dockd")
    assert "the footage and the ledger are kept, in /var/lib/dockd" in purged.stdout
    assert belongings(station) == before
    assert not station.path("/etc/dockd/dockd.toml").exists()
    for wants in station.path("/etc/systemd/system").rglob("*.wants/*"):
        assert "dockd" not in wants.name


def test_a_purge_believes_the_note_of_a_spool_that_is_not_mounted(debian: Debian) -> None:
    """Nothing is to be seen in the spool, and yet its footage is not forgotten."""
    note = debian.path("/var/lib/dockd-witness/spool.json")
    note.parent.mkdir()
    note.write_text("{}")
    purged = debian.run("apt-get", "purge", "--yes", "dockd")
    assert "the footage and the ledger are kept, in /var/lib/dockd" in purged.stdout
    assert note.exists()


def test_a_purge_of_a_station_that_never_had_footage_leaves_nothing(debian: Debian) -> None:
    """Where there is nothing to keep, nothing is kept: not a file, not a folder."""
    debian.run("apt-get", "purge", "--yes", "dockd")
    state = ("/var/lib/dockd", "/var/lib/dockd-witness")
    for path in ("/etc/dockd", *state, "/usr/lib/dockd", "/usr/share/doc/dockd"):
        assert not debian.path(path).exists(), path
    assert "dockd" not in debian.run("journalctl", "--list-catalog").stdout


def test_a_removed_station_can_come_back(station: Debian, deb: Path) -> None:
    """Installed again after a removal, it is enabled and has its old configuration and footage."""
    before = belongings(station)
    station.run("apt-get", "remove", "--yes", "dockd")
    station.install(deb)
    assert station.path("/etc/dockd/dockd.toml").read_text(encoding="utf-8").endswith(OWN_SETTING)
    assert belongings(station) == before
    assert station.path("/etc/systemd/system/multi-user.target.wants/dockd.service").is_symlink()
