"""The broker as the stage that announces uses it, against a real mosquitto; no daemon around it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish as publishing

from dockd.core import facts
from dockd.core.announcement import Topics
from dockd.core.outbox import Message
from dockd.errors import MqttRefused, MqttUnreachable
from dockd.ports import answers
from dockd.ports.broker import Told
from dockd.ports.station import Order, UplinkOrder
from dockd.stages import describe
from dockd.stages.announce import SUBJECT, Announce
from dockd.stages.heed import Heed
from dockd.station.central.commands import CommandSeal
from dockd.station.clock import SystemClock
from dockd.station.mqtt import BrokerSettings, MqttBroker
from tests.fakes.broker import Mosquitto, listening, mosquitto, scripted_broker, silent_broker
from tests.stages.rig import Rig, rig_at

pytestmark = [pytest.mark.asyncio, pytest.mark.real]
TOPICS = Topics("site", "desk")


class View:
    """A station of which only its problems are looked at."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def status(self) -> answers.StatusReport:
        problems = tuple(map(describe.problem_report, self._rig.problems.current()))
        nothing: dict[str, Any] = dict.fromkeys(answers.StatusReport.__dataclass_fields__)
        return answers.StatusReport(**{**nothing, "slots": (), "problems": problems})


def broker_at(port: int, *, topics: Topics = TOPICS, **more: Any) -> MqttBroker:  # noqa: ANN401  any setting
    """Return a broker at a port of loopback, with short patience."""
    plain: Mapping[str, Any] = dict.fromkeys(
        ("password_file", "ca_file", "client_cert", "client_key")
    )
    settings = {"username": "", "answer_s": 0.5, **plain, **more}
    return MqttBroker(BrokerSettings(url=f"mqtt://127.0.0.1:{port}", **settings), topics=topics)


@asynccontextmanager
async def announcing(
    rig: Rig, broker: MqttBroker, *, heed: Heed | None = None
) -> AsyncIterator[Announce]:
    """Run the stage on a rig."""
    announce = Announce(
        broker,
        topics=TOPICS,
        view=View(rig),  # type: ignore[arg-type]  # a station that answers this one question
        problems=rig.problems,
        clock=rig.clock,
        heed=heed,
    )
    rig.ledger.on_commit(announce.heard)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(announce.run())
        yield announce
        task.cancel()


def heed_on(rig: Rig) -> Heed:
    """Return who takes commands on a rig, and believes nobody."""
    return Heed(
        CommandSeal([]),
        site=TOPICS.site,
        station=TOPICS.station,
        ledger=rig.ledger,
        actions=Nobody(),
        problems=rig.problems,
        clock=rig.clock,
        now=rig.clock.now,
    )


class Nobody:
    """Carries nothing out."""

    async def carry_out(self, order: Order | UplinkOrder) -> None:
        raise AssertionError(order)


async def until(holds: Callable[[], object], what: str) -> None:
    """Wait until something is true."""
    clock = SystemClock()
    deadline_s = clock.monotonic_s() + 60
    while not holds():
        assert clock.monotonic_s() < deadline_s, f"it never came about that {what}"
        await asyncio.sleep(0.01)


async def test_a_thousand_problems_that_flap_end_in_what_is_true(tmp_path: Path) -> None:
    """Each change is told in order, and the last state has what is open and nothing else."""
    with mosquitto(tmp_path) as broker, listening(broker) as heard:
        async with rig_at(tmp_path) as rig, announcing(rig, broker_at(broker.port)):
            for number in range(1000):
                subject = f"clip {number:016x}"
                await rig.problems.open("clip-gone", subject=subject, reason="it flaps")
                await rig.problems.clear("clip-gone", subject=subject)
            await rig.problems.open("clip-gone", subject="clip last", reason="it stays")
            await until(
                lambda: (heard.last(TOPICS.problems) or {}).get("subject") == "clip last",
                "the last change is told",
            )
            await until(
                lambda: (
                    [p["subject"] for p in heard.last(TOPICS.state).get("problems", ())]
                    == ["clip last"]
                ),
                "the state has the one that is open",
            )
    told = [(each["subject"], each["change"]) for each in heard.of(TOPICS.problems)]
    assert len(told) == 2001
    assert told[:3] == [
        ("clip 0000000000000000", "opened"),
        ("clip 0000000000000000", "closed"),
        ("clip 0000000000000001", "opened"),
    ]


async def test_a_problem_is_told_in_the_words_in_which_the_state_has_it(tmp_path: Path) -> None:
    """Whoever hears of its end finds it in the state of before, whatever its camera is called."""
    subject, topic = "camera B\\W\u202eC\x1b", f"{TOPICS.root}/problems"
    with mosquitto(tmp_path) as broker, listening(broker) as heard:
        async with rig_at(tmp_path) as rig, announcing(rig, broker_at(broker.port)):
            await rig.problems.open("clip-gone", subject=subject, reason="\u202ea\\b")
            await until(lambda: (heard.last(TOPICS.state) or {}).get("problems"), "it is shown")
            await until(lambda: heard.last(topic), "it is told of")
            state = heard.last(TOPICS.state)
            assert state is not None
            (shown,) = state["problems"]
            assert heard.last(topic) == {"change": "opened", **shown}
            await rig.problems.clear("clip-gone", subject=subject)
            await until(lambda: len(heard.of(topic)) > 1, "its end is told")
            assert heard.last(topic)["subject"] == shown["subject"] == "camera B\\\\W\\u202eC\\x1b"


