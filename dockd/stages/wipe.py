"""Clearing a camera: the evidence that core/clearance decides on; `erase` carries it out."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from dockd.core import clearance, facts
from dockd.core.clip import CameraCopy, Clip, SpoolCopy
from dockd.ports.camera import FoundFile, Listing
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Spool
from dockd.stages.accepting import another_clip
from dockd.stages.confirming import Confirmed, Confirming
from dockd.stages.erase import Cleared, Erase, Terms, spool_copies_bytes, spool_is_ours
from dockd.stages.patience import Patience
from dockd.stages.problems import ProblemBoard
from dockd.stages.rehash import hash_file
from dockd.stages.shared_holds import SharedHolds
from dockd.stages.stay import Stay
from dockd.stages.threads import in_thread

# Confirmed, decided and deleted together: few enough that what was confirmed first is still fresh.
# Each batch costs a look at the whole camera, so a full one goes in eight of them.
_SMALLEST_BATCH: Final = 256
_LARGEST_BATCH: Final = 4096
_BATCHES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WipePolicy:
    """When and how cameras are cleared; replaced on a reload."""

    after: Literal["receipt", "never"]
    rehash: Literal["after-break", "always"]
    required: int
    stores: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What is the same for every clip of one decision."""

    stay: Stay
    files: Mapping[bytes, FoundFile]
    media: clearance.Media
    set_aside: frozenset[str]
    holds_age_s: float | None
    epoch: int
    spool_is_ours: bool


class NewFootage(Exception):
    """The camera holds a file that is no clip of this docking: it is offloaded first."""


