"""The broker that the station tells of itself, as the stage that does so speaks to it."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from dockd.core.outbox import Message


class BrokerLine(Protocol):
    """One connection to the broker."""

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
