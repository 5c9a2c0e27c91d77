"""What a hub's answers mean; pure, and anything that cannot be so is refused and told apart.

Source: Cambrionix, Command Line Interface User Manual (2023): state, health, limits, id, errors.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dockd.core.port_power import PortFault, PortMode

_MOST_PORTS: Final = 64
_MOST_MA: Final = 6_000
_MOST_10_MV: Final = 2_200
_MOST_WH: Final = 1_000.0
_COLDEST_C: Final = -30.0
_HOTTEST_C: Final = 125.0
_LEAST_V: Final = 3.0
_MOST_V: Final = 6.5
_MV_PER_V: Final = 1_000

_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_FLAGS: Final = re.compile(r"[A-Za-z-](?: [A-Za-z-])*", re.ASCII)
_ERROR: Final = re.compile(r"\*(?:FATAL )?(?:ERROR )?E(\d{3})\b", re.ASCII | re.IGNORECASE)
# The one flag of what a port does. Biased is neither charging nor data, so it is not known.
_MODES: Final[Mapping[str, PortMode | None]] = {
    "O": PortMode.OFF,
    "S": PortMode.SYNC,
    "B": None,
    "I": PortMode.CHARGE,
    "P": PortMode.CHARGE,
    "C": PortMode.CHARGE,
    "F": PortMode.CHARGE,
}
# Case counts: R is "the hub rebooted", r "VBUS was reset".
_FAULTS: Final = {
    "T": PortFault.THEFT,
    "E": PortFault.HUB_ERROR,
    "e": PortFault.PORT_FAULT,
    "r": PortFault.WAS_RESET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PortState:
    """One line of ``state``; ``volts`` only where the hub measures them (PDSync)."""

    port: int
    mode: PortMode | None
    is_attached: bool | None
    current_ma: int
    volts: float | None
    profile: int | None
    energy_wh: float
    is_charged: bool
    rebooted: bool
    faults: frozenset[PortFault]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """An answer to ``state``: what is believed by port, and the lines that are not."""

    by_port: Mapping[int, PortState]
    refused: Sequence[str]

    @property
    def drawing(self) -> int:
        """How many ports power a camera, or may."""
        return sum(
            state.mode is not PortMode.OFF and state.is_attached is not False
            for state in self.by_port.values()
        )

    @property
    def is_connecting(self) -> bool:
        """Whether a camera has a data connection that a reboot of the hub would break."""
        return any(
            state.mode is PortMode.SYNC and state.is_attached is not False
            for state in self.by_port.values()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """An answer to ``health``; None is what it does not say, ``refused`` what cannot be."""

    volts: float | None = None
    temperature_c: float | None = None
    flags: frozenset[str] = frozenset()
    rebooted: bool = False
    refused: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """An answer to ``limits``: where the hub itself gives up, in volts and degrees Celsius."""

    least_v: float | None = None
    most_v: float | None = None
    hottest_c: float | None = None


def error_code(lines: Iterable[str]) -> str | None:
    """Return the hub's error in an answer, as ``E422``; None where it has none."""
    for line in lines:
        found = _ERROR.search(line)
        if found:
            return f"E{found[1]}"
    return None


def identity(lines: Iterable[str]) -> Mapping[str, str]:
    """Return the fields of an answer to ``id``."""
    pairs = (part.partition(":") for line in lines for part in line.split(","))
    return {key.strip().lower(): value.strip() for key, colon, value in pairs if colon}


def ports(lines: Iterable[str]) -> Ports:
    """Return what an answer to ``state`` says; a port that is told of twice is not believed."""
    found: dict[int, PortState] = {}
    refused: list[str] = []
    doubtful: set[int] = set()
    for line in lines:
        state = _port(line)
        if state is None:
            refused.append(line)
        elif state.port in found:
            doubtful.add(state.port)
            refused.append(line)
        else:
            found[state.port] = state
    believed = {port: state for port, state in found.items() if port not in doubtful}
    return Ports(by_port=believed, refused=refused)


