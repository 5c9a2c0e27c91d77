"""A rack that is charged: a charger for the rig's slots, and a station whose turns a test takes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from dockd.core import facts
from dockd.core.charge_curve import ChargeCurve, power_w_at
from dockd.core.charge_words import PlanPolicy
from dockd.core.port_power import CutKind, Light, PortFault, PortMode, PortReading
from dockd.core.slot import SlotState
from dockd.errors import ChargerUnreachable, CutForSafety, PortNotSwitchable, SpoolFull
from dockd.ports.charger import ChargerReading, ChargerTrouble
from dockd.stages.charge import Charge, ChargePolicy
from tests.stages.rig import Rig, rig_at, until

CAMERA_W = 7.5
FOR_ONE, FOR_BOTH = 8.0, 20.0


class RackCharger:
    """Switches the ports of the rig's rack: a camera without power is gone from it."""

    def __init__(self, rig: Rig, *slots: str) -> None:
        self.rig = rig
        self.cameras: dict[str, str | None] = dict.fromkeys(slots)
        self.off: dict[str, CutKind] = {}
        self.stuck: set[str] = set()
        self.lying: set[str] = set()
        self.found_stuck: set[str] = set()
        self.without_data: set[str] = set()
        self.percent: dict[str, float] = {}
        self.watts: dict[str, float] = {}
        self.faults: dict[str, frozenset[PortFault]] = {}
        self.temperature_c: float | None = None
        self.is_away = False
        self.switched: list[tuple[str, PortMode]] = []
        self.lights: dict[str, Light] = {}
        self.most_on: int | None = None

    @property
    def switchable(self) -> frozenset[PortMode]:
        return frozenset({PortMode.SYNC, PortMode.OFF})

    async def read(self) -> ChargerReading:
        if self.is_away:
            raise ChargerUnreachable("nobody is there")
        ports = {
            slot: PortReading(
                slot=slot,
                mode=self.mode(slot),
                is_attached=None if slot in self.off else camera is not None,
                power_w=self.watts_of(slot),
                power_error_w=None if self.watts_of(slot) is None else 0.02,
                faults=self.faults.get(slot, frozenset()),
            )
            for slot, camera in self.cameras.items()
        }
        found_out = tuple(
            ChargerTrouble(
                slot=slot, slug=PortNotSwitchable.slug, reason="its device is still there"
            )
            for slot in self.cameras
            if slot in self.found_stuck or (slot in self.off and slot in self.lying)
        )
        return ChargerReading(ports=ports, temperature_c=self.temperature_c, troubles=found_out)

    def watts_of(self, slot: str) -> float | None:
        """Return what the port of a camera of a known charge delivers."""
        if slot in self.watts:
            return self.watts[slot]
        if slot not in self.percent or slot in self.off:
            return None
        return power_w_at(ChargeCurve(), self.percent[slot])

    def mode(self, slot: str) -> PortMode:
        if slot in self.off:
            return PortMode.OFF
        return PortMode.CHARGE if slot in self.without_data else PortMode.SYNC

    def refuse(self, slot: str, mode: PortMode, *, kind: CutKind) -> None:
        """Refuse what a real one would."""
        if self.is_away:
            raise ChargerUnreachable("nobody is there")
        if slot in self.stuck:
            raise PortNotSwitchable(f"the port of slot {slot} stayed", slot=slot)
        is_safe = self.off.get(slot) is CutKind.SAFETY and kind is not CutKind.SAFETY
        if mode is not PortMode.OFF and is_safe:
            raise CutForSafety(f"the port of slot {slot} is cut for safety", slot=slot)

    async def switch(self, slot: str, mode: PortMode, *, kind: CutKind, lease_s: int) -> None:
        del lease_s
        self.refuse(slot, mode, kind=kind)
        was_off = slot in self.off
        self.switched.append((slot, mode))
        if mode is PortMode.OFF:
            # As with every real one, what is cut for safety stays so.
            if self.off.get(slot) is not CutKind.SAFETY:
                self.off[slot] = kind
            if not was_off and self.cameras[slot] is not None and slot not in self.lying:
                self.rig.rack.undock(slot)
        elif was_off:
            del self.off[slot]
        if mode is PortMode.SYNC and (was_off or slot in self.without_data):
            self.without_data.discard(slot)
            if (camera := self.cameras[slot]) is not None and slot not in self.lying:
                self.rig.rack.dock(slot, camera)

    def keep_within(self, *, most_on: int) -> None:
        self.most_on = most_on

    async def light(self, slot: str, light: Light) -> None:
        self.lights[slot] = light

    async def close(self) -> None:
        return

    def put_in(self, slot: str, camera: str) -> None:
        """Put a camera into a slot; without power nobody sees it."""
        self.cameras[slot] = camera
        if self.mode(slot) is PortMode.SYNC:
            self.rig.rack.dock(slot, camera)

    def take_out(self, slot: str) -> None:
        """Take it out again."""
        self.cameras[slot] = None
        if slot not in self.off:
            self.rig.rack.undock(slot)


