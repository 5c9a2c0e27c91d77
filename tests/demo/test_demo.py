"""`dockd demo` as a person runs it: it shows the main job, and it can fail."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    # One after another: two at once would measure how they share the machine.
    pytest.mark.xdist_group("demo"),
]

DEMO = [sys.executable, "-m", "dockd", "demo"]
ROW = re.compile(r"^ *(BWC-\d+) +(\S+) .* (\w{12}) +(\w{12}) +(\d) +(\w+)", re.MULTILINE)
SMALL = [*DEMO, "--no-faults", "--cameras", "2", "--size", "24MiB", "--speed", "0"]


@pytest.fixture
def disk() -> Iterator[Path]:
    """Return a folder on a disk, with a name short enough for a Unix socket below it."""
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir="/var/tmp"))
    yield folder
    shutil.rmtree(folder)


def environment(disk: Path) -> dict[str, str]:
    """Return the environment of a demo that works below ``disk``, in a wide terminal's width."""
    return {**os.environ, "TMPDIR": str(disk), "COLUMNS": "200"}


def shown(command: list[str], *, disk: Path) -> subprocess.CompletedProcess[str]:
    """Run a demo to its end."""
    return subprocess.run(
        command,
        env=environment(disk),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def processes_of(disk: Path) -> list[str]:
    """Return the command line of everything that still runs below ``disk``."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes()
        except OSError:
            continue
        if os.fsencode(disk) in words:
            found.append(words.decode(errors="replace"))
    return found


def test_the_demo_brings_every_byte_through_pulls_and_kills(disk: Path) -> None:
    """With a camera pulled, the store killed and dockd killed, all arrives once, and 0 says so."""
    options = ["--cameras", "3", "--size", "192MiB", "--speed", "40", "--limit", "150"]
    done = shown([*DEMO, *options], disk=disk)
    assert done.returncode == 0, done.stdout + done.stderr
    pulled = re.search(r"left A1 with (\d+)% of its long clip", done.stdout)
    assert pulled
    assert 10 <= int(pulled[1]) <= 90
    assert "SIGKILL with a part on its way" in done.stdout
    assert "SIGKILL at receipt" in done.stdout
    rows = re.findall(
        r"^ *(BWC-\d+) +(\S+) .* (\w{12}) +(\w{12}) +(\d) +(\w+)", done.stdout, re.MULTILINE
    )
    assert [row[0] for row in rows] == ["BWC-000100", "BWC-000107", "BWC-000114"]
    assert rows[0][1] == "A1→A4"
    for _, _, spool, store, versions, cleared in rows:
        assert (spool, versions, cleared) == (store, "1", "yes")
    assert "16 checked, 16 ok, 0 bad, chain intact; exit status 0" in done.stdout
    assert "charging: 3 of 3 cameras ready at 06:00" in done.stdout
    assert list(disk.iterdir()) == []
    assert processes_of(disk) == []


@pytest.mark.parametrize(
    ("sabotage", "complaint"),
    [
        ("lose-object", "the store does not have DCIM/"),
        ("change-object", "the store has 2 versions of DCIM/"),
        ("leave-footage", "LEFT.MP4 is still on the camera"),
    ],
)
def test_the_demo_fails_when_something_was_spoiled(
    disk: Path, sabotage: str, complaint: str
) -> None:
    """An object lost or replaced behind dockd's back, or a full camera, ends it with 1."""
    done = shown([*SMALL, "--sabotage", sabotage], disk=disk)
    assert done.returncode == 1, done.stdout + done.stderr
    assert complaint in done.stdout
    assert "every byte arrived" not in done.stdout
    kept = re.search(r"everything is kept in (\S+)", done.stdout)
    assert kept
    assert (Path(kept[1]) / "dockd.log").exists()
    assert processes_of(disk) == []


def test_an_interrupted_demo_leaves_nothing_behind(disk: Path) -> None:
    """Ctrl-C in the middle of it ends every process and removes the folder, pressed again or not.

    It is pressed at each of two lines, the first of which may be shown twice.
    """
    options = ["--no-faults", "--cameras", "2", "--size", "64MiB", "--speed", "1"]
    # Whoever runs the tests in the background of a script ignores Ctrl-C, and so would the demo.
    command = ["env", "--default-signal=INT", *DEMO, *options]
    with subprocess.Popen(
        command, env=environment(disk), stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "cameras are docked" in line or "interrupted" in line:
                demo.send_signal(signal.SIGINT)
        assert demo.wait() == 130
    assert list(disk.iterdir()) == []
    assert processes_of(disk) == []


def test_too_little_footage_is_refused_with_what_would_do(disk: Path) -> None:
    """A size that cannot hold a clip to interrupt is a usage error that names the least size."""
    done = shown([*DEMO, "--cameras", "2", "--size", "10MiB"], disk=disk)
    assert done.returncode == 2
    assert "Give at least --size 124MiB" in done.stdout
    assert list(disk.iterdir()) == []
