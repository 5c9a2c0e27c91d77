"""Server-sent events (HTML standard, section 9.2): an answer that goes on while one listens."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any, Final

from fastapi import Response
from pydantic import TypeAdapter

from dockd.errors import TransientError
from dockd.ports import answers
from dockd.ports.station import StationEvent

AT_ONCE: Final = 32
MEDIA_TYPE: Final = "text/event-stream"
_DATA: Final = TypeAdapter[Any](
    answers.SlotReport | answers.StatusReport | answers.ClipEvent | answers.ProblemEvent
)
_Message = MutableMapping[str, Any]


class TooManyFollow(TransientError):
    """As many follow the station already as it has room for."""

    slug = "too-many-follow"
    next_step = "Close pages that nobody looks at; the page tries again by itself."


class Followers:
    """Those who follow the station: each costs a connection and a little of every second."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.count = 0

    def admit(self) -> None:
        """Let one more in.

        Raises:
            TooManyFollow: there is no room.
        """
        if self.count >= AT_ONCE:
            raise TooManyFollow(f"{AT_ONCE} follow the station already")


class EventStream(Response):
    """Sends events until they end or the listener has to; either way they are closed in order.

    FastAPI's own leaves a generator that is abandoned at a `yield` to the garbage collector.
    """

    media_type: str | None = MEDIA_TYPE

    def __init__(self, events: AsyncGenerator[StationEvent, None], *, followers: Followers) -> None:
        """Nothing is asked of ``events`` yet."""
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        # There is no end that could be told beforehand.
        del self.headers["content-length"]
        self._events = events
        self._followers = followers

    async def __call__(
        self,
        scope: _Message,  # noqa: ARG002 - ASGI's
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Answer one request (ASGI 3)."""
        self._followers.count += 1
        try:
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(self._tell(send), name="event stream")
                while (await receive())["type"] != "http.disconnect":
                    pass
                telling.cancel()
            # Where the listener is there still, and may listen no more.
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._followers.count -= 1

    async def _tell(self, send: Callable[[_Message], Awaitable[None]]) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async with aclosing(self._events) as events:
            async for event in events:
                data = _DATA.dump_json(event.data)
                text = b"event: %b\nid: %d\ndata: %b\n\n" % (
                    event.name.encode(),
                    event.sequence,
                    data,
                )
                await send({"type": "http.response.body", "body": text, "more_body": True})