class Station:
    """A rig with a charger, whose turns the test takes."""

    def __init__(self, rig: Rig, charger: RackCharger, *, budget_w: float) -> None:
        self.rig = rig
        self.charger = charger
        self.charge = Charge(
            charger,
            ledger=rig.ledger,
            board=rig.board,
            power=rig.slot_power,
            problems=rig.problems,
            clock=rig.clock,
            policy=ChargePolicy(plan=PlanPolicy(budget_w=budget_w, camera_w=CAMERA_W)),
        )

    def film(self, slot: str, camera: str) -> Path:
        """Put a clip on a camera that belongs in a slot."""
        clip = self.rig.rack.folder(slot, camera) / "DCIM/clip.mp4"
        clip.parent.mkdir(parents=True, exist_ok=True)
        clip.write_bytes(camera.encode() * 1000)
        return clip

    def state(self, slot: str) -> SlotState:
        """Return what a slot shows."""
        return {one.slot: one.state for one in self.rig.board.snapshots()}[slot]

    def kinds(self, kind: str) -> int:
        """Count the facts of exactly a kind."""
        return sum(fact.kind == kind for fact in self.rig.committed)

    async def turns_until(self, holds: Callable[[], bool], *, what: str) -> None:
        """Take turns, three seconds each, until something is so; an hour at most."""
        for _ in range(1200):
            if holds():
                return
            await self.charge.turn()
            await self.rig.clock.sleep(3.0)
        raise AssertionError(f"it never came about that {what}")

    def give_both(self) -> None:
        """Have the budget suffice for both."""
        plan = PlanPolicy(budget_w=FOR_BOTH, camera_w=CAMERA_W)
        self.charge.policy = ChargePolicy(plan=plan)

    async def ready(self, slot: str, *, more_than: int) -> None:
        """Wait for one more docking than there were, and for its slot to be ready."""
        await until(lambda: self.kinds("docked") > more_than, what="it is docked")
        await until(lambda: self.state(slot) is SlotState.READY, what="it is ready")

    async def offloaded(self, count: int) -> None:
        """Wait for dockings to be offloaded and at rest."""
        await until(
            lambda: (
                self.rig.count(facts.DockingOffloaded) >= count
                and not any(map(self.rig.slot_power.is_at_work, self.charger.cameras))
            ),
            what="they are offloaded",
        )


@asynccontextmanager
async def station(folder: Path, *, budget_w: float) -> AsyncIterator[Station]:
    """Lend a station with the slots A1 and A2, of which nothing runs yet."""
    async with rig_at(folder) as rig:
        yield Station(rig, RackCharger(rig, "A1", "A2"), budget_w=budget_w)


async def one_cut(it: Station) -> tuple[str, str]:
    """Have both slots filled and offloaded, and one cut; return that slot and the other."""
    for slot in ("A1", "A2"):
        it.film(slot, f"CAM-{slot}")
        it.charger.put_in(slot, f"CAM-{slot}")
    await it.offloaded(2)
    await it.turns_until(lambda: bool(it.charger.off), what="one of two is cut")
    (cut,) = it.charger.off
    await until(lambda: it.kinds("docking-paused") == 1, what="its docking pauses")
    return cut, "A1" if cut == "A2" else "A2"


def unrecordable(it: Station, kind: type[facts.Fact], *, times: int) -> list[facts.Fact]:
    """Have the ledger refuse a kind of fact so often; return what it refused so far."""
    record = it.rig.ledger.record
    refused: list[facts.Fact] = []

    async def refusing(*recorded: facts.Fact) -> None:
        if len(refused) < times and any(isinstance(one, kind) for one in recorded):
            refused.extend(one for one in recorded if isinstance(one, kind))
            raise SpoolFull("the disk is full")
        await record(*recorded)

    it.rig.ledger.record = refusing  # type: ignore[method-assign]  # until the rig is gone
    return refused
