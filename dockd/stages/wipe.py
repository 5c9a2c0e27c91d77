"""Clearing a camera: decided by core/clearance, carried out here, believed after a new listing."""

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dockd.core import clearance, facts, receipt
from dockd.core.clip import CameraCopy, Clip, SpoolCopy
from dockd.errors import (
    CameraGone,
    ClipChangedWhileRead,
    ClipUnreadable,
    DockdError,
    StoreLostObject,
)
from dockd.ports.camera import Camera, FoundFile, Listing
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Spool
from dockd.ports.store import Store
from dockd.stages.outgoing import outgoing
from dockd.stages.problems import ProblemBoard
from dockd.stages.proving import another_clip
from dockd.stages.stay import Stay
from dockd.stages.threads import in_thread

_HASH_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WipePolicy:
    """When and how cameras are cleared; changes live on reload."""

    after: Literal["receipt", "never"]
    rehash: Literal["after-break", "always"]
    required: int
    station: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cleared:
    """A clip whose two keys have turned, the file to delete, and the stores that turned one."""

    clip: Clip
    file: FoundFile
    stores: tuple[str, ...]


class NewFootage(Exception):
    """The camera holds a file that is no clip of this docking: it is offloaded first."""


class Wipe:
    """Clears cameras; one object serves all slots."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        stores: Mapping[str, Store],
        problems: ProblemBoard,
        clock: Clock,
        policy: WipePolicy,
    ) -> None:
        """``stores`` are those configured now; ``policy`` may be replaced at any time."""
        self._ledger = ledger
        self._spool = spool
        self._stores = stores
        self._problems = problems
        self._clock = clock
        self.policy = policy
        self._waiting: dict[str, asyncio.Event] = {}
        self._asking: set[tuple[int, str]] = set()

    def receipts_changed(self, docking: str) -> asyncio.Event:
        """Return an event that is set when something happens that may let ``docking`` be wiped."""
        event = self._waiting[docking] = asyncio.Event()
        return event

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Wake the dockings that wait, when a commit may let one of them go on."""
        if any(self._is_news(fact) for fact in committed):
            for event in self._waiting.values():
                event.set()

    def _is_news(self, fact: facts.Fact) -> bool:
        """Return whether a fact is worth another look; what this stage asked for itself is not."""
        if isinstance(fact, facts.TransferFact) and (fact.clip, fact.store) in self._asking:
            return False
        return isinstance(fact, _WAKING)

    def forget(self, docking: str) -> None:
        """Stop waking a docking that ended."""
        self._waiting.pop(docking, None)

    async def run(self, stay: Stay) -> bool:
        """Clear what may be cleared; return True when no footage is left to clear.

        Raises:
            CameraGone: the camera left; the next docking finds out what is still there.
            NewFootage: there is footage that was not offloaded yet.
        """
        listing = await in_thread(stay.camera.listing)
        here = await self._footage(stay, listing)
        if self.policy.after == "never" or not self.policy.required:
            return not here
        stored = [clip for clip in here if len(clip.proven_by) >= self.policy.required]
        if not stored:
            return not here
        if not all(_is_verified(clip) for clip in here):
            return False
        await self._hash_again(stay, stored, listing)
        decided = await self._decide(stay, listing)
        if decided:
            await self._erase(stay, decided)
            here = await self._footage(stay, await in_thread(stay.camera.listing))
        if here:
            return False
        await self._say_cleared(stay)
        return True

    async def _say_cleared(self, stay: Stay) -> None:
        """Record that a camera is clear, once for what was cleared since it was last said."""
        wiped = sum(
            clip.camera_copy is CameraCopy.WIPED
            for clip in await self._ledger.in_docking(stay.docking)
        )
        if wiped != stay.cleared:
            await self._ledger.record(facts.DockingCleared(docking=stay.docking, clips=wiped))
            stay.cleared = wiped

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

    async def _hash_again(self, stay: Stay, stored: Sequence[Clip], listing: Listing) -> None:
        """Hash the camera's whole file again where the copy alone cannot speak for it."""
        files = {file.path: file for file in listing.files}
        for clip in stored:
            due = self.policy.rehash == "always" and not clip.rehashed
            if clip.hashed_in == stay.docking and not due:
                continue
            digest = await in_thread(self._hash_file, stay, files[clip.path])
            if digest == clip.sha256:
                await self._ledger.record(
                    facts.ClipRehashed(clip=clip.number, docking=stay.docking, sha256=digest)
                )
                continue
            reason = "the camera's file has the same name, size and mtime, and other content"
            await self._ledger.record(
                *another_clip(clip, number=self._ledger.next_clip_number(), reason=reason)
            )
            raise NewFootage

    def _hash_file(self, stay: Stay, file: FoundFile) -> str:
        source = stay.camera.open(file)
        try:
            hasher = hashlib.sha256()
            buffer = bytearray(_HASH_READ_BYTES)
            while True:
                if stay.must_stop():
                    raise CameraGone(f"{stay.camera.serial} left while it was read")
                stay.camera.pacer.before_read(_HASH_READ_BYTES)
                count = os.readv(source, [buffer])
                if not count:
                    break
                hasher.update(memoryview(buffer)[:count])
            # Believed only when the camera was there to the end.
            if not stay.camera.is_present():
                raise CameraGone(f"{stay.camera.serial} left while it was read")
            return hasher.hexdigest()
        finally:
            os.close(source)

    async def _decide(self, stay: Stay, listing: Listing) -> Sequence[_Cleared]:
        files = {file.path: file for file in listing.files}
        here = await self._footage(stay, listing)
        set_aside = await self._ledger.set_aside()
        media = clearance.Media(
            all_clips_verified=all(_is_verified(clip) for clip in here),
            all_clips_stored=all(len(clip.proven_by) >= self.policy.required for clip in here),
            troubled=await in_thread(stay.camera.is_troubled),
        )
        epoch = (await self._ledger.head()).epoch
        spool_is_ours = await self._spool_is_ours()
        decided: list[_Cleared] = []
        for clip in here:
            if len(clip.proven_by) < self.policy.required:
                continue
            confirmations = await self._confirm(clip, epoch=epoch)
            evidence = clearance.Evidence(
                clip=await self._ledger.clip(clip.number),
                docking=None if stay.must_stop() else stay.docking,
                camera_file=clearance.CameraFile(
                    size_bytes=files[clip.path].size_bytes, mtime_ns=files[clip.path].mtime_ns
                ),
                media=media,
                set_aside=set_aside,
                spool_copy_bytes=await in_thread(self._spool_copy_bytes, clip),
                clearable=stay.camera.is_clearable(clip.path),
                confirmations=confirmations,
                configured_stores=frozenset(self._stores),
                required=self.policy.required,
                epoch=epoch,
                spool_is_ours=spool_is_ours,
                wipe_after=self.policy.after,
                rehash=self.policy.rehash,
            )
            if clearance.may_wipe(evidence).allowed:
                stores = tuple(sorted(clearance.binding_stores(evidence)))
                decided.append(_Cleared(clip=clip, file=files[clip.path], stores=stores))
        return decided

    def _spool_copy_bytes(self, clip: Clip) -> int | None:
        """Return how long the spool's file is now, None when it cannot be had."""
        try:
            with self._spool.open(clip) as content:
                return os.fstat(content.fileno()).st_size
        except (DockdError, OSError):
            return None

    async def _spool_is_ours(self) -> bool:
        try:
            await in_thread(self._spool.space)
        except DockdError:
            return False
        return True

    async def _confirm(self, clip: Clip, *, epoch: int) -> tuple[clearance.Confirmation, ...]:
        """Ask every store that gave a receipt for that very version again, just now."""
        confirmations: list[clearance.Confirmation] = []
        for given in await self._ledger.receipts(clip.number):
            store = self._stores.get(given.store)
            if store is None:
                continue
            asked_s = self._clock.monotonic_s()
            self._asking.add((clip.number, store.name))
            try:
                again = await self._ask(store, clip, given, epoch=epoch)
            finally:
                self._asking.discard((clip.number, store.name))
            if again is not None:
                ago_s = self._clock.monotonic_s() - asked_s
                confirmations.append(clearance.Confirmation(receipt=again, confirmed_ago_s=ago_s))
        return tuple(confirmations)

    async def _ask(
        self, store: Store, clip: Clip, given: facts.ReceiptAccepted, *, epoch: int
    ) -> facts.ReceiptAccepted | None:
        with await in_thread(self._spool.open, clip) as content:
            sent = outgoing(clip, content=content, station=self.policy.station)
            try:
                proven = await store.prove(sent, version=given.version)
            except StoreLostObject as error:
                await self._ledger.record(
                    facts.ReceiptLost(clip=clip.number, store=store.name, reason=error.reason)
                )
                return None
            except DockdError as error:
                await self._problems.open(
                    error.slug, subject=f"store {store.name}", reason=error.reason
                )
                return None
        if proven.judgement.outcome != "receipt":
            await self._ledger.record(
                facts.ReceiptLost(
                    clip=clip.number,
                    store=store.name,
                    reason="the store now holds other content under that version",
                )
            )
            return None
        again = accepted(
            clip,
            store=store.name,
            proven_version=proven.version,
            judgement=proven.judgement,
            epoch=epoch,
        )
        await self._ledger.record(again)
        return again

    async def _still_standing(
        self, stay: Stay, decided: Sequence[_Cleared]
    ) -> tuple[Sequence[FoundFile], dict[bytes, str]]:
        """Ask once more, right before the deletion, whether anything changed since the intent."""
        set_aside = await self._ledger.set_aside()
        spool_is_ours = await self._spool_is_ours()
        standing: list[FoundFile] = []
        refused: dict[bytes, str] = {}
        for item in decided:
            intent = clearance.Intent(
                clip=await self._ledger.clip(item.clip.number),
                docking=None if stay.must_stop() else stay.docking,
                set_aside=set_aside,
                configured_stores=frozenset(self._stores),
                required=self.policy.required,
                spool_is_ours=spool_is_ours,
                spool_copy_bytes=await in_thread(self._spool_copy_bytes, item.clip),
            )
            verdict = clearance.may_erase(intent)
            if verdict.allowed:
                standing.append(item.file)
            else:
                refused[item.file.path] = "; ".join(verdict.unmet)
        return standing, refused

    async def _erase(self, stay: Stay, decided: Sequence[_Cleared]) -> None:
        """State the intent, delete, flush, list again, and only then call it wiped."""
        await self._ledger.record(
            *(
                facts.WipeIntended(clip=item.clip.number, docking=stay.docking, stores=item.stores)
                for item in decided
            )
        )
        standing, refused = await self._still_standing(stay, decided)
        refused |= await in_thread(_delete, stay.camera, standing)
        listing = await in_thread(stay.camera.listing)
        left = {file.path for file in listing.files}
        await self._ledger.record(
            *(
                facts.WipeFailed(
                    clip=item.clip.number,
                    docking=stay.docking,
                    reason=refused.get(item.file.path, "it is still listed after its deletion"),
                )
                if item.file.path in left
                else facts.ClipWiped(clip=item.clip.number, docking=stay.docking)
                for item in decided
            )
        )
        if refused:
            await self._problems.open(
                "wipe-failed",
                subject=f"slot {stay.camera.slot}",
                reason=next(iter(refused.values())),
            )


