"""Tests of one xdist group share one worker: pytest and pytest-xdist have to agree about it."""

import subprocess
import sys
from pathlib import Path

GROUPED = """
import pytest
pytestmark = pytest.mark.xdist_group("one server")
@pytest.mark.parametrize("number", range(6))
def test_it(number, worker_id): print(f"ran on {worker_id}")
"""


def test_a_group_of_tests_is_run_by_one_worker(tmp_path: Path) -> None:
    """A server that a module starts is started once: two modules of one group share a worker."""
    (tmp_path / "pytest.ini").touch()
    for name in ("test_here.py", "test_there.py"):
        (tmp_path / name).write_text(GROUPED)
    options = ["-p", "no:cacheprovider", "-rP", "--numprocesses", "2", "--dist", "loadgroup"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    ran = [line for line in result.stdout.splitlines() if line.startswith("ran on ")]
    assert len(ran) == 12
    assert len(set(ran)) == 1, result.stdout
