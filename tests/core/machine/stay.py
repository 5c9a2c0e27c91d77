"""A stay of a camera at a model station: offload, then wipe, as the stages decide it."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Final, cast

from dockd.core import clearance, facts, redock, remains
from dockd.core.clip import CameraCopy, Clip, SpoolCopy
from dockd.core.transfer import State
from tests.core.machine import world as worlds
from tests.core.machine.box import (
    Box,
    Ledger,
    Work,
    accepted,
    expected_of,
    judge,
    name_of,
)
from tests.core.machine.world import Camera, File, LeftTheSlot, NotThere, Store, sha256

SLOT: Final = "A1"


@dataclass
class Stay:
    """One camera in one slot, from dock to undock."""

    station: Box
    camera: Camera
    number: int
    docking: str

    @property
    def ledger(self) -> Ledger:
        return self.station.ledger

    def here(self) -> None:
        if self.camera.at != self.station.name or self.camera.stay != self.number:
            raise LeftTheSlot

    def _listing(self) -> Generator[str, None, dict[bytes, File]]:
        """List the camera; believed only when it was there before and after."""
        self.here()
        seen = dict(self.camera.files)
        yield "listing"
        # Unplugged, a FAT lists as empty with no error.
        if self.camera.at is None:
            seen = {}
        self.here()
        lies = {(self.camera.serial, path, file.content) for path, file in seen.items()}
        self.station.world.seen_in.setdefault(self.docking, set()).update(lies)
        return seen

    # --- offload -------------------------------------------------------------------------------

    def offload(self) -> Work:
        listing = yield from self._listing()
        found = [
            redock.Found(
                path=path, size_bytes=len(file.content), mtime_ns=file.mtime_ns, flagged=False
            )
            for path, file in sorted(listing.items())
        ]
        decisions = redock.plan(self.docking, found, self.ledger.on_camera(self.camera.serial))
        recorded: list[facts.Fact] = []
        to_copy: list[int] = []
        for decision in decisions:
            self._as_facts(decision, recorded, to_copy)
        self.ledger.record(*recorded)
        yield "planned"
        for number in to_copy:
            yield from self._copy(number, listing[self.ledger.clips[number].path])

    def _as_facts(
        self, decision: redock.Decision, recorded: list[facts.Fact], to_copy: list[int]
    ) -> None:
        match decision:
            case redock.Gone():
                recorded.append(facts.ClipGone(clip=decision.clip.number, docking=self.docking))
            case redock.Wiped():
                recorded.append(facts.ClipWiped(clip=decision.clip.number, docking=self.docking))
            case redock.CopyNew():
                recorded.extend(self._overwritten(clip.number) for clip in decision.overwritten)
                number = self.ledger.next_number()
                recorded.append(self._seen(number, decision.found))
                to_copy.append(number)
            case redock.Adopt():
                recorded.append(self._seen_again(decision.clip, decision.found))
            case redock.Resume() | redock.CopyAgain():
                if decision.seen_again:
                    recorded.append(self._seen_again(decision.clip, decision.found))
                to_copy.append(decision.clip.number)

    def _overwritten(self, number: int) -> facts.ClipOverwritten:
        return facts.ClipOverwritten(clip=number, docking=self.docking, reason="other content")

    def _seen_again(self, clip: Clip, found: redock.Found) -> facts.ClipSeenAgain:
        return facts.ClipSeenAgain(
            clip=clip.number,
            docking=self.docking,
            slot=SLOT,
            mtime_ns=found.mtime_ns,
            size_bytes=None if found.size_bytes == clip.size_bytes else found.size_bytes,
        )

    def _seen(self, number: int, found: redock.Found) -> facts.ClipSeen:
        return facts.ClipSeen(
            clip=number,
            camera=self.camera.serial,
            docking=self.docking,
            slot=SLOT,
            path=found.path,
            size_bytes=found.size_bytes,
            mtime_ns=found.mtime_ns,
            flagged=found.flagged,
        )

    def _copy(self, number: int, listed: File) -> Work:
        clip = self.ledger.clips[number]
        if not clip.copied:
            content = yield from self._read(clip, listed)
            if content is None:
                return
            clip = self.ledger.clips[number]
            self.ledger.record(
                facts.ClipCopied(
                    clip=number,
                    docking=self.docking,
                    sha256=sha256(content),
                    xxh128="",
                    spliced=any(docking != self.docking for docking in clip.copied_in),
                )
            )
            yield "copied"
        yield from self.station.prove(number)

    def _read(self, clip: Clip, listed: File) -> Generator[str, None, bytes | None]:
        """Copy part by part behind what is durable; None when it is not the file any more."""
        spool, name = self.station.spool, name_of(clip)
        kept = clip.spooled_bytes
        content = spool.incoming.get(name, b"")[:kept]
        parts = tuple(part.sha256 for part in clip.spool_parts)
        if worlds.part_digests(content) != parts:
            self.ledger.record(facts.CopyDiscarded(clip=clip.number, reason="part missing"))
            return None
        for index in range(len(clip.spool_parts), len(worlds.parts_of(listed.content))):
            self.here()
            if self.camera.files.get(clip.path) != listed:
                yield from self._changed(clip)
                return None
            part = worlds.parts_of(listed.content)[index]
            written = b"?" * len(part) if spool.corrupts else part
            before = spool.incoming.get(name, b"")[: index * worlds.PART_BYTES]
            spool.incoming[name] = before + written
            content = content + part
            yield "part written"
            self.ledger.record(
                facts.PartSpooled(
                    clip=clip.number,
                    docking=self.docking,
                    index=index,
                    offset=index * worlds.PART_BYTES,
                    size_bytes=len(part),
                    sha256=sha256(part),
                )
            )
            yield "part spooled"
        spool.incoming.setdefault(name, b"")
        self.here()
        if self.camera.files.get(clip.path) != listed:
            yield from self._changed(clip)
            return None
        return content

    def _changed(self, before: Clip) -> Work:
        """Throw away what was read of a file while it changed, and nothing from before."""
        now = self.ledger.clips[before.number]
        parts = remains.in_common(before.spool_parts, now.spool_parts)
        for fact in remains.shortened(now, parts=parts, reason="changed while read"):
            self.ledger.record(fact)
        if not parts:
            self.station.spool.incoming.pop(name_of(now), None)
        yield "changed"

    def _another(self, number: int, file: File) -> Work:
        """Record that the file is not the clip it was taken for; it is copied as its own."""
        clip = self.ledger.clips[number]
        recorded: list[facts.Fact] = []
        if clip.spool_copy is SpoolCopy.PARTIAL:
            recorded.append(facts.CopyDiscarded(clip=number, reason="another clip"))
        found = redock.Found(
            path=clip.path, size_bytes=len(file.content), mtime_ns=file.mtime_ns, flagged=False
        )
        new = self.ledger.next_number()
        self.ledger.record(*recorded, self._overwritten(number), self._seen(new, found))
        self.station.spool.incoming.pop(name_of(clip), None)
        yield "another"
        yield from self._copy(new, file)

    # --- wipe ----------------------------------------------------------------------------------

    def _clip_of(self, path: bytes, file: File) -> Clip | None:
        for clip in self.ledger.on_camera(self.camera.serial):
            if clip.path == path and clip.camera_copy is CameraCopy.PRESENT:
                same = (clip.size_bytes, clip.mtime_ns) == (len(file.content), file.mtime_ns)
                return clip if same and clip.docking == self.docking else None
        return None

    def wipe(self) -> Work:
        listing = yield from self._listing()
        here = {path: self._clip_of(path, file) for path, file in sorted(listing.items())}
        for path, clip in here.items():
            if clip is not None and clip.spool_copy is SpoolCopy.PROVEN and not clip.partial:
                self.station.notice_loss(clip)
                yield from self._hash_again(clip.number, listing[path])
        for path, clip in here.items():
            if clip is not None and clip.sha256 is not None:
                yield from self._wipe_one(clip.number, path, listing)

    def _hash_again(self, number: int, file: File) -> Work:
        clip = self.ledger.clips[number]
        due = self.station.world.rehash == "always" and not clip.rehashed
        if clip.hashed_in == self.docking and not due:
            return
        yield "hashing"
        self.here()
        if self.camera.files.get(clip.path) != file or clip != self.ledger.clips[number]:
            return
        if sha256(file.content) == clip.sha256:
            again = facts.ClipRehashed(clip=number, docking=self.docking, sha256=clip.sha256 or "")
            self.ledger.record(again)
            yield "rehashed"
        else:
            yield from self._another(number, file)

    def _wipe_one(self, number: int, path: bytes, listing: dict[bytes, File]) -> Work:
        bare = self._evidence(number, path, listing, confirmations=())
        unmet = self._unmet(bare)
        if unmet and unmet != ("enough stores have proven that they hold it",):
            return
        confirmations = yield from self._confirm(number)
        self.here()
        listing = yield from self._listing()
        at_s = self.station.world.now_s
        evidence = self._evidence(
            number,
            path,
            listing,
            confirmations=[
                clearance.Confirmation(receipt=given, confirmed_ago_s=at_s - when_s)
                for given, when_s in confirmations
            ],
        )
        if self._unmet(evidence):
            return
        stores = tuple(sorted(clearance.binding_stores(evidence))) or tuple(evidence.clip.proven_by)
        self.ledger.record(facts.WipeIntended(clip=number, docking=self.docking, stores=stores))
        yield "intended"
        yield from self._erase(number, path, listing[path])

    def _unmet(self, evidence: clearance.Evidence) -> tuple[str, ...]:
        return clearance.may_wipe(evidence, conditions=self.ledger.rules.conditions).unmet

    def _evidence(
        self,
        number: int,
        path: bytes,
        listing: dict[bytes, File],
        *,
        confirmations: Iterable[clearance.Confirmation],
    ) -> clearance.Evidence:
        world, file = self.station.world, listing.get(path)
        return clearance.Evidence(
            clip=self.ledger.clips[number],
            docking=self.docking,
            camera_file=None
            if file is None
            else clearance.CameraFile(size_bytes=len(file.content), mtime_ns=file.mtime_ns),
            media=self._media(listing),
            set_aside=self.ledger.subjects,
            clearable=path.startswith(b"DCIM/"),
            confirmations=tuple(confirmations),
            configured_stores=world.configured,
            required=world.required,
            epoch=self.ledger.epoch,
            spool_is_ours=self.station.spool_is_ours,
            spool_copy_bytes=self.station.spool_copy_bytes(self.ledger.clips[number]),
            holds_age_s=world.holds_age_s,
            wipe_after="receipt" if world.after == "receipt" else "never",
            rehash="always" if world.rehash == "always" else "after-break",
        )

    def _media(self, listing: dict[bytes, File]) -> clearance.Media:
        """A clip is verified when its spool copy is there and its file was hashed in this stay."""
        world = self.station.world
        here = [self._clip_of(path, file) for path, file in listing.items()]
        return clearance.Media(
            all_clips_verified=all(
                clip is not None
                and clip.spool_copy is SpoolCopy.PROVEN
                and not clip.partial
                and clip.hashed_in == self.docking
                and self.station.spool_copy_bytes(clip) == clip.size_bytes
                for clip in here
            ),
            all_clips_stored=all(
                clip is not None
                and len(world.configured.intersection(clip.proven_by)) >= world.required
                and all(self._holds_still(clip, store) for store in clip.proven_by)
                for clip in here
            ),
            troubled=self.camera.troubled,
        )

    def _holds_still(self, clip: Clip, name: str) -> bool:
        given = self.ledger.transfers[clip.number, name].receipt
        store = self.station.world.stores[name]
        try:
            found = store.prove(expected_of(clip), version=given.version if given else "")
        except NotThere:
            return False
        return judge(clip, found, store).strength == "digest"

    def _confirm(
        self, number: int
    ) -> Generator[str, None, list[tuple[facts.ReceiptAccepted, int]]]:
        """Ask every store that gave a receipt for that very version, just now."""
        confirmed: list[tuple[facts.ReceiptAccepted, int]] = []
        for of, name in list(self.ledger.transfers):
            known = self.ledger.transfers[of, name]
            store = self.station.world.stores[name]
            if of != number or known.state is not State.RECEIPTED or not store.reachable:
                continue
            given = cast("facts.ReceiptAccepted", known.receipt)
            if name not in self.station.world.configured:
                # Nobody asks a store that is not configured; its old receipt is all there is.
                confirmed.append((given, self.station.world.now_s))
                continue
            again = self._ask(self.ledger.clips[number], store, version=given.version)
            self.ledger.record(again)
            yield "confirmed"
            if isinstance(again, facts.ReceiptAccepted):
                confirmed.append((again, self.station.world.now_s))
        return confirmed

    def _ask(self, clip: Clip, store: Store, *, version: str) -> facts.TransferFact:
        lost = facts.ReceiptLost(clip=clip.number, store=store.name, reason="asked again")
        try:
            found = store.prove(expected_of(clip), version=version)
        except NotThere:
            return lost
        judged = judge(clip, found, store)
        if judged.outcome == "conflict":
            return lost
        return accepted(
            clip, store=store.name, version=version, judged=judged, epoch=self.ledger.epoch
        )

    def _erase(self, number: int, path: bytes, file: File) -> Work:
        self.here()
        world, clip = self.station.world, self.ledger.clips[number]
        intent = clearance.Intent(
            clip=clip,
            docking=self.docking,
            set_aside=self.ledger.subjects,
            configured_stores=world.configured,
            required=world.required,
            spool_is_ours=self.station.spool_is_ours,
            spool_copy_bytes=self.station.spool_copy_bytes(self.ledger.clips[number]),
            holds_age_s=world.holds_age_s,
        )
        verdict = clearance.may_erase(intent, conditions=self.ledger.rules.intent)
        there = self.camera.files.get(path)
        # All that a camera can be asked without reading the whole file again.
        alike = there is not None and (len(there.content), there.mtime_ns) == (
            len(file.content),
            file.mtime_ns,
        )
        if verdict.allowed and alike:
            world.erase(self.station.name, self.station.spool, self.camera, path)
            yield "erased"
        listing = yield from self._listing()
        self.camera.unflushed = {}
        if clip.camera_copy is CameraCopy.WIPING:
            self.ledger.record(
                facts.WipeFailed(clip=number, docking=self.docking, reason="still there")
                if path in listing
                else facts.ClipWiped(clip=number, docking=self.docking)
            )
        yield "wiped"
