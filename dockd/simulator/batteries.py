"""A rack of simulated batteries: what its ports deliver, and what becomes of the charge.

The charging is that of lithium-ion cells as Battery University describes it (BU-409, "Charging
Lithium-ion"): 0.5 to 1 C in the first phase, about three hours in all, full when the voltage
threshold is reached and the current is down to about 3 % of the rated one, which is 6 % of the
first phase's at 0.5 C. Approximated, and not from that text: the first phase ends at 85 % of the
charge, the power follows the current, and energy becomes charge at one efficiency. Ageing is a
plain loss of capacity. These numbers were fixed before the planner was tuned, and are not those
that it assumes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from dockd.core.battery import BatteryReading, ChargeSource
from dockd.core.charge_curve import ChargeCurve, percent_after, power_w_at
from dockd.core.charge_words import Presence, SlotView
from dockd.core.port_power import PortMode, PortReading

_CONSTANT_CURRENT_UNTIL_PERCENT: Final = 85.0
_ENDS_AT: Final = 0.06
_NOMINAL_WH: Final = 15.0
_EFFICIENCY: Final = 0.85
_POWER_W: Final = 6.5
# A camera that is docked runs: what it uses comes from the port, beside the battery.
_RUNS_AT_W: Final = 0.6
_FULL_PERCENT: Final = 99.5
_ENUMERATES_S: Final = 4.0
_HIGH_PERCENT: Final = 80.0


@dataclass(slots=True, kw_only=True)
class Battery:
    """One camera's battery: how it really charges, and how full it really is."""

    camera: str
    curve: ChargeCurve
    percent: float

    def draws_w(self) -> float:
        """Return what it takes from its port now, the running camera included."""
        charging_w = 0.0 if self.percent >= _FULL_PERCENT else power_w_at(self.curve, self.percent)
        return charging_w + _RUNS_AT_W

    def charge(self, seconds: float) -> None:
        """Charge it for a time."""
        if self.percent < _FULL_PERCENT:
            self.percent = percent_after(self.curve, from_percent=self.percent, seconds=seconds)


def batteries(count: int, *, dice: Random) -> list[Battery]:
    """Return cameras of one kind, each of its own age, at half of their charge."""
    made = []
    for number in range(count):
        # Half a year to three years old, a twelfth of the capacity lost per year.
        left = 1 - dice.uniform(0.5, 3.0) / 12
        curve = ChargeCurve(
            full_wh=_NOMINAL_WH * left / _EFFICIENCY,
            power_w=_POWER_W * dice.uniform(0.92, 1.0),
            taper_from_percent=_CONSTANT_CURRENT_UNTIL_PERCENT,
            end_fraction=_ENDS_AT,
        )
        made.append(Battery(camera=f"BWC-{number:06}", curve=curve, percent=50.0))
    return made


@dataclass(slots=True, kw_only=True)
class Bay:
    """One slot of the simulated rack."""

    battery: Battery | None = None
    is_on: bool = True
    on_for_s: float = 0.0
    reads_left_s: float = 0.0
    energy_wh: float = 0.0
    known: BatteryReading | None = None


@dataclass(slots=True, kw_only=True)
class SimulatedRack:
    """Ports that are switched, cameras that come and go, and what was drawn.

    Attributes:
        bays: By slot.
        gauge_error_percent: How far a camera's own reading may be off; None: it gives none.
        peak_w: The most that all ports delivered at once.
        high_wh: What was charged into batteries that were above 80 %.
        high_s: Camera-seconds in the rack above 80 %.
    """

    bays: dict[str, Bay]
    dice: Random
    gauge_error_percent: float | None = 3.0
    peak_w: float = 0.0
    high_wh: float = 0.0
    high_s: float = 0.0
    temperature_c: float = 22.0
    _bias: dict[str, float] = field(default_factory=dict)

    def dock(self, slot: str, battery: Battery, *, reads_s: float) -> None:
        """Put a camera in, with footage that takes a time to copy."""
        bay = self.bays[slot]
        self.bays[slot] = replace(
            bay, battery=battery, reads_left_s=reads_s, energy_wh=0.0, known=None, on_for_s=0.0
        )

    def undock(self, slot: str) -> Battery | None:
        """Take a camera out."""
        bay = self.bays[slot]
        self.bays[slot] = Bay(is_on=bay.is_on, on_for_s=bay.on_for_s)
        return bay.battery

    def switch(self, modes: Mapping[str, PortMode]) -> None:
        """Switch ports, cuts first."""
        for slot, mode in sorted(modes.items(), key=lambda each: each[1] is not PortMode.OFF):
            bay = self.bays[slot]
            if bay.is_on != (mode is not PortMode.OFF):
                bay.is_on, bay.on_for_s = not bay.is_on, 0.0
            self.peak_w = max(self.peak_w, self.drawn_w())

    def drawn_w(self) -> float:
        """Return what all ports deliver now."""
        on = (bay.battery for bay in self.bays.values() if bay.is_on)
        return sum(battery.draws_w() for battery in on if battery is not None)

    def step(self, seconds: float) -> None:
        """Let time pass."""
        self.peak_w = max(self.peak_w, self.drawn_w())
        for bay in self.bays.values():
            battery = bay.battery
            if bay.is_on:
                bay.on_for_s += seconds
            if battery is None:
                continue
            if battery.percent > _HIGH_PERCENT:
                self.high_s += seconds
            if bay.is_on:
                wh = battery.draws_w() * seconds / 3600
                bay.energy_wh += wh
                self.high_wh += wh if battery.percent > _HIGH_PERCENT else 0.0
                battery.charge(seconds)
                bay.reads_left_s = max(0.0, bay.reads_left_s - seconds)

    def views(self) -> list[SlotView]:
        """Return what the station sees of its slots."""
        return [self._view(slot, bay) for slot, bay in self.bays.items()]

    def _view(self, slot: str, bay: Bay) -> SlotView:
        mode = PortMode.SYNC if bay.is_on else PortMode.OFF
        port = PortReading(slot=slot, mode=mode)
        if not bay.is_on or bay.on_for_s < _ENUMERATES_S:
            return SlotView(
                slot=slot,
                presence=Presence.UNKNOWN,
                port=port,
                charge=bay.known,
                temperature_c=self.temperature_c,
            )
        if bay.battery is None:
            bay.known = None
            return SlotView(
                slot=slot, presence=Presence.EMPTY, port=port, temperature_c=self.temperature_c
            )
        bay.known = self._gauge(bay.battery)
        return SlotView(
            slot=slot,
            presence=Presence.CAMERA,
            camera=bay.battery.camera,
            is_busy=bay.reads_left_s > 0,
            needs_reading=bay.reads_left_s > 0,
            port=port,
            charge=bay.known,
            temperature_c=self.temperature_c,
        )

    def misread(self, camera: str, *, percent: float) -> None:
        """Have a camera's gauge be off by so much, of either sign."""
        self._bias[camera] = percent

    def _gauge(self, battery: Battery) -> BatteryReading | None:
        error = self.gauge_error_percent
        if error is None:
            return None
        bias = self._bias.setdefault(battery.camera, self.dice.uniform(-error, error))
        shown = min(100.0, max(0.0, battery.percent + bias))
        return BatteryReading(percent=shown, error_percent=error, source=ChargeSource.CAMERA)


def rack(slots: Iterable[str], *, dice: Random, gauge_error_percent: float | None) -> SimulatedRack:
    """Return an empty rack with every port on."""
    return SimulatedRack(
        bays={slot: Bay() for slot in slots}, dice=dice, gauge_error_percent=gauge_error_percent
    )
