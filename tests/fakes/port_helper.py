"""dockd-helper's port power alone, in one process: ports that follow, refuse, or only say so."""

from collections.abc import Sequence

from dockd.errors import HelperRefused, HelperUnreachable
from dockd.ports.helper import CutKind, HelperSlot


class PortHelper:
    """Implements what a charger asks of ``dockd.ports.helper.Helper``.

    ``stuck`` ports stay as they are, ``lying`` ones say that they are off and keep their device,
    ``kept`` ones are writable or cut for safety: the helper will not.
    """

    def __init__(self, slots: Sequence[str]) -> None:
        self.devices: dict[str, str | None] = {slot: f"1-1.{slot[1:]}" for slot in slots}
        self.off: dict[str, CutKind] = {}
        self.stuck: set[str] = set()
        self.lying: set[str] = set()
        self.kept: set[str] = set()
        self.is_away = False
        self.asked: list[tuple[str, bool, str, int]] = []

    def slots(self) -> Sequence[HelperSlot]:
        """Return every slot."""
        self._answer()
        return [
            HelperSlot(
                slot=slot,
                port=f"pci-0000:00:14.0-usb-0:1.{slot[1:]}",
                device=None if slot in self.off and slot not in self.lying else device,
                serial="",
                powered=slot not in self.off,
                guarded=True,
                refused=None,
            )
            for slot, device in self.devices.items()
        ]

    def set_port_power(self, slot: str, *, on: bool, kind: CutKind, lease_s: int = 0) -> bool:
        """Switch a port."""
        self._answer()
        self.asked.append((slot, on, kind, lease_s))
        if slot not in self.devices:
            raise HelperRefused(f"there is no slot {slot}", slug="not-found")
        if slot in self.kept:
            raise HelperRefused(f"The camera in slot {slot} is writable: its port is not cut.")
        if slot in self.stuck:
            raise HelperRefused(f"The port of slot {slot} stayed.", slug="port-not-switchable")
        if on and self.off.get(slot) == "safety" and kind != "safety":
            reason = f"The port of slot {slot} is cut for safety."
            raise HelperRefused(reason, slug="cut-for-safety")
        if on:
            self.off.pop(slot, None)
        elif self.off.get(slot) != "safety":
            self.off[slot] = kind
        return on

    def _answer(self) -> None:
        if self.is_away:
            raise HelperUnreachable("nobody is there")
