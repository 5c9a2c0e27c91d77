"""A model station: the daemon's work, as generators that stop wherever the real one may be cut off.

They stop before and after every fact and every side effect. Dropping them is a crash: nothing but
the disk, the ledger and the world is left.
"""

from dataclasses import dataclass, field, replace

from dockd.core import facts, remains
from dockd.core.clip import CameraCopy, Clip, SpoolCopy
from dockd.core.transfer import State
from tests.core.machine import world as worlds
from tests.core.machine.box import IDLE, Box, Work, expected_of, judge, name_of, verified_as
from tests.core.machine.stay import Stay
from tests.core.machine.uploading import Upload
from tests.core.machine.world import BadDigest, Camera, LeftTheSlot, NoAnswer, NotThere, sha256


@dataclass
class Station(Box):
    """One box and its daemon."""

    stored_checkpoint: int = 0
    stays: dict[str, Work] = field(default_factory=dict)
    uploads: dict[tuple[int, str], Work] = field(default_factory=dict)

    # --- life ----------------------------------------------------------------------------------

    def boot(self) -> None:
        """Start after a crash: nothing is remembered, and every docking is a new one."""
        self.stays = {}
        self.uploads = {}
        checkpoint = max(self.stored_checkpoint, self.spool.checkpoint if self.spool_is_ours else 0)
        if self.ledger.sequence < checkpoint:
            self.ledger.record(
                facts.EpochBegun(epoch=self.ledger.epoch + 1, reason="behind its checkpoint")
            )
            self.ledger.sequence = checkpoint + 1
            self.checkpoint()
            if self.spool_is_ours:
                self._reconcile()

    def checkpoint(self) -> None:
        self.stored_checkpoint = self.ledger.sequence
        if self.spool_is_ours:
            self.spool.checkpoint = self.ledger.sequence

    def _reconcile(self) -> None:
        """Take in what the spool holds and a restored ledger does not know."""
        for name, sidecar in sorted(self.spool.sidecars.items()):
            if sidecar.key is None or self.ledger.by_key(sidecar.key) is not None:
                continue
            if sidecar.sha256 != sha256(self.spool.kept[name]):
                continue
            number = self.ledger.next_number()
            clip = replace(sidecar, number=number)
            self.ledger.record(
                facts.ClipSeen(
                    clip=number,
                    camera=clip.camera,
                    docking=clip.birth_docking,
                    slot=clip.slot,
                    path=clip.path,
                    size_bytes=clip.size_bytes,
                    mtime_ns=clip.mtime_ns,
                    flagged=clip.flagged,
                ),
                facts.ClipCopied(
                    clip=number,
                    docking=clip.birth_docking,
                    sha256=clip.sha256 or "",
                    xxh128="",
                    spliced=True,
                ),
                verified_as(clip, self.spool.kept[name]),
            )
            self._rename(name, clip)

    def _rename(self, name: str, clip: Clip) -> None:
        self.spool.kept[name_of(clip)] = self.spool.kept.pop(name)
        self.spool.sidecars[name_of(clip)] = self.spool.sidecars.pop(name)

    def tasks(self) -> list[Work]:
        """Return all work there is now, beginning what was not begun."""
        for camera in self.world.cameras.values():
            if camera.at == self.name and camera.serial not in self.stays:
                self.stays[camera.serial] = self.stay(camera)
        for clip in self.ledger.living():
            for store in self.world.configured:
                if clip.sha256 is not None and (clip.number, store) not in self.uploads:
                    self.uploads[clip.number, store] = self.upload(clip.number, store)
        return [*self.stays.values(), *self.uploads.values()]

    def advance(self, work: Work, *, steps: int) -> None:
        """Let one piece of work take some steps; it stops early when it has nothing to do."""
        for _ in range(steps):
            try:
                if next(work) == IDLE:
                    return
            except StopIteration:
                self.stays = {at: task for at, task in self.stays.items() if task is not work}
                self.uploads = {at: task for at, task in self.uploads.items() if task is not work}
                return

    def stay(self, camera: Camera) -> Work:
        """Offload and wipe until the camera leaves."""
        self.world.dockings += 1
        stay = Stay(
            station=self,
            camera=camera,
            number=camera.stay,
            docking=f"{self.name}{self.world.dockings}",
        )
        yield "docked"
        try:
            while True:
                if self.spool_is_ours:
                    yield from stay.offload()
                    yield from stay.wipe()
                yield IDLE
                stay.here()
        except LeftTheSlot:
            return

    def upload(self, number: int, store: str) -> Work:
        """Take one clip to one store, a step at a time, whatever is lost on the way."""
        certain = False
        while True:
            yield "next"
            clip = self.ledger.clips[number]
            if clip.merged_into is not None or store not in self.world.configured:
                return
            clip = self.notice_loss(clip)
            if not self.spool_is_ours or clip.spool_copy is not SpoolCopy.PROVEN or clip.holds:
                yield IDLE
                certain = False
                continue
            if (number, store) not in self.ledger.transfers:
                self.ledger.record(facts.TransferQueued(clip=number, store=store))
                continue
            try:
                yield from Upload(self, clip, self.world.stores[store]).step(certain=certain)
                certain = True
            except (NoAnswer, BadDigest):
                certain = False
                yield IDLE

    # --- people --------------------------------------------------------------------------------

    def hold(self, number: int, kind: facts.HoldKind) -> None:
        clip = self.ledger.clips[number]
        self.ledger.record(facts.ClipHeld(clip=number, hold=kind, why="test", actor="test"))
        for content in self._contents(clip):
            at = (self.name, clip.camera, clip.path, content)
            self.world.held.setdefault(at, set()).add(kind)

    def release(self, number: int, kind: facts.HoldKind) -> None:
        """Release a hold; what a store had refused is tried again."""
        clip = self.ledger.clips[number]
        self.ledger.record(facts.ClipReleased(clip=number, hold=kind, why="test", actor="test"))
        self.retry(number)
        for content in self._contents(clip):
            self.world.held.get((self.name, clip.camera, clip.path, content), set()).discard(kind)

    def retry(self, number: int) -> None:
        """Have everything that a store refused tried again."""
        self.ledger.record(
            facts.ClipRetried(clip=number, why="test", actor="test"),
            *(
                facts.TransferRestarted(clip=number, store=store, reason="retried")
                for (of, store), known in self.ledger.transfers.items()
                if of == number and known.state is State.REFUSED
            ),
        )

    def _contents(self, clip: Clip) -> set[bytes]:
        """Return the content a person means by a clip: by its digest, else what the camera has."""
        there = self.world.cameras[clip.camera].files.get(clip.path)
        known = {*self.spool.kept.values(), *({there.content} if there else ())}
        digest = clip.sha256 or clip.copied_sha256
        if digest is not None:
            return {content for content in known if sha256(content) == digest}
        matches = there is not None and (len(there.content), there.mtime_ns) == (
            clip.size_bytes,
            clip.mtime_ns,
        )
        present = clip.camera_copy is CameraCopy.PRESENT
        return {there.content} if there is not None and matches and present else set()

    def set_aside(self, subject: str, kind: facts.HoldKind) -> None:
        self.ledger.record(facts.SetAside(subject=subject, hold=kind, why="test", actor="test"))
        self.world.set_aside.setdefault((self.name, subject), set()).add(kind)

    def set_free(self, subject: str, kind: facts.HoldKind) -> None:
        self.ledger.record(facts.SetFree(subject=subject, hold=kind, why="test", actor="test"))
        self.world.set_aside.get((self.name, subject), set()).discard(kind)

    def purge(self, number: int) -> None:
        self.ledger.record(facts.SpoolPurged(clip=number, reason="room"))
        if self.spool_is_ours:
            self.spool.kept.pop(name_of(self.ledger.clips[number]), None)
            self.spool.sidecars.pop(name_of(self.ledger.clips[number]), None)

    def accept_partial(self, number: int) -> None:
        """Keep what there is of a clip whose camera did not come back."""
        clip = self.ledger.clips[number]
        back = self.spool.incoming.get(name_of(clip), b"")[: clip.spooled_bytes]
        for _ in self.prove_partial(number, back):
            pass

    def prove_partial(self, number: int, back: bytes) -> Work:
        clip = self.ledger.clips[number]
        found = dict(enumerate(worlds.part_digests(back)))
        hold = [found.get(part.index) == part.sha256 for part in clip.spool_parts]
        if not all(hold):
            parts, reason = hold.index(False), "not what was recorded"
            for fact in remains.shortened(clip, parts=parts, reason=reason):
                self.ledger.record(fact)
            return
        self.spool.incoming[name_of(clip)] = back
        if len(back) == clip.size_bytes:
            # The camera left between the last part and the record of the whole.
            self.ledger.record(
                facts.ClipCopied(
                    clip=number,
                    docking=clip.copied_in[-1],
                    sha256=sha256(back),
                    xxh128="",
                    spliced=True,
                )
            )
            yield "copied"
        yield from self.prove(number)

    def audit(self) -> None:
        """Ask every store for everything that it gave a receipt for."""
        for (number, name), known in list(self.ledger.transfers.items()):
            clip = self.ledger.clips[number]
            store = self.world.stores[name]
            if known.receipt is None or name not in self.world.configured or not store.reachable:
                continue
            try:
                found = store.prove(expected_of(clip), version=known.receipt.version)
                ok = judge(clip, found, store).outcome == "receipt"
            except NotThere:
                ok = False
            if not ok and clip.merged_into is None:
                lost = facts.ReceiptLost(clip=number, store=name, reason="audit")
                self.ledger.record(lost)
