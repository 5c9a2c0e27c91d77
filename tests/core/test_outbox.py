"""What waits for a broker: the newest state of each topic, and no more news than there is room."""

from hypothesis import given
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dockd.core.outbox import Batch, Message, Outbox

ROOM = 3000
TOPICS = ("state", "slots/A1", "slots/A2")


class AnyOutage(RuleBasedStateMachine):
    """A broker that takes, loses and forgets; whatever was told is compared with what it has."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(news_bytes=ROOM)
        self.newest: dict[str, bytes] = {}
        self.told: list[bytes] = []
        self.retained: dict[str, bytes] = {}
        self.received: list[bytes] = []
        self.flying: Batch | None = None

    @rule(topic=some.sampled_from(TOPICS), payload=some.sampled_from([b"1", b"2", b"3"]))
    def show(self, topic: str, payload: bytes) -> None:
        self.newest[topic] = payload
        self.outbox.show(topic, payload)

    @rule(size=some.integers(0, 800))
    def tell(self, size: int) -> None:
        payload = f"{len(self.told)}:".encode() + b"x" * size
        self.told.append(payload)
        self.outbox.tell("events", payload)

    @precondition(lambda self: self.flying is None)
    @rule(at_most=some.integers(1, 5))
    def send(self, at_most: int) -> None:
        self.flying = self.outbox.batch(at_most=at_most)

    @precondition(lambda self: self.flying is not None)
    @rule(confirmed=some.booleans())
    def arrive(self, confirmed: bool) -> None:
        """It arrives either way; the confirmation may be lost on its way back."""
        assert self.flying is not None
        self._take(self.flying)
        if confirmed:
            self.outbox.delivered(self.flying)
        self.flying = None

    @precondition(lambda self: self.flying is None)
    @rule()
    def broker_forgets(self) -> None:
        self.retained.clear()
        self.outbox.forget_known()

    def _take(self, batch: Batch) -> None:
        for message in batch.messages:
            if message.retained:
                self.retained[message.topic] = message.payload
            else:
                self.received.append(message.payload)

    @invariant()
    def news_stay_within_their_room(self) -> None:
        assert 0 <= self.outbox.news_bytes <= ROOM

    @invariant()
    def news_come_in_order(self) -> None:
        firsts = list(dict.fromkeys(self.received))
        assert firsts == sorted(firsts, key=self.told.index)

    def teardown(self) -> None:
        """Once everything goes through, the broker has every state as it is, and the last news."""
        if self.flying is not None:
            self.outbox.delivered(self.flying)
            self._take(self.flying)
        while (batch := self.outbox.batch(at_most=4)) is not None:
            self._take(batch)
            self.outbox.delivered(batch)
        assert self.retained == self.newest
        if self.told:
            assert self.received[-1] == self.told[-1]
        assert self.outbox.news_bytes == 0


TestAnyOutage = AnyOutage.TestCase


def test_a_state_that_goes_back_is_told_where_the_one_between_may_have_arrived() -> None:
    """1 is known; 2 was sent, and nobody said that it came; 1 again is told again."""
    outbox = Outbox(news_bytes=ROOM)
    outbox.show("state", b"1")
    first = outbox.batch(at_most=1)
    assert first is not None
    outbox.delivered(first)
    outbox.show("state", b"2")
    assert outbox.batch(at_most=1) is not None
    outbox.show("state", b"1")
    again = outbox.batch(at_most=1)
    assert again is not None
    assert [message.payload for message in again.messages] == [b"1"]


@given(some.lists(some.binary(max_size=200), max_size=200))
def test_of_news_that_nobody_takes_the_newest_stay(payloads: list[bytes]) -> None:
    """What is left of any flood is its end, whole, and as much of it as there is room for."""
    outbox = Outbox(news_bytes=ROOM)
    for payload in payloads:
        outbox.tell("events", payload)
    batch = outbox.batch(at_most=1000)
    left = [message.payload for message in batch.messages] if batch else []
    assert left == payloads[len(payloads) - len(left) :]
    if len(left) < len(payloads):
        dropped = Message(topic="events", payload=payloads[-len(left) - 1], retained=False)
        assert outbox.news_bytes + dropped.size_bytes > ROOM


def test_news_larger_than_all_room_are_let_go() -> None:
    """One piece of news that can never fit does not stay, nor does it keep others out."""
    outbox = Outbox(news_bytes=ROOM)
    outbox.tell("events", b"x" * ROOM)
    assert outbox.batch(at_most=1) is None
    outbox.tell("events", b"y")
    batch = outbox.batch(at_most=9)
    assert batch is not None
    assert [message.payload for message in batch.messages] == [b"y"]
