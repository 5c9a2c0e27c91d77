"""A clip, a docking, a slot in the shapes people and other systems read (ports/answers)."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from dockd.core import slot as slots
from dockd.core.battery_model import BatteryModel
from dockd.core.charge_curve import FULL_PERCENT
from dockd.core.clip import Clip, Place
from dockd.core.explain import Explanation
from dockd.core.health import Problem
from dockd.core.port_power import PortMode
from dockd.core.printable import printable
from dockd.core.slot import SlotFootage, SlotState
from dockd.core.wear import WearVerdict
from dockd.ports.answers import (
    BatteryReport,
    ClipDetail,
    ClipReport,
    CompletenessReport,
    CopiesReport,
    DockingReport,
    HistoryEntry,
    ProblemReport,
    ReceiptReport,
    SlotReport,
    WearReport,
)
from dockd.ports.ledger import Completeness, DockingRow, EventRow, Sent, Tally
from dockd.stages.board import SlotSnapshot
from dockd.stages.rack_view import SlotCharge
from dockd.stages.slot_silence import SLUG as SILENT

_VERIFIED = (Place.VERIFIED, Place.STORED, Place.WIPED)
_STORED = (Place.STORED, Place.WIPED)


def clip_report(
    clip: Clip,
    *,
    place: Place,
    sent: Sent,
    explanation: Explanation | None,
    now: datetime,
) -> ClipReport:
    """Return one clip as `/v1/clips` shows it."""
    eta_s = None if explanation is None else explanation.eta_s
    return ClipReport(
        id=clip.id,
        key=clip.key,
        camera=clip.camera,
        docking=clip.docking,
        slot=clip.slot,
        path=printable(clip.path),
        place=place,
        size_bytes=clip.size_bytes,
        sha256=clip.sha256,
        flagged=clip.flagged,
        partial=clip.partial,
        # A legal hold outranks one for an error: it is the one that must not be released lightly.
        held="legal" if "legal" in clip.holds else "error" if clip.holds else None,
        copies=CopiesReport(
            camera=clip.camera_copy,
            spool=clip.spool_copy,
            stores={name: str(copy) for name, copy in clip.store_copies.items()},
        ),
        receipts=tuple(
            ReceiptReport(
                store=receipt.store,
                strength=receipt.strength,
                time=sent.receipt_times.get(receipt.store),
                version=receipt.version,
            )
            for receipt in sent.receipts
        ),
        reason=explanation.reason if explanation else None,
        owner=explanation.owner if explanation else None,
        next=explanation.next_step if explanation else None,
        eta=None if eta_s is None else f"{now + timedelta(seconds=eta_s):%Y-%m-%dT%H:%M:%SZ}",
    )


def clip_detail(report: ClipReport, *, history: Sequence[EventRow]) -> ClipDetail:
    """Return one clip with everything that happened to it."""
    common = {field.name: getattr(report, field.name) for field in fields(ClipReport)}
    return ClipDetail(
        **common,
        history=tuple(
            HistoryEntry(
                seq=event.sequence, time=event.time_utc, kind=event.kind, fields=event.fields
            )
            for event in history
        ),
    )


def problem_report(problem: Problem) -> ProblemReport:
    """Return one problem."""
    return ProblemReport(
        slug=problem.slug,
        severity=problem.severity,
        since=problem.since,
        subject=printable(problem.subject),
        reason=printable(problem.reason),
        owner=problem.owner,
        next=problem.next_step,
    )


def docking_report(row: DockingRow) -> DockingReport:
    """Return one docking."""
    return DockingReport(
        **{field.name: getattr(row, field.name) for field in fields(DockingReport)}
    )


def wear_report(verdict: WearVerdict | None) -> WearReport | None:
    """Return what is known of a camera's wear."""
    if verdict is None:
        return None
    return WearReport(**{field.name: getattr(verdict, field.name) for field in fields(WearReport)})


