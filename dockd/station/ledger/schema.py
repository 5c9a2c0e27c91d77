"""The ledger's schema, as the list of migrations that made it.

A migration that was released is never edited: a change is a new one at the end. Tables hold the
present state; ``events`` holds how it came about, and nothing but an insert touches it.
"""

from dataclasses import dataclass
from typing import Final

from dockd.station.ledger.first_schema import FIRST


@dataclass(frozen=True, slots=True)
class Migration:
    """The statements that lead to schema ``version`` from the one before."""

    version: int
    statements: tuple[str, ...]


MIGRATIONS: Final = (Migration(1, FIRST),)
