"""Who has a slot's turn: the docking that reads or wipes its camera, or whoever cuts its power.

A port's power takes the camera's data with it, so both never happen at once: whoever works with a
camera has the slot's turn, and a cut waits for it, then keeps it from before the decision is
looked at again until the port was switched (DESIGN.md section 4: an offload is never interrupted).

What leaves a slot because dockd switched it off has not been undocked: its docking pauses, and is
continued when the same camera shows itself there again. Each stretch has an id of its own all the
same. Nobody watched in between, so no stretch vouches for what was hashed in another.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

from dockd.core.port_power import CutKind

# From power to a sighting: enumeration took 3 s behind a full-speed hub (measured in the rack).
BACK_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """A camera whose docking pauses because its slot was switched off."""

    slot: str
    camera: str
    docking: str


@dataclass(frozen=True, slots=True)
class _Awaited:
    """A camera that should be back by ``until_s``, its slot having power again."""

    paused: Paused
    until_s: float


class SlotPower:
    """The turns of all slots, and what dockd itself took away from which of them."""

    def __init__(self) -> None:
        """Begin with power everywhere."""
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._free: defaultdict[str, asyncio.Event] = defaultdict(_set)
        self._engaged: set[str] = set()
        self._asked_s: dict[str, float] = {}
        self._cuts: dict[str, CutKind] = {}
        self._paused: dict[str, Paused] = {}
        self._awaited: dict[str, _Awaited] = {}
        self._vacated: set[str] = set()

    @asynccontextmanager
    async def work(self, slot: str) -> AsyncIterator[None]:
        """Have a slot's turn to read its camera or to write to it; waits while it is cut."""
        while True:
            await self._free[slot].wait()
            async with self._turns[slot]:
                # Cut, or to be cut, while this waited for its turn: then it waits on.
                if self._free[slot].is_set():
                    yield
                    return

    def is_at_work(self, slot: str) -> bool:
        """Return whether somebody works with the slot's camera now."""
        return self._turns[slot].locked() or slot in self._engaged

    @contextmanager
    def engaged(self, slot: str) -> Iterator[None]:
        """Count as at work without a turn: between a stay's first two, and while it ends.

        A camera that was opened is about to be read. One whose stay was cancelled gave up its turn
        at once, and its thread may still be writing. No coroutine: nothing may come in between.
        """
        self._engaged.add(slot)
        try:
            yield
        finally:
            self._engaged.discard(slot)

    def ask_to_yield(self, slot: str, *, now_s: float) -> None:
        """Ask whoever works in a slot to stop at the next read, and let nobody begin."""
        self._asked_s.setdefault(slot, now_s)
        self._free[slot].clear()

    def asked_before(self, then_s: float) -> frozenset[str]:
        """Return the slots that were asked to yield before a moment, and are still waited for.

        Nobody began there since: work that was not asked is in none of them.
        """
        return frozenset(slot for slot, asked_s in self._asked_s.items() if asked_s < then_s)

    def must_yield(self, slot: str) -> bool:
        """Return whether work in a slot has to end at its next read; asked by its threads."""
        return not self._free[slot].is_set()

    @asynccontextmanager
    async def cutting(
        self, slot: str, kind: CutKind, *, is_forced: bool = False
    ) -> AsyncIterator[None]:
        """Have a slot's turn to switch it off; what raises within leaves it with its power.

        ``is_forced`` does without the turn: a read that never comes back must not keep a camera
        that burns on its power.
        """
        turn = nullcontext() if is_forced else self._turns[slot]
        async with turn:
            before = self._cuts.get(slot)
            # Said before the port is switched: whatever disappears from now on was cut.
            self._goes_dark(slot, kind)
            try:
                yield
            except BaseException:
                if before is None:
                    del self._cuts[slot]
                    # A read that hangs stays asked; whoever begins after any other was not.
                    if not (is_forced and self.is_at_work(slot)):
                        self.go_on(slot)
                else:
                    self._cuts[slot] = before
                raise
            self._asked_s.pop(slot, None)

    def go_on(self, slot: str) -> None:
        """Take back what `ask_to_yield` asked for; a slot that is cut stays so."""
        self._asked_s.pop(slot, None)
        self._let_begin(slot)

    def go_on_where_idle(self, *, but: Collection[str] = ()) -> None:
        """Let work begin where it gave way and no cut follows; `but`: slots with an order."""
        for slot in self._asked_s.keys() - but:
            if not self.is_at_work(slot):
                self.go_on(slot)

    def _let_begin(self, slot: str) -> None:
        if slot not in self._cuts and slot not in self._asked_s:
            self._free[slot].set()

    def found_cut(self, slot: str, kind: CutKind) -> None:
        """Take over a cut that this dockd did not make, and knows no camera of."""
        self._asked_s.pop(slot, None)
        self._goes_dark(slot, kind)

    def _goes_dark(self, slot: str, kind: CutKind) -> None:
        self._free[slot].clear()
        self._cuts[slot] = kind
        # Nobody shows itself in the dark: a camera that is awaited is awaited anew later.
        if (awaited := self._awaited.pop(slot, None)) is not None:
            self._paused[slot] = awaited.paused

    def restored(self, slot: str, *, now_s: float) -> None:
        """A slot has power again; its camera is awaited."""
        self._cuts.pop(slot, None)
        self._vacated.discard(slot)
        if (paused := self._paused.pop(slot, None)) is not None:
            self._awaited[slot] = _Awaited(paused, until_s=now_s + BACK_WITHIN_S)
        self._let_begin(slot)

    def cuts(self) -> dict[str, CutKind]:
        """Return which slots are cut, and why."""
        return dict(self._cuts)

    def is_cut(self, slot: str) -> bool:
        """Return whether a slot is switched off, or is being switched off."""
        return slot in self._cuts

    def is_awaited(self, slot: str) -> bool:
        """Return whether a slot has power again and its camera has yet to show itself."""
        return slot in self._awaited

    def is_vacated(self, slot: str) -> bool:
        """Return whether the camera of a slot that is cut was seen elsewhere since."""
        return slot in self._vacated

    def pause(self, paused: Paused) -> None:
        """A docking pauses; its slot is cut."""
        self._paused[paused.slot] = paused

    def away(self) -> tuple[Paused, ...]:
        """Return the cameras whose dockings pause, be their slots still cut or not."""
        return (*self._paused.values(), *(one.paused for one in self._awaited.values()))

    def seen(self, slot: str, camera: str) -> tuple[Paused | None, Sequence[Paused]]:
        """Take in that a camera is in a slot.

        Returns whose docking it continues, None if nobody's, and those that are found to have left
        while nobody could see it: a camera is where it was seen last.
        """
        here = [
            *(one for one in self._paused.values() if camera == one.camera or slot == one.slot),
            *(
                one.paused
                for one in self._awaited.values()
                if camera == one.paused.camera or slot == one.paused.slot
            ),
        ]
        for one in here:
            self._forget(one)
        continued = [one for one in here if (one.slot, one.camera) == (slot, camera)]
        left = [one for one in here if one not in continued]
        self._vacated.update(one.slot for one in left if one.slot in self._cuts)
        return (continued[0] if continued else None), left

    def overdue(self, *, now_s: float) -> Sequence[Paused]:
        """Return those that did not come back with the power, and forget them."""
        late = [one.paused for one in self._awaited.values() if one.until_s <= now_s]
        for one in late:
            self._forget(one)
        return late

    def unsaid(self, away: Iterable[Paused], *, now_s: float) -> None:
        """Take back cameras of which nobody could record that they are back, or have left."""
        for one in away:
            self._vacated.discard(one.slot)
            if one.slot in self._cuts:
                self._paused.setdefault(one.slot, one)
            else:
                self._awaited.setdefault(one.slot, _Awaited(one, until_s=now_s))

    def _forget(self, paused: Paused) -> None:
        if self._paused.get(paused.slot) == paused:
            del self._paused[paused.slot]
        if paused.slot in self._awaited and self._awaited[paused.slot].paused == paused:
            del self._awaited[paused.slot]


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event
