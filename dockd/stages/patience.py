"""What keeps a wipe from being tried over and over, and from going on once it was withdrawn.

A camera may stay docked for weeks: on legal hold, with a card that deletes nothing, beside a
second store that is down. Whatever is tried in vain is tried less and less often, for each try
reads the camera, asks the stores and adds to the record.
"""

from collections.abc import Sequence
from typing import Final

from dockd.core import backoff, facts
from dockd.core.backoff import Backoff
from dockd.core.clip import Clip
from dockd.ports.clock import Clock

_AGAIN: Final = Backoff(base_s=60.0, cap_s=3600.0)
_WITHDRAWING: Final = (
    facts.ClipHeld,
    facts.ClipRetried,
    facts.ReceiptLost,
    facts.SpoolCopyLost,
)


class Patience:
    """Which clips of one docking were tried in vain, and when it is time again."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._tries: dict[int, int] = {}
        self._not_before_s: dict[int, float] = {}

    def is_due(self, clip: Clip) -> bool:
        """Return whether it is time to try a clip."""
        return self._not_before_s.get(clip.number, 0.0) <= self._clock.monotonic_s()

    def in_vain(self, clips: Sequence[Clip]) -> None:
        """Note clips that were tried in vain."""
        for clip in clips:
            tries = self._tries.get(clip.number, 0)
            self._tries[clip.number] = tries + 1
            wait_s = backoff.delay_s(_AGAIN, attempt=tries, random_unit=1.0)
            self._not_before_s[clip.number] = self._clock.monotonic_s() + wait_s

    def heard(self, fact: facts.Fact) -> None:
        """Try at once what something happened to that may let it go."""
        if isinstance(fact, facts.SetFree | facts.HoldsListed):
            self._tries.clear()
            self._not_before_s.clear()
        elif isinstance(fact, facts.ClipFact):
            self._tries.pop(fact.clip, None)
            self._not_before_s.pop(fact.clip, None)


class Withdrawn:
    """What was set aside, doubted or lost amid a deletion; asked in the deleting thread.

    It hears of a fact no later than whoever recorded it: once a person was told that a clip is
    held, no deletion of it begins.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._clips: set[int] = set()
        self._all = False

    def heard(self, fact: facts.Fact) -> None:
        """Take in what was committed."""
        if isinstance(fact, facts.SetAside | facts.HoldsListed):
            # Whatever it is about: what was not deleted is simply decided anew.
            self._all = True
        elif isinstance(fact, _WITHDRAWING):
            self._clips.add(fact.clip)

    def has(self, number: int) -> bool:
        """Return whether a clip must not be deleted any more."""
        return self._all or number in self._clips
