"""Proven copies: each gets its name in the spool, and is recorded as the clip it turned out to be.

That may be the clip whose copy was made, a clip that is known already, or one of its own.
"""

from collections.abc import Sequence
from dataclasses import replace

from dockd.core import clip_life, facts, naming, redock
from dockd.core.clip import Clip, SpoolCopy
from dockd.core.sidecar import Sidecar
from dockd.errors import IllegalFact
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Keeping, Proof, Spool
from dockd.stages.dating import recorded_at
from dockd.stages.lease import PartLease, all_held_by
from dockd.stages.threads import in_thread


class Acceptance:
    """Takes in what was proven."""

    def __init__(self, *, ledger: Ledger, spool: Spool, clock: Clock) -> None:
        """Join what accepting needs; nothing happens yet."""
        self._ledger = ledger
        self._spool = spool
        self._clock = clock

    async def accept_all(self, proven: Sequence[tuple[Clip, PartLease, Proof]]) -> Sequence[Clip]:
        """Take in whole copies: what is simply its clip together, the others one by one.

        Returns the clips of those others.
        """
        keys = [_verified(clip, proof, partial=False).key for clip, _, proof in proven]
        known = await self._ledger.by_keys(keys)
        plain: list[tuple[Clip, PartLease, facts.ClipVerified]] = []
        others: list[Clip] = []
        for (clip, lease, proof), key in zip(proven, keys, strict=True):
            same = known.get(key)
            is_its_clip = clip.sha256 in {None, proof.sha256}
            if is_its_clip and (same is None or same.number == clip.number):
                plain.append((clip, lease, _verified(clip, proof, partial=False)))
            else:
                others.append(clip)
                await self.accept(clip, lease=lease, proof=proof, partial=False)
        keeping = [
            self._keeping(clip_life.apply(clip, verified), lease) for clip, lease, verified in plain
        ]
        await in_thread(all_held_by([lease for _, lease, _ in plain], self._spool.keep), *keeping)
        for refused in await self._ledger.record_each([verified for _, _, verified in plain]):
            if refused is not None:
                raise refused
        return others

    async def accept(self, clip: Clip, *, lease: PartLease, proof: Proof, partial: bool) -> Clip:
        """Give a proven copy its name and record it, as this clip or as the one it really is."""
        verified = _verified(clip, proof, partial=partial)
        if clip.sha256 not in {None, proof.sha256}:
            return await self._split(clip, lease=lease, verified=verified)
        same = await self._ledger.by_key(verified.key)
        if same is not None and same.number != clip.number:
            return await self._merge(clip, same, lease=lease, verified=verified)
        await self._keep(clip_life.apply(clip, verified), lease=lease)
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
        await self._keep(clip_life.apply(born, verified), lease=lease)
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
        same = await self._with_its_copy_read(same)
        merge = redock.merge(clip, into=same, verified=verified)
        if merge.hand_over:
            kept = same
            for fact in merge.recorded:
                if fact.clip == same.number:
                    kept = clip_life.apply(kept, fact)
            await self._keep(kept, lease=lease)
        await self._ledger.record(*first, *merge.recorded)
        return await self._ledger.clip(same.number)

    async def _with_its_copy_read(self, clip: Clip) -> Clip:
        """Return a clip whose spool copy is believed proven only if it reads back as it was.

        The copy that is about to be merged into it, and to be discarded, may be the only good one.
        """
        if clip.spool_copy is not SpoolCopy.PROVEN:
            return clip
        try:
            proof = await in_thread(self._spool.verify, clip, stop=lambda: False)
        except FileNotFoundError:
            reason = "the spool's file is missing"
        else:
            if proof.sha256 == clip.sha256:
                return clip
            reason = "read again, the spool's copy has another digest"
        await self._ledger.record(facts.SpoolCopyLost(clip=clip.number, reason=reason))
        return await self._ledger.clip(clip.number)

    async def _keep(self, clip: Clip, *, lease: PartLease) -> None:
        await in_thread(lease.held_by(self._spool.keep), self._keeping(clip, lease))

    def _keeping(self, clip: Clip, lease: PartLease) -> Keeping:
        sidecar = Sidecar(
            clip=clip,
            recorded_at=recorded_at(clip.mtime_ns),
            verified_at=self._clock.now().isoformat(),
        )
        return Keeping(part_name=lease.target.part_name, sidecar=sidecar)


def _verified(clip: Clip, proof: Proof, *, partial: bool) -> facts.ClipVerified:
    return facts.ClipVerified(
        clip=clip.number,
        sha256=proof.sha256,
        xxh128=proof.xxh128,
        size_bytes=proof.size_bytes,
        key=naming.store_key(clip.camera, sha256=proof.sha256, path=clip.path),
        part_size_bytes=proof.part_size_bytes,
        part_sha256=proof.part_sha256,
        proof=proof.method,
        partial=partial,
    )


def _replayed(recorded: Sequence[facts.ClipFact], number: int) -> Clip:
    """Return the clip that ``recorded`` gives birth to."""
    clip: Clip | None = None
    for fact in recorded:
        if isinstance(fact, facts.ClipSeen):
            clip = clip_life.born(fact)
        elif clip is not None and fact.clip == number:
            clip = clip_life.apply(clip, fact)
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
