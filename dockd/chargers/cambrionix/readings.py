"""From what a hub says to what the stages hear: watts with their error, and troubles."""

from collections.abc import Iterator, Mapping
from typing import Final

from dockd.chargers.cambrionix.parsing import Health, Limits, Ports, PortState
from dockd.core.port_power import PortFault, PortReading
from dockd.core.printable import quoted
from dockd.ports.charger import ChargerTrouble

_NOMINAL_V: Final = 5.0
# Nothing published says how well a hub measures; it is taken to be no meter.
_METER_SHARE: Final = 0.05
# The voltage at the port is not the supply's, where the hub does not measure it there.
_SUPPLY_SHARE: Final = 0.1
_LEAST_ERROR_W: Final = 0.05
_LEAST_ERROR_WH: Final = 0.01


def port_reading(slot: str, state: PortState | None, *, supply_v: float | None) -> PortReading:
    """Return a slot's reading; everything is unknown where the hub's word is not believed."""
    if state is None:
        return PortReading(slot=slot, mode=None)
    volts = state.volts
    share = _METER_SHARE if volts is not None else _SUPPLY_SHARE
    power_w = (volts if volts is not None else supply_v or _NOMINAL_V) * state.current_ma / 1000
    return PortReading(
        slot=slot,
        mode=state.mode,
        is_attached=state.is_attached,
        power_w=power_w,
        power_error_w=power_w * share + _LEAST_ERROR_W,
        energy_wh=state.energy_wh,
        energy_error_wh=state.energy_wh * share + _LEAST_ERROR_WH,
        is_charged=state.is_charged,
        faults=state.faults,
    )


def troubles(
    slots: Mapping[str, int], ports: Ports, health: Health, limits: Limits
) -> Iterator[ChargerTrouble]:
    """Yield what a person should know; each stands for as long as its cause."""
    yield from _of_the_hub(ports, health, limits)
    doubted = {line.partition(",")[0].strip(): line for line in ports.refused}
    for slot, port in slots.items():
        line = doubted.pop(str(port), None)
        if line is not None:
            reason = f"The hub reports what cannot be of slot {slot}: {quoted(line)}."
            yield ChargerTrouble(slot=slot, slug="hub-nonsense", reason=reason)
        elif port not in ports.by_port:
            reason = f"The hub has no port {port}, which slot {slot} would be."
            yield ChargerTrouble(slot=slot, slug="port-not-switchable", reason=reason)
    for line in (*doubted.values(), *health.refused):
        yield _hub("hub-nonsense", f"The hub reports what cannot be: {quoted(line)}.")


def _of_the_hub(ports: Ports, health: Health, limits: Limits) -> Iterator[ChargerTrouble]:
    flags = sorted(health.flags & {"UV", "OV", "OT"})
    if flags or any(PortFault.HUB_ERROR in state.faults for state in ports.by_port.values()):
        known = f" ({', '.join(flags)})" if flags else ""
        yield _hub("hub-error", f"The hub is in error{known} and refuses to switch its ports.")
    now_c, most_c = health.temperature_c, limits.hottest_c
    if now_c is not None and most_c is not None and now_c >= most_c:
        yield _hub("hub-error", f"The hub is hotter than its limit of {most_c} C.")


def _hub(slug: str, reason: str) -> ChargerTrouble:
    return ChargerTrouble(slot="", slug=slug, reason=reason)
