"""`dockd-give-back`: what a dead daemon's hub is told, by ExecStopPost= of its service.

A hub keeps its modes when nobody speaks to it: cameras whose ports were cut for the budget or a
hold would stay dark until dockd starts. Their power comes back one at a time and within the
budget; a port that was cut for safety stays cut until a safe reading or a person lifts that.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

from dockd.chargers.cambrionix.cuts import Cuts, remembered
from dockd.chargers.cambrionix.hub import Hub, Patience
from dockd.chargers.cambrionix.wire import Wire
from dockd.core.port_power import PortMode
from dockd.errors import ChargerUnreachable, PortNotSwitchable

_FOLDER: Final = Path("/run/dockd")
# The service manager waits 20 s in all: a hub of fifteen ports is done in less.
_PAUSE_S: Final = 0.5


async def give_back(file: Path, *, patience: Patience, pause_s: float) -> list[str]:
    """Give back the cuts of ``file`` that were leases; return what a person should read.

    Raises:
        ChargerUnreachable: the hub does not answer.
    """
    cuts = remembered(file)
    if cuts is None or all(cut.is_safety for cut in cuts.by_slot.values()):
        return []
    wire = Wire(Path(cuts.device), answer_within_s=patience.answer_s)
    try:
        return await _one_by_one(Hub(wire, patience=patience), cuts, pause_s=pause_s)
    finally:
        await wire.close()


async def _one_by_one(hub: Hub, cuts: Cuts, *, pause_s: float) -> list[str]:
    said: list[str] = []
    leases = [(slot, cut) for slot, cut in cuts.by_slot.items() if not cut.is_safety]
    room = cuts.most_on - (await hub.ports()).drawing
    for slot, cut in leases:
        if room <= 0:
            said.append(f"Slot {slot} stays off: the budget has no room for it.")
            continue
        try:
            await hub.put(cut.port, PortMode.SYNC, may_reboot=False)
        except PortNotSwitchable as error:
            said.append(f"Slot {slot} stays off: {error.reason}")
            continue
        room -= 1
        cuts.remove(slot)
        await asyncio.sleep(pause_s)
    return said


def main() -> int:
    """Run for the folder that is the argument, or /run/dockd; 1 where the hub does not answer."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else _FOLDER
    try:
        said = asyncio.run(give_back(Cuts.beside(folder), patience=Patience(), pause_s=_PAUSE_S))
    except ChargerUnreachable as error:
        sys.stderr.write(f"{error.reason} {error.next_step}\n")
        return 1
    sys.stderr.writelines(f"{line}\n" for line in said)
    return 0
