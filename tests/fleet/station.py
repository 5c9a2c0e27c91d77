"""A station of the fleet: dockd's own wrappers, waits, order and window, in virtual time.

What decides is the daemon's: `core.schedule` who is next, `core.flow` how many parts fly and
whether the store is left alone, `core.backoff` how long to wait; the wrappers `RetryingStore` and
`GuardedStore` as `daemon.building` puts them together, and `stages.waits`. Written anew is only
what the daemon does with a ledger, a spool and asyncio in between, after `stages.upload`,
`stages.transferring`, `stages.room` and `stores.windowed`.
"""

import heapq
import io
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from typing import Final, TypeVar

from dockd.core import flow
from dockd.core.backoff import Backoff
from dockd.core.receipt import Expected
from dockd.core.transfer import State, part_size_bytes
from dockd.errors import StoreBusy, StoreUnreachable, TransientError
from dockd.ports.store import Outgoing, Store
from dockd.stages.upload import UploadPolicy
from dockd.stages.waits import Waits
from dockd.stores.guarded import GuardedStore
from dockd.stores.retrying import RetryingStore
from dockd.stores.wrapper import StoreWrapper
from tests.fleet import city
from tests.fleet.clock import VirtualClock
from tests.fleet.ideal import ranks
from tests.fleet.kernel import Kernel, Pause, Task
from tests.fleet.link import Link
from tests.fleet.store import CentralStore, StationStore

T = TypeVar("T")

# The daemon's default (config.models).
PARALLEL_CLIPS: Final = 2
_NOTHING: Final = io.BytesIO()


class Transfer:
    """One clip on its way, as the ledger would have it.

    Attributes:
        stored_s: When its receipt came; None before.
    """

    __slots__ = ("clip", "in_flight", "number", "outgoing", "pending", "state", "stored_s")

    def __init__(self, number: int, clip: city.Clip) -> None:
        self.number: Final = number
        self.clip: Final = clip
        self.state = State.QUEUED
        self.pending = list(range(clip.parts))
        self.in_flight: set[int] = set()
        self.stored_s: float | None = None
        expected = Expected(
            key=clip.key,
            size_bytes=clip.size_bytes,
            sha256="",
            part_size_bytes=part_size_bytes(clip.size_bytes),
            part_sha256=(),
        )
        self.outgoing: Final = Outgoing(expected=expected, metadata={}, content=_NOTHING)


