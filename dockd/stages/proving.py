"""Reading copies back: from a durable ``.part`` to a proven clip, or to a copy made again.

Serves offload, where it overlaps the next clip's copy, and the start after a crash, where copies
may be waiting whose camera has long left.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from dockd.core import clip as clips
from dockd.core import facts, naming, redock
from dockd.core.clip import Clip, SpoolCopy
from dockd.core.sidecar import Sidecar
from dockd.errors import DigestMismatch, IllegalFact
from dockd.ports.camera import StopFlag
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Proof, Spool
from dockd.stages.lease import PartLease, claimed
from dockd.stages.threads import in_thread


class Prover:
    """Proves copies, a few at a time in the whole station."""

    def __init__(self, *, ledger: Ledger, spool: Spool, clock: Clock, at_once: int) -> None:
        """``at_once`` read-backs run beside each other; more would only make the disk seek."""
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._turns = asyncio.Semaphore(at_once)
        self._left_behind: dict[int, asyncio.Event] = {}

    async def prove(self, clip: Clip, *, lease: PartLease, xxh128: str, stop: StopFlag) -> Clip:
        """Read back a copy that is recorded as copied; return the clip that it turned out to be.

        Waits for its turn. The ``.part`` is given back, whatever happens.

        Raises:
            DigestMismatch: the copy is not what was read from the camera; it was discarded.
            CameraGone: ``stop`` said so; the copy stays and is proven later.
        """
        async with self._turn(clip, lease):
            proof = await self._read_back(clip, lease, stop=stop)
            if proof.sha256 != clip.copied_sha256 or (xxh128 and proof.xxh128 != xxh128):
                await self._discard(clip, "read back, the copy is not what the camera gave")
            return await self._accept(clip, lease=lease, proof=proof, partial=False)

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
            await self.prove(now, lease=lease, xxh128="", stop=_never)
            return True

    async def accept_partial(self, clip: Clip) -> None:
        """Keep what is proven of a clip whose camera did not come back, marked partial.

        Raises:
            DigestMismatch: what was recorded as durable no longer reads as it did.
        """
        async with self._while_left_behind(clip) as now:
            if now is None or now.copied or not now.spool_parts:
                return
            lease = await claimed(self._spool, now)
            async with self._turn(now, lease):
                proof = await self._read_back(now, lease, stop=_never)
                if proof.sha256 != now.spool_parts[-1].sha256:
                    reason = "read back, the partial copy is not what was recorded"
                    await self._discard(now, reason)
                await self._accept(now, lease=lease, proof=proof, partial=True)

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
        now = await self._ledger.clip(clip.number)
        if now.merged_into is not None:
            await in_thread(self._spool.discard, clip)

    async def _accept(self, clip: Clip, *, lease: PartLease, proof: Proof, partial: bool) -> Clip:
        """Give a proven copy its name and record it, as this clip or as the one it really is."""
        key = naming.store_key(clip.camera, sha256=proof.sha256, path=clip.path)
        verified = facts.ClipVerified(
            clip=clip.number,
            sha256=proof.sha256,
            xxh128=proof.xxh128,
            size_bytes=proof.size_bytes,
            key=key,
            part_size_bytes=proof.part_size_bytes,
            part_sha256=proof.part_sha256,
            proof=proof.method,
            partial=partial,
        )
        if clip.sha256 not in {None, proof.sha256}:
            return await self._split(clip, lease=lease, verified=verified)
        same = await self._ledger.by_key(key)
        if same is not None and same.number != clip.number:
            return await self._merge(clip, same, lease=lease, verified=verified)
        await self._keep(clips.apply(clip, verified), lease=lease)
        await self._ledger.record(verified)
        return await self._ledger.clip(clip.number)

    async def _split(self, clip: Clip, *, lease: PartLease, verified: facts.ClipVerified) -> Clip:
        """Record that a copy made for a clip has other content, and is a clip of its own.

        The copy is kept, for by now it may be all there is of that content.
        """
        number = self._ledger.next_clip_number()
        recorded = redock.split(clip, number=number, verified=verified)
        verified = replace(verified, clip=number, partial=False)
        born = _replayed(recorded, number)
        same = await self._ledger.by_key(verified.key)
        if same is not None and same.number != clip.number:
            return await self._merge(born, same, lease=lease, verified=verified, first=recorded)
        await self._keep(clips.apply(born, verified), lease=lease)
        await self._ledger.record(*recorded, verified)
        return await self._ledger.clip(number)

    async def _merge(
        self,
        clip: Clip,
        same: Clip,
        *,
        lease: PartLease,
        verified: facts.ClipVerified,
        first: Sequence[facts.ClipFact] = (),
    ) -> Clip:
        """Record that this copy is a clip known already, and keep only what that one lacks.

        ``first`` is what is recorded before, in the same transaction.
        """
        same = await self._with_its_copy_looked_for(same)
        merge = redock.merge(clip, into=same, verified=verified)
        if merge.hand_over:
            kept = same
            for fact in merge.recorded:
                if fact.clip == same.number:
                    kept = clips.apply(kept, fact)
            await self._keep(kept, lease=lease)
        await self._ledger.record(*first, *merge.recorded)
        return await self._ledger.clip(same.number)

    async def _with_its_copy_looked_for(self, clip: Clip) -> Clip:
        """Return a clip whose spool copy is believed proven only if its file is there.

        The copy that is about to be merged into it may otherwise be the only good one.
        """
        if clip.spool_copy is not SpoolCopy.PROVEN:
            return clip
        try:
            (await in_thread(self._spool.open, clip)).close()
        except FileNotFoundError:
            reason = "the spool's file is missing"
            await self._ledger.record(facts.SpoolCopyLost(clip=clip.number, reason=reason))
        return await self._ledger.clip(clip.number)

    async def _keep(self, clip: Clip, *, lease: PartLease) -> None:
        sidecar = Sidecar(
            clip=clip,
            recorded_at=recorded_at(clip.mtime_ns),
            verified_at=self._clock.now().isoformat(),
        )
        await in_thread(
            lease.held_by(self._spool.keep),
            clip,
            part_name=lease.target.part_name,
            sidecar=sidecar,
        )

    async def _discard(self, clip: Clip, reason: str) -> None:
        await self._ledger.record(facts.CopyDiscarded(clip=clip.number, reason=reason))
        raise DigestMismatch(f"{clip.id}: {reason}")


def _never() -> bool:
    return False


def _replayed(recorded: Sequence[facts.ClipFact], number: int) -> Clip:
    """Return the clip that ``recorded`` gives birth to."""
    clip: Clip | None = None
    for fact in recorded:
        if isinstance(fact, facts.ClipSeen):
            clip = clips.born(fact)
        elif clip is not None and fact.clip == number:
            clip = clips.apply(clip, fact)
    if clip is None:
        raise IllegalFact("a clip of its own begins with its first sighting")
    return clip


def another_clip(clip: Clip, *, number: int, reason: str) -> tuple[facts.ClipFact, ...]:
    """Return how it is recorded that the file taken for ``clip`` is a clip of its own."""
    return (
        facts.ClipOverwritten(clip=clip.number, docking=clip.docking, reason=reason),
        facts.ClipSeen(
            clip=number,
            camera=clip.camera,
            docking=clip.docking,
            slot=clip.slot,
            path=clip.path,
            size_bytes=clip.size_bytes,
            mtime_ns=clip.mtime_ns,
            flagged=clip.flagged,
        ),
    )


def recorded_at(mtime_ns: int) -> str:
    """Return a camera's mtime as RFC 3339 UTC, to the second."""
    seconds = mtime_ns // 1_000_000_000
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
