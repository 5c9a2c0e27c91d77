"""A bad configuration, as a person meets it: the command that runs the daemon, in a process."""

import subprocess
import sys
from pathlib import Path

import pytest

from dockd.core.health import CATALOGUE
from tests.badinput.scene import OWNERS

BAD = """
[station]
name = 7
[staton]
[spool]
reserve = -1
reserv = "1 GiB"
[[slots]]
name = "A1"
[[slots]]
name = "A1"
"""
KEY_PATHS = ("station.name", "staton", "spool.reserve", "spool.reserv", "slots[1].name")


@pytest.mark.real
@pytest.mark.parametrize("command", ["run", "check-config"])
def test_a_bad_configuration_is_refused_in_the_words_of_its_keys(
    tmp_path: Path, command: str
) -> None:
    """Exit 2, every mistake at once with its key path, and what would be right."""
    file = tmp_path / "dockd.toml"
    file.write_text(BAD)
    ended = subprocess.run(
        [sys.executable, "-m", "dockd", command, "--config", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 2, said
    for key_path in KEY_PATHS:
        assert key_path in said, said
    assert "did you mean station?" in said
    assert "Traceback" not in said
    for key_path in KEY_PATHS:
        (line,) = [line for line in said.splitlines() if f"{key_path}: " in line]
        # The person at the keyboard owns it; what would be right is the next step.
        assert "; " in line.partition(": ")[2], line


def test_every_problem_of_the_catalogue_says_what_to_do() -> None:
    """Whatever can be reported has a slug, a reason, somebody whose it is and what comes next."""
    for slug, kind in CATALOGUE.items():
        assert slug == kind.slug
        assert kind.owner in OWNERS
        assert kind.sentence, slug
        assert kind.reason, slug
        assert kind.next_step, slug