async def test_a_long_outage_keeps_the_newest(tmp_path: Path) -> None:
    """Of a flood that nobody takes its end is told once the broker is there, with the state."""
    broker = Mosquitto(tmp_path)
    # Patient as a station is: on a busy machine half a second is short for thousands of answers.
    patient = broker_at(broker.port, answer_s=10.0)
    try:
        async with rig_at(tmp_path) as rig, announcing(rig, patient) as announce:
            await until(lambda: "mqtt-unreachable" in rig.open_problems(), "it is said")
            for number in range(20_000):
                announce.happened(facts.StationStopped(reason="x"), {"reason": f"{number}"})
            broker.start()
            with listening(broker) as heard:
                # Behind all others, and certainly after there was somebody to hear of it.
                announce.happened(facts.StationStopped(reason="x"), {"reason": "last"})
                await until(
                    lambda: (heard.last(TOPICS.events) or {}).get("number") == 20_001,
                    "the last event is told",
                )
                await until(lambda: not rig.open_problems(), "the problem is over")
                # After a lost confirmation some come twice, and none is missing even so.
                numbers = list(dict.fromkeys(each["number"] for each in heard.of(TOPICS.events)))
                assert numbers == list(range(numbers[0], 20_002))
                assert heard.last(TOPICS.state)["online"] is True
    finally:
        broker.kill()


async def test_a_thousand_attempts_leave_nothing_behind(tmp_path: Path) -> None:
    """Brokers that refuse, that are not there and that never answer cost no descriptor."""
    descriptors = Path("/proc/self/fd")
    wrong = tmp_path / "word"
    wrong.write_text("wrong")
    with mosquitto(tmp_path, password="right") as strict, silent_broker() as silent:
        cases = [
            (broker_at(strict.port, username="dockd", password_file=wrong), MqttRefused),
            (broker_at(silent, answer_s=0.01), MqttUnreachable),
            (broker_at(1), MqttUnreachable),
        ]
        for broker, _ in cases:
            await _refused(broker)
        before = len(list(descriptors.iterdir()))
        for broker, error in cases:
            for _ in range(20):
                assert isinstance(await _refused(broker), error)
        assert len(list(descriptors.iterdir())) <= before


async def _refused(broker: MqttBroker) -> Exception | None:
    try:
        async with broker.connected():
            return None
    except (MqttRefused, MqttUnreachable) as error:
        return error


async def test_a_file_that_cannot_be_used_is_named_and_never_quoted(tmp_path: Path) -> None:
    """A missing file is named; what is in one that is no text is not said."""
    missing, binary = tmp_path / "missing", tmp_path / "binary"
    binary.write_bytes(b"secret\xff")
    for path, said in ((missing, str(missing)), (binary, "not text")):
        error = await _refused(broker_at(1, password_file=path))
        assert isinstance(error, MqttRefused)
        assert said in error.reason
        assert "secret" not in error.reason


async def test_a_connection_that_is_left_announces_the_will(tmp_path: Path) -> None:
    """The one who leaves says so; a message that was confirmed is there for newcomers."""
    with mosquitto(tmp_path) as broker:
        async with broker_at(broker.port).connected() as line:
            await line.publish(Message(topic=TOPICS.state, payload=b"{}", retained=True))
            with listening(broker) as heard:
                await until(lambda: heard.messages, "it is retained")
                assert heard.messages == [(TOPICS.state, b"{}", True)]
        with listening(broker) as later:
            await until(lambda: later.messages, "the will is retained")
            assert json.loads(later.messages[0][1]) == {"online": False}


async def test_who_tries_a_broker_out_disturbs_nobody(tmp_path: Path) -> None:
    """A station that is connected stays so, and nobody hears a word; a refusal is said."""
    with mosquitto(tmp_path, password="right") as broker:
        (word := tmp_path / "word").write_text("right")
        mine = broker_at(broker.port, username="dockd", password_file=word)
        with listening(broker, prepare=lambda who: who.username_pw_set("dockd", "right")) as heard:
            async with mine.connected() as line:
                await mine.try_out()
                await line.publish(Message(topic="x", payload=b"", retained=False))
            await until(lambda: len(heard.messages) > 1, "the station takes its leave")
        assert [topic for topic, _, _ in heard.messages] == ["x", TOPICS.state]
        word.write_text("wrong")
        with pytest.raises(MqttRefused):
            await mine.try_out()


async def test_no_station_throws_another_out_whose_names_run_together_alike(tmp_path: Path) -> None:
    """Station west-01 of north and station 01 of north-west are two, also to the broker."""
    with mosquitto(tmp_path) as broker:
        one = broker_at(broker.port, topics=Topics("north", "west-01"))
        other = broker_at(broker.port, topics=Topics("north-west", "01"))
        async with one.connected() as line, other.connected():
            await line.publish(Message(topic="x", payload=b"here still", retained=False))


