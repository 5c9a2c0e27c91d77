"""The broker that the station tells of itself, as the stage that does so speaks to it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from dockd.core.outbox import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What somebody sent to the station's commands, cut off where it is longer than any.

    A ``retained`` one was sent at any time before. Before an ``overflowed`` one others were lost.
    """

    payload: bytes
    retained: bool
    overflowed: bool = False


class BrokerLine(Protocol):
    """One connection to the broker."""

    async def listen(self) -> None:
        """Have what is sent to the station's commands told from now on.

        Raises:
            MqttRefused: the broker does not let us.
            MqttUnreachable: no answer came.
        """

    def told(self) -> AsyncIterator[Told]:
        """Yield what is sent to the station's commands, until the end of the connection.

        A few wait to be told; what comes beyond those is lost.

        Raises:
            MqttUnreachable: always, in the end.
        """

    async def publish(self, message: Message) -> None:
        """Return once the broker has confirmed a message.

        Raises:
            MqttUnreachable: it did not; the message may have arrived all the same.
        """

    async def lost(self) -> None:
        """Wait for the end of the connection.

        Raises:
            MqttUnreachable: always, for it never ends well.
        """


class Broker(Protocol):
    """A broker. Where a connection ends by itself, it announces the last will."""

    def connected(self) -> AbstractAsyncContextManager[BrokerLine]:
        """Connect; on leaving, the last will is announced as far as that takes no time.

        Raises:
            MqttUnreachable: no usable answer came.
            MqttRefused: the broker refuses who we say we are, or our files cannot be used.
        """

    async def try_out(self) -> None:
        """Connect and leave, as somebody who tells nothing and disturbs nobody.

        Raises:
            MqttUnreachable, MqttRefused: as on connecting.
        """
