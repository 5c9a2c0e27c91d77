"""What waits to be told to a broker: of every state the newest, of news as much as fits.

A state takes the place of the one before, however long nobody could be told. News are told in the
order in which they came; when there is no more room the oldest are dropped. An outage of days thus
costs no more memory than one of a minute.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# What Python keeps beside a short message's own bytes, roughly.
_OVERHEAD_BYTES: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message; a ``retained`` one is the state of its topic until the next."""

    topic: str
    payload: bytes
    retained: bool

    @property
    def size_bytes(self) -> int:
        """The room that it takes while it waits."""
        return len(self.topic) + len(self.payload) + _OVERHEAD_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Messages to be told together; ``last_news`` is the number of the last piece of news in it."""

    messages: Sequence[Message]
    last_news: int


class Outbox:
    """States and news on their way. A batch stays in it until `delivered` says that it arrived."""

    def __init__(self, *, news_bytes: int) -> None:
        """``news_bytes`` is the room for news, above 0."""
        self._room_bytes = news_bytes
        self._states: dict[str, Message] = {}
        self._known: dict[str, Message] = {}
        self._news: deque[tuple[int, Message]] = deque()
        self._news_bytes = 0
        self._number = 0

    @property
    def news_bytes(self) -> int:
        """How much room the news that wait take; never more than there is."""
        return self._news_bytes

    def show(self, topic: str, payload: bytes) -> None:
        """Put a state in the place of its topic's last; a known one is not told again."""
        self._states[topic] = Message(topic=topic, payload=payload, retained=True)

    def tell(self, topic: str, payload: bytes) -> None:
        """Add a piece of news, at the cost of the oldest."""
        self._number += 1
        message = Message(topic=topic, payload=payload, retained=False)
        self._news.append((self._number, message))
        self._news_bytes += message.size_bytes
        while self._news_bytes > self._room_bytes:
            self._drop_oldest()

    def batch(self, *, at_most: int) -> Batch | None:
        """Return what to tell next, states first; None when everything was told."""
        states = [new for topic, new in self._states.items() if self._known.get(topic) != new]
        messages = states[:at_most]
        for message in messages:
            # It may arrive and nobody here learn of it: what the other side has is not known again
            # before `delivered` says so, not even when the state goes back to what it was.
            self._known.pop(message.topic, None)
        last = 0
        for number, message in self._news:
            if len(messages) >= at_most:
                break
            messages.append(message)
            last = number
        return Batch(messages=messages, last_news=last) if messages else None

    def delivered(self, batch: Batch) -> None:
        """Take in that a batch arrived; what came in its stead meanwhile still waits."""
        for message in batch.messages:
            if message.retained:
                self._known[message.topic] = message
        while self._news and self._news[0][0] <= batch.last_news:
            self._drop_oldest()

    def forget_known(self) -> None:
        """Take it that the other side knows no state: it may have lost what it was told."""
        self._known.clear()

    def _drop_oldest(self) -> None:
        _, message = self._news.popleft()
        self._news_bytes -= message.size_bytes
