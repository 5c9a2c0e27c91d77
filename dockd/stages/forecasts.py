"""When each camera will be ready, and what its stay showed: looked at with every charge turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dockd.core.battery_model import CurveSample
from dockd.core.charge_record import ChargeRecord, recorded
from dockd.core.charge_words import PlanPolicy, Presence, SlotView
from dockd.core.facts import ChargeMeasured
from dockd.core.readiness import Charging, Readiness, readiness
from dockd.core.slot import SlotFootage, SlotState
from dockd.stages.board import SlotSnapshot
from dockd.stages.slot_power import Paused

# A held camera loses some, and is charged again only below this much less.
_BELOW_HOLD_PERCENT: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """A docking's clips, and how many bytes have no proven copy yet."""

    counted: SlotFootage
    left_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    docking: str
    since_s: float
    from_bytes: int


class Forecasts:
    """The forecasts that stand, and the records of the stays that last."""

    def __init__(self) -> None:
        """Nothing was looked at yet."""
        self._readings: dict[str, _Reading] = {}
        self._records: dict[str, ChargeRecord] = {}

    def look(
        self,
        views: Sequence[SlotView],
        *,
        snapshots: Mapping[str, SlotSnapshot],
        footage: Mapping[str, Footage],
        released: frozenset[str],
        has_shifts: bool,
        policy: PlanPolicy,
        now_s: float,
        samples: Mapping[str, CurveSample],
    ) -> Mapping[str, Readiness]:
        """Return the forecast of every slot whose camera shows itself.

        ``samples`` is what the stays of its cameras have shown of their batteries, to be kept.

        ``released`` are the slots that are charged beyond the hold, for a shift that nears. What
        is held charges on at a time that only the plan will know, so none is said.
        """
        found = {}
        for view in views:
            snapshot = snapshots[view.slot]
            if view.presence is not Presence.CAMERA or view.camera is None or view.port is None:
                continue
            known = footage.get(view.slot)
            if snapshot.docking is None or known is None or _is_unlisted(snapshot, known):
                continue
            goes_on = view.slot in released or not has_shifts
            forecast = readiness(
                snapshot.state,
                footage=known.counted,
                left_bytes=known.left_bytes,
                rate_bytes_s=self._rate_bytes_s(snapshot, now_s=now_s),
                charging=Charging(
                    charge=view.charge,
                    curve=view.curve,
                    enough_percent=enough_percent(policy, has_shifts=has_shifts),
                    waits_s=0.0 if goes_on else None,
                ),
            )
            found[view.slot] = forecast
            before = self._records.get(view.camera, ChargeRecord(docking=snapshot.docking))
            self._records[view.camera] = recorded(
                replace(before, docking=snapshot.docking),
                charge=view.charge,
                port=view.port,
                curve=view.curve,
                ready_in_s=forecast.ready_in_s,
                now_s=now_s,
                sample=samples.get(view.camera),
            )
        return found

    def ended(
        self, snapshots: Sequence[SlotSnapshot], *, away: Sequence[Paused]
    ) -> list[ChargeMeasured]:
        """Return what is to be kept of cameras that are not here any more, and forget them."""
        here = {one.camera for one in snapshots} | {one.camera for one in away}
        gone = [self._records.pop(camera) for camera in self._records.keys() - here]
        return [measured for record in gone if (measured := record.measured) is not None]

    def _rate_bytes_s(self, snapshot: SlotSnapshot, *, now_s: float) -> float:
        docking = snapshot.docking or ""
        began = self._readings.get(snapshot.slot)
        if began is None or began.docking != docking:
            began = _Reading(docking=docking, since_s=now_s, from_bytes=snapshot.bytes_read)
            self._readings[snapshot.slot] = began
        passed_s = now_s - began.since_s
        return (snapshot.bytes_read - began.from_bytes) / passed_s if passed_s > 0 else 0.0


def enough_percent(policy: PlanPolicy, *, has_shifts: bool) -> float:
    """Return what suffices: without any shift nothing is ever charged beyond the hold."""
    if has_shifts:
        return policy.enough_percent
    return min(policy.enough_percent, policy.hold_percent - _BELOW_HOLD_PERCENT)


def _is_unlisted(snapshot: SlotSnapshot, known: Footage) -> bool:
    # A camera that nobody has listed yet has no clips, and that says nothing.
    return snapshot.state is not SlotState.READY and known.counted.clips == 0
