"""Programs of the demo: none of them outlives it."""

import sys
import time
from pathlib import Path

import pytest

from dockd.simulator.programs import Program

pytestmark = pytest.mark.real

ENDS_NICELY = "import time; print('here', flush=True); time.sleep(600)"
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('here', flush=True); time.sleep(600)"
)
LEAVES_A_CHILD = (
    "import subprocess, sys; "
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "print('here', flush=True)"
)


def started(code: str, *, folder: Path) -> Program:
    """Return a program that has said that it is there."""
    program = Program("it", command=[sys.executable, "-c", code], folder=folder, environment={})
    program.start()
    while program.last_words(lines=1) != ["here"]:
        time.sleep(0.01)
    return program


def test_a_program_that_ends_when_asked_leaves_nothing(tmp_path: Path) -> None:
    """After SIGTERM has ended it there is nothing to sweep."""
    program = started(ENDS_NICELY, folder=tmp_path)
    assert program.is_running()
    assert program.end(within_s=30) is not None
    assert not program.is_running()
    assert program.sweep() == []


def test_a_program_that_will_not_end_is_killed(tmp_path: Path) -> None:
    """One that ignores SIGTERM is killed in the end, and that is told apart."""
    program = started(IGNORES_SIGTERM, folder=tmp_path)
    assert program.end(within_s=0.1) is None
    assert not program.is_running()


def test_a_child_that_was_left_behind_is_found_and_killed(tmp_path: Path) -> None:
    """What a program leaves in its session is swept, and reported."""
    program = started(LEAVES_A_CHILD, folder=tmp_path)
    while program.is_running():
        time.sleep(0.01)
    left = program.sweep()
    assert len(left) == 1
    while Path(f"/proc/{left[0]}").exists() and program.sweep():
        time.sleep(0.01)
    assert program.sweep() == []


def test_killed_and_started_again_it_is_the_same_program(tmp_path: Path) -> None:
    """A second start follows a kill, and the log holds both."""
    program = started(ENDS_NICELY, folder=tmp_path)
    program.kill()
    assert not program.is_running()
    program.start()
    while program.last_words(lines=2) != ["here", "here"]:
        time.sleep(0.01)
    assert program.sweep()
    assert not program.is_running()
