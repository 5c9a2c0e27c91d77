"""The rack as the charge plan is told of it, and as people are: footage and charge of each slot."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from dockd.core import battery
from dockd.core.battery import BatteryReading, Nonsense
from dockd.core.battery_learning import Learning, begun, looked, told
from dockd.core.battery_model import BatteryModel, CurveSample, learned
from dockd.core.battery_word import BatteryWord, Heard, charge_of, heard
from dockd.core.charge_curve import ChargeCurve
from dockd.core.charge_record import sample_of
from dockd.core.charge_words import ENOUGH_PERCENT, Presence, SlotView
from dockd.core.clip import Place
from dockd.core.port_power import Light, PortMode, PortReading
from dockd.core.readiness import Readiness, suffices
from dockd.core.slot import Advice, SlotFootage, SlotState, advice
from dockd.ports.charger import ChargerReading
from dockd.ports.ledger import DockingRow, Ledger, Tally
from dockd.stages.board import SlotBoard, SlotSnapshot
from dockd.stages.forecasts import Footage
from dockd.stages.slot_power import SlotPower

_VERIFIED: Final = (Place.VERIFIED, Place.STORED, Place.WIPED)
_UNWIPED: Final = (Place.VERIFIED, Place.STORED)
_UNPROVEN: Final = (Place.SEEN, Place.SPOOLED)
_TO_BE_READ: Final = frozenset({SlotState.SETTLING, SlotState.OFFLOADING, SlotState.FAULT})
# As many stays as a model is learned from, each cut of a slot being the end of one.
_STAYS_LOOKED_AT: Final = 200
# A quiet camera is asked once a minute: two looks may be late.
_FRESH_S: Final = 180.0
_LIGHTS: Final[Mapping[Advice, Light]] = {
    Advice.LEAVE: Light.LEAVE,
    Advice.TAKE: Light.TAKE,
    Advice.REPORT: Light.REPORT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCharge:
    """What the charging side knows of a slot; None is what nobody can tell.

    ``ready_at_s``: when its camera can be taken, by the monotonic clock.
    """

    slot: str
    mode: PortMode | None
    charge: BatteryReading | None
    is_sufficient: bool | None
    power_w: float | None
    light: Light
    ready_at_s: float | None = None


def quoted(snapshots: Sequence[SlotSnapshot], *, now_s: float) -> Mapping[str, SlotCharge]:
    """Return what cameras have just said of themselves, for a station that charges nothing.

    What its ports give is nobody's to know there, so an older word says nothing any more.
    """
    words = {
        one.slot: one.battery
        for one in snapshots
        if now_s - one.battery_s + one.battery_unseen_s < _FRESH_S
    }
    return {
        slot: SlotCharge(
            slot=slot,
            mode=None,
            charge=word.reading,
            is_sufficient=suffices(word.reading, enough_percent=ENOUGH_PERCENT),
            power_w=None,
            light=Light.EMPTY,
        )
        for slot, word in words.items()
        if word is not None and isinstance(word.reading, BatteryReading)
    }


class RackView:
    """Joins the board, the ledger and a charger's reading."""

    def __init__(self, *, ledger: Ledger, board: SlotBoard, power: SlotPower) -> None:
        """Nothing was looked at yet."""
        self._ledger = ledger
        self._board = board
        self._power = power
        self.footage: dict[str, Footage] = {}
        self.nonsense: dict[str, str] = {}
        self._heard: dict[str, Heard] = {}
        self._charges: dict[str, BatteryReading] = {}
        self._learning: dict[str, Learning] = {}

    async def slots(
        self, reading: ChargerReading, *, given_up: frozenset[str], now_s: float
    ) -> Sequence[SlotView]:
        """Return the slots that the charger has ports for; who is in ``given_up`` is not busy."""
        away = {one.slot: one.camera for one in self._power.away()}
        temperature_c, bad = battery.believed_temperature_c(reading.temperature_c)
        self.nonsense = {one.slot: one.reason for one in bad}
        snapshots = self._board.snapshots()
        docked = [one.docking for one in snapshots if one.docking is not None]
        tallies = await self._ledger.tallies(docked)
        views = []
        self.footage = {}
        for snapshot in snapshots:
            port = reading.ports.get(snapshot.slot)
            if port is None:
                continue
            port, bad = battery.believed(port)
            if bad:
                self.nonsense[snapshot.slot] = "; ".join(one.reason for one in bad)
            view = self._slot(
                snapshot,
                port,
                tally=tallies.get(snapshot.docking or ""),
                camera=away.get(snapshot.slot, snapshot.camera),
                is_busy=self._power.is_at_work(snapshot.slot) and snapshot.slot not in given_up,
                temperature_c=temperature_c,
            )
            known = await self._learned_of(view)
            views.append(self._with_charge(view, snapshot, known=known, now_s=now_s))
        return views

    @property
    def samples(self) -> Mapping[str, CurveSample]:
        """What the stays that last have shown of their cameras' batteries so far, by camera."""
        return {camera: known.sample for camera, known in self._learning.items()}

    async def _learned_of(self, view: SlotView) -> Learning | None:
        """Return what was learned of a slot's camera, from the record if it has just come."""
        if view.camera is None or view.port is None:
            return None
        known = self._learning.get(view.camera)
        if known is None:
            stays = await self._ledger.newest_dockings(view.camera, limit=_STAYS_LOOKED_AT)
            known = begun(_shown(tuple(reversed(stays))), usual=view.curve)
            self._learning[view.camera] = known
        return known

    def _slot(
        self,
        snapshot: SlotSnapshot,
        port: PortReading,
        *,
        tally: Tally | None,
        camera: str | None,
        is_busy: bool,
        temperature_c: float | None,
    ) -> SlotView:
        slot = snapshot.slot
        unwiped = 0
        if tally is not None:
            clips = tally.clips
            unwiped = sum(clips.get(place, 0) for place in _UNWIPED)
            counted = SlotFootage(
                clips=sum(clips.values()), verified=sum(clips.get(place, 0) for place in _VERIFIED)
            )
            left_bytes = sum(tally.size_bytes.get(place, 0) for place in _UNPROVEN)
            self.footage[slot] = Footage(counted=counted, left_bytes=left_bytes)
        hidden = self._power.is_cut(slot) or self._power.is_awaited(slot)
        return SlotView(
            slot=slot,
            presence=Presence.UNKNOWN if hidden else _presence(camera),
            camera=camera,
            is_vacated=self._power.is_vacated(slot),
            is_busy=is_busy,
            needs_reading=snapshot.state in _TO_BE_READ,
            has_unwiped=unwiped > 0,
            port=port,
            temperature_c=temperature_c,
        )

    def _with_charge(
        self, view: SlotView, snapshot: SlotSnapshot, *, known: Learning | None, now_s: float
    ) -> SlotView:
        """Return the view with its camera's charge; behind a cut port, with the last one known."""
        if view.camera is None or view.port is None or known is None:
            return view
        word = heard(
            self._heard.get(view.camera),
            snapshot.battery,
            port=view.port,
            now_s=now_s,
            unseen_s=snapshot.battery_unseen_s,
        )
        if word is not None:
            self._heard[view.camera] = word
            self._complain(view.slot, word.word)
        if view.presence is Presence.CAMERA:
            own = word.word.reading if word is not None else None
            fresh = own if isinstance(own, BatteryReading) and word and not word.unseen_s else None
            known = looked(known, replace(view, charge=fresh), now_s=now_s)
            self._learning[view.camera] = known
            now = charge_of(
                word, port=view.port, curve=told(view, known.model).curve, model=known.model
            )
            if now is not None:
                self._charges[view.camera] = now
        return replace(told(view, known.model), charge=self._charges.get(view.camera))

    def _complain(self, slot: str, word: BatteryWord) -> None:
        if isinstance(word.reading, Nonsense):
            said = [self.nonsense[slot]] if slot in self.nonsense else []
            self.nonsense[slot] = "; ".join([*said, word.reading.reason])

    def charges(
        self,
        views: Sequence[SlotView],
        *,
        enough_percent: float,
        forecasts: Mapping[str, Readiness],
        refused: AbstractSet[str],
        now_s: float,
    ) -> Mapping[str, SlotCharge]:
        """Return the same for people; cameras that are nowhere any more are forgotten.

        In the slots of ``refused`` is something that is no docked camera.
        """
        there = {view.camera for view in views}
        for of_cameras in (self._charges, self._heard, self._learning):
            for camera in of_cameras.keys() - there:
                del of_cameras[camera]
        states = {snapshot.slot: snapshot.state for snapshot in self._board.snapshots()}
        found = {}
        for view in views:
            told = self._of(view, states[view.slot], enough_percent=enough_percent)
            if view.slot in refused and told.light is Light.EMPTY:
                told = replace(told, light=Light.REPORT)
            forecast = forecasts.get(view.slot)
            if forecast is not None and forecast.ready_in_s is not None:
                told = replace(told, ready_at_s=now_s + forecast.ready_in_s)
            found[view.slot] = told
        return found

    def _of(self, view: SlotView, state: SlotState, *, enough_percent: float) -> SlotCharge:
        known = self.footage.get(view.slot)
        footage = known.counted if known else SlotFootage(clips=0, verified=0)
        enough = suffices(view.charge, enough_percent=enough_percent)
        told = advice(state, footage=footage, charge_sufficient=enough)
        return SlotCharge(
            slot=view.slot,
            mode=view.port.mode if view.port else None,
            charge=view.charge,
            is_sufficient=enough,
            power_w=view.port.power_w if view.port else None,
            light=Light.EMPTY if view.presence is Presence.EMPTY else _LIGHTS[told],
        )


def model_of(stays: Sequence[DockingRow]) -> BatteryModel | None:
    """Return what a camera's dockings, the newest last, showed of its battery; None: nothing."""
    return learned(_shown(stays), usual=ChargeCurve())


def _shown(stays: Sequence[DockingRow]) -> tuple[CurveSample, ...]:
    return tuple(sample_of(row.charge) for row in stays if row.charge is not None)


def _presence(camera: str | None) -> Presence:
    return Presence.EMPTY if camera is None else Presence.CAMERA
