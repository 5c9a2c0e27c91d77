"""Where holds are written down a second time, and where those of other stations come from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from dockd.core.hold import Hold
from dockd.core.shared_holds import HoldList


class HoldsFile(Protocol):
    """The second witness of holds. All methods block."""

    def read(self) -> Sequence[Hold]:
        """Return the holds; none when none were ever written.

        Raises:
            ValueError: it is there and cannot be believed; what it was is kept for a person.
        """

    def has_damaged(self) -> bool:
        """Return whether one that could not be believed waits for a person to look at it."""

    def write(self, holds: Iterable[Hold]) -> None:
        """Put these in the place of those before; durable on return.

        Raises:
            SpoolReadOnly: it could not be written.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedList:
    """A list of holds with the bytes that were signed, and their signature in base64."""

    holds: HoldList
    document: bytes
    signature: bytes


class HoldsList(Protocol):
    """The list of holds that stations share; whatever it returns was signed by central."""

    async def fetch(self) -> SignedList:
        """Return the list that central offers now.

        Raises:
            HoldsUnreachable, HoldsRefused
        """

    def kept(self) -> SignedList | None:
        """Return the list that was kept last, None when none was; blocks.

        Raises:
            HoldsRefused: it is there and cannot be believed.
        """

    def keep(self, signed: SignedList) -> None:
        """Put a list in the place of the one before; durable on return; blocks.

        Raises:
            SpoolReadOnly: it could not be written.
        """
