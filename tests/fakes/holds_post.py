"""The list of holds that stations share, without a server or a disk."""

from collections.abc import Sequence
from datetime import timedelta

from dockd.core.shared_holds import HoldList
from dockd.errors import HoldsUnreachable, SpoolFull
from dockd.ports.clock import Clock
from dockd.ports.holds import SignedList


class Post:
    """A list of holds as it comes from central, and what is kept of it."""

    def __init__(self) -> None:
        self.offered: HoldList | Exception = HoldsUnreachable("nobody there")
        self.on_disk: HoldList | Exception | None = None
        self.asked = 0
        self.full = False

    async def fetch(self) -> SignedList:
        self.asked += 1
        return _signed(self.offered)

    def kept(self) -> SignedList | None:
        return None if self.on_disk is None else _signed(self.on_disk)

    def keep(self, signed: SignedList) -> None:
        if self.full:
            raise SpoolFull("no room for the list")
        self.on_disk = signed.holds


def _signed(holds: HoldList | Exception) -> SignedList:
    if isinstance(holds, Exception):
        raise holds
    return SignedList(holds=holds, document=b"", signature=b"")


def fresh(clock: Clock, *, cameras: Sequence[str] = (), **changes: float) -> HoldList:
    """Return a list that was issued so long ago."""
    return HoldList(issued=clock.now() - timedelta(**changes), cameras=frozenset(cameras))
