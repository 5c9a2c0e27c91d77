"""Tells a broker of the station: where it and its slots stand, what happens, what is wrong.

A state that nobody could be told is replaced by the next, and news wait in little room
(`core/outbox`), so a broker that is away, or never answers, costs a bounded amount of memory and
nobody's time but this stage's own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from dockd.core import backoff, facts
from dockd.core.announcement import Topics, encoded
from dockd.core.backoff import Backoff
from dockd.core.outbox import Batch, Outbox
from dockd.core.printable import printable
from dockd.errors import DockdError, MqttRefused
from dockd.ports import answers
from dockd.ports.broker import Broker, BrokerLine
from dockd.ports.clock import Clock
from dockd.ports.station import StationView
from dockd.stages.enduring import first_of
from dockd.stages.heed import Heed
from dockd.stages.problems import ProblemBoard

SUBJECT: Final = "broker"
TROUBLES: Final = ("mqtt-unreachable", "mqtt-refused")
_AGAIN: Final = Backoff(base_s=1.0, cap_s=300.0)
_WELL_AFTER_S: Final = 60.0
_NEWS_BYTES: Final = 1024 * 1024
_AT_ONCE: Final = 16
# Between two looks at the station: a rack at work changes all the time, and each look is a report.
_LOOK_S: Final = 2.0
# A station that is well says so from time to time, though nothing changes.
_BEAT_S: Final = 30.0


class Announce:
    """One broker and what it is told; `heard` and `happened` take in what there is to tell."""

    def __init__(
        self,
        broker: Broker,
        *,
        topics: Topics,
        view: StationView,
        problems: ProblemBoard,
        clock: Clock,
        heed: Heed | None = None,
    ) -> None:
        """Nothing is asked of ``view`` while there is no connection.

        ``heed`` is who takes commands; None: nobody does, and none are listened for.
        """
        self._heed = heed
        self._broker = broker
        self._topics = topics
        self._view = view
        self._problems = problems
        self._clock = clock
        self._outbox = Outbox(news_bytes=_NEWS_BYTES)
        self._number = 0
        self._changed = asyncio.Event()

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Take in what was committed: something may look different, and a problem is news."""
        for fact in committed:
            if isinstance(fact, facts.ProblemOpened):
                self._tell_begun(fact)
            elif isinstance(fact, facts.ProblemClosed):
                ended = answers.ProblemEnded(
                    slug=fact.slug,
                    subject=printable(fact.subject),
                    time=self._now(),
                    lasted_s=fact.lasted_s,
                    times=fact.times,
                )
                self._outbox.tell(self._topics.problems, encoded(asdict(ended)))
        self._changed.set()

    def _tell_begun(self, fact: facts.ProblemOpened) -> None:
        begun = answers.ProblemBegun(
            slug=fact.slug,
            severity=fact.severity,
            since=self._now(),
            # In the words in which the state has it, so that each is found in the other.
            subject=printable(fact.subject),
            reason=printable(fact.reason),
            owner=fact.owner,
            next=fact.next_step,
        )
        self._outbox.tell(self._topics.problems, encoded(asdict(begun)))

    def happened(self, fact: facts.Fact, shown: Mapping[str, object]) -> None:
        """Take in a fact and the fields that people are shown of it."""
        self._number += 1
        event = answers.EventAnnouncement(
            number=self._number,
            time=self._now(),
            kind=fact.kind,
            sentence=fact.sentence,
            fields=shown,
        )
        self._outbox.tell(self._topics.events, encoded(asdict(event)))
        self._changed.set()

    async def run(self) -> None:
        """Connect, tell, and connect again whenever that ends, until cancelled."""
        attempt = 0
        while True:
            began_s = self._clock.monotonic_s()
            try:
                await self._session()
            except* DockdError as raised:
                await self._say(first_of(raised))
            if self._clock.monotonic_s() - began_s > _WELL_AFTER_S:
                attempt = 0
            await self._clock.sleep(
                backoff.delay_s(_AGAIN, attempt=attempt, random_unit=self._clock.random())
            )
            attempt += 1

    async def _session(self) -> None:
        async with self._broker.connected() as line:
            self._outbox.forget_known()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(line), name="mqtt connection")
                group.create_task(self._beat(), name="mqtt beat")
                await self._speak(line)

    async def _listen(self, line: BrokerLine) -> None:
        """Have commands taken, where they are; ends with the connection."""
        if self._heed is None:
            await line.lost()
            return
        try:
            await line.listen()
        except MqttRefused as error:
            # Whoever may not listen may still announce.
            await self._heed.listening(refused=error.reason)
            await line.lost()
            return
        await self._heed.listening(refused=None)
        async for told in line.told():
            await self._heed.take(told)

    async def _beat(self) -> None:
        while True:
            self._changed.set()
            await self._clock.sleep(_BEAT_S)

    async def _speak(self, line: BrokerLine) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._look()
            while (batch := self._outbox.batch(at_most=_AT_ONCE)) is not None:
                await _publish(batch, line=line)
                self._outbox.delivered(batch)
            await self._problems.clear_all(TROUBLES, subject=SUBJECT)
            await self._clock.sleep(_LOOK_S)

    async def _look(self) -> None:
        """Put the station's state as of now in the place of what was known of it."""
        status = await self._view.status()
        for slot in status.slots:
            self._outbox.show(self._topics.slot(slot.slot), encoded(asdict(slot)))
        self._outbox.show(self._topics.state, encoded(state_of(status)))

    async def _say(self, error: Exception) -> None:
        if isinstance(error, DockdError) and error.slug in TROUBLES:
            passed = [slug for slug in TROUBLES if slug != error.slug]
            await self._problems.clear_all(passed, subject=SUBJECT)
            await self._problems.open_or_reword(error.slug, subject=SUBJECT, reason=error.reason)
        else:
            raise error

    def _now(self) -> str:
        return f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}"


def state_of(status: answers.StatusReport) -> dict[str, object]:
    """Return the station's state as it is announced: its status, without its slots."""
    state = asdict(status)
    del state["slots"]
    return {"online": True, **state}


async def _publish(batch: Batch, *, line: BrokerLine) -> None:
    """Return once all of it is confirmed; nobody waits for one before the next is on its way."""
    async with asyncio.TaskGroup() as group:
        for message in batch.messages:
            group.create_task(line.publish(message), name="mqtt message")
