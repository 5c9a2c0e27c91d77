"""A link that is slow, and one that is dead, through the kernel's own queues."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dockd.stores.http import patient
from dockd.stores.http.endpoint import Patience

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.real, pytest.mark.slow]


def play(scene: str) -> dict[str, Any]:
    """Play a scene in a network namespace of its own."""
    command = ["unshare", "--net", sys.executable, "-m", "tests.stores.bad_link", scene]
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stderr
    answer: dict[str, Any] = json.loads(played.stdout)
    return answer


def test_a_link_of_200_kbit_s_moves_whatever_shares_it() -> None:
    """Eight bodies that the kernel took at once are waited for as long as they trickle away."""
    assert play("slow") == {"failed": []}


def test_a_link_that_dies_under_a_body_is_noticed() -> None:
    """When nothing is acknowledged any more the part is given up, and that is said."""
    assert "nothing moved" in play("dead")["said"]


def test_a_peer_that_vanished_is_not_waited_for_like_a_busy_one() -> None:
    """A store may take ten minutes over an object; a store that is gone is noticed all the same."""
    assert play("half_open")["noticed_s"] is not None


def test_a_dead_link_is_given_up_within_two_minutes() -> None:
    """What a station bears in silence, and then the question why, end well before two minutes.

    Nothing of it is tried again before it was said (`test_silence_is_not_borne_twice`).
    """
    patience = Patience()  # What the daemon has, and not what the scenes above are hurried by.
    borne_s = patience.progress_s * (1 + 1 / patient.LOOKS)
    assert borne_s + patience.connect_s + patience.why_s < 120
