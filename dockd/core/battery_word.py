"""A camera's own word on its battery, and what is known of it when the word is no longer fresh.

A live gauge is read again and again. What a camera wrote to its medium before it was docked stays
as it is while its port goes on charging it: from then on the charge is inferred, by the energy that
the hub counts or by the time that the port had power, and its uncertainty grows with it.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from dockd.core.battery import (
    LEAST_ERROR_PERCENT,
    BatteryReading,
    ChargeSource,
    Nonsense,
    combined,
    from_camera,
    from_hub,
)
from dockd.core.battery_model import BatteryModel, corrected
from dockd.core.charge_curve import ChargeCurve, percent_after
from dockd.core.port_power import PortMode, PortReading
from dockd.core.printable import quoted

MOST_BYTES: Final = 32
"""What a number takes, with room to spare; a camera is hostile input, and no more of it is read."""
_NUMBER: Final = re.compile(rb"\s*(-?\d{1,9}(?:\.\d{1,9})?)\s*%?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryWord:
    """What a camera says of its battery, or why it is not believed.

    ``said`` tells one saying from the next. The same one again is old news, and a gauge that is
    alive has a new one every time, its number being the same or not.
    """

    reading: BatteryReading | Nonsense
    said: str

    @property
    def mark(self) -> str | None:
        """What tells this saying from any other of the same camera, for the record; None: none."""
        if isinstance(self.reading, Nonsense):
            return None
        return f"{self.said}={self.reading.percent:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A camera's last word, and what its port has given it since; times are monotonic seconds.

    ``counted_wh`` is what the hub's counter stood at, None where none does. ``unseen_s`` is how
    long the word was old already when it was heard: its port may have had power then, or not.
    """

    word: BatteryWord
    at_s: float
    powered_s: float = 0.0
    counted_wh: float | None = None
    since_wh: float = 0.0
    unseen_s: float = 0.0


def from_text(
    content: bytes, *, slot: str, error_percent: float = 3.0
) -> BatteryReading | Nonsense:
    """Return the charge that a camera wrote down: a number, with or without a per cent sign."""
    found = _NUMBER.fullmatch(content) if len(content) <= MOST_BYTES else None
    if found is None:
        reason = f"what the camera says of its battery is no number: {quoted(content[:MOST_BYTES])}"
        return Nonsense(slot=slot, what="percent", reason=reason)
    return from_camera(float(found[1]), slot=slot, error_percent=error_percent)


def heard(
    before: Heard | None,
    word: BatteryWord | None,
    *,
    port: PortReading,
    now_s: float,
    unseen_s: float = 0.0,
) -> Heard | None:
    """Return what was heard, by one more look at a camera's port; ``word``: what it says now.

    ``unseen_s`` is how old that was when it was first heard here.
    """
    if word is not None and (before is None or word != before.word):
        return Heard(word=word, at_s=now_s, counted_wh=port.energy_wh, unseen_s=unseen_s)
    if before is None:
        return None
    passed_s = 0.0 if port.mode is PortMode.OFF else max(0.0, now_s - before.at_s)
    return replace(
        before,
        at_s=now_s,
        powered_s=before.powered_s + passed_s,
        counted_wh=before.counted_wh if port.energy_wh is None else port.energy_wh,
        since_wh=before.since_wh + _more_wh(before.counted_wh, port.energy_wh),
    )


def charge_of(
    known: Heard | None,
    *,
    port: PortReading,
    curve: ChargeCurve,
    model: BatteryModel | None = None,
) -> BatteryReading | None:
    """Return the charge by everything that is known: the camera's word, and the port's numbers.

    With a ``model`` of its battery the word counts without what its gauge shows too much.
    """
    said = known.word.reading if known is not None else None
    if known is None or not isinstance(said, BatteryReading):
        return from_hub(port, curve=curve, before=None)
    word = corrected(said, model)
    # The counter began with the docking; what counts is what came after the camera had spoken.
    counted = port if port.energy_wh is None else replace(port, energy_wh=known.since_wh)
    began = _aged(word, least_s=0.0, most_s=known.unseen_s, curve=curve)
    of_port = from_hub(counted, curve=curve, before=began)
    most_s = known.powered_s + known.unseen_s
    own = _aged(word, least_s=known.powered_s, most_s=most_s, curve=curve)
    if of_port is None:
        return own
    # What was measured is better than what a port should have given by the clock.
    return of_port if own.source is ChargeSource.INFERRED else combined((own, of_port))


def _more_wh(before_wh: float | None, now_wh: float | None) -> float:
    if before_wh is None or now_wh is None:
        return 0.0
    # A counter that is lower began anew, with the port's power.
    return now_wh - before_wh if now_wh >= before_wh else now_wh


def _aged(
    word: BatteryReading, *, least_s: float, most_s: float, curve: ChargeCurve
) -> BatteryReading:
    """Return a word after its port had power for so long, at the least and at the most."""

    def after(percent: float, *, seconds: float) -> float:
        return percent_after(curve, from_percent=percent, seconds=seconds)

    gained = after(word.percent, seconds=most_s) - word.percent
    if gained < LEAST_ERROR_PERCENT:
        return replace(word, error_percent=word.error_percent + gained)
    low = after(word.low_percent, seconds=least_s * (1 - curve.full_error))
    high = after(word.high_percent, seconds=most_s * (1 + curve.full_error))
    return BatteryReading(
        percent=(low + high) / 2, error_percent=(high - low) / 2, source=ChargeSource.INFERRED
    )
