"""A source of cameras that has seen what a test says."""

from collections.abc import AsyncIterator

from dockd.ports.camera import Camera, News, Sighting


class Seen:
    """A source that has seen these things, in this order, and nothing more."""

    def __init__(self, *news: News) -> None:
        self._news = news

    async def sightings(self) -> AsyncIterator[News]:
        for one in self._news:
            yield one

    def open(self, sighting: Sighting) -> Camera:
        raise AssertionError(sighting)
