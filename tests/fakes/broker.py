"""A real mosquitto on loopback, and somebody who listens to it."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.fakes.servers import ROOT, free_ports

PATIENCE_S = 60.0
_STOP_S = 10.0
_HOME = ROOT / "build/unpacked/mosquitto"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Certificates: the broker's, and the one that clients must show."""

    certificate: Path
    key: Path
    client_ca: Path


class Mosquitto:
    """A broker that can be killed, held up and started again on its port; it keeps nothing."""

    def __init__(
        self, folder: Path, *, identity: Identity | None = None, password: str | None = None
    ) -> None:
        self.port = free_ports(1)[0]
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [f"listener {self.port} 127.0.0.1", "user root", "persistence false"]
        if identity is not None:
            lines += [f"cafile {identity.client_ca}", f"certfile {identity.certificate}"]
            lines += [f"keyfile {identity.key}", "require_certificate true"]
        lines.append(f"allow_anonymous {'true' if password is None else 'false'}")
        if password is not None:
            passwords = folder / "passwords"
            tool: list[str | Path] = [_HOME / "usr/bin/mosquitto_passwd", "-b", "-c", passwords]
            subprocess.run([*tool, "dockd", password], check=True, capture_output=True)
            lines.append(f"password_file {passwords}")
        self._config.write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Start it and wait until it listens."""
        program = _HOME / "usr/sbin/mosquitto"
        if not program.exists():
            raise RuntimeError("mosquitto is not unpacked: packaging/setup-system test")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", self._config], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._listens, f"mosquitto listens: {self._log}")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0

    def hold_up(self) -> None:
        """Have it answer nothing, while its connections stand."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_STOP_S)
            self._process = None


@contextmanager
def mosquitto(
    folder: Path, *, identity: Identity | None = None, password: str | None = None
) -> Iterator[Mosquitto]:
    """Run a broker for the length of a test."""
    broker = Mosquitto(folder, identity=identity, password=password)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


@dataclass
class Heard:
    """Everything that somebody who subscribes to all topics was told, in order."""

    messages: list[tuple[str, bytes, bool]] = field(default_factory=list)
    subscribed: bool = False

    def of(self, topic: str) -> list[Any]:
        """Return the payloads of one topic, as JSON."""
        return [json.loads(payload) for name, payload, _ in list(self.messages) if name == topic]

    def last(self, topic: str) -> Any:  # noqa: ANN401  JSON
        """Return the newest payload of a topic; None when there was none."""
        return next(reversed(self.of(topic)), None)


@contextmanager
def listening(
    broker: Mosquitto, *, prepare: Callable[[paho.Client], object] = lambda _client: None
) -> Iterator[Heard]:
    """Subscribe to everything with a client that is not dockd's, again whenever it is cut off."""
    heard = Heard()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    prepare(client)
    client.reconnect_delay_set(1, 1)

    def subscribe(*_: object) -> None:
        client.subscribe("#", qos=1)

    def subscribed(*_: object) -> None:
        heard.subscribed = True

    def message(_client: object, _data: object, told: paho.MQTTMessage) -> None:
        heard.messages.append((told.topic, bytes(told.payload), told.retain))

    client.on_connect = subscribe
    client.on_subscribe = subscribed
    client.on_message = message
    client.connect("127.0.0.1", broker.port, keepalive=10)
    client.loop_start()
    try:
        until(lambda: heard.subscribed, "the listener is subscribed")
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


@contextmanager
def silent_broker() -> Iterator[int]:
    """Accept connections and never say a word; yields the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


def _serve(connection: socket.socket, afterwards: bytes) -> None:
    with connection, suppress(OSError, IndexError), connection.makefile("rb") as packets:
        while kind := packets.read(1):
            length, shift = 0, 0
            while (more := packets.read(1)[0]) & 128:
                length, shift = length | (more & 127) << shift, shift + 7
            body = packets.read(length | more << shift)
            match kind[0] >> 4:
                case 1:
                    connection.sendall(b"\x20\x02\0\0" + afterwards)
                case 3:
                    topic = int.from_bytes(body[:2], "big")
                    connection.sendall(b"\x40\x02" + body[2 + topic : 4 + topic])
                case 8:
                    connection.sendall(b"\x90\x03" + body[:2] + b"\x80")
                case 12:
                    connection.sendall(b"\xd0\0")
                case _:
                    pass


@contextmanager
def scripted_broker(*, afterwards: bytes = b"") -> Iterator[int]:
    """Confirm all but subscriptions, which are refused; send some bytes after a connection began.

    Yields the port. A real broker refuses subscriptions only by plug-ins, and sends no nonsense.
    """

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=_serve, args=(connection, afterwards), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def until(holds: Callable[[], object], what: str) -> None:
    """Wait until something is true."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"it never came about that {what}")
        time.sleep(0.01)