class Wipe:
    """Clears cameras; one object serves all slots."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        confirming: Confirming,
        shared_holds: SharedHolds,
        problems: ProblemBoard,
        clock: Clock,
        policy: WipePolicy,
    ) -> None:
        """``policy`` may be replaced at any time."""
        self._ledger = ledger
        self._spool = spool
        self._confirming = confirming
        self._shared_holds = shared_holds
        self._problems = problems
        self._clock = clock
        self.policy = policy
        self._waiting: dict[str, asyncio.Event] = {}
        self._clips: dict[str, frozenset[int]] = {}
        self._patience: dict[str, Patience] = {}
        self._erase = Erase(
            ledger=ledger, spool=spool, shared_holds=shared_holds, problems=problems
        )

    def receipts_changed(self, docking: str) -> asyncio.Event:
        """Return an event that is set when something happens that may let ``docking`` be wiped."""
        event = self._waiting[docking] = asyncio.Event()
        return event

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Wake the dockings that wait, when a commit may let one of them go on."""
        for fact in committed:
            self._erase.heard(fact)
            # What was only confirmed for this stage is no news to it.
            if isinstance(fact, _WAKING) and not self._confirming.is_asked(fact):
                for patience in self._patience.values():
                    patience.heard(fact)
                for docking, event in self._waiting.items():
                    if isinstance(fact, _FOR_ALL) or fact.clip in self._clips.get(docking, ()):
                        event.set()

    def forget(self, docking: str) -> None:
        """Stop waking a docking that ended."""
        self._waiting.pop(docking, None)
        self._clips.pop(docking, None)
        self._patience.pop(docking, None)

    async def run(self, stay: Stay) -> bool:
        """Clear what may be cleared; return True when no footage is left to clear.

        Raises:
            CameraGone: the camera left; the next docking finds out what is still there.
            NewFootage: there is footage that was not offloaded yet.
        """
        patience = self._patience.setdefault(stay.docking, Patience(self._clock))
        while True:
            listing = await in_thread(stay.camera.listing)
            here = await self._footage(stay, listing)
            self._clips[stay.docking] = frozenset(clip.number for clip in here)
            if listing.doubts:
                # What is in there was never offloaded, and every deletion writes to the medium.
                return False
            # Settings and the like are copied as well, and stay on the camera for good.
            if not any(stay.camera.is_clearable(clip.path) for clip in here):
                await self._say_cleared(stay)
                return True
            if self.policy.after == "never" or not any(map(self._is_stored, here)):
                return False
            if not all(map(_is_verified, here)):
                return False
            await self._hash_again(stay, here, listing)
            if not await self._clear_some(stay, listing, patience):
                return False

    def _is_stored(self, clip: Clip) -> bool:
        return 0 < self.policy.required <= len(self.policy.stores.intersection(clip.proven_by))

    async def _say_cleared(self, stay: Stay) -> None:
        """Record that a camera is clear, once for what was cleared since it was last said.

        Also for what an earlier docking cleared, when the daemon was killed before it said so.
        """
        wiped = await self._ledger.wiped_unsaid(stay.camera.serial)
        if wiped:
            await self._ledger.record(facts.DockingCleared(docking=stay.docking, clips=wiped))
        await self._problems.clear("wipe-failed", subject=f"slot {stay.camera.slot}")

    async def _footage(self, stay: Stay, listing: Listing) -> Sequence[Clip]:
        """Return the clips of every file on the camera.

        Raises:
            NewFootage: a file has no clip, or is not the file that its clip was.
        """
        clips = {
            clip.path: clip
            for clip in await self._ledger.in_docking(stay.docking)
            if clip.camera_copy is CameraCopy.PRESENT
        }
        for file in listing.files:
            clip = clips.get(file.path)
            if clip is None or (clip.size_bytes, clip.mtime_ns) != (file.size_bytes, file.mtime_ns):
                raise NewFootage
        return [clips[file.path] for file in listing.files]

    async def _hash_again(self, stay: Stay, here: Sequence[Clip], listing: Listing) -> None:
        """Hash the camera's whole file again where the copy alone cannot speak for it.

        Every file, not only those that may go: a file that was taken for a clip by its name may be
        other footage, and each deletion writes to the medium that it is on.
        """
        files = {file.path: file for file in listing.files}
        for clip in here:
            due = self.policy.rehash == "always" and not clip.rehashed
            if clip.hashed_in == stay.docking and not due:
                continue
            digest = await in_thread(hash_file, stay, files[clip.path])
            if digest == clip.sha256:
                await self._ledger.record(
                    facts.ClipRehashed(clip=clip.number, docking=stay.docking, sha256=digest)
                )
                continue
            reason = "the camera's file has the same name, size and mtime, and other content"
            await self._ledger.record(
                *another_clip(clip, number=self._ledger.next_clip_number(), reason=reason)
            )
            stay.news = True
            raise NewFootage

    async def _clear_some(self, stay: Stay, listing: Listing, patience: Patience) -> bool:
        """Decide about the next batch of stored clips and delete those that may go.

        Returns whether any went, so that there is a reason to look again.
        """
        policy = self.policy
        here = await self._footage(stay, listing)
        scene = await self._scene(stay, listing, here)
        candidates = [
            clip
            for clip in here
            if self._is_stored(clip)
            and patience.is_due(clip)
            and clearance.is_worth_asking(
                self._evidence(scene, clip, (), spool_copy_bytes=clip.size_bytes)
            )
        ][: _batch(len(here))]
        confirmed = await self._confirming.confirm(candidates, epoch=scene.epoch)
        terms = Terms(
            stores=policy.stores,
            required=policy.required,
            troubled=scene.media.troubled,
            still_stand=lambda: self.policy == policy,
        )
        decided = await self._decide(scene, candidates, confirmed)
        left = await self._erase.run(stay, decided, terms=terms) if decided else set()
        gone = {item.clip.number for item in decided if item.file.path not in left}
        patience.in_vain([clip for clip in candidates if clip.number not in gone])
        return bool(gone)

    async def _scene(self, stay: Stay, listing: Listing, here: Sequence[Clip]) -> _Scene:
        elsewhere = self._shared_holds.standing()
        return _Scene(
            stay=stay,
            files={file.path: file for file in listing.files},
            media=clearance.Media(
                all_clips_verified=all(
                    _is_verified(clip) and clip.hashed_in == stay.docking for clip in here
                ),
                all_clips_stored=all(map(self._is_stored, here)),
                troubled=await in_thread(stay.camera.is_troubled),
            ),
            set_aside=await self._ledger.set_aside() | elsewhere.subjects,
            holds_age_s=elsewhere.age_s,
            epoch=(await self._ledger.head()).epoch,
            spool_is_ours=await spool_is_ours(self._spool),
        )

    async def _decide(
        self, scene: _Scene, clips: Sequence[Clip], confirmed: Mapping[int, Sequence[Confirmed]]
    ) -> Sequence[Cleared]:
        """Return those whose two keys have turned, by what the ledger and the spool say now."""
        now = await self._ledger.numbered([clip.number for clip in clips])
        kept_bytes = await in_thread(spool_copies_bytes, self._spool, clips)
        decided: list[Cleared] = []
        for clip in clips:
            evidence = self._evidence(
                scene,
                now[clip.number],
                confirmed[clip.number],
                spool_copy_bytes=kept_bytes[clip.number],
            )
            if clearance.may_wipe(evidence).allowed:
                stores = tuple(sorted(clearance.binding_stores(evidence)))
                file = scene.files[clip.path]
                decided.append(Cleared(clip=clip, file=file, stores=stores))
        return decided

    def _evidence(
        self,
        scene: _Scene,
        clip: Clip,
        confirmed: Sequence[Confirmed],
        *,
        spool_copy_bytes: int | None,
    ) -> clearance.Evidence:
        file = scene.files[clip.path]
        now_s = self._clock.monotonic_s()
        return clearance.Evidence(
            clip=clip,
            docking=None if scene.stay.must_stop() else scene.stay.docking,
            camera_file=clearance.CameraFile(size_bytes=file.size_bytes, mtime_ns=file.mtime_ns),
            media=scene.media,
            set_aside=scene.set_aside,
            holds_age_s=scene.holds_age_s,
            spool_copy_bytes=spool_copy_bytes,
            clearable=scene.stay.camera.is_clearable(clip.path),
            confirmations=tuple(
                clearance.Confirmation(receipt=one.receipt, confirmed_ago_s=now_s - one.asked_s)
                for one in confirmed
            ),
            configured_stores=self.policy.stores,
            required=self.policy.required,
            epoch=scene.epoch,
            spool_is_ours=scene.spool_is_ours,
            wipe_after=self.policy.after,
            rehash=self.policy.rehash,
        )


_FOR_ALL = (facts.SetFree, facts.HoldsListed)
_WAKING = (
    *_FOR_ALL,
    facts.ReceiptAccepted,
    facts.ClipReleased,
    facts.ClipRetried,
    facts.ReceiptLost,
    facts.ClipVerified,
)


def _batch(footage: int) -> int:
    """Return how many of so many clips are cleared together."""
    return min(_LARGEST_BATCH, max(_SMALLEST_BATCH, footage // _BATCHES))


def _is_verified(clip: Clip) -> bool:
    return (
        clip.camera_copy is CameraCopy.PRESENT
        and clip.spool_copy is SpoolCopy.PROVEN
        and not clip.partial
    )
