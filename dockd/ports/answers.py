"""The shapes in which the station answers: over HTTP, MQTT and on the command line, word for word.

Each class is one JSON object of DESIGN.md sections 6 and 9, field for field. Times are RFC 3339
UTC, sizes bytes, ages and durations seconds, power watts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

HealthStatus = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemReport:
    """A condition that somebody has to know of."""

    slug: str
    severity: str
    since: str
    subject: str
    reason: str
    owner: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotReport:
    """One slot; ``clips`` counts the clips of its present docking by place.

    ``issue``: 1 is the camera to take first (the best charged, least used), None one to leave.
    """

    slot: str
    port: str | None
    state: str
    advice: str
    camera: str | None
    docking: str | None
    clips: Mapping[str, int]
    bytes_total: int
    bytes_verified: int
    bytes_stored: int
    battery_percent: int | None
    battery_error_percent: int | None
    battery_source: str | None
    charging: bool | None
    power_w: float | None
    ready_at: str | None
    problems: tuple[ProblemReport, ...]
    issue: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolReport:
    """How full the spool is."""

    used_bytes: int
    free_bytes: int
    reserve_bytes: int
    accepting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReport:
    """One store; ``receipt_strength`` is None until it has been probed."""

    name: str
    breaker: str
    receipt_strength: str | None
    last_receipt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkReport:
    """The link to the stores; a limit of 0 is none."""

    rate_bytes_s: int
    limit_bytes_s: int
    queued_clips: int
    queued_bytes: int
    oldest_unstored_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerReport:
    """What charges; ``drawn_w`` is None where nothing measures it."""

    driver: str
    budget_w: float
    drawn_w: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReport:
    """Whether the station's clock can be trusted."""

    synchronised: bool
    offset_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointReport:
    """The newest checkpoint of the record."""

    sequence: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReport:
    """The record's identity and its length."""

    id: str
    epoch: int
    events: int
    checkpoint: CheckpointReport


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The whole station at a glance (``/v1/status``)."""

    station: str
    site: str
    version: str
    time: str
    uptime_s: int
    health: HealthStatus
    listen: str
    slots: tuple[SlotReport, ...]
    spool: SpoolReport
    stores: tuple[StoreReport, ...]
    uplink: UplinkReport
    power: PowerReport
    clock: ClockReport
    ledger: LedgerReport
    problems: tuple[ProblemReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiesReport:
    """Where the three copies of a clip are."""

    camera: str
    spool: str
    stores: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptReport:
    """One store's proof."""

    store: str
    strength: str
    time: str | None
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipReport:
    """One clip; ``reason``, ``owner`` and ``next`` are None once nothing is left to do."""

    id: str
    key: str | None
    camera: str
    docking: str
    slot: str
    path: str
    place: str
    size_bytes: int
    sha256: str | None
    flagged: bool
    partial: bool
    held: str | None
    copies: CopiesReport
    receipts: tuple[ReceiptReport, ...]
    reason: str | None
    owner: str | None
    next: str | None
    eta: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One event of the record."""

    seq: int
    time: str
    kind: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipDetail(ClipReport):
    """One clip and everything that happened to it."""

    history: tuple[HistoryEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DockingReport:
    """One stay of one camera; ``ended_at`` is None while it lasts.

    ``continues`` is the docking whose slot was switched off meanwhile, None for an arrival.
    """

    docking: str
    camera: str
    slot: str
    family: str
    started_at: str
    ended_at: str | None
    end_reason: str | None
    listed: bool
    offloaded: bool
    cleared: bool
    continues: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessReport:
    """How many originals, and where each is: once, at its furthest place.

    ``seen`` is all originals ever seen; ``gone`` those without any known copy, each of which is a
    problem. ``waiting`` are those that are not verified yet, on a camera or in the spool. ``gaps``
    are the numbers that are missing among a camera's own, of the station's those of the cameras in
    the rack. ``closes``: ``seen`` is the sum of those at each place from ``waiting`` to ``gone``,
    and nothing is ``unaccounted`` for.
    """

    scope: str
    seen: int
    waiting: int
    verified: int
    stored: int
    wiped: int
    held: int
    gone: int
    gaps: tuple[str, ...]
    unaccounted: int
    closes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WearReport:
    """What a camera's dockings show of its wear; trends are per 100 days, None: too few to say."""

    dockings: int
    replace: bool
    evidence: tuple[str, ...]
    wh_per_percent_trend: float | None
    percent_per_h_trend: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryReport:
    """What ``stays`` showed of a camera's battery; None is what they did not, or not well enough.

    Attributes:
        percent_per_h: How fast it charges in the first phase, at most ``error`` of it off.
        error: A fraction.
        taper_percent: From where on it charges ever more slowly.
        gauge_offset_percent: What its own gauge shows too much.
        gauge_error_percent: How far that can be off.
    """

    stays: int
    percent_per_h: float
    error: float
    taper_percent: float
    gauge_offset_percent: float | None
    gauge_error_percent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraReport:
    """One camera, and where it is now; ``slot`` and ``docking`` are None while it is away.

    ``wear`` is None until its dockings were looked at, a few times a day; ``battery`` until one of
    its dockings showed something of it.
    """

    camera: str
    slot: str | None
    docking: str | None
    held: bool
    completeness: CompletenessReport
    dockings: tuple[DockingReport, ...]
    problems: tuple[ProblemReport, ...]
    wear: WearReport | None = None
    battery: BatteryReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPage:
    """Some clips, and the cursor to go on with; None: there are no more."""

    clips: tuple[ClipReport, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPage:
    """All slots."""

    slots: tuple[SlotReport, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DockingPage:
    """Some dockings, and the cursor to go on with."""

    dockings: tuple[DockingReport, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemPage:
    """All open problems."""

    problems: tuple[ProblemReport, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAnnouncement:
    """Something that happened, as it is announced over MQTT.

    ``number`` counts events since the daemon's start: whoever finds one missing was not told of it.
    ``fields`` are those of the same event in the journal.
    """

    number: int
    time: str
    kind: str
    sentence: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemBegun(ProblemReport):
    """A problem that has just begun."""

    change: Literal["opened"] = "opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemEnded:
    """A problem that is over; ``lasted_s`` says for how long it was open.

    ``times`` is above 1 of one that came and went, which is not told each time.
    """

    slug: str
    subject: str
    time: str
    lasted_s: int
    times: int
    change: Literal["closed"] = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipEvent:
    """Something that happened to a clip (``event: clip``); ``kind`` is the fact's."""

    id: str
    camera: str
    docking: str
    time: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemEvent:
    """A problem that began or ended (``event: problem``); ``kind`` says which."""

    slug: str
    subject: str
    time: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """What the uplink carried since the point before, and how full the spool was then."""

    time: str
    rate_bytes_s: int
    spool_used_bytes: int
    spool_free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReport:
    """The last day of this run of the daemon, the oldest first (``/v1/history``)."""

    step_s: int
    points: tuple[HistoryPoint, ...]
