"""Where a clip stands in the line to a store, and about when it will be there, in a sentence."""

from dataclasses import dataclass
from typing import Final

_ORDINALS: Final = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip
NAMED: Final = 3
_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_DAY_S: Final = 24 * _HOUR_S
# Below these a unit is too coarse to be any use: 100 minutes, 36 hours.
_MINUTES_UNTIL_S: Final = 100 * _MINUTE_S
_HOURS_UNTIL_S: Final = 36 * _HOUR_S
_TEENS: Final = range(11, 14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One clip's place in the line to one store.

    Attributes:
        store: Whose line it is.
        before: How many are before it, those that are being sent counted in.
        ahead: The ids of the first of them, next one first; `NAMED` at most.
        sending: Whether it is being sent itself.
        counted: False for a clip behind all that were counted: it has more than ``before``.
        to_send_bytes: What they and it still have to send.
        rate_bytes_s: What the line moves by, measured; None while that is not known.
    """

    store: str
    before: int
    ahead: tuple[str, ...]
    sending: bool = False
    counted: bool = True
    to_send_bytes: int
    rate_bytes_s: float | None

    @property
    def eta_s(self) -> float | None:
        """In how many seconds it is sent, None when nobody can tell."""
        if not self.counted or not self.rate_bytes_s:
            return None
        return self.to_send_bytes / self.rate_bytes_s


def sentence(turn: Turn) -> str:
    """Return where the clip stands: ``third in line to store central, behind ... and ...``."""
    if not turn.counted:
        return f"The clip has more than {turn.before} others before it to store {turn.store}."
    if turn.sending:
        return f"The clip is on its way to store {turn.store}{_about(turn)}."
    place = ordinal(turn.before + 1)
    return f"The clip is {place} in line to store {turn.store}{_behind(turn)}{_about(turn)}."


def ordinal(place: int) -> str:
    """Return ``third`` for 3 and ``21st`` for 21."""
    if place <= len(_ORDINALS):
        return _ORDINALS[place - 1]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}th" if place % 100 in _TEENS else f"{place}{ending}"


def duration(seconds: float) -> str:
    """Return a time span as people say it: ``about 14 minutes``."""
    if seconds < _MINUTE_S:
        return "less than a minute"
    unit_s, unit = _DAY_S, "day"
    if seconds < _HOURS_UNTIL_S:
        unit_s, unit = _HOUR_S, "hour"
    if seconds < _MINUTES_UNTIL_S:
        unit_s, unit = _MINUTE_S, "minute"
    count = round(seconds / unit_s)
    return f"about {count} {unit}{'' if count == 1 else 's'}"


def _about(turn: Turn) -> str:
    return "" if turn.eta_s is None else f", {duration(turn.eta_s)}"


def _behind(turn: Turn) -> str:
    if not turn.before:
        return ""
    # The last of three is named rather than counted.
    if turn.before <= NAMED:
        *others, last = turn.ahead
        return f", behind {', '.join(others)} and {last}" if others else f", behind {last}"
    named = turn.ahead[: NAMED - 1]
    return f", behind {', '.join(named)} and {turn.before - len(named)} others"
