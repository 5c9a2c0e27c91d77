"""How long a probe's answer counts: a day at most, and only for the server that gave it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from dockd.core.receipt import Trust
from dockd.ports.clock import Clock
from dockd.ports.store import Probe

FOLDER: Final = ".dockd-probe"
EVERY_S: Final = 24 * 3600


class Asked(Protocol):
    """Whoever talks to the store that is probed."""

    @property
    def server(self) -> str | None:
        """The last reply's ``Server`` header."""

    @property
    def authentic(self) -> bool:
        """Whether a reply is the store's at all."""


class Prober:
    """Probes one endpoint and remembers what came of it, when, and which server it was."""

    def __init__(
        self, client: Asked, *, clock: Clock, attempt: Callable[[], Awaitable[Probe]]
    ) -> None:
        """``attempt`` lies to the store, and returns whether it noticed."""
        self._client = client
        self._clock = clock
        self._attempt = attempt
        self._result: Probe | None = None
        self._probed_s = 0.0
        self._server: str | None = None
        # One probe at a time; whoever needs its result waits for it.
        self._probing = asyncio.Lock()

    @property
    def due(self) -> bool:
        """Whether the last probe is a day old, of another server, or never was."""
        if self._result is None or self._client.server != self._server:
            return True
        return self._clock.monotonic_s() - self._probed_s >= EVERY_S

    async def trust(self) -> Trust:
        """Return how far the store is believed now; whoever asks first has it probed."""
        async with self._probing:
            result = await self._probe() if self.due or self._result is None else self._result
        return Trust(
            refuses_wrong_checksums=result.strength == "digest", authentic=self._client.authentic
        )

    async def probe(self) -> Probe:
        """Try the endpoint now; leave nothing behind."""
        async with self._probing:
            return await self._probe()

    async def _probe(self) -> Probe:
        # If this attempt fails, the old answer does not count any more.
        self._result = None
        self._result = await self._attempt()
        self._probed_s = self._clock.monotonic_s()
        self._server = self._client.server
        return self._result
