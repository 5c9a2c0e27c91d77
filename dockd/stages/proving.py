"""Reading copies back: from a durable ``.part`` to a proven clip, or to a copy made again.

Serves offload, where it overlaps the next clip's copy, and the start after a crash, where copies
may be waiting whose camera has long left.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from dockd.core import clip as clips
from dockd.core import facts, naming, redock
from dockd.core.clip import Clip
from dockd.core.sidecar import Sidecar
from dockd.errors import ClipChangedWhileRead, DigestMismatch
from dockd.ports.camera import StopFlag
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Proof, Spool
from dockd.stages.lease import PartLease
from dockd.stages.threads import in_thread


class Prover:
    """Proves copies, a few at a time in the whole station."""

    def __init__(self, *, ledger: Ledger, spool: Spool, clock: Clock, at_once: int) -> None:
        """``at_once`` read-backs run beside each other; more would only make the disk seek."""
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._turns = asyncio.Semaphore(at_once)

    async def prove(self, clip: Clip, *, lease: PartLease, xxh128: str, stop: StopFlag) -> Clip:
        """Read back a copy that is recorded as copied; return the clip that it turned out to be.

        Waits for its turn. The ``.part`` is given back, whatever happens.

        Raises:
            DigestMismatch: the copy is not what was read from the camera; it was discarded.
            ClipChangedWhileRead: copied again, the file turned out to be another clip.
            CameraGone: ``stop`` said so; the copy stays and is proven later.
        """
        async with self._turn(clip, lease):
            proof = await self._read_back(clip, lease, stop=stop)
            if proof.sha256 != clip.copied_sha256 or (xxh128 and proof.xxh128 != xxh128):
                await self._discard(clip, "read back, the copy is not what the camera gave")
            return await self._accept(clip, lease=lease, proof=proof, partial=False)

    async def recover(self, clip: Clip) -> Clip:
        """Prove a copy that an earlier run of the daemon left whole but not read back."""
        lease = PartLease(self._spool, await in_thread(self._spool.claim, clip))
        return await self.prove(clip, lease=lease, xxh128="", stop=_never)

    async def accept_partial(self, clip: Clip) -> Clip:
        """Keep what is proven of a clip whose camera did not come back, marked partial.

        Raises:
            DigestMismatch: what was recorded as durable no longer reads as it did.
        """
        lease = PartLease(self._spool, await in_thread(self._spool.claim, clip))
        async with self._turn(clip, lease):
            proof = await self._read_back(clip, lease, stop=_never)
            if proof.sha256 != clip.spool_parts[-1].sha256:
                await self._discard(clip, "read back, the partial copy is not what was recorded")
            return await self._accept(clip, lease=lease, proof=proof, partial=True)

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
            await self._another(clip)
        same = await self._ledger.by_key(key)
        if same is not None and same.number != clip.number:
            return await self._merge(clip, same, lease=lease, verified=verified)
        await self._keep(clips.apply(clip, verified), lease=lease)
        await self._ledger.record(verified)
        return await self._ledger.clip(clip.number)

    async def _another(self, clip: Clip) -> None:
        """Record that a file copied again is not the clip it was taken for."""
        reason = "copied again, the file of that name, size and mtime has other content"
        await self._ledger.record(
            facts.CopyDiscarded(clip=clip.number, reason=reason),
            *another_clip(clip, number=self._ledger.next_clip_number(), reason=reason),
        )
        raise ClipChangedWhileRead(f"{clip.id}: {reason}")

    async def _merge(
        self, clip: Clip, same: Clip, *, lease: PartLease, verified: facts.ClipVerified
    ) -> Clip:
        """Record that this copy is a clip known already, and keep only what that one lacks."""
        merge = redock.merge(clip, into=same, verified=verified)
        if merge.hand_over:
            kept = same
            for fact in merge.recorded:
                if fact.clip == same.number:
                    kept = clips.apply(kept, fact)
            await self._keep(kept, lease=lease)
        await self._ledger.record(*merge.recorded)
        return await self._ledger.clip(same.number)

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
