"""A whole station and a real broker: what is announced, and what trouble with it costs nobody."""

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish
from paho.mqtt.client import Client

from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.rooms import Share
from tests.daemon.scenarios import cleared, undocked
from tests.daemon.world import SMALL, World
from tests.fakes import asyncapi
from tests.fakes.broker import (
    Heard,
    Identity,
    Mosquitto,
    listening,
    mosquitto,
    silent_broker,
    until,
)
from tests.fakes.certificates import self_signed
from tests.fakes.commander import Commander

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = "dockd/tests/"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A station's surroundings, with a share for a store."""
    return World(tmp_path, room=Share(tmp_path))


def announcing(broker: str, **more: str) -> Settings:
    """Return a configuration with a broker."""
    lines = "".join(f'{key} = "{value}"\n' for key, value in more.items())
    return Settings(mqtt=f'[mqtt]\nbroker = "{broker}"\n{lines}')


def at(broker: Mosquitto) -> Settings:
    """Return a configuration with this broker."""
    return announcing(f"mqtt://127.0.0.1:{broker.port}")


def is_online(heard: Heard, world: World) -> bool:
    """Return whether the last that was heard is that the station is there."""
    state = heard.last(f"{ROOT}{world.station}/state")
    return state is not None and bool(state["online"])


def kinds(heard: Heard, world: World) -> list[str]:
    """Return the kinds of all events that were heard, in order."""
    return [event["kind"] for event in heard.of(f"{ROOT}{world.station}/events")]


def offloads(process: StationProcess, world: World) -> None:
    """See that a camera is offloaded, stored and cleared; one of its names is hostile."""
    serial = world.film({SMALL: 1000, "DCIM/<b>+#\u202e\x07.MP4": 1000})
    world.dock(serial, "A1")
    cleared(process, world, serial)
    undocked(process, world, serial)


