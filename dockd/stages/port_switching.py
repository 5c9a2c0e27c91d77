"""What the charge plan ordered, carried out on the ports, and what became of it there.

A port is cut in its slot's turn (`slot_power`), so never while its camera is read or wiped. Cuts
go first, and nothing is given back in a turn in which one of them did not come about: the budget
holds in between as well. What cannot be switched is on for good, and counted so.
"""

from collections.abc import Sequence
from typing import Final

from dockd.core.charge_words import PortOrder
from dockd.core.port_power import CutKind, PortMode
from dockd.errors import (
    ChargerUnreachable,
    CutForSafety,
    DockdError,
    HelperRefused,
    PortNotSwitchable,
)
from dockd.ports.charger import Charger, ChargerReading
from dockd.ports.clock import Clock
from dockd.stages.board import SlotBoard
from dockd.stages.slot_power import SlotPower

# A camera whose read is stuck in the kernel for so long is not being read any more.
GIVE_WAY_S: Final = 60.0
_TRY_AGAIN_S: Final = 3600.0
# A safety cut that an earlier dockd made is lifted only after so long, and if nothing speaks
# against it then: what was wrong is not known any more, and nothing may measure it here.
COOLS_WITHIN_S: Final = 3600.0
_CUT_OFF: Final = f"Work with its camera was asked to end and had not {GIVE_WAY_S:g} s later."