def _port(line: str) -> PortState | None:
    fields = [part.strip() for part in line.split(",")]
    if len(fields) != 7:  # noqa: PLR2004 - both kinds of hub have seven fields
        return None
    # The flags stand third or fourth: the one field that is letters tells the hub's kind.
    if _FLAGS.fullmatch(fields[2]):
        number, current, flags, profile = fields[0], fields[1], fields[2], fields[3]
        volts = None
    elif _FLAGS.fullmatch(fields[3]):
        number, current, flags, profile = fields[0], fields[2], fields[3], ""
        volts = _whole(fields[1], most=_MOST_10_MV)
        if volts is None:
            return None
    else:
        return None
    return _believed(
        port=_whole(number, most=_MOST_PORTS),
        current_ma=_whole(current, most=_MOST_MA),
        energy_wh=_decimal(fields[6], least=0.0, most=_MOST_WH),
        volts=None if volts is None else volts / 100,
        profile=_whole(profile, most=6),
        flags=flags.split(),
    )


def _believed(
    *,
    port: int | None,
    current_ma: int | None,
    energy_wh: float | None,
    volts: float | None,
    profile: int | None,
    flags: Sequence[str],
) -> PortState | None:
    modes = [flag for flag in flags if flag in _MODES]
    attached = {"A": True, "D": False}
    presence = [attached[flag] for flag in flags if flag in attached]
    if not port or current_ma is None or energy_wh is None:
        return None
    if len(modes) != 1 or len(presence) > 1:
        return None
    mode = _MODES[modes[0]]
    return PortState(
        port=port,
        mode=mode,
        # Nobody can tell what is in a port without power.
        is_attached=presence[0] if presence and mode is not PortMode.OFF else None,
        current_ma=current_ma,
        volts=volts,
        profile=profile,
        energy_wh=energy_wh,
        is_charged=modes[0] == "F",
        rebooted="R" in flags,
        faults=frozenset(_FAULTS[flag] for flag in flags if flag in _FAULTS),
    )


@dataclass(slots=True)
class _HealthSoFar:
    volts: float | None = None
    temperature_c: float | None = None
    flags: set[str] = field(default_factory=set)
    rebooted: bool = False
    refused: list[str] = field(default_factory=list)


def health(lines: Iterable[str]) -> Health:
    """Return what an answer to ``health`` says, in either of its two documented spellings."""
    so_far = _HealthSoFar()
    for line in lines:
        name, colon, value = (part.strip() for part in line.partition(":"))
        if colon:
            _take(so_far, name.lower(), value, line)
    return Health(
        volts=so_far.volts,
        temperature_c=so_far.temperature_c,
        flags=frozenset(so_far.flags),
        rebooted=so_far.rebooted,
        refused=so_far.refused,
    )


def _take(so_far: _HealthSoFar, name: str, value: str, line: str) -> None:
    if name == "5v now" or name.startswith("5v_v"):
        volts = _decimal(value, least=0.0, most=10_000.0)
        # The variant with an underscore is in millivolts.
        volts = volts / _MV_PER_V if volts is not None and "_" in name else volts
        if volts is None or not _LEAST_V <= volts <= _MOST_V:
            so_far.refused.append(line)
        else:
            so_far.volts = volts
    elif name.startswith("temperature now"):
        # "<0.1" and ">100" are a bound and no measurement.
        if not value.startswith(("<", ">")):
            so_far.temperature_c = _decimal(value, least=_COLDEST_C, most=_HOTTEST_C)
            if so_far.temperature_c is None:
                so_far.refused.append(line)
    elif name.endswith(" flags"):
        so_far.flags |= {flag.upper() for flag in value.split() if flag.strip("- ")}
    elif name == "rebooted flag":
        so_far.rebooted = value == "R"


def limits(lines: Iterable[str]) -> Limits:
    """Return what an answer to ``limits`` says of the 5 V supply and the temperature."""
    found: dict[str, float] = {}
    for line in lines:
        name, colon, value = (part.strip().lower() for part in line.partition(":"))
        number = _decimal(value.removesuffix("c").removesuffix("v").strip(), least=0.0, most=150.0)
        if not colon or number is None:
            continue
        if name.startswith("5v") and "min" in name:
            found["least_v"] = number
        elif name.startswith("5v") and "max" in name:
            found["most_v"] = number
        elif name.startswith("temperature") and "max" in name:
            found["hottest_c"] = number
    return Limits(**found)


def _whole(text: str, *, most: int) -> int | None:
    if not _NUMBER.fullmatch(text):
        return None
    number = int(text)
    return number if number <= most else None


def _decimal(text: str, *, least: float, most: float) -> float | None:
    if not _DECIMAL.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) and least <= number <= most else None
