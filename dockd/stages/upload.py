"""Verified clips to one store: which is next, and what to do when it cannot go on.

How one clip is carried is in ``transferring``; what a transfer may do is in core/transfer.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dockd.core import backoff, facts, flow, schedule
from dockd.core.backoff import Backoff
from dockd.core.clip import Clip, Place
from dockd.core.transfer import State
from dockd.errors import DockdError, IllegalFact, PermanentError, StoreUnreachable, TransientError
from dockd.ports.clock import Clock
from dockd.ports.ledger import ClipFilter, Ledger
from dockd.ports.store import Store
from dockd.stages.confirming import REACHING, Confirming
from dockd.stages.line import Line, as_waiting
from dockd.stages.problems import ProblemBoard
from dockd.stages.transferring import Transferring
from dockd.stages.waits import Waits

_CANDIDATES: Final = 256
_OF_A_CAMERA: Final = 64
_STATION_TROUBLE: Final = ("store-refused-credentials", "store-bucket-missing")
# What is said of the ledger by rules of their own; all else a clip that went through disproves.
_OF_OTHERS: Final = frozenset({"ledger-restored", "ledger-broken", "ledger-behind", "books-open"})
_CLIP_TROUBLE: Final = (
    "illegal-fact",
    "store-lost-object",
    "clip-unreadable",
    "store-conflict",
    "store-checksum-mismatch",
    "store-rejected-clip",
    "transfer-stuck",
    "spool-changed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPolicy:
    """``parallel_clips`` at once to this store, and how many seconds between looks and probes."""

    parallel_clips: int
    idle_s: float = 30.0
    probe_every_s: float = 24 * 3600.0
    retry: Backoff = field(default_factory=Backoff)


class Upload:
    """Carries clips to one store, for as long as the daemon runs."""

    def __init__(
        self,
        store: Store,
        *,
        ledger: Ledger,
        transferring: Transferring,
        confirming: Confirming,
        problems: ProblemBoard,
        clock: Clock,
        policy: UploadPolicy,
        fullness: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        """Join what uploading needs; nothing happens yet.

        ``fullness`` tells how full each docked camera is of which that is known.
        """
        self._fullness = fullness
        self._store = store
        self._ledger = ledger
        self._transferring = transferring
        self._confirming = confirming
        self._problems = problems
        self._clock = clock
        self.policy = policy
        self._wake = asyncio.Event()
        self._under_way: dict[int, int] = {}
        self._line = Line((), drawn_up_s=0.0)
        self._newcomers = False
        self._waits = Waits(clock=clock, policy=lambda: self.policy.retry)
        self._probed_at_s: float | None = None
        self._probe_at_s = 0.0
        self._probe_failures = 0

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Look at the queue again when a commit may have changed it."""
        for fact in committed:
            if isinstance(fact, facts.ClipRetried | facts.ClipReleased):
                self._waits.end(fact.clip)
            if isinstance(fact, _WAKING):
                self._newcomers = True
                self._wake.set()
            if isinstance(fact, _OVERTAKING):
                self._line.go_stale()

    async def run(self) -> None:
        """Carry clip after clip until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                await self._probe_when_due()
                clip = await self._next() if self._probed_at_s is not None else None
                if clip is None:
                    await self._rest()
                    continue
                self._under_way[clip.number] = clip.stored_size_bytes
                group.create_task(self._carry(clip), name=f"{self._store.name} {clip.id}")

    async def _next(self) -> Clip | None:
        """Return the clip whose turn it is, or None while there is none or no lane is free."""
        if self._transferring.is_paused or not self._has_lane(0):
            return None
        if not self._line.is_good(self._clock.monotonic_s()):
            self._newcomers = False
            self._line = await self._draw_up_line()
        return self._line.take(
            lambda clip: (
                clip.number not in self._under_way and self._has_lane(clip.stored_size_bytes)
            )
        )

    def _has_lane(self, size_bytes: int) -> bool:
        return flow.is_free(
            size_bytes,
            under_way_bytes=self._under_way.values(),
            lanes=self.policy.parallel_clips,
        )

    async def _draw_up_line(self) -> Line:
        """Ask the ledger who waits, and put them in their order."""
        # Those that have to wait must not hide those behind them.
        limit = _CANDIDATES + len(self._waits.running_s())
        found = await self._ledger.awaiting(self._store.name, limit=limit)
        if len(found) == limit:
            found = [*found, *await self._of_full_cameras()]
        waiting = {
            clip.number: clip
            for clip in found
            if clip.number not in self._under_way and self._waits.is_due(clip.number)
        }
        return Line(self.in_order(waiting.values()), drawn_up_s=self._clock.monotonic_s())

    async def _of_full_cameras(self) -> Sequence[Clip]:
        """Return what waits of cameras that are full, however many came before it."""
        waiting: list[Clip] = []
        for camera, fill_fraction in self._fullness().items():
            if not schedule.is_in_a_hurry(fill_fraction):
                continue
            wanted = ClipFilter(camera=camera, place=Place.VERIFIED, limit=_OF_A_CAMERA)
            for clip in await self._ledger.clips(wanted):
                transfer = await self._ledger.transfer(clip.number, store=self._store.name)
                if transfer is None or transfer.state not in {State.RECEIPTED, State.REFUSED}:
                    waiting.append(clip)
        return waiting

    def in_order(self, clips: Iterable[Clip]) -> Sequence[Clip]:
        """Return clips in the order of their turns, next one first."""
        now = self._clock.now()
        waiting = {str(clip.number): clip for clip in clips}
        fullness = self._fullness()
        ordered = schedule.order(
            [as_waiting(clip, now=now, fullness=fullness) for clip in waiting.values()]
        )
        return [waiting[one.clip_id] for one in ordered]

    def under_way(self) -> Collection[int]:
        """Return the numbers of the clips that are being sent now."""
        return self._under_way.keys()

    async def _rest(self) -> None:
        """Wait for something to change, or for the first clip whose time has come."""
        waits_s = [self.policy.idle_s, *self._waits.running_s()]
        if (probe_in_s := self._probe_at_s - self._clock.monotonic_s()) > 0:
            waits_s.append(probe_in_s)
        if self._newcomers and self._probed_at_s is not None and self._has_lane(0):
            # One of them may be short, and is not in the line yet.
            waits_s.append(self._line.good_for_s(self._clock.monotonic_s()))
        try:
            async with asyncio.timeout(min(waits_s)):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _carry(self, clip: Clip) -> None:
        """Carry one clip as far as it goes; whatever happens, the lane is free afterwards."""
        try:
            await self._attempt(clip)
        except DockdError as error:
            # The ledger itself could not take what happened: it is found out again next time.
            await self._problems.open(error.slug, subject="ledger", reason=error.reason)
            self._waits.begin(clip.number)
        except Exception as error:  # noqa: BLE001 - one clip's mistake must not stop the others
            await self._problems.mistake("transfer-stuck", subject=f"clip {clip.id}", error=error)
            self._waits.begin(clip.number)
        finally:
            self._under_way.pop(clip.number, None)
            self._wake.set()

    async def _attempt(self, clip: Clip) -> None:
        try:
            await self._transferring.carry(clip, self._store)
        except TransientError as error:
            await self._try_later(clip, error)
        except IllegalFact as error:
            # The clip moved on meanwhile, for instance its spool copy made room. It is looked at
            # again; a hold would punish it for what it did not do.
            await self._problems.open(error.slug, subject=f"clip {clip.id}", reason=error.reason)
            self._waits.begin(clip.number)
        except PermanentError as error:
            await self._settle_refusal(clip, error)
        else:
            self._waits.end(clip.number)
            self._waits.store_is_back()
            await self._problems.clear_all(REACHING, subject=self._subject)
            await self._problems.clear_all(_CLIP_TROUBLE, subject=f"clip {clip.id}")
            said = {problem.slug for problem in self._problems.of_subject("ledger")}
            await self._problems.clear_all(said - _OF_OTHERS, subject="ledger")

    async def _try_later(self, clip: Clip, error: TransientError) -> None:
        """Network trouble is never final: say so once, and come back."""
        subject = self._subject if error.slug in REACHING else f"clip {clip.id}"
        await self._problems.open(error.slug, subject=subject, reason=error.reason)
        self._waits.begin(
            clip.number,
            for_store=error.slug == StoreUnreachable.slug,
            retry_after_s=error.retry_after_s,
        )

    async def _settle_refusal(self, clip: Clip, error: PermanentError) -> None:
        """Hold what a person has to look at; the store's own trouble is not the clip's fault."""
        if error.slug in _STATION_TROUBLE:
            await self._problems.open(error.slug, subject=self._subject, reason=error.reason)
            self._waits.begin(clip.number)
            return
        await self._ledger.record(
            facts.TransferRefused(
                clip=clip.number, store=self._store.name, slug=error.slug, reason=error.reason
            ),
            facts.ClipTroubled(
                clip=clip.number,
                slug=error.slug,
                reason=error.reason,
                owner=error.owner,
                next_step=error.next_step,
            ),
            facts.ClipHeld(clip=clip.number, hold="error", why=error.reason, actor="dockd"),
        )
        await self._problems.open(error.slug, subject=f"clip {clip.id}", reason=error.reason)

    async def _probe_when_due(self) -> None:
        """Try the store with a wrong checksum, at the start and daily.

        Nothing is sent before the first answer: a receipt of a store that nobody tried would
        count as ``size`` for good reason, and as nothing but that.
        """
        now_s = self._clock.monotonic_s()
        if now_s < self._probe_at_s:
            return
        try:
            probe = await self._store.probe()
        except DockdError as error:
            await self._problems.open(error.slug, subject=self._subject, reason=error.reason)
            self._probe_at_s = now_s + backoff.delay_s(
                self.policy.retry,
                attempt=self._probe_failures,
                retry_after_s=getattr(error, "retry_after_s", None),
                random_unit=self._clock.random(),
            )
            self._probe_failures += 1
            return
        self._probe_failures = 0
        self._probed_at_s = now_s
        self._probe_at_s = now_s + self.policy.probe_every_s
        await self._problems.clear_all(REACHING, subject=self._subject)
        await self._ledger.record(
            facts.StoreProbed(store=self._store.name, strength=probe.strength, detail=probe.detail)
        )
        if probe.strength == "digest":
            await self._problems.clear("store-unproven", subject=self._subject)
            await self._prove_more()
        else:
            await self._problems.open("store-unproven", subject=self._subject, reason=probe.detail)

    async def _prove_more(self) -> None:
        """Have clips proven by content of which this store could only show the size so far."""
        after = 0
        while clips := await self._ledger.unproven(
            self._store.name, after=after, limit=_CANDIDATES
        ):
            epoch = (await self._ledger.head()).epoch
            await self._confirming.confirm(clips, epoch=epoch)
            after = clips[-1].number

    @property
    def _subject(self) -> str:
        return f"store {self._store.name}"


_WAKING = (
    facts.ClipVerified,
    facts.ClipReleased,
    facts.ClipRetried,
    facts.ReceiptLost,
    facts.TransferRestarted,
    facts.UploadsResumed,
)

_OVERTAKING = (
    facts.ClipPrioritised,
    facts.ClipReleased,
    facts.ClipRetried,
    facts.ReceiptLost,
    facts.SpoolCopyLost,
    facts.TransferRefused,
    facts.TransferRestarted,
)