async def test_the_end_of_the_broker_is_noticed(tmp_path: Path) -> None:
    """Who waits for the end of a connection is told of it; nobody waits for a dead broker."""
    with mosquitto(tmp_path) as broker:
        async with broker_at(broker.port).connected() as line:
            broker.kill()
            with pytest.raises(MqttUnreachable):
                await line.lost()
        broker.start()
        async with broker_at(broker.port).connected() as line:
            broker.hold_up()
            with pytest.raises(MqttUnreachable):
                await line.publish(Message(topic="x", payload=b"", retained=False))


async def test_trouble_of_two_kinds_is_one_problem_at_a_time(tmp_path: Path) -> None:
    """A broker that is not there and then refuses leaves only the refusal open."""
    wrong = tmp_path / "word"
    wrong.write_text("wrong")
    broker = Mosquitto(tmp_path, password="right")
    settings: dict[str, Any] = {"username": "dockd", "password_file": wrong}
    try:
        async with (
            rig_at(tmp_path) as rig,
            announcing(rig, broker_at(broker.port, **settings)),
        ):
            await until(lambda: rig.open_problems() == {"mqtt-unreachable"}, "it is away")
            broker.start()
            await until(lambda: rig.open_problems() == {"mqtt-refused"}, "it refuses")
            assert [found.subject for found in rig.problems.current()] == [SUBJECT]
            wrong.write_text("right")
            await until(lambda: not rig.open_problems(), "it takes us")
    finally:
        broker.kill()


def publish(broker: Mosquitto, *payloads: bytes, retain: bool = False) -> None:
    """Send messages to the station's commands, as anybody with the broker can."""
    publishing.multiple(
        [(TOPICS.commands, payload, 1, retain) for payload in payloads],
        hostname="127.0.0.1",
        port=broker.port,
    )


async def test_what_is_sent_to_the_commands_is_told_as_it_came(tmp_path: Path) -> None:
    """Retained or not, with what is beyond any command cut off; nobody listens unasked."""
    with mosquitto(tmp_path) as broker:
        await asyncio.to_thread(publish, broker, b"old", retain=True)
        async with broker_at(broker.port).connected() as line:
            await line.listen()
            told = aiter(line.told())
            assert await anext(told) == Told(payload=b"old", retained=True)
            await asyncio.to_thread(publish, broker, b"new", b"x" * 100_000)
            assert await anext(told) == Told(payload=b"new", retained=False)
            assert await anext(told) == Told(payload=b"x" * 16_385, retained=False)


async def test_a_flood_waits_in_little_room(tmp_path: Path) -> None:
    """Of five hundred messages that nobody looked at a few wait; that some were lost is told."""
    with mosquitto(tmp_path) as broker:
        async with broker_at(broker.port).connected() as line:
            await line.listen()
            await asyncio.to_thread(publish, broker, *(b"%d" % n for n in range(500)))
            # Confirmed behind the flood, so that all of that was taken in.
            await line.publish(Message(topic=TOPICS.commands, payload=b"end", retained=False))
            told = aiter(line.told())
            waited = [await anext(told) for _ in range(16)]
            assert [each.payload for each in waited[:2]] == [b"0", b"1"]
            assert [each.overflowed for each in waited] == [True] + [False] * 15
            await line.publish(Message(topic=TOPICS.commands, payload=b"on", retained=False))
            while (await anext(told)).payload != b"on":
                pass


async def test_a_packet_beyond_all_bounds_ends_the_connection_unread(tmp_path: Path) -> None:
    """From a broker that lies, and from somebody who sends two MiB through a real one."""
    with (
        scripted_broker(afterwards=b"\x30\xff\xff\xff\x7f" + bytes(100)) as port,
        pytest.raises(MqttUnreachable, match="a packet of 268435455 bytes"),
    ):
        async with broker_at(port).connected() as line:
            await line.lost()
    with mosquitto(tmp_path) as broker:
        async with broker_at(broker.port).connected() as line:
            await line.listen()
            await asyncio.to_thread(publish, broker, bytes(2 * 1024 * 1024))
            with pytest.raises(MqttUnreachable, match=r"a packet of 20\d+ bytes"):
                await anext(aiter(line.told()))


async def test_whoever_may_not_listen_still_announces(tmp_path: Path) -> None:
    """A broker that refuses the subscription is said, and takes the station's state."""
    with scripted_broker() as port:
        async with rig_at(tmp_path) as rig:
            broker = broker_at(port)
            async with broker.connected() as line:
                with pytest.raises(MqttRefused, match="does not let us listen to dockd/site/desk/"):
                    await line.listen()
            await rig.problems.open("mqtt-unreachable", subject=SUBJECT, reason="an earlier run")
            async with announcing(rig, broker, heed=heed_on(rig)):
                await until(
                    lambda: (
                        [(found.slug, found.subject) for found in rig.problems.current()]
                        == [("mqtt-refused", "commands")]
                    ),
                    "only the refusal is left",
                )
