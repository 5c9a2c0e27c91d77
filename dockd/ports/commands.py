"""What makes a command believable: central's signature."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDocument:
    """A document whose signature was found good; ``key`` is the id of the key that made it."""

    document: bytes
    key: str


class Seal(Protocol):
    """Tells what central signed from what it did not."""

    def opened(self, payload: bytes) -> SignedDocument:
        """Return what a message holds.

        Raises:
            CommandRefused: it is none, or none of central's keys signed it.
        """