class Room:
    """`stages.room` without asyncio: clips take its places in turns, by core.flow's rota."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._taken = 0
        self._rota = flow.Rota()
        self._numbers = count()
        self._waiting: list[tuple[int, int, Pause]] = []

    async def enter(self, clip: int) -> None:
        """Wait for a place."""
        self._rota, turn = flow.ask(self._rota, clip=clip)
        waits = (turn, next(self._numbers), Pause())
        heapq.heappush(self._waiting, waits)
        self._admit()
        try:
            await waits[-1]
        except BaseException:
            if waits in self._waiting:
                self._waiting.remove(waits)
                heapq.heapify(self._waiting)
                self._rota = flow.withdraw(self._rota, clip=clip, turn=turn)
            else:
                self.leave()
            raise

    def leave(self) -> None:
        """Give a place back."""
        self._taken -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._taken < self.places:
            turn, _, told = heapq.heappop(self._waiting)
            self._rota = flow.serve(self._rota, turn=turn)
            self._taken += 1
            told.end()


class WindowedStore(StoreWrapper):
    """`stores.windowed` without asyncio: core.flow's window, and who waits at it."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._window = flow.Window()
        self._room = Room(self._window.parts)

    async def _call(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        if operation != "send_part":
            return await call()
        # For one clip after another, first come, first served: there are no more than four.
        await self._room.enter(0)
        era = self._window.era
        try:
            answer = await call()
        except (StoreUnreachable, StoreBusy):
            self._window = flow.after_congestion(self._window, era=era)
            raise
        else:
            self._window = flow.after_success(self._window)
            return answer
        finally:
            self._room.places = self._window.parts
            self._room.leave()


class Station:
    """One station, from its first clip's copy to its last clip's receipt."""

    def __init__(
        self, kernel: Kernel, built: city.Station, *, central: CentralStore, seed: int
    ) -> None:
        self.built: Final = built
        self.transfers: Final = [Transfer(number, clip) for number, clip in enumerate(built.clips)]
        self.link: Final[Link] = central.link(rate_bytes_s=built.link_bytes_s)
        self._kernel = kernel
        clock = VirtualClock(kernel, seed=seed, name=built.name)
        plain = StationStore(central, link=self.link)
        self._store = GuardedStore(RetryingStore(WindowedStore(plain), clock=clock), clock=clock)
        self._room = Room(flow.MOST_PARTS)
        policy = UploadPolicy(parallel_clips=PARALLEL_CLIPS)
        self._waits = _Waits(self, clock=clock, policy=policy.retry)
        self._ranks = ranks(built.clips)
        self._line: list[tuple[int, int]] = []
        # Those of one part once more; who waits no longer is passed over.
        self._short: list[tuple[int, int]] = []
        self._waiting: set[int] = set()
        self._under_way: dict[int, int] = {}
        for transfer in self.transfers:
            kernel.at(transfer.clip.ready_s, self.due, transfer)

    def due(self, transfer: object) -> None:
        """Put a clip into the line: it is proven, or it has waited long enough."""
        assert isinstance(transfer, Transfer)
        waits = (self._ranks[transfer.clip.key], transfer.number)
        heapq.heappush(self._line, waits)
        if transfer.clip.parts == 1:
            heapq.heappush(self._short, waits)
        self._waiting.add(transfer.number)
        self._look()

    def at(self, when_s: float, call: Callable[[object], None], argument: object) -> None:
        """Call at a time."""
        self._kernel.at(when_s, call, argument)

    def _look(self) -> None:
        while (transfer := self._next()) is not None:
            self._under_way[transfer.number] = transfer.clip.size_bytes
            self._kernel.start(self._carry(transfer), done=partial(self._over, transfer))

    def _next(self) -> Transfer | None:
        """Take out of the line who is first of those for whom there is a lane."""
        if not self._has_lane(0):
            return None
        for line in (self._line, self._short):
            while line and line[0][1] not in self._waiting:
                heapq.heappop(line)
            first = self.transfers[line[0][1]] if line else None
            if first is not None and self._has_lane(first.clip.size_bytes):
                self._waiting.remove(first.number)
                return first
        return None

    def _has_lane(self, size_bytes: int) -> bool:
        under_way_bytes = self._under_way.values()
        return flow.is_free(size_bytes, under_way_bytes=under_way_bytes, lanes=PARALLEL_CLIPS)

    def _over(self, transfer: Transfer, task: Task) -> None:
        del self._under_way[transfer.number]
        error = task.error
        if error is None:
            transfer.stored_s = self._kernel.now_s
            self._waits.end(transfer.number)
            self._waits.store_is_back()
        elif isinstance(error, TransientError):
            self._waits.begin(
                transfer.number,
                for_store=error.slug == StoreUnreachable.slug,
                retry_after_s=error.retry_after_s,
            )
        else:
            raise error
        self._look()

    async def _carry(self, transfer: Transfer) -> None:
        """Carry a clip as far as it goes, asking first what an earlier try may have done."""
        outgoing = transfer.outgoing
        if transfer.state in {State.QUEUED, State.FINALIZING}:
            if await self._store.find_object(outgoing) is not None:
                transfer.state = State.CONFIRMING
        elif transfer.state is State.CREATING:
            if await self._store.find_upload(outgoing) is not None:
                transfer.state = State.SENDING
        elif transfer.in_flight:
            await self._settle(transfer)
        if transfer.state is not State.CONFIRMING:
            await self._send(transfer)
            transfer.state = State.CONFIRMING
        await self._store.prove(outgoing, version="")

    async def _settle(self, transfer: Transfer) -> None:
        arrived = await self._store.arrived_parts(transfer.outgoing, upload_id=transfer.clip.key)
        transfer.pending = sorted({*transfer.pending, *transfer.in_flight} - arrived.keys())
        transfer.in_flight.clear()

    async def _send(self, transfer: Transfer) -> None:
        outgoing, key = transfer.outgoing, transfer.clip.key
        if transfer.clip.parts == 1:
            transfer.state = State.FINALIZING
            await self._store.put_whole(outgoing)
            return
        if transfer.state in {State.QUEUED, State.CREATING}:
            transfer.state = State.CREATING
            await self._store.create_upload(outgoing)
            transfer.state = State.SENDING
        if transfer.state is State.SENDING:
            await self._send_parts(transfer)
            transfer.state = State.FINALIZING
        etags = dict.fromkeys(range(transfer.clip.parts), "")
        await self._store.complete(outgoing, upload_id=key, etags=etags)

    async def _send_parts(self, transfer: Transfer) -> None:
        """Send what is pending; the first part that fails ends the others (stages/groups)."""
        if not transfer.pending:
            return
        over = Pause()
        running: set[Task] = set()

        def done(task: Task) -> None:
            running.discard(task)
            if task.error is not None or not running:
                over.end(task.error)

        for index in transfer.pending.copy():
            running.add(self._kernel.start(self._send_part(transfer, index), done=done))
        try:
            await over
        finally:
            for task in running.copy():
                task.cancel()

    async def _send_part(self, transfer: Transfer, index: int) -> None:
        await self._room.enter(transfer.number)
        try:
            transfer.pending.remove(index)
            transfer.in_flight.add(index)
            await self._store.send_part(transfer.outgoing, upload_id=transfer.clip.key, index=index)
            transfer.in_flight.discard(index)
        finally:
            self._room.leave()


class _Waits(Waits):
    """The daemon's own, which here tell the station when a wait is over instead of being asked."""

    def __init__(self, station: Station, *, clock: VirtualClock, policy: Backoff) -> None:
        super().__init__(clock=clock, policy=lambda: policy)
        self._station = station
        self._waiting: set[int] = set()

    def begin(
        self, clip: int, *, for_store: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().begin(clip, for_store=for_store, retry_after_s=retry_after_s)
        wait = self._waits[clip]
        self._waiting.add(clip)
        self._station.at(wait.until_s, self._over, (clip, wait))

    def store_is_back(self) -> None:
        super().store_is_back()
        for clip in sorted(self._waiting - self._waits.keys()):
            self._is_due(clip)

    def _is_due(self, clip: int) -> None:
        self._waiting.discard(clip)
        self._station.due(self._station.transfers[clip])

    def _over(self, waited: object) -> None:
        assert isinstance(waited, tuple)
        clip, wait = waited
        # One that went on before, with the store, may be waiting again.
        if clip in self._waiting and self._waits.get(clip) is wait:
            self._is_due(clip)