def battery_report(model: BatteryModel | None) -> BatteryReport | None:
    """Return what is known of a camera's battery."""
    if model is None:
        return None
    curve = model.curve
    return BatteryReport(
        stays=model.stays,
        percent_per_h=round(curve.power_w / curve.full_wh * FULL_PERCENT, 1),
        error=round(model.rate_error, 2),
        taper_percent=round(curve.taper_from_percent, 1),
        gauge_offset_percent=_tenths(model.offset_percent),
        gauge_error_percent=_tenths(model.offset_error_percent),
    )


def _tenths(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def slot_report(
    snapshot: SlotSnapshot,
    *,
    tally: Tally | None,
    problems: Sequence[Problem],
    charging: SlotCharge | None = None,
    ready_at: datetime | None = None,
) -> SlotReport:
    """Return one slot; ``tally`` is that of its present docking, None when there is none.

    ``charging`` is None where nothing on the station charges or measures.
    """
    charge = charging.charge if charging else None
    is_sufficient = charging.is_sufficient if charging else None
    clips = {place: tally.clips.get(place, 0) if tally else 0 for place in Place}
    sizes = {place: tally.size_bytes.get(place, 0) if tally else 0 for place in Place}
    footage = SlotFootage(
        clips=sum(clips.values()), verified=sum(clips[place] for place in _VERIFIED)
    )
    state = state_of(snapshot, problems)
    return SlotReport(
        slot=snapshot.slot,
        port=snapshot.port,
        state=state,
        advice=slots.advice(state, footage=footage, charge_sufficient=is_sufficient),
        camera=snapshot.camera,
        docking=snapshot.docking,
        clips={str(place): count for place, count in clips.items()},
        # Not what the last listing found: what was cleared since the camera came counts as well.
        bytes_total=sum(sizes.values()),
        bytes_verified=sum(sizes[place] for place in _VERIFIED),
        bytes_stored=sum(sizes[place] for place in _STORED),
        # Null means that nobody can tell.
        battery_percent=None if charge is None else round(charge.percent),
        battery_error_percent=None if charge is None else round(charge.error_percent),
        battery_source=None if charge is None else charge.source,
        charging=_is_charging(snapshot, charging),
        power_w=charging.power_w if charging else None,
        ready_at=None if ready_at is None else f"{ready_at:%Y-%m-%dT%H:%M:%SZ}",
        problems=tuple(problem_report(problem) for problem in problems),
    )


def state_of(snapshot: SlotSnapshot, problems: Sequence[Problem]) -> SlotState:
    """Return a slot's state as it stands in front of the officer.

    In one that holds no camera for dockd something may be all the same: what is refused, which is
    said of the slot for as long as it is there, and what a hub feels and nobody sees.
    """
    is_taken = any(
        problem.subject == f"slot {snapshot.slot}" or problem.slug == SILENT for problem in problems
    )
    return SlotState.FAULT if is_taken and snapshot.state is SlotState.EMPTY else snapshot.state


def _is_charging(snapshot: SlotSnapshot, charging: SlotCharge | None) -> bool | None:
    if charging is None or charging.mode is None:
        return None
    return charging.mode is not PortMode.OFF and snapshot.camera is not None


def completeness_report(found: Completeness, *, gaps: Sequence[str]) -> CompletenessReport:
    """Return the books of a scope: every original once, at its furthest place."""
    accounted = sum(found.at.values()) + found.gone
    return CompletenessReport(
        scope=found.scope,
        seen=found.seen,
        waiting=found.at.get(Place.SEEN, 0) + found.at.get(Place.SPOOLED, 0),
        verified=found.at.get(Place.VERIFIED, 0),
        stored=found.at.get(Place.STORED, 0),
        wiped=found.at.get(Place.WIPED, 0),
        held=found.at.get(Place.HELD, 0),
        gone=found.gone,
        gaps=tuple(gaps),
        unaccounted=found.seen - accounted,
        closes=found.seen == accounted,
    )