def test_the_station_is_announced_as_it_is(tmp_path: Path, world: World) -> None:
    """State, slots, events and problems are sent, each as the AsyncAPI document describes it."""
    with mosquitto(tmp_path) as broker, listening(broker) as heard:
        with station(world, settings=at(broker)) as process:
            process.start()
            offloads(process, world)
            process.until(lambda: "clip-wiped" in kinds(heard, world), "the wipe is announced")
            world.room.leave()  # type: ignore[attr-defined]  # it is a share
            world.dock(world.film({SMALL: 1000}), "A2")
            problems = f"{ROOT}{world.station}/problems"
            process.until(lambda: heard.of(problems), "a problem is announced")
            process.until(
                lambda: heard.last(f"{ROOT}{world.station}/state")["problems"],
                "the state has the problem",
            )
            status = process.get("/v1/status")
            state = heard.last(f"{ROOT}{world.station}/state")
            assert state.keys() == {"online", *status} - {"slots"}
            slot = heard.last(f"{ROOT}{world.station}/slots/A1")
            assert slot.keys() == status["slots"][0].keys()
            assert slot["slot"] == "A1"
            process.stop()
        until(lambda: not is_online(heard, world), "it takes its leave")
    channels = {asyncapi.check(topic, payload) for topic, payload, _ in heard.messages}
    assert not any(set(payload) & set(b"<>\x07") for _, payload, _ in heard.messages)
    assert channels == {"state", "slot", "event", "problem"}
    numbers = [event["number"] for event in heard.of(f"{ROOT}{world.station}/events")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_what_is_retained_is_there_for_whoever_comes_later(tmp_path: Path, world: World) -> None:
    """State and slots are told to a newcomer at once; events and problems are over."""
    with mosquitto(tmp_path) as broker, station(world, settings=at(broker)) as process:
        process.start()
        with listening(broker) as first:
            offloads(process, world)
            process.until(lambda: "clip-wiped" in kinds(first, world), "the wipe is announced")
        with listening(broker) as second:
            process.until(lambda: is_online(second, world), "the newcomer is told the state")
            slot = f"{ROOT}{world.station}/slots/A1"
            process.until(lambda: second.last(slot), "the newcomer is told the slot")
            channels = {asyncapi.check(topic, told) for topic, told, old in second.messages if old}
            assert channels == {"state", "slot"}
            assert all(asyncapi.retains(name) for name in channels)
        process.stop()


def test_a_killed_station_is_announced_as_gone_and_then_as_back(
    tmp_path: Path, world: World
) -> None:
    """After SIGKILL the broker announces the last will, retained; the next start takes it back."""
    with (
        mosquitto(tmp_path) as broker,
        listening(broker) as heard,
        station(world, settings=at(broker)) as process,
    ):
        process.start()
        process.until(lambda: is_online(heard, world), "it is online")
        process.kill()
        topic = f"{ROOT}{world.station}/state"
        until(lambda: heard.last(topic) == {"online": False}, "the will is announced")
        with listening(broker) as later:
            until(lambda: later.messages, "the will is retained")
            assert later.messages == [(topic, b'{"online":false}', True)]
        process.start()
        process.until(lambda: is_online(heard, world), "it is back")
        process.stop()


def test_a_broker_that_dies_is_found_again(tmp_path: Path, world: World) -> None:
    """Meanwhile cameras are cleared; afterwards it is told of that, and the problem is over."""
    with mosquitto(tmp_path) as broker, station(world, settings=at(broker)) as process:
        process.start()
        with listening(broker) as before:
            process.until(lambda: is_online(before, world), "it is online")
        broker.kill()
        process.happened("problem-opened", slug="mqtt-unreachable", subject="broker")
        offloads(process, world)
        broker.start()
        with listening(broker) as heard:
            process.happened("problem-closed", slug="mqtt-unreachable", subject="broker")
            process.until(lambda: "clip-wiped" in kinds(heard, world), "the wipe is announced")
            process.until(lambda: is_online(heard, world), "it is online")
        assert process.count("problem-opened", slug="mqtt-unreachable") == 1
        process.stop()


def test_a_broker_that_never_answers_holds_nothing_up(world: World) -> None:
    """Connections are accepted and nothing is ever said: that is a problem, and costs no camera."""
    with silent_broker() as port:
        settings = announcing(f"mqtt://127.0.0.1:{port}")
        with station(world, settings=settings) as process:
            process.start()
            offloads(process, world)
            process.happened("problem-opened", slug="mqtt-unreachable", subject="broker")
            process.stop()


def test_a_broker_that_falls_silent_holds_nothing_up(tmp_path: Path, world: World) -> None:
    """A connection that stands and confirms nothing is given up, and made again when it can be."""
    with mosquitto(tmp_path) as broker, station(world, settings=at(broker)) as process:
        process.start()
        with listening(broker) as before:
            process.until(lambda: is_online(before, world), "it is online")
        broker.hold_up()
        offloads(process, world)
        process.happened("problem-opened", slug="mqtt-unreachable", subject="broker")
        broker.go_on()
        process.happened("problem-closed", slug="mqtt-unreachable", subject="broker")
        process.stop()


def test_a_refused_password_is_said_until_the_right_one_is_there(
    tmp_path: Path, world: World
) -> None:
    """The password file is read at each attempt: one problem, which clears itself."""
    word = tmp_path / "word"
    word.write_text("wrong\n")
    with mosquitto(tmp_path, password="right") as broker:
        settings = announcing(
            f"mqtt://127.0.0.1:{broker.port}", username="dockd", password_file=str(word)
        )
        with station(world, settings=settings) as process:
            process.start()
            process.happened("problem-opened", slug="mqtt-refused", subject="broker")
            offloads(process, world)
            word.write_text("right\n")
            process.happened("problem-closed", slug="mqtt-refused", subject="broker")
            assert process.count("problem-opened", subject="broker") == 1
            process.stop()


def test_both_sides_of_tls_show_who_they_are(tmp_path: Path, world: World) -> None:
    """With a client certificate that the broker asks for, the state gets through."""
    certificate, key = self_signed(tmp_path, "broker")
    own, own_key = self_signed(tmp_path, "station")
    identity = Identity(certificate=certificate, key=key, client_ca=own)

    def with_certificates(client: Client) -> None:
        context = ssl.create_default_context(cafile=certificate)
        context.load_cert_chain(own, own_key)
        client.tls_set_context(context)

    shown: dict[str, Any] = {"client_cert": own, "client_key": own_key}
    with mosquitto(tmp_path, identity=identity) as broker:
        url = f"mqtts://127.0.0.1:{broker.port}"
        whole = announcing(url, ca_file=str(certificate), **shown)
        with station(world, settings=whole) as process:
            process.start()
            with listening(broker, prepare=with_certificates) as heard:
                process.until(lambda: is_online(heard, world), "it is online")
            process.stop()
            # Without the authority the broker is not believed; without a certificate we are not.
            for settings in (announcing(url, **shown), announcing(url, ca_file=str(certificate))):
                process.configure(settings)
                opened = process.count("problem-opened", slug="mqtt-unreachable")
                process.start()
                process.happened("problem-opened", slug="mqtt-unreachable", count=opened + 1)
                # A station that has no broker any more has no trouble with one either.
                process.configure(Settings())
                process.restart()
                process.happened("problem-closed", slug="mqtt-unreachable", count=opened + 1)
                process.stop()


def test_a_station_without_commands_listens_to_none(tmp_path: Path, world: World) -> None:
    """Off by default: even what central signed is not there for it."""
    central = Commander(site="tests", station=world.station)
    keys = central.toml().replace("commands = true\n", "")
    with mosquitto(tmp_path) as broker, listening(broker) as heard:
        settings = replace(at(broker), mqtt=at(broker).mqtt + keys)
        with station(world, settings=settings) as process:
            process.start()
            process.until(lambda: is_online(heard, world), "it is online")
            topic = f"{ROOT}{world.station}/commands"
            pause = central.signed(central.command("pause-uploads"))
            publish.single(topic, pause, 1, hostname="127.0.0.1", port=broker.port)
            offloads(process, world)
            process.stop()
            assert not process.count("command-taken")
            assert not process.count("problem-opened", slug="mqtt-command-refused")
