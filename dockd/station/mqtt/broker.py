"""The broker over aiomqtt: MQTT 3.1.1, quality of service 1, a last will, TLS with certificates.

Files are read at each connection, so that whoever rotates them has nothing else to do.
"""

import asyncio
import errno
import logging
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from dockd.core import command
from dockd.core.announcement import OFFLINE, Topics
from dockd.core.outbox import Message
from dockd.errors import MqttRefused, MqttUnreachable
from dockd.ports.broker import Told

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_QOS: Final = 1
_LEAVE_S: Final = 2.0
# Of all that a broker may send, which is 256 MiB at once. A longer packet ends the connection
# before any of it is read.
_LONGEST_PACKET_BYTES: Final = 1024 * 1024
_WAITING: Final = 16
# "Failure", as a broker answers a subscription (OASIS MQTT 3.1.1, section 3.9.3).
_NO_SUBSCRIPTION: Final = 0x80
# What they have to say becomes a problem's reason; a line of theirs at each attempt is none.
_UNHEARD: Final = logging.getLogger("dockd.mqtt")
_UNHEARD.addHandler(logging.NullHandler())
_UNHEARD.propagate = False
# "Server unavailable" (OASIS MQTT 3.1.1, section 3.2.2.3; 136 is how paho says it): it may pass.
_BUSY: Final = frozenset({3, 136})


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Where the broker is and who we are there; ``answer_s`` is how long an answer may take."""

    url: str
    username: str
    password_file: Path | None
    ca_file: Path | None
    client_cert: Path | None
    client_key: Path | None
    answer_s: float = 10.0
    keepalive_s: int = 30


class MqttBroker:
    """Implements ``dockd.ports.broker.Broker``."""

    def __init__(self, settings: BrokerSettings, *, topics: Topics) -> None:
        """Nothing is read or connected yet."""
        address = urlsplit(settings.url)
        self._settings = settings
        self._topics = topics
        # A character that no name has: "north" and "west-01" are not "north-west" and "01".
        self._name = f"dockd:{topics.site}:{topics.station}"
        self._secure = address.scheme == "mqtts"
        self._host = address.hostname or ""
        self._port = address.port or _PORTS[address.scheme]

    @asynccontextmanager
    async def connected(self) -> AsyncIterator["MqttLine"]:
        """Connect; on leaving, the last will is announced and the connection closed."""
        will = aiomqtt.Will(self._topics.state, OFFLINE, qos=_QOS, retain=True)
        client = await self._client(self._name, will=will)
        try:
            await self._enter(client)
            line = MqttLine(client, host=self._host, commands=self._topics.commands)
            try:
                yield line
            finally:
                await self._leave(line, client)
        finally:
            await client.let_go()

    async def try_out(self) -> None:
        """Connect under a name of its own, tell nothing, and leave again.

        Under the station's own the broker would throw the station out that runs meanwhile.
        """
        client = await self._client(f"{self._name}:doctor", will=None)
        try:
            await self._enter(client)
            with suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)
        finally:
            await client.let_go()

    def _read_files(self) -> tuple[str | None, ssl.SSLContext | None]:
        settings = self._settings
        password = None
        if settings.password_file is not None:
            password = settings.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        if not self._secure:
            return password, None
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.client_cert is not None:
            context.load_cert_chain(settings.client_cert, settings.client_key)
        return password, context

    async def _client(self, name: str, *, will: aiomqtt.Will | None) -> "_Client":
        """Return a client that is not connected. Raises MqttRefused."""
        settings = self._settings
        try:
            password, context = await asyncio.to_thread(self._read_files)
        except (OSError, ValueError) as error:
            raise MqttRefused(f"a file of [mqtt] cannot be used: {_said(error)}") from error
        return _Client(
            self._host,
            self._port,
            logger=_UNHEARD,
            username=settings.username or None,
            password=password,
            identifier=name,
            clean_session=True,
            will=will,
            keepalive=settings.keepalive_s,
            timeout=settings.answer_s,
            tls_context=context,
            queue_type=_Inbox,
            max_queued_incoming_messages=_WAITING,
        )

    async def _enter(self, client: "_Client") -> None:
        try:
            await client.__aenter__()
        except MqttConnectError as error:
            if _code(error.rc) in _BUSY:
                raise MqttUnreachable(f"{self._host}: {error}", host=self._host) from error
            raise MqttRefused(f"{self._host}: {error}", host=self._host) from error
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            raise MqttUnreachable(f"{self._host}: {error}", host=self._host) from error
        if client.has_ended:
            reason = client.why or "ended the connection as it began"
            raise MqttUnreachable(f"{self._host}: {reason}", host=self._host)

    async def _leave(self, line: "MqttLine", client: "_Client") -> None:
        """Announce the will ourselves: a broker that is taken leave of does not."""
        will = Message(topic=self._topics.state, payload=OFFLINE, retained=True)
        client.timeout = _LEAVE_S
        with suppress(MqttUnreachable, aiomqtt.MqttError):
            await line.publish(will)
            await client.__aexit__(None, None, None)


class MqttLine:
    """Implements ``dockd.ports.broker.BrokerLine``."""

    def __init__(self, client: "_Client", *, host: str, commands: str) -> None:
        """Speak over a client that is connected; ``commands`` is the topic to listen to."""
        self._client = client
        self._host = host
        self._commands = commands

    async def publish(self, message: Message) -> None:
        """Return once the broker has confirmed a message."""
        try:
            await self._client.publish(
                message.topic, message.payload, qos=_QOS, retain=message.retained
            )
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            raise self._gone(error) from error

    async def listen(self) -> None:
        """Subscribe to the station's commands."""
        try:
            (granted,) = await self._client.subscribe(self._commands, qos=_QOS)
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            raise self._gone(error) from error
        if _code(granted) >= _NO_SUBSCRIPTION:
            raise MqttRefused(
                f"{self._host} does not let us listen to {self._commands}", host=self._host
            )

    async def told(self) -> AsyncIterator[Told]:
        """Yield what comes, until the end of the connection."""
        try:
            async for message in self._client.messages:
                if str(message.topic) != self._commands:
                    continue
                yield Told(
                    payload=message.payload,
                    retained=message.retain,
                    overflowed=self._client.inbox_overflowed(),
                )
        except aiomqtt.MqttError as error:
            raise self._gone(error.__cause__ or error) from error

    async def lost(self) -> None:
        """Wait for the end of the connection; whatever comes before is let go."""
        try:
            async for _ in self._client.messages:
                pass
        except aiomqtt.MqttError as error:
            raise self._gone(error.__cause__ or error) from error
        raise MqttUnreachable(f"{self._host} ended the connection", host=self._host)

    def _gone(self, error: BaseException) -> MqttUnreachable:
        return MqttUnreachable(f"{self._host}: {self._client.why or error}", host=self._host)


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """What came and was not told yet: a few messages, none longer than a command may be."""

    overflowed = False

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Take one in, cut off behind what is certainly too long; with no room it is lost."""
        if self.full():
            self.overflowed = True
            return
        item.payload = item.payload[: command.MOST_BYTES + 1]
        super().put_nowait(item)


class _Client(aiomqtt.Client):
    """A client that leaves nothing behind, however its connection began or ended."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401  aiomqtt's own
        super().__init__(*arguments, **settings)
        # Why we ended the connection, "" where we did not.
        self.why = ""
        paho = self._client
        receive = paho._sock_recv  # noqa: SLF001  paho has no limit to what it reads

        def receive_bounded(size: int) -> bytes:
            if size > _LONGEST_PACKET_BYTES:
                self.why = f"a packet of {size} bytes, and {_LONGEST_PACKET_BYTES} are the most"
                raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
            return receive(size)

        paho._sock_recv = receive_bounded  # type: ignore[method-assign, assignment]  # noqa: SLF001  as above

    @property
    def has_ended(self) -> bool:
        """Whether the connection has ended; aiomqtt forgets an end as soon as the beginning."""
        return not self._client.is_connected()

    def _on_disconnect(self, *told: Any, **more: Any) -> None:  # noqa: ANN401  paho's own
        super()._on_disconnect(*told, **more)
        _look_at(self._disconnected)

    def inbox_overflowed(self) -> bool:
        """Return whether anything was lost since this was asked last."""
        inbox = self._queue
        if not isinstance(inbox, _Inbox):
            return False
        overflowed, inbox.overflowed = inbox.overflowed, False
        return overflowed

    async def let_go(self) -> None:
        """Close whatever is open; aiomqtt itself leaves a connection that was never answered.

        What paho's thread has not connected yet it then connects for nobody, and drops.
        """
        self._client.reinitialise()
        if self._misc_task is not None:
            self._misc_task.cancel()
            await asyncio.wait([self._misc_task])
        _look_at(self._connected)
        _look_at(self._disconnected)


def _look_at(future: asyncio.Future[None]) -> None:
    """Look at a future, so that nobody complains that it never was."""
    if future.done() and not future.cancelled():
        future.exception()


def _code(answer: object) -> int:
    """Return the number of an answer, which paho has as a number or as an object of its own."""
    return answer if isinstance(answer, int) else int(getattr(answer, "value", 0))


def _said(error: OSError | ValueError) -> str:
    """Return what is wrong without quoting the file, which may hold a secret."""
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror or error}"
    return "it is not text"
