"""What is in the .deb, before anybody installs it."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from tests.package.debian import ROOT

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("package"),
]
EXPECTED = (
    "usr/bin/dockd",
    "usr/lib/dockd/bin/dockd",
    "usr/lib/dockd/pyvenv.cfg",
    "usr/lib/dockd/compiled.py",
    "lib/systemd/system/dockd.service",
    "lib/systemd/system/dockd-helper.service",
    "lib/systemd/system/dockd-helper.socket",
    "usr/lib/sysusers.d/dockd.conf",
    "usr/lib/tmpfiles.d/dockd.conf",
    "usr/lib/sysctl.d/10-dockd.conf",
    "lib/udev/rules.d/90-dockd.rules",
    "usr/lib/systemd/catalog/dockd.catalog",
    "usr/share/dockd/dockd.toml",
    "etc/dockd/dockd.d",
    "usr/share/bash-completion/completions/dockd",
    "usr/share/man/man1/dockd.1.gz",
    "usr/share/man/man5/dockd.toml.5.gz",
    "usr/share/doc/dockd/copyright",
    "usr/share/doc/dockd/changelog.gz",
    "usr/share/doc/dockd/examples/dockd.toml",
    "usr/share/doc/dockd/examples/serial-hub.conf",
    "usr/share/doc/dockd/examples/prometheus/prometheus.yml",
    "usr/share/doc/dockd/examples/prometheus/rules/problems.yml",
    "usr/share/doc/dockd/examples/prometheus/grafana-dashboard.json",
)
PINNED = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+) \\$", re.MULTILINE)


@pytest.mark.parametrize("path", EXPECTED)
def test_everything_a_station_needs_is_in_it(contents: Path, path: str) -> None:
    """Units, rules, users, catalogue, configuration, completion and manual are in their places."""
    assert os.path.lexists(contents / path)


def test_the_name_says_version_and_architecture(deb: Path) -> None:
    """The file is called by what is in it."""
    fields = subprocess.run(
        ["dpkg-deb", "--show", "--showformat=${Package}_${Version}_${Architecture}.deb", deb],
        capture_output=True,
        text=True,
        check=True,
    )
    assert deb.name == fields.stdout


def test_the_environment_is_the_runtime_lock(contents: Path) -> None:
    """The station runs what was locked by hash, dockd, and nothing on the side."""
    locked = PINNED.findall((ROOT / "packaging/requirements.txt").read_text(encoding="utf-8"))
    site = contents / "usr/lib/dockd/lib/python3.11/site-packages"
    present = {
        tuple(re.sub(r"_", "-", folder.name.removesuffix(".dist-info")).rsplit("-", 1))
        for folder in site.glob("*.dist-info")
    }
    assert {(name.lower(), version) for name, version in present} == {
        *locked,
        ("dockd", _version(contents)),
    }


def test_nobody_but_root_can_change_what_runs(contents: Path) -> None:
    """No file is writable by a group or by others, none runs with its owner's rights."""
    for path in contents.rglob("*"):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            assert not mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID), path
            assert mode & stat.S_IROTH, path


def test_only_launchers_and_maintainer_scripts_can_be_executed(contents: Path) -> None:
    """A file that is executable by accident is a way in that nobody looks at."""
    executable = {
        str(path.relative_to(contents))
        for path in contents.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & stat.S_IXUSR
    }
    scripts = {f"DEBIAN/{name}" for name in ("preinst", "postinst", "prerm", "postrm")}
    launchers = {path for path in executable if path.startswith("usr/lib/dockd/bin/")}
    assert executable == scripts | launchers
    for launcher in launchers:
        first = (contents / launcher).read_text(encoding="utf-8").splitlines()[0]
        assert first == "#!/usr/lib/dockd/bin/python -I"


def test_it_tells_nothing_of_where_it_was_built(contents: Path) -> None:
    """No file holds a path of the building machine, nor what an installer kept for itself."""
    # Not the home folder: its name may be that of those who built the wheels, which is not ours.
    paths = [str(ROOT).encode(), b"/.cache/uv", b"build/deb"]
    for path in contents.rglob("*"):
        assert path.name not in {"direct_url.json", "uv_cache.json", "__pycache__", "RECORD"}
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert not [each for each in paths if each in content], path


def test_its_own_files_name_no_registry(contents: Path) -> None:
    """What dockd adds says nowhere from where its libraries came."""
    ours = [*contents.glob("DEBIAN/*"), *contents.glob("usr/share/doc/dockd/*")]
    for path in ours:
        if path.is_file():
            assert not re.search(rb"pypi|files\.pythonhosted|--index", path.read_bytes()), path


def test_libraries_are_stripped(contents: Path) -> None:
    """Debugging symbols of libraries are weight that no station needs."""
    libraries = list((contents / "usr/lib/dockd").rglob("*.so"))
    assert libraries
    for library in libraries:
        sections = subprocess.run(
            ["readelf", "--section-headers", "--wide", library],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ".symtab" not in sections.stdout, library
        assert ".debug_info" not in sections.stdout, library


def test_an_upgrade_has_no_question_to_ask(contents: Path) -> None:
    """No file is a conffile, about which dpkg would ask in the middle of an unattended upgrade."""
    assert not (contents / "DEBIAN/conffiles").exists()


def test_lintian_finds_no_error(deb: Path) -> None:
    """Debian's own critic has one objection, which is answered: libraries come with the wheels."""
    found = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error", "--tag-display-limit", "0", deb],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout
    override = (ROOT / "packaging/debian/lintian-overrides").read_text(encoding="utf-8")
    tags = [line for line in override.splitlines() if not line.startswith("#")]
    assert tags == ["dockd: embedded-library"]


def _version(contents: Path) -> str:
    control = (contents / "DEBIAN/control").read_text(encoding="utf-8")
    found = re.search(r"^Version: (\S+)$", control, re.MULTILINE)
    assert found
    return found[1]
