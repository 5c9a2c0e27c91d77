"""Promises that stand in a line of a unit or a rule, and in nothing that runs without systemd.

systemd itself says elsewhere that it understands each line (`systemd-analyze verify`).
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import pytest

from tests.package.debian import ROOT

SYSTEMD = ROOT / "systemd"
DAEMON, HELPER, SOCKET = "dockd.service", "dockd-helper.service", "dockd-helper.socket"
KEPT: Sequence[tuple[str, str, str, str]] = (
    (DAEMON, "Type", "notify", "it is up once it says so"),
    (DAEMON, "ExecReload", "/bin/kill -HUP $MAINPID", "it reads its configuration again"),
    (DAEMON, "WatchdogSec", "30", "a loop that is blocked is ended"),
    (DAEMON, "Restart", "always", "whatever its end was, it comes back"),
    (DAEMON, "StartLimitIntervalSec", "0", "however often it fails, it is tried again"),
    (DAEMON, "OOMPolicy", "stop", "it never goes on with a part of itself missing"),
    (DAEMON, "OOMScoreAdjust", "-500", "the kernel looks elsewhere first"),
    (DAEMON, "MemoryMax", "1G", "a leak ends in a restart, not in a station without memory"),
    (DAEMON, "TasksMax", "512", "it has no more threads than a rack needs"),
    (DAEMON, "LimitNOFILE", "16384", "64 slots and hundreds of connections fit"),
    (DAEMON, "LimitCORE", "0", "no core with footage in it is left"),
    (DAEMON, "User", "dockd", "it is not root"),
    (DAEMON, "CapabilityBoundingSet", "", "it has no privileges, and gets none"),
    (DAEMON, "StateDirectory", "dockd dockd-witness", "footage has a place, and so has its note"),
    (HELPER, "Restart", "always", "cuts of power are given back by whoever follows"),
    (HELPER, "StartLimitIntervalSec", "0", "however often it fails, it is tried again"),
    (HELPER, "OOMPolicy", "stop", "it never goes on with a part of itself missing"),
    (HELPER, "OOMScoreAdjust", "-900", "the kernel looks elsewhere first"),
    (HELPER, "MemoryMax", "128M", "a leak ends in a restart"),
    (HELPER, "TasksMax", "64", "it has no more threads than its callers need"),
    (HELPER, "LimitNOFILE", "4096", "a look at the largest rack fits"),
    (HELPER, "LimitAS", "512M", "blkid, its child, is bounded too"),
    (HELPER, "LimitCORE", "0", "no core with footage in it is left"),
    (HELPER, "User", "dockd-helper", "it is not root"),
    (HELPER, "CapabilityBoundingSet", "CAP_SYS_ADMIN CAP_DAC_OVERRIDE", "two powers, no more"),
    (HELPER, "RuntimeDirectoryPreserve", "yes", "which ports are cut outlives it"),
    (SOCKET, "SocketUser", "root", "nobody else can move the socket"),
    (SOCKET, "SocketGroup", "dockd", "the daemon may call"),
    (SOCKET, "SocketMode", "0660", "nobody else may"),
)
DISKS = 'SUBSYSTEMS=="usb"'


def settings(unit: str) -> Mapping[str, Sequence[str]]:
    """Return what a unit sets, in the order of its lines."""
    found = defaultdict(list)
    for line in (SYSTEMD / unit).read_text(encoding="utf-8").splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found[name].append(value)
    return found


@pytest.mark.parametrize(
    ("unit", "name", "value", "why"), KEPT, ids=[f"{unit} {name}" for unit, name, *_ in KEPT]
)
def test_the_unit_sets_it(unit: str, name: str, value: str, why: str) -> None:
    """Each directive that something is promised by stands there, once, with its value."""
    assert settings(unit)[name] == [value], why


def test_the_unit_takes_the_credentials_that_the_example_names() -> None:
    """Each has a name and no path, with which a station that lacks it would not start."""
    example = (ROOT / "packaging/dockd.toml.example").read_text(encoding="utf-8")
    (told,) = re.findall(r"dockd\.service looks for (.*?) in /etc/credstore", example, re.DOTALL)
    names = re.findall(r"[a-z]+\.[a-z]+", told)
    assert sorted(settings(DAEMON)["LoadCredential"]) == sorted(names)
    assert "store.credentials" in names


def rules() -> Sequence[Sequence[str]]:
    """Return the lines of the udev rules, each as its matches and assignments."""
    text = (SYSTEMD / "90-dockd.rules").read_text(encoding="utf-8")
    return [line.split(", ") for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize(
    "assigned",
    ['TAG+="dockd"', 'ENV{UDISKS_IGNORE}="1"', 'ENV{UDISKS_AUTO}="0"', 'OPTIONS+="nowatch"'],
)
def test_nobody_else_mounts_a_camera(assigned: str) -> None:
    """USB disks are tagged, hidden from desktops, and not looked at anew after each write."""
    assert any(DISKS in rule and assigned in rule for rule in rules())
