"""Facts about one stay of one camera in one slot."""

from dataclasses import dataclass
from typing import Final

from dockd.core.facts.fact import Fact


@dataclass(frozen=True, kw_only=True)
class DockingFact(Fact):
    """A fact about one stay of one camera in one slot."""

    docking: str


@dataclass(frozen=True, kw_only=True)
class Docked(DockingFact, kind="docked", sentence="A camera was docked."):
    camera: str
    slot: str
    family: str
    file_system: str = ""
    volume: str = ""
    dirty: bool = False


@dataclass(frozen=True, kw_only=True)
class Listed(DockingFact, kind="listed", sentence="The camera's files were listed and believed."):
    files: int
    size_bytes: int
    refused: int
    clock_source: str = ""
    clock_offset_s: int | None = None
    clock_uncertainty_s: int | None = None


@dataclass(frozen=True, kw_only=True)
class DockingOffloaded(
    DockingFact,
    kind="docking-offloaded",
    sentence="Every clip on the camera is proven in the spool.",
):
    clips: int


@dataclass(frozen=True, kw_only=True)
class DockingCleared(
    DockingFact,
    kind="docking-cleared",
    sentence="The camera is clear of stored footage.",
):
    clips: int


@dataclass(frozen=True, kw_only=True)
class ManifestStored(
    DockingFact,
    kind="manifest-stored",
    sentence="Every store has the manifest of what was offloaded in a docking.",
):
    clips: int


@dataclass(frozen=True, kw_only=True)
class ChargeMeasured(
    DockingFact,
    kind="charge-measured",
    sentence="It was measured how a camera charged in a docking.",
):
    """From one percentage to another in ``seconds``, and what it took; None: nobody could tell.

    ``forecast_s`` after that forecast was made it should have been ready; it was after ``ready_s``.
    What follows is of its curve (`core/battery_model.CurveSample`): per cent of its own gauge, per
    hour for the rate, in hundredths.
    """

    seconds: int
    from_percent: int | None
    to_percent: int | None
    energy_mwh: int | None
    resets: int
    forecast_s: int | None
    ready_s: int | None
    rate_hundredths: int | None = None
    power_mw: int | None = None
    taper_hundredths: int | None = None
    ends_hundredths: int | None = None
    ends_error_hundredths: int | None = None


@dataclass(frozen=True, kw_only=True)
class BatterySaid(
    DockingFact,
    kind="battery-said",
    sentence="A camera said how full its battery is, for the first time in a docking.",
):
    """``said`` tells one saying from the next: the same in a later docking is old news."""

    said: str


@dataclass(frozen=True, kw_only=True)
class Undocked(DockingFact, kind="undocked", sentence="The camera left its slot."):
    """Why, how much was read from it to be copied, and how many files could not be read."""

    reason: str
    read_bytes: int = 0
    read_errors: int = 0


# Why a docking ended that pauses; the ledger finds those that nothing followed by it.
SWITCHED_OFF: Final = "its slot was switched off"


@dataclass(frozen=True, kw_only=True)
class DockingPaused(
    Undocked, kind="docking-paused", sentence="The slot of a docked camera was switched off."
):
    """No undocking, and yet an end: nobody sees what happens to the camera from here on."""


@dataclass(frozen=True, kw_only=True)
class DockingContinued(
    Docked, kind="docking-continued", sentence="A camera is back as its slot has power again."
):
    """No new arrival, and yet a stretch with an id of its own; ``continues`` is the one before."""

    continues: str


@dataclass(frozen=True, kw_only=True)
class LeftWhileCut(
    DockingFact,
    kind="left-while-cut",
    sentence="A camera left its slot while that was switched off.",
):
    reason: str
