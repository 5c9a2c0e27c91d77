"""What an admin finds after `apt install ./dockd_*.deb` on a minimal Debian 12."""

import json
import os
import re
import signal
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.package.debian import ROOT, Debian

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("package"),
]
SERVICES = ("dockd.service", "dockd-helper.service")
UNITS = (*SERVICES, "dockd-helper.socket")
PATIENCE_S = 60.0
NOT_COMPILED = re.compile(r"/(pygments/(lexers/[a-z]|styles)|pydantic/v1|pycparser)")
FILES_OF_ALL = """
import sys
import dockd.cli, dockd.cli.courier, dockd.cli.doctor, dockd.daemon, dockd.helper.__main__
import dockd.station.central.holds, dockd.station.http, dockd.station.mqtt, dockd.stores.tus
print(*(getattr(module, "__file__", None) for module in sys.modules.values()), sep="\\n")
"""
WANTED_BY = {
    "dockd.service": "multi-user.target",
    "dockd-helper.service": "multi-user.target",
    "dockd-helper.socket": "sockets.target",
}


@contextmanager
def running(debian: Debian) -> Iterator[None]:
    """Run the installed daemon as its user, from its readiness on; it must end well."""
    folder = os.open(debian.path("/run"), os.O_RDONLY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        # Through the descriptor: the tree's own path may be longer than a socket's name.
        manager.bind(f"/proc/self/fd/{folder}/notify")
        os.chown("notify", debian.uid("dockd"), -1, dir_fd=folder)
        os.close(folder)
        manager.settimeout(PATIENCE_S)
        as_dockd = ("setpriv", "--reuid=dockd", "--regid=dockd-admin", "--init-groups")
        daemon = subprocess.Popen(
            [*debian.entering(), *as_dockd, "dockd", "run"],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": "/run/notify"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            while b"READY=1" not in manager.recv(4096):
                pass
            yield
        finally:
            os.killpg(daemon.pid, signal.SIGTERM)
            daemon.communicate(timeout=PATIENCE_S)
            debian.path("/run/notify").unlink()


def test_a_new_station_runs_and_says_what_it_lacks(debian: Debian) -> None:
    """With the configuration as installed it runs as its user, and says that it has no store."""
    # Any free port: this machine may have a station of its own.
    debian.path("/etc/dockd/dockd.d/port.toml").write_text('http.listen = "127.0.0.1:0"\n')
    with running(debian):
        status = json.loads(debian.run("dockd", "status", "--json").stdout)
        api = debian.run("stat", "--format=%U %G %a", "/run/dockd/api.sock").stdout.split()
    # A disk that is nearly full has a second one: spool-full.
    assert "store-not-configured" in {problem["slug"] for problem in status["problems"]}
    assert api == ["dockd", "dockd-admin", "660"]
    assert debian.path("/var/lib/dockd/ledger.sqlite3").stat().st_size > 0


def test_root_s_doctor_sees_what_the_daemon_may_not(debian: Debian) -> None:
    """Of two tokens, the one that is root's alone is found; the spool is the daemon's as it is."""
    token, settings = debian.path("/etc/dockd/token"), debian.path("/etc/dockd/dockd.d/token.toml")
    token.write_text("as long as it has to be")
    settings.write_text('http.token_file = "/etc/dockd/token"\nspool.reserve = 1\n')
    for mode, is_found in ((0o600, True), (0o644, False)):
        token.chmod(mode)
        told = debian.run("dockd", "doctor", "--json", check=False)
        findings = json.loads(told.stdout)["findings"]
        said = {finding["finding"]: finding["well"] for finding in findings}
        assert any(one.startswith("looked at as dockd, with capabilities 0000") for one in said)
        assert ("/etc/dockd/token cannot be read: Permission denied" in said) is is_found, said
        assert not any("/var/lib/dockd cannot be written" in one for one in said), said


def test_every_unit_is_enabled(installed: Debian) -> None:
    """The station comes up by itself after the next boot."""
    for unit, target in WANTED_BY.items():
        assert installed.path(f"/etc/systemd/system/{target}.wants/{unit}").is_symlink()


def test_systemd_has_no_objection(installed: Debian) -> None:
    """`systemd-analyze verify` of Debian 12's systemd prints nothing, the manual included."""
    found = installed.run("systemd-analyze", "verify", *UNITS)
    assert (found.stdout, found.stderr) == ("", "")


@pytest.mark.parametrize("service", SERVICES)
def test_the_sandbox_is_tight(installed: Debian, service: str) -> None:
    """What a taken-over service could do is rated at 1.5 or lower by systemd itself."""
    installed.run("systemd-analyze", "security", "--offline=yes", "--threshold=15", service)


@pytest.mark.parametrize("service", SERVICES)
def test_each_remaining_exposure_is_explained(installed: Debian, service: str) -> None:
    """What `systemd-analyze security` still names is explained in the unit, as an exposure."""
    report = installed.run(
        "systemd-analyze", "security", "--offline=yes", "--json=short", service
    ).stdout
    unit = (ROOT / "systemd" / service).read_text(encoding="utf-8")
    explained = " ".join(re.findall(r"^# Exposure: .*\n(?:#.*\n)*", unit, re.MULTILINE))
    for finding in json.loads(report):
        if finding["set"] is False and float(finding["exposure"] or 0) > 0:
            # PrivateUsers= by its name, SystemCallFilter=~@mount and such by what they let through.
            left, _, right = finding["name"].partition("=")
            names = re.findall(r"@?[A-Za-z_]+\*?", right if right.startswith("~") else left)
            told = [name for name in names if name not in {"AF_", "CAP_"} and name in explained]
            assert told, finding["name"]


def test_users_groups_and_folders_are_made(installed: Debian) -> None:
    """The daemon has a user of its own, a spool that is closed to all others, a sticky folder."""
    groups = set(installed.run("id", "--name", "--groups", "dockd").stdout.split())
    assert groups == {"dockd", "dockd-admin", "dialout"}
    assert installed.run("id", "--name", "--groups", "dockd-helper").stdout == "dockd-helper\n"
    modes = installed.run("stat", "--format=%U %G %a", "/var/lib/dockd", "/run/dockd", "/etc/dockd")
    assert modes.stdout.splitlines() == [
        "dockd dockd-admin 700",
        "root dockd 1775",
        "root root 755",
    ]


def test_the_installed_configuration_is_the_example_unset(installed: Debian) -> None:
    """It sets nothing and is without fault; with the marks taken away it is the example again."""
    text = installed.path("/etc/dockd/dockd.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text) == {}
    installed.run("dockd", "check-config")
    unmarked = re.sub(r"^#(?! |$)", "", text, flags=re.MULTILINE)
    example = (ROOT / "packaging/dockd.toml.example").read_text(encoding="utf-8")
    assert tomllib.loads(unmarked) == tomllib.loads(example)


@pytest.mark.parametrize("page", ["dockd", "dockd.toml"])
def test_the_manual_reads_without_a_warning(installed: Debian, page: str) -> None:
    """man, groff and mandoc find nothing wrong with the pages."""
    shown = installed.run("man", "--warnings=w", page)
    assert shown.stderr == ""
    assert page.upper() in shown.stdout
    (source,) = installed.path("/usr/share/man").glob(f"man*/{page}.?.gz")
    text = subprocess.run(["zcat", source], capture_output=True, check=True).stdout
    critics = (
        ["groff", "-man", "-ww", "-z", "-Tutf8", "-K", "utf8"],
        ["mandoc", "-Tlint", "-Wwarning"],
    )
    for critic in critics:
        found = subprocess.run(critic, input=text, capture_output=True, check=False)
        assert (found.returncode, found.stdout, found.stderr) == (0, b"", b""), critic[0]


def test_the_manual_has_every_command_and_every_key(installed: Debian) -> None:
    """What --help and the example know, the manual knows."""
    commands = installed.run("man", "dockd").stdout
    for name in ("run", "check-config", "clips", "explain", "verify", "doctor", "hold", "release"):
        assert f"dockd {name} " in commands
    example = (ROOT / "packaging/dockd.toml.example").read_text(encoding="utf-8")
    keys = installed.run("man", "dockd.toml").stdout
    for key in re.findall(r"^([a-z_]+) = ", example, re.MULTILINE):
        assert f"{key} = " in keys


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dockd", "che"], ["check-config"]),
        (["dockd", "clips", "--pl"], ["--place"]),
        (["dockd", "clips", "--place", "w"], ["wiped"]),
        (["dockd", "--config", "x.toml", "hold", "--kind", ""], ["error", "legal"]),
        (["dockd", "demo", "--"], []),
    ],
)
def test_bash_completes(installed: Debian, words: list[str], expected: list[str]) -> None:
    """The shell completes commands, options and their values, and starts no Python for it."""
    script = (
        f". /usr/share/bash-completion/completions/dockd; PATH=; COMP_WORDS=({quoted(words)}); "
        f'COMP_CWORD={len(words) - 1}; _dockd; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    assert installed.run("bash", "-c", script).stdout.split() == expected


def quoted(words: list[str]) -> str:
    """Return words for a shell."""
    return " ".join(f"'{word}'" for word in words)


def test_the_catalogue_is_in_the_journal(installed: Debian) -> None:
    """What journalctl -x looks up was taken in when dockd was installed."""
    listed = installed.run("journalctl", "--list-catalog").stdout
    source = installed.path("/usr/lib/systemd/catalog/dockd.catalog").read_text(encoding="utf-8")
    for message_id in re.findall(r"^-- ([0-9a-f]{32})$", source, re.MULTILINE):
        assert re.search(rf"^{message_id} dockd: ", listed, re.MULTILINE)


def test_everything_is_compiled(installed: Debian) -> None:
    """Every module is compiled for the interpreter that runs it, but those that nothing imports."""
    library = installed.path("/usr/lib/dockd/lib")
    as_they_are = {
        path.relative_to(library).as_posix()
        for path in library.rglob("*.py")
        if not (path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc").exists()
    }
    assert all(NOT_COMPILED.search(path) for path in as_they_are)
    told = installed.run("/usr/lib/dockd/bin/python", "-I", "-c", FILES_OF_ALL).stdout
    loaded = {path.removeprefix("/usr/lib/dockd/lib/") for path in told.splitlines()}
    assert "python3.11/site-packages/dockd/daemon/station.py" in loaded
    assert not as_they_are & loaded


def test_the_launcher_listens_to_nobody(installed: Debian) -> None:
    """Nothing in the caller's environment or folder decides what the commands import."""
    told = installed.run(
        *("env", "--chdir=/tmp", "PYTHONPATH=/tmp", "PYTHONHOME=/tmp", "PYTHONSTARTUP=/tmp/x"),
        *("dockd", "--version"),
    )
    assert told.stdout.startswith("dockd ")


def test_the_demo_is_not_for_a_station(installed: Debian) -> None:
    """`dockd demo` says where the demo is to be had, and simulates no camera on a station."""
    told = installed.run("dockd", "demo", check=False)
    assert told.returncode == 2
    assert "make demo" in told.stdout
    assert "Traceback" not in told.stderr
