"""A ledger read as it lies on the disk, without its daemon: for `verify`, and a stopped station."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from dockd.core.clip import Clip
from dockd.core.facts import ReceiptAccepted
from dockd.core.health import Problem
from dockd.errors import NotFound
from dockd.ports.ledger import ClipFilter, DockingRow, Head, Sent
from dockd.station.ledger import reading
from dockd.station.ledger.connections import damaged, open_for_reading

_AT_ONCE = 500


class Snapshot:
    """What a ledger says; `opened` makes one. Nothing here can write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read through ``connection``, in the thread that opened it."""
        self._connection = connection

    def clips(self, wanted: ClipFilter) -> Sequence[Clip]:
        """Return clips in the order of their numbers."""
        return reading.clips(self._connection, wanted)

    def clip(self, number: int) -> Clip:
        """Return one clip. Raises NotFound."""
        return reading.clip(self._connection, number)

    def all_clips(self, *, docking: str | None) -> Iterator[Clip]:
        """Yield every clip, or every one of a docking."""
        after = 0
        while True:
            wanted = ClipFilter(docking=docking, after=after, limit=_AT_ONCE)
            found = self.clips(wanted)
            yield from found
            if len(found) < _AT_ONCE:
                return
            after = found[-1].number

    def docking(self, reference: str) -> DockingRow | None:
        """Return one docking by its id."""
        return reading.docking(self._connection, reference)

    def dockings(self) -> Iterator[DockingRow]:
        """Yield every docking in the order of their ids, which is that of time."""
        after = ""
        while True:
            found = reading.dockings(self._connection, None, after, _AT_ONCE)
            yield from found
            if len(found) < _AT_ONCE:
                return
            after = found[-1].docking

    def seen_in_docking(self, docking: str) -> Sequence[Clip]:
        """Return the clips seen on their camera in this docking, whenever they were seen last."""
        return reading.seen_in_docking(self._connection, docking)

    def in_docking(self, docking: str) -> Sequence[Clip]:
        """Return the clips last seen on their camera in this docking, by their numbers."""
        return reading.in_docking(self._connection, docking)

    def receipts(self, clip: Clip) -> Sequence[ReceiptAccepted]:
        """Return the receipts of a clip, one a store."""
        return reading.receipts(self._connection, clip.number)

    def sent(self, clips: Sequence[Clip]) -> Mapping[int, Sent]:
        """Return what became of each of some clips at the stores, by the clips' numbers."""
        return reading.sent(self._connection, clips)

    def set_aside(self) -> frozenset[str]:
        """Return what a person has set aside."""
        return reading.set_aside(self._connection)

    def problems(self) -> Sequence[Problem]:
        """Return the open problems."""
        return reading.problems(self._connection)

    def head(self) -> Head:
        """Return the ledger's identity and the end of its record."""
        return reading.head(self._connection)


@contextmanager
def opened(path: Path) -> Iterator[Snapshot]:
    """Open the ledger at ``path`` for reading; the daemon may be running or not.

    Raises:
        NotFound: there is no ledger there, or it may not be read.
        PermanentError: it is damaged.
    """
    try:
        with closing(open_for_reading(path)) as connection:
            yield Snapshot(connection)
    except sqlite3.OperationalError as error:
        raise NotFound(
            f"the ledger {path} cannot be read: {error}",
            next_step="Check spool.path, and that this user may read the spool.",
        ) from error
    except sqlite3.DatabaseError as error:
        raise damaged(str(error)) from error
