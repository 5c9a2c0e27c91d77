"""The driver ``cambrionix`` holds what every charger promises, on both kinds of hub."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chargers.hub_scene import Scene, scene
from tests.conformance.chargers import ChargerConformance
from tests.hubs.cambrionix import Hub, Kind


class HubPorts:
    """A charger, and the hand on its emulated hub."""

    def __init__(self, built: Scene) -> None:
        self.charger = built.charger
        self._hub = built.hub
        self._line = built.line

    def stick(self, slot: str) -> None:
        """Have the hub answer well and do nothing."""
        del slot
        self._hub.fail("ignore", on="mode", times=-1)

    def vanish(self) -> None:
        """Pull the serial adapter."""
        self._line.yank()

    def come_back(self) -> None:
        """Put it in again."""
        self._line.plug_in()


@pytest.mark.asyncio
class TestCambrionix(ChargerConformance):
    """A hub behind a tty; "sync" of a charging hub is data and power."""

    @pytest_asyncio.fixture(params=["universal", "pdsync"])
    async def ports(
        self, request: pytest.FixtureRequest, tmp_path: Path
    ) -> AsyncIterator[HubPorts]:
        """Lend a hub with two slots."""
        kind: Kind = request.param
        async with scene(tmp_path, Hub(kind=kind), slots=2) as built:
            yield HubPorts(built)