class PortSwitching:
    """The ports of one charger: which are cut, which do not follow, and which were found cut.

    ``lease_s`` is how long a cut outlives the daemon, and may be replaced at any time.
    """

    def __init__(
        self, charger: Charger, *, board: SlotBoard, power: SlotPower, clock: Clock, lease_s: int
    ) -> None:
        """Switch nothing yet."""
        self._charger = charger
        self._board = board
        self._power = power
        self._clock = clock
        self.lease_s = lease_s
        self._renewed_s: dict[str, float] = {}
        self._stuck_until_s: dict[str, float] = {}
        self._found_s: dict[str, float] = {}
        self._cut_off: set[str] = set()
        self._without_data: set[str] = set()

    def agree_with(self, reading: ChargerReading) -> None:
        """Go by the ports as they are: a lease may have ended, or another dockd have cut one."""
        now_s = self._clock.monotonic_s()
        for trouble in reading.troubles:
            if trouble.slug == PortNotSwitchable.slug and trouble.slot:
                self._stuck_until_s[trouble.slot] = now_s + _TRY_AGAIN_S
        # A charging hub begins with power and no data, and in that nobody is ever seen.
        self._without_data = {
            slot for slot, port in reading.ports.items() if port.mode is PortMode.CHARGE
        }
        for slot, port in reading.ports.items():
            if port.mode is PortMode.OFF and not self._power.is_cut(slot):
                self._power.found_cut(slot, CutKind.SAFETY)
                self._found_s[slot] = now_s
                self._board.cut(slot)
            elif port.mode is PortMode.SYNC and self._power.is_cut(slot):
                self._have_power(slot)

    def stuck(self) -> frozenset[str]:
        """Return the slots whose ports do not follow; each is tried again after an hour."""
        now_s = self._clock.monotonic_s()
        for slot in [slot for slot, until_s in self._stuck_until_s.items() if until_s <= now_s]:
            del self._stuck_until_s[slot]
        return frozenset(self._stuck_until_s)

    def given_up(self) -> frozenset[str]:
        """Return the slots in which work was asked to end, and has not for too long."""
        return self._power.asked_before(self._clock.monotonic_s() - GIVE_WAY_S)

    def release(self, slot: str) -> None:
        """Have a cut that was found given back as one for safety at once: a person says so."""
        self._found_s.pop(slot, None)

    async def carry_out(self, orders: Sequence[PortOrder]) -> dict[tuple[str, str], str]:
        """Do what was decided; return what went wrong, by slug and slot."""
        wrong: dict[tuple[str, str], str] = {}
        may_restore = True
        self._power.go_on_where_idle(but={order.slot for order in orders})
        for order in orders:
            try:
                done = await self._obey(order, may_restore=may_restore)
            except DockdError as error:
                done = False
                wrong[error.slug, order.slot] = error.reason
                if isinstance(error, PortNotSwitchable):
                    until_s = self._clock.monotonic_s() + _TRY_AGAIN_S
                    self._stuck_until_s[order.slot] = until_s
            may_restore = may_restore and (done or order.mode is PortMode.SYNC)
        for slot in self._stuck_until_s:
            if self._power.is_cut(slot):
                await self._give_up(slot, wrong)
        return wrong | {("cut-while-busy", slot): _CUT_OFF for slot in self._cut_off}

    async def _obey(self, order: PortOrder, *, may_restore: bool) -> bool:
        """Do one thing; return whether it is as it should be."""
        slot = order.slot
        if order.quiesce:
            self._power.ask_to_yield(slot, now_s=self._clock.monotonic_s())
        elif order.mode is not PortMode.SYNC:
            return await self._cut(order)
        elif self._power.is_cut(slot):
            if may_restore:
                await self._restore(order)
        elif slot in self._without_data:
            await self._charger.switch(slot, PortMode.SYNC, kind=order.kind, lease_s=0)
        else:
            self._power.go_on(slot)
        return True

    async def _cut(self, order: PortOrder) -> bool:
        """Cut a port, or renew its lease; return whether it is off."""
        slot, now_s = order.slot, self._clock.monotonic_s()
        in_force = self._power.cuts().get(slot)
        # What was cut for safety stays so until it is given back as that, whatever keeps it dark.
        kind = in_force if in_force is CutKind.SAFETY else order.kind
        if in_force is kind and now_s - self._renewed_s.get(slot, 0) < self._renew_s:
            return True
        is_forced = order.kind is CutKind.SAFETY and slot in self.given_up()
        if in_force is None and self._power.is_at_work(slot) and not is_forced:
            # Begun since the plan was told that it was idle: the next turn decides anew.
            return False
        try:
            async with self._power.cutting(slot, kind, is_forced=is_forced):
                await self._charger.switch(slot, order.mode, kind=order.kind, lease_s=self.lease_s)
        except DockdError:
            if in_force is None:
                self._have_power(slot)
            raise
        self._renewed_s[slot] = now_s
        if in_force is None:
            if self._power.is_at_work(slot):
                self._cut_off.add(slot)
            self._board.cut(slot)
        return True

    @property
    def _renew_s(self) -> float:
        # Twice before it ends, so that one answer that does not come gives nothing back.
        return self.lease_s / 3

    async def _restore(self, order: PortOrder) -> None:
        kind = self._kind_of_cut(order.slot)
        await self._charger.switch(order.slot, PortMode.SYNC, kind=kind, lease_s=0)
        self._have_power(order.slot)

    def _kind_of_cut(self, slot: str) -> CutKind:
        """Return as what a cut is to be ended.

        One that was found may have had a reason that nobody can look at now: as long as a battery
        takes to cool it is given back only if it was a lease; the charger refuses if it was not.
        """
        found_s = self._found_s.get(slot)
        if found_s is not None and self._clock.monotonic_s() - found_s < COOLS_WITHIN_S:
            return CutKind.BUDGET
        return self._power.cuts()[slot]

    async def _give_up(self, slot: str, wrong: dict[tuple[str, str], str]) -> None:
        """Have power where a cut is only said to be one, and nobody would look at the camera."""
        kind = self._kind_of_cut(slot)
        try:
            await self._charger.switch(slot, PortMode.SYNC, kind=kind, lease_s=0)
        except (PortNotSwitchable, CutForSafety, HelperRefused, ChargerUnreachable) as error:
            wrong.setdefault((error.slug, slot), error.reason)
        else:
            self._have_power(slot)

    def _have_power(self, slot: str) -> None:
        self._renewed_s.pop(slot, None)
        self._found_s.pop(slot, None)
        self._cut_off.discard(slot)
        self._power.restored(slot, now_s=self._clock.monotonic_s())
        if not self._power.is_awaited(slot):
            self._board.has_power(slot)
