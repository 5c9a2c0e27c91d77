"""Reading copies back: from a durable ``.part`` to a proven clip, or to a copy made again.

Serves offload, where it overlaps the next clip's copy, and the start after a crash, where copies
may be waiting whose camera has long left.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn

from dockd.core import remains
from dockd.core.clip import Clip, SpoolCopy
from dockd.errors import DigestMismatch, DockdError
from dockd.ports.camera import StopFlag
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Proof, Spool
from dockd.stages.accepting import Acceptance
from dockd.stages.lease import PartLease, all_held_by, claimed
from dockd.stages.threads import in_thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """A whole copy in ``incoming/`` that is recorded; ``xxh128`` where it was just made.

    Whoever has it gives the lease back.
    """

    clip: Clip
    lease: PartLease
    xxh128: str = ""


Failed = tuple[Clip, DockdError]


class Prover:
    """Proves copies, a few at a time in the whole station."""

    def __init__(self, *, ledger: Ledger, spool: Spool, clock: Clock, at_once: int) -> None:
        """``at_once`` read-backs run beside each other; more would only make the disk seek."""
        self._ledger = ledger
        self._spool = spool
        self._acceptance = Acceptance(ledger=ledger, spool=spool, clock=clock)
        self._turns = asyncio.Semaphore(at_once)
        self._left_behind: dict[int, asyncio.Event] = {}

    async def prove(self, copies: Sequence[Unproven], *, stop: StopFlag) -> Sequence[Failed]:
        """Read back copies that are recorded as copied; return those that were not proven.

        Of what is not what was read from the camera only the parts are kept that still hold. Waits
        for its turn. The ``.part`` files are given back, whatever happens.

        Raises:
            CameraGone: ``stop`` said so; the copies stay and are proven later.
        """
        failed: list[Failed] = []
        good: list[tuple[Clip, PartLease, Proof]] = []
        try:
            async with self._turns:
                leases = [copy.lease for copy in copies]
                reading = all_held_by(leases, self._read_back_all)
                proofs = await in_thread(reading, copies, stop=stop)
            for copy, proof in zip(copies, proofs, strict=True):
                if _is_proven(copy, proof):
                    good.append((copy.clip, copy.lease, proof))
                    continue
                try:
                    reason = "read back, the copy is not what the camera gave"
                    await self._fall_back(copy.clip, copy.lease, reason, stop=stop)
                except DigestMismatch as error:
                    failed.append((copy.clip, error))
            others = await self._acceptance.accept_all(good)
        finally:
            for copy in copies:
                copy.lease.close()
        for clip in others:
            await self._remove_merged(clip)
        return failed

    def _read_back_all(self, copies: Sequence[Unproven], *, stop: StopFlag) -> Sequence[Proof]:
        return [
            self._spool.prove(
                copy.clip,
                part_name=copy.lease.target.part_name,
                size_bytes=copy.clip.spooled_bytes,
                stop=stop,
            )
            for copy in copies
        ]

    async def recover(self, clip: Clip) -> bool:
        """Prove a whole copy whose camera left, or whose daemon ended, before it was read back.

        Returns whether it was proven; False when its camera came back meanwhile and sees to it.

        Raises:
            DigestMismatch, ClipChangedWhileRead: as `prove`.
        """
        async with self._while_left_behind(clip) as now:
            if now is None or not now.copied:
                return False
            lease = await claimed(self._spool, now)
            for _, error in await self.prove([Unproven(clip=now, lease=lease)], stop=_never):
                raise error
            return True

    async def accept_partial(self, clip: Clip) -> None:
        """Keep what is proven of a clip whose camera did not come back, marked partial.

        Raises:
            DigestMismatch: what was recorded as durable no longer reads as it did; the parts before
                that are left, to be tried again.
        """
        async with self._while_left_behind(clip) as now:
            if now is None or now.copied or not now.spool_parts:
                return
            lease = await claimed(self._spool, now)
            async with self._turn(now, lease):
                proof = await self._read_back(now, lease, stop=_never)
                if proof.sha256 != now.spool_parts[-1].sha256:
                    reason = "read back, the partial copy is not what was recorded"
                    await self._fall_back(now, lease, reason, stop=_never)
                await self._acceptance.accept(now, lease=lease, proof=proof, partial=True)

    async def left_alone(self, number: int) -> None:
        """Return when nothing is done any more to a copy that its camera had left behind."""
        while (under_way := self._left_behind.get(number)) is not None:
            await under_way.wait()

    @asynccontextmanager
    async def _while_left_behind(self, clip: Clip) -> AsyncGenerator[Clip | None, None]:
        """Lend the clip as it is now; None when its camera is back, or somebody has it.

        Who docks records that the clip was seen again and only then asks `left_alone`; here the
        order is the other way round, so that one of the two always notices the other.
        """
        if clip.number in self._left_behind:
            yield None
            return
        ended = self._left_behind[clip.number] = asyncio.Event()
        try:
            now = await self._ledger.clip(clip.number)
            docked = {row.docking for row in await self._ledger.open_dockings()}
            is_left = now.docking not in docked and now.spool_copy is SpoolCopy.PARTIAL
            yield now if is_left and now.merged_into is None else None
        finally:
            del self._left_behind[clip.number]
            ended.set()

    async def _read_back(self, clip: Clip, lease: PartLease, *, stop: StopFlag) -> Proof:
        return await in_thread(
            lease.held_by(self._spool.prove),
            clip,
            part_name=lease.target.part_name,
            size_bytes=clip.spooled_bytes,
            stop=stop,
        )

    @asynccontextmanager
    async def _turn(self, clip: Clip, lease: PartLease) -> AsyncGenerator[None, None]:
        """Have a turn; then give the ``.part`` back, and remove a copy that was merged away."""
        try:
            async with self._turns:
                yield
        finally:
            lease.close()
        await self._remove_merged(clip)

    async def _remove_merged(self, clip: Clip) -> None:
        now = await self._ledger.clip(clip.number)
        if now.merged_into is not None:
            await in_thread(self._spool.discard, clip)

    async def _fall_back(
        self, clip: Clip, lease: PartLease, reason: str, *, stop: StopFlag
    ) -> NoReturn:
        """Forget of a bad copy what does not hold, and raise DigestMismatch.

        Its camera may be gone for good: what does hold may be all there is of the clip.
        """
        holding = lease.held_by(self._spool.still_holds)
        parts = await in_thread(holding, clip, part_name=lease.target.part_name, stop=stop)
        await self._ledger.record(*remains.shortened(clip, parts=parts, reason=reason))
        raise DigestMismatch(f"{clip.id}: {reason}")


def _never() -> bool:
    return False


def _is_proven(copy: Unproven, proof: Proof) -> bool:
    return proof.sha256 == copy.clip.copied_sha256 and copy.xxh128 in {"", proof.xxh128}
