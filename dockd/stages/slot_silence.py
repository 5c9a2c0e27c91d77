"""Notices a slot in which a hub feels a device and the rack sees none: its contacts, mostly.

Only a charging hub feels one. Of a device that is connected and never answers the kernel makes no
device, and in sysfs its port looks like an empty one: ``portX/state``, which would tell the two
apart, came in 2023 (Documentation/ABI/testing/sysfs-bus-usb), and Debian 12 has Linux 6.1. What a
port of the driver ``usb-port`` is known to hold has shown itself already.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from dockd.core.catalogue import CATALOGUE
from dockd.core.charge_words import Presence, SlotView
from dockd.core.port_power import PortMode

SLUG: Final = "slot-silent"
# A camera that has to boot before it shows itself takes a minute.
SILENT_S: Final = 120.0


class SlotSilence:
    """Remembers since when each slot has been silent."""

    def __init__(self) -> None:
        """Nothing was looked at yet."""
        self._since_s: dict[str, float] = {}

    def look(
        self, views: Sequence[SlotView], *, spoken_for: Collection[str], now_s: float
    ) -> Mapping[str, str]:
        """Return why each silent slot is one; what is in ``spoken_for`` did show itself."""
        silent = {view.slot for view in views if _is_silent(view)} - set(spoken_for)
        self._since_s = {slot: self._since_s.get(slot, now_s) for slot in silent}
        reason = CATALOGUE[SLUG].reason
        return {
            slot: reason.format(slot=slot, minutes=int(now_s - since_s) // 60)
            for slot, since_s in self._since_s.items()
            if now_s - since_s >= SILENT_S
        }


def _is_silent(view: SlotView) -> bool:
    """Whether the port gives power and data to something that has not shown itself."""
    return (
        view.presence is Presence.EMPTY
        and view.port is not None
        and view.port.mode is PortMode.SYNC
        and view.port.is_attached is True
    )
