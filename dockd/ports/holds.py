"""Where holds are written down a second time, outside the ledger. Both methods block."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from dockd.core.hold import Hold


class HoldsFile(Protocol):
    """The second witness of holds."""

    def read(self) -> Sequence[Hold]:
        """Return the holds; none when none were ever written.

        Raises:
            ValueError: it is there and cannot be believed; what it was is kept for a person.
        """

    def write(self, holds: Iterable[Hold]) -> None:
        """Put these in the place of those before; durable on return.

        Raises:
            SpoolReadOnly: it could not be written.
        """
