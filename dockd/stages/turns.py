"""Whose turn is when at one store: the line that uploads follow, for those who ask about it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from dockd.core.clip import Clip
from dockd.core.transfer import PartState
from dockd.core.turn import NAMED, Turn
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger

# How many are counted. Who is behind them all is told so; to count everybody costs too much.
_COUNTED: Final = 2000
_GOOD_S: Final = 1.0
_MEASURED_EVERY_S: Final = 5.0
# A third of the rate is what was measured last: half a minute settles a change, and a pause
# changes nothing.
_NEWEST: Final = 1 / 3


class Turns:
    """The line to one store, and how fast it moves."""

    def __init__(
        self,
        store: str,
        *,
        ledger: Ledger,
        clock: Clock,
        under_way: Callable[[], Collection[int]],
        in_order: Callable[[Iterable[Clip]], Sequence[Clip]],
        sent_bytes: Callable[[], int],
    ) -> None:
        """``under_way`` are the numbers of those being sent, ``in_order`` is the upload's order.

        ``sent_bytes`` tells how much went to the store since the start.
        """
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._under_way = under_way
        self._in_order = in_order
        self._sent_bytes = sent_bytes
        self._rate_bytes_s: float | None = None
        self._line: Mapping[int, Turn] = {}
        self._last: Turn | None = None
        self._drawn_up_s: float | None = None

    async def of(self, clip: Clip) -> Turn | None:
        """Return when a clip's turn is, None when it has none here."""
        now_s = self._clock.monotonic_s()
        if self._drawn_up_s is None or now_s - self._drawn_up_s >= _GOOD_S:
            await self._draw_up()
            self._drawn_up_s = now_s
        if self._store in clip.proven_by:
            return None
        return self._line.get(clip.number, self._last)

    async def run(self) -> None:
        """Measure how fast the line moves, until cancelled."""
        while True:
            before_s, before = self._clock.monotonic_s(), self._sent_bytes()
            await self._clock.sleep(_MEASURED_EVERY_S)
            sent = self._sent_bytes() - before
            if sent > 0:
                self._measured(sent / (self._clock.monotonic_s() - before_s))

    def _measured(self, rate_bytes_s: float) -> None:
        if self._rate_bytes_s is None:
            self._rate_bytes_s = rate_bytes_s
        self._rate_bytes_s += _NEWEST * (rate_bytes_s - self._rate_bytes_s)

    async def _draw_up(self) -> None:
        clips = self._in_order(await self._ledger.awaiting(self._store, limit=_COUNTED))
        under_way = set(self._under_way())
        sending = [clip for clip in clips if clip.number in under_way]
        waiting = [clip for clip in clips if clip.number not in under_way]
        left = [await self._left_bytes(clip) for clip in sending]
        everybody = [*sending, *waiting]
        ahead = tuple(clip.id for clip in everybody[:NAMED])
        begun = replace(self._nobody(), sending=True)
        # They share the link: each is there when it has had its part of it.
        line = {
            clip.number: replace(begun, to_send_bytes=own * len(sending))
            for clip, own in zip(sending, left, strict=True)
        }
        last = replace(self._nobody(), before=len(sending), to_send_bytes=sum(left))
        for clip in waiting:
            to_send_bytes = last.to_send_bytes + clip.stored_size_bytes
            own = replace(last, ahead=ahead[: last.before], to_send_bytes=to_send_bytes)
            line[clip.number] = own
            last = replace(own, before=own.before + 1)
        self._line = line
        self._last = replace(last, counted=False) if len(clips) == _COUNTED else None

    def _nobody(self) -> Turn:
        """Return the turn of somebody who comes into an empty line with nothing to send."""
        return Turn(
            store=self._store, before=0, ahead=(), to_send_bytes=0, rate_bytes_s=self._rate_bytes_s
        )

    async def _left_bytes(self, clip: Clip) -> int:
        transfer = await self._ledger.transfer(clip.number, store=self._store)
        arrived = len(transfer.indices(PartState.DONE)) if transfer is not None else 0
        return max(0, clip.stored_size_bytes - arrived * clip.part_size_bytes)
