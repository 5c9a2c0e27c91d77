import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

EXCUSES = {
    "skip": "import pytest\n@pytest.mark.skip\ndef test_it(): pass\n",
    "skip-inside": "import pytest\ndef test_it(): pytest.skip('not here')\n",
    "missing-module": "import pytest\npytest.importorskip('no_such_module')\ndef test_it(): pass\n",
    "expected-failure": "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n",
    "unexpected-pass": "import pytest\n@pytest.mark.xfail\ndef test_it(): pass\n",
}
LEFTOVERS = {
    "task": (
        "import asyncio, pytest\nleft = set()\n@pytest.mark.asyncio\n"
        "async def test_it(): left.add(asyncio.get_running_loop().create_task(asyncio.sleep(9)))\n"
    ),
    "thread": (
        "import threading, time, pytest, sys\nsys.modules['conftest'].THREAD_GRACE_S = 0.1\n"
        "def test_it(): threading.Thread(target=time.sleep, args=(2,)).start()\n"
    ),
}
PASSING = "def test_that_passes(): pass\n"
PROCESSES = pytest.mark.parametrize("processes", ["0", "2"])


def _run(folder: Path, *arguments: str, test: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on one generated test, under this repository's own conftest."""
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (folder / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (folder / "test_passing.py").write_text(PASSING)
    (folder / "test_generated.py").write_text(test)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        *arguments,
        str(folder),
    ]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@PROCESSES
@pytest.mark.parametrize("excuse", EXCUSES)
def test_an_excused_test_fails_the_run(excuse: str, processes: str, tmp_path: Path) -> None:
    """Whatever the excuse for not showing something, the run that makes it fails and names it."""
    result = _run(tmp_path, "--numprocesses", processes, test=EXCUSES[excuse])
    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    assert "no excuses" in result.stdout
    assert "test_generated.py" in result.stdout.partition("no excuses")[2]


@pytest.mark.slow
@PROCESSES
def test_a_deselected_test_fails_the_whole_run_only(processes: str, tmp_path: Path) -> None:
    """The inner loop may leave tests out; a run that calls itself whole may not."""
    arguments = ("--numprocesses", processes, "-k", "not generated")
    assert _run(tmp_path, *arguments, test=PASSING).returncode == pytest.ExitCode.OK
    result = _run(tmp_path, *arguments, "--whole", test=PASSING)
    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    assert "test_generated.py::test_that_passes: deselected" in result.stdout


@pytest.mark.slow
@PROCESSES
def test_a_run_without_excuses_passes(processes: str, tmp_path: Path) -> None:
    """What fails a run is the excuse and nothing else."""
    result = _run(tmp_path, "--numprocesses", processes, "--whole", test=PASSING)
    assert result.returncode == pytest.ExitCode.OK, result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("leftover", LEFTOVERS)
def test_what_a_test_leaves_behind_fails_it(leftover: str, tmp_path: Path) -> None:
    """A test that leaves a task or a thread running is a failed test."""
    result = _run(tmp_path, test=LEFTOVERS[leftover])
    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    assert f"the test left {leftover}s behind" in result.stdout
