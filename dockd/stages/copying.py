"""How long it takes still until all that is on a docked camera is copied."""

from datetime import datetime

from dockd.core import naming
from dockd.core.clip import Place
from dockd.core.slot import SlotState
from dockd.ports.ledger import Tally
from dockd.stages.board import SlotSnapshot


def seconds_left(snapshot: SlotSnapshot, *, tally: Tally, now: datetime) -> float | None:
    """Return the seconds until the last clip of a docked camera is copied; None: nobody can tell.

    By the mean rate of its stay, whose beginning its docking is named by. The clip that is being
    copied counts as a whole, so it may be sooner.
    """
    if snapshot.docking is None or snapshot.state is not SlotState.OFFLOADING:
        return None
    passed_s = (now - naming.docked_at(snapshot.docking)).total_seconds()
    # Nothing was read yet, or the wall clock was set back since.
    if passed_s <= 0 or not snapshot.bytes_read:
        return None
    return tally.size_bytes.get(Place.SEEN, 0) * passed_s / snapshot.bytes_read
