"""Commands over MQTT, to a whole station through a real broker.

The store is one that tells the time: with a mounted share, a box whose clock nobody disciplines
takes no command, and these tests may run on one.
"""

import subprocess
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.rooms import Bucket
from tests.daemon.scenarios import cleared, undocked
from tests.daemon.test_mqtt import ROOT, at, is_online, kinds
from tests.daemon.world import SMALL, World
from tests.fakes import asyncapi
from tests.fakes.broker import Mosquitto, listening, mosquitto
from tests.fakes.commander import Commander
from tests.fakes.servers import ROOT as REPOSITORY

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("daemon-on-seaweedfs"),
]


@pytest.fixture
def world(tmp_path: Path, bucket: Bucket) -> World:
    """A station's surroundings, with a real store."""
    return World(tmp_path, room=bucket)


def commanded(broker: Mosquitto, central: Commander) -> Settings:
    """Return a configuration with this broker, over which central's commands are taken."""
    return replace(at(broker), mqtt=at(broker).mqtt + central.toml())


def offloads(process: StationProcess, world: World) -> str:
    """See that a camera is offloaded, stored and cleared; return its serial number."""
    serial = world.film({SMALL: 1000})
    world.dock(serial, "A1")
    cleared(process, world, serial)
    undocked(process, world, serial)
    return serial


def test_central_commands_a_station_as_its_guide_says(tmp_path: Path, world: World) -> None:
    """The guide's own lines make a key and send a hold, which is on record and counts once."""
    guide = (REPOSITORY / "docs/central-operations.md").read_text()
    section = guide.split("## Commands over MQTT\n")[1]
    made, public, named, *_ = (line[4:] for line in section.splitlines() if line[:4] == "    ")
    sending = section.split("A command, signed and sent:\n\n")[1].split("\n\n")[0]
    script = tmp_path / "central"
    script.mkdir()

    def as_written(lines: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines],
            cwd=script, check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return done.stdout.strip()

    as_written(made)
    keys = f'commands = true\ncommand_keys = ["{as_written(public)}"]\n'
    with mosquitto(tmp_path) as broker, listening(broker) as heard:
        settings = replace(at(broker), mqtt=at(broker).mqtt + keys)
        with station(world, settings=settings) as process:
            process.start()
            serial = offloads(process, world)
            process.until(lambda: is_online(heard, world), "it is online")
            sending = textwrap.dedent(sending)
            for written, here in (
                ("broker.example -p 1883", f"127.0.0.1 -p {broker.port}"),
                ("lambeth-03", world.station),
                ("lambeth", "tests"),
                ("BWC-000123", serial),
            ):
                assert written in sending
                sending = sending.replace(written, here)
            as_written(sending)
            process.happened("command-taken", key=as_written(named), command="hold", refused="")
            process.happened(
                "set-aside", subject=f"camera {serial}", hold="legal",
                actor=f"central (mqtt, key {as_written(named)})", why="case 7",
            )  # fmt: skip
            process.until(lambda: "command-taken" in kinds(heard, world), "the answer is heard")
            # The last line again, with what it signed.
            as_written(sending[sending.index("printf") :])
            process.happened("problem-opened", slug="mqtt-command-refused", subject="commands")
            assert process.count("command-taken") == 1
            process.stop()
    for topic, payload, _ in heard.messages:
        asyncapi.check(topic, payload)


def test_a_stranger_with_the_broker_gets_nothing_done(tmp_path: Path, world: World) -> None:
    """Retained, repeated after a kill, of another station, forged, huge, or all of it at once."""
    central = Commander(site="tests", station=world.station)
    stranger = Commander(site="tests", station=world.station)
    topic = f"{ROOT}{world.station}/commands"
    pause = central.signed(central.command("pause-uploads"))
    with mosquitto(tmp_path) as broker, listening(broker) as heard:

        def send(*payloads: bytes, retain: bool = False) -> None:
            publish.multiple(
                [(topic, payload, 1, retain) for payload in payloads],
                hostname="127.0.0.1",
                port=broker.port,
            )

        with station(world, settings=commanded(broker, central)) as process:
            process.start()
            process.happened("store-probed")
            process.until(lambda: is_online(heard, world), "it is online")
            send(pause)
            process.happened("uploads-paused", actor=f"central (mqtt, key {central.id})")
            send(central.signed(central.command("resume-uploads")))
            process.happened("uploads-resumed")
            process.kill()
            send(central.signed(central.command("pause-uploads")), retain=True)
            process.start()
            process.happened("problem-opened", slug="mqtt-command-refused")
            send(
                pause,
                central.signed(central.command("pause-uploads", station="02")),
                stranger.signed(stranger.command("pause-uploads")),
                *(b"%d" % number for number in range(300)),
            )
            offloads(process, world)
            # What central asks is still heard, once the flood has passed.
            resumed = central.command("resume-uploads")
            process.until(lambda: not _waiting(process, send, central, resumed), "it is heard")
            send(bytes(2 * 1024 * 1024))
            process.happened("problem-opened", slug="mqtt-unreachable")
            process.happened("problem-closed", slug="mqtt-unreachable")
            process.stop()
            assert process.count("uploads-paused") == 1
            assert process.count("problem-opened", slug="mqtt-command-refused") == 1
            assert process.count("command-taken", refused="") == 2


def _waiting(
    process: StationProcess, send: Callable[..., None], central: Commander, asked: dict[str, Any]
) -> bool:
    """Send a command until its answer is on record; return whether that is still to come."""
    if process.count("command-taken", nonce=asked["nonce"]):
        return False
    send(central.signed(asked))
    return True
