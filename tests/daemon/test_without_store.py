"""A station that nobody has given a store yet."""

from collections import Counter
from pathlib import Path

import pytest

from tests.daemon.harness import station
from tests.daemon.world import SMALL, World

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]


class Nowhere:
    """No store at all."""

    def toml(self) -> str:
        return ""

    def contents(self, camera: str) -> Counter[tuple[str, str]]:
        del camera
        return Counter()


def test_without_a_store_footage_is_proven_and_kept_and_that_is_said(tmp_path: Path) -> None:
    """Its camera is ready and keeps its footage, and each clip says what is missing."""
    world = World(tmp_path, room=Nowhere())
    with station(world) as dockd:
        dockd.start()
        serial = world.film({SMALL: 5})
        world.dock(serial, "A1")
        dockd.happened("clip-verified")
        dockd.happened("docking-offloaded")
        problems = dockd.get("/v1/problems")["problems"]
        assert "store-not-configured" in {problem["slug"] for problem in problems}
        (clip,) = dockd.get(f"/v1/clips?camera={serial}")["clips"]
        assert clip["place"] == "verified"
        assert "No store is configured" in clip["reason"]
        assert clip["owner"]
        assert clip["next"]
        (slot,) = dockd.get("/v1/slots")["slots"]
        assert (slot["state"], slot["advice"]) == ("ready", "take")
        assert world.file(serial, SMALL).exists()
        assert "wipe-intended" not in {event.kind for event in dockd.events}
        world.check()
        dockd.stop()
