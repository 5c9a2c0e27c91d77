"""Which ports are cut, remembered beside the daemon, so that somebody else can give them back.

A hub keeps its modes when dockd dies. The file lies in dockd's folder below /run: it outlives the
daemon and not the machine. `giving_back` reads it when the service has stopped.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from dockd.core.port_power import CutKind

_NAME: Final = "hub-cuts.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A port that is off, and whether for safety; ``ends_s`` is the loop's time, not kept."""

    port: int
    is_safety: bool
    ends_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Cuts:
    """The cuts that stand, by slot, of a hub at ``device`` with room for ``most_on`` cameras."""

    file: Path
    device: str
    most_on: int
    by_slot: dict[str, Cut] = field(default_factory=dict)

    @staticmethod
    def beside(folder: Path) -> Path:
        """Return where a daemon whose run-time folder is ``folder`` remembers its cuts."""
        return folder / _NAME

    def bear(self, most_on: int) -> None:
        """Take in a new budget."""
        if most_on != self.most_on:
            self.most_on = most_on
            self._write()

    def add(self, slot: str, cut: Cut) -> None:
        """Remember a cut that is about to be made: whoever dies in between leaves none unknown."""
        self.by_slot[slot] = cut
        self._write()

    def remove(self, slot: str) -> None:
        """Forget a cut that was given back."""
        if self.by_slot.pop(slot, None) is not None:
            self._write()

    def overdue(self, now_s: float) -> str | None:
        """Return the slot whose lease ended longest ago; one for safety never ends by itself."""
        ended = [
            (cut.ends_s, slot)
            for slot, cut in self.by_slot.items()
            if not cut.is_safety and cut.ends_s <= now_s
        ]
        return min(ended)[1] if ended else None

    def _write(self) -> None:
        known = {
            "device": self.device,
            "most_on": self.most_on,
            "cuts": {slot: asdict(cut) for slot, cut in self.by_slot.items()},
        }
        beside = self.file.with_suffix(".new")
        # Without it a cut can only be given back by the next start, which is no reason to refuse.
        with suppress(OSError):
            beside.write_text(json.dumps(known))
            beside.replace(self.file)


def remembered(file: Path) -> Cuts | None:
    """Return the cuts of an earlier daemon, their leases as good as ended; None where none are."""
    try:
        known: Mapping[str, Any] = json.loads(file.read_bytes())
        return Cuts(
            file=file,
            device=str(known["device"]),
            most_on=int(known["most_on"]),
            by_slot={
                str(slot): Cut(port=int(cut["port"]), is_safety=bool(cut["is_safety"]))
                for slot, cut in known["cuts"].items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def is_lease(kind: CutKind) -> bool:
    """Tell whether a cut ends with its lease (budget, hold) or by a safety decision alone."""
    return kind is not CutKind.SAFETY