_WAKING = (
    facts.ReceiptAccepted,
    facts.ClipReleased,
    facts.SetFree,
    facts.ClipRetried,
    facts.ReceiptLost,
)


def _is_verified(clip: Clip) -> bool:
    return (
        clip.camera_copy is CameraCopy.PRESENT
        and clip.spool_copy is SpoolCopy.PROVEN
        and not clip.partial
    )


def _delete(camera: Camera, files: Sequence[FoundFile]) -> dict[bytes, str]:
    """Delete files while the camera is writable; return why each that was refused was.

    A file that cannot be deleted, whatever its reason, does not keep the others on the camera.
    """
    refused: dict[bytes, str] = {}
    with camera.writable() as eraser:
        for file in files:
            try:
                eraser.erase(file)
            except (ClipChangedWhileRead, ClipUnreadable) as error:
                refused[file.path] = error.reason
    return refused


def accepted(
    clip: Clip,
    *,
    store: str,
    proven_version: str,
    judgement: receipt.Judgement,
    epoch: int,
) -> facts.ReceiptAccepted:
    """Return the receipt that a store's proof amounts to."""
    return facts.ReceiptAccepted(
        clip=clip.number,
        store=store,
        strength=judgement.strength,
        key=clip.key or "",
        version=proven_version,
        size_bytes=clip.stored_size_bytes,
        sha256=clip.sha256 or "",
        how=judgement.how,
        epoch=epoch,
    )
