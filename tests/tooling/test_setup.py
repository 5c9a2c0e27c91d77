import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
LOCKS = sorted(PACKAGING.glob("*.txt"))
PINNED = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+) \\$", re.MULTILINE)


def _pins(lock: Path) -> dict[str, str]:
    """Read name and version of everything that a lock holds."""
    return {match["name"]: match["version"] for match in PINNED.finditer(lock.read_text())}


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_address_and_no_machine(lock: Path) -> None:
    """A lock says what is installed, never from where, nor where it was made."""
    requirements = re.sub(r"^\s*#.*$", "", lock.read_text(), flags=re.MULTILINE)
    assert not re.search(r"://|--(index|extra-index|find-links|trusted)|@", requirements)
    assert "/" not in requirements
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_everything_in_a_lock_has_a_hash(lock: Path) -> None:
    """Nothing is installed that was not the thing that was locked."""
    entries = [
        entry
        for entry in re.split(r"^(?=[a-z0-9])", lock.read_text(), flags=re.MULTILINE)
        if "==" in entry
    ]
    assert len(entries) == len(_pins(lock)) > 0
    assert all("--hash=sha256:" in entry for entry in entries)


def test_runtime_and_development_are_one_resolution() -> None:
    """What the tests ran with is what the station gets."""
    runtime, development = (
        _pins(PACKAGING / "requirements.txt"),
        _pins(PACKAGING / "requirements-dev.txt"),
    )
    assert runtime.items() <= development.items()


def test_the_environment_is_what_the_locks_say() -> None:
    """The tests run with the locked versions and with nothing on the side."""
    locked = _pins(PACKAGING / "requirements-dev.txt") | _pins(PACKAGING / "requirements-build.txt")
    installed = {
        re.sub(r"[-_.]+", "-", distribution.name).lower(): distribution.version
        for distribution in metadata.distributions()
    }
    installed.pop("dockd")
    assert installed == locked


def test_whatever_lies_beside_the_code_is_packaged_with_it() -> None:
    """Every file of dockd/ that is no module is named by a pattern that holds in its package."""
    patterns = _pyproject()["tool"]["setuptools"]["package-data"]["*"]
    data = [
        path
        for path in (ROOT / "dockd").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert {path.suffix for path in data} >= {".toml", ".html", ".js"}
    for path in data:
        assert any(path.match(pattern) for pattern in patterns), path
        assert (path.parent / "__init__.py").is_file(), path


def test_every_runtime_library_has_a_home() -> None:
    """No library spreads through the house: each has a contract that says where it is used."""
    project = _pyproject()
    homes = {
        library
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["type"] == "home"
        for library in contract["libraries"]
    }
    names = {
        re.split(r"[<>=~!\[ ]", requirement)[0]
        for requirement in project["project"]["dependencies"]
    }
    modules = {
        "systemd-python": "systemd",
        "prometheus-client": "prometheus_client",
        "pyserial-asyncio-fast": "serial_asyncio_fast",
    }
    assert {modules.get(name, name) for name in names} <= homes


def test_an_unknown_group_of_packages_is_refused() -> None:
    """A misspelt group installs nothing and says so."""
    result = subprocess.run(
        [PACKAGING / "setup-system", "pyhton"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "no group called 'pyhton'" in result.stderr


def _program(folder: Path, name: str, *, script: str) -> None:
    """Put a program in front of the system's own of that name."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("missing", "user", "expected"),
    [
        ("nothing", 0, []),
        ("gcc", 0, ["update", "install --yes --no-install-recommends gcc"]),
        ("gcc", 1000, ["sudo", "update", "sudo", "install --yes --no-install-recommends gcc"]),
    ],
    ids=["all-there", "root", "user"],
)
def test_only_missing_system_packages_are_installed(
    missing: str, user: int, expected: list[str], tmp_path: Path
) -> None:
    """The package lists are refreshed and root is asked for only when something is missing."""
    log = tmp_path / "log"
    _program(tmp_path, "dpkg-query", script=f'[ "$3" = {missing} ] || printf installed')
    _program(tmp_path, "apt-get", script=f'shift 3; echo "$@" >> {log}')
    _program(tmp_path, "sudo", script=f'echo sudo >> {log}; exec "$@"')
    _program(tmp_path, "id", script=f"echo {user}")
    log.touch()
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    result = subprocess.run(
        [PACKAGING / "setup-system", "python"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert log.read_text().splitlines() == expected
