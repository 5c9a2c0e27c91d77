"""What the surfaces ask of the station: answers to read, and the few things a person may order."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from dockd.core.clip import Place
from dockd.core.facts import CommandTaken, HoldKind, JsonValue
from dockd.ports.answers import (
    CameraReport,
    ClipDetail,
    ClipEvent,
    ClipPage,
    CompletenessReport,
    DockingPage,
    HistoryReport,
    ProblemEvent,
    ProblemPage,
    SlotPage,
    SlotReport,
    StatusReport,
)

HealthDocument = Mapping[str, JsonValue]
"""An `application/health+json` document (core/health.document)."""
SubjectKind = Literal["clips", "dockings", "cameras", "slots"]
Verb = Literal["retry", "hold", "release", "prioritise"]
UplinkVerb = Literal["pause", "resume"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipQuery:
    """Which clips to list; None means any. ``after`` is the cursor of the page before."""

    camera: str | None = None
    docking: str | None = None
    place: Place | None = None
    held: bool | None = None
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person asks for: ``reference`` names a clip, a docking, a camera or a slot.

    A slot can only be released: its safety cut is lifted.

    ``actor`` is who asked, as the kernel says it (never as they say it themselves), or the key
    that signed the ``command`` in which it came: that goes on record with it.
    """

    verb: Verb
    kind: SubjectKind
    reference: str
    why: str
    hold: HoldKind
    actor: str
    command: CommandTaken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkOrder:
    """What a person asks for of all uploads; ``actor`` and ``command`` as in `Order`."""

    verb: UplinkVerb
    why: str
    actor: str
    command: CommandTaken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """What is known of one store now; ``last_receipt`` is RFC 3339 UTC."""

    name: str
    breaker: str
    strength: str | None
    last_receipt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkState:
    """What goes over the link, in bytes a second; a limit of 0 is none."""

    rate_bytes_s: int
    limit_bytes_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """The numbers behind ``/metrics``. Totals count from the daemon's start.

    ``forecast_error_s``: the median error of the forecasts of readiness; None before the first.
    """

    version: str
    uptime_s: float
    clips: Mapping[str, int]
    clip_bytes: Mapping[str, int]
    slots: Mapping[str, int]
    problems: Mapping[tuple[str, str], int]
    oldest_unstored_s: float
    spool_used_bytes: int
    spool_free_bytes: int
    spool_reserve_bytes: int
    spool_accepting: bool
    offloaded_bytes: int
    uploaded_bytes: Mapping[str, int]
    breakers: Mapping[str, str]
    queued_clips: int
    queued_bytes: int
    wiped_clips: int
    uplink_rate_bytes_s: int
    uplink_limit_bytes_s: int
    ledger_events: int
    ledger_epoch: int
    clock_synchronised: bool
    clock_offset_s: float | None
    forecast_error_s: float | None = None


class StationView(Protocol):
    """The station, for reading."""

    async def status(self) -> StatusReport:
        """Return the whole station at a glance."""

    async def slots(self) -> SlotPage:
        """Return all slots."""

    async def clips(self, query: ClipQuery) -> ClipPage:
        """Return some clips. Raises NotFound for a cursor that is none."""

    async def clip(self, reference: str) -> ClipDetail:
        """Return one clip by id, unique prefix of 6 or more, or key. Raises NotFound."""

    async def dockings(self, *, camera: str | None, after: str, limit: int) -> DockingPage:
        """Return some dockings."""

    async def camera(self, serial: str) -> CameraReport:
        """Return one camera. Raises NotFound."""

    async def completeness(self, *, camera: str | None, day: date | None) -> CompletenessReport:
        """Return where every original ever seen is: of a camera, of a day (UTC), of both."""

    async def problems(self) -> ProblemPage:
        """Return the open problems."""

    async def healthz(self) -> HealthDocument:
        """Return whether the daemon is alive."""

    async def readyz(self) -> HealthDocument:
        """Return whether the station can do its work."""

    async def measurements(self) -> Measurements:
        """Return the numbers behind the metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationEvent:
    """One piece of news; ``sequence`` is where in the record it was told."""

    name: Literal["slot", "clip", "problem", "status"]
    sequence: int
    data: SlotReport | ClipEvent | ProblemEvent | StatusReport


class StationNews(Protocol):
    """The station, for following it."""

    def events(self, *, after: int | None) -> AsyncGenerator[StationEvent, None]:
        """Yield all that is there now, then what changes, without end.

        What happened to clips and problems behind ``after`` in the record comes first; None: from
        now on.
        """

    def history(self) -> HistoryReport:
        """Return the last day."""


class StationActions(Protocol):
    """The station, for the few things that a person may order."""

    async def carry_out(self, order: Order | UplinkOrder) -> None:
        """Do it; durable on return.

        Raises:
            NotFound: there is no such clip, docking, camera or slot.
            Refused: it makes no sense in the present state.
            RequestInvalid: it says no reason.
        """
