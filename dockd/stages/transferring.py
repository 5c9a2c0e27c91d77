"""One clip to one store: does what core/transfer says is next, and commits before each effect."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NoReturn

from dockd.core import facts, flow, transfer
from dockd.core.clip import Clip, StoreCopy
from dockd.core.receipt import Judgement
from dockd.core.transfer import PartState, State, Step, Transfer
from dockd.errors import (
    IllegalFact,
    StoreChecksumMismatch,
    StoreConflict,
    StoreLostObject,
    TransientError,
    UploadVanished,
)
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Spool
from dockd.ports.store import Outgoing, Proven, Store
from dockd.stages.confirming import accepted
from dockd.stages.dating import clock_behind
from dockd.stages.groups import task_group
from dockd.stages.outgoing import outgoing
from dockd.stages.pausing import UplinkPause
from dockd.stages.room import Room
from dockd.stages.threads import in_thread, obtained

_RESTARTS_BEFORE_A_PERSON: Final = 20


class Transferring:
    """Carries clips; one object a store.

    No more parts are told of in the ledger as in flight than the store's window could ever let fly.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        station: str,
        pause: UplinkPause | None = None,
    ) -> None:
        """Join what carrying needs; nothing happens yet.

        While there is a ``pause``, no part is begun.
        """
        self._ledger = ledger
        self._spool = spool
        self.room = Room(flow.MOST_PARTS)
        self._station = station
        self._pause = pause
        self._damaged: set[tuple[int, int]] = set()

    @property
    def is_paused(self) -> bool:
        """Whether nothing may be begun."""
        return self._pause is not None and self._pause.is_on

    async def unpaused(self) -> None:
        """Wait until something may be begun."""
        if self._pause is not None:
            await self._pause.over()

    async def carry(self, clip: Clip, store: Store) -> None:
        """Bring a proven clip to a receipt.

        Raises:
            TransientError: it goes on later, from where the ledger says.
            PermanentError: the store refused it; a person decides.
        """
        try:
            content = await obtained(
                lambda: self._spool.open(clip), give_back=lambda file: file.close()
            )
        except FileNotFoundError:
            await self._ledger.record(
                facts.SpoolCopyLost(clip=clip.number, reason="the spool's file is missing")
            )
            return
        with content:
            clock = await clock_behind(clip, ledger=self._ledger)
            sent = outgoing(clip, clock=clock, content=content, station=self._station)
            await _Carriage(self, clip, store, sent).run()

    async def spool_copy_holds(self, clip: Clip) -> bool:
        """Read the spool's copy back again; a copy that is no longer the clip is recorded so."""
        try:
            proof = await in_thread(self._spool.verify, clip, stop=lambda: False)
        except FileNotFoundError:
            reason = "the spool's file is missing"
        else:
            if proof.sha256 == clip.sha256:
                return True
            reason = "read again, the spool's copy has another digest"
        await self._ledger.record(facts.SpoolCopyLost(clip=clip.number, reason=reason))
        return False

    def damaged_again(self, clip: Clip, index: int) -> bool:
        """Return whether a part arrived damaged before in this run, and remember that it did."""
        again = (clip.number, index) in self._damaged
        self._damaged.add((clip.number, index))
        return again

    async def record(self, fact: facts.ClipFact, *more: facts.ClipFact) -> None:
        """Commit facts; durable on return."""
        await self._ledger.record(fact, *more)

    async def begin(self, clip: Clip, store: Store) -> Transfer:
        """Queue the clip where the store never had it, or lost it; once, for it stays queued."""
        found = await self._ledger.transfer(clip.number, store=store.name)
        if found is not None and clip.store_copies.get(store.name) is not StoreCopy.LOST:
            return found
        await self._ledger.record(facts.TransferQueued(clip=clip.number, store=store.name))
        return await self.current(clip, store)

    async def current(self, clip: Clip, store: Store) -> Transfer:
        """Return the transfer as the ledger has it."""
        found = await self._ledger.transfer(clip.number, store=store.name)
        if found is None:
            raise IllegalFact(f"{clip.id}: the ledger has no transfer after queueing one")
        return found

    async def epoch(self) -> int:
        """Return the ledger's present epoch."""
        return (await self._ledger.head()).epoch


class _Carriage:
    """One run of one transfer, from what the ledger says to a receipt or an error."""

    def __init__(self, owner: Transferring, clip: Clip, store: Store, sent: Outgoing) -> None:
        self._owner = owner
        self._clip = clip
        self._store = store
        self._sent = sent
        self._looked_in_vain = False
        self._steps: Mapping[Step, Callable[[Transfer], Awaitable[None]]] = {
            Step.LOOK_FOR_OBJECT: self._look_for_object,
            Step.CREATE: self._create,
            Step.FIND_UPLOAD: self._find_upload,
            Step.SEND: self._send,
            Step.SETTLE: self._settle,
            Step.COMPLETE: self._complete,
            Step.PUT_WHOLE: self._put_whole,
            Step.CONFIRM: self._confirm,
        }

    async def run(self) -> None:
        """Take step after step. The first one asks, for nobody knows what arrived before."""
        current = await self._owner.begin(self._clip, self._store)
        certain = False
        while (step := transfer.next_step(current, certain=certain)) is not Step.NOTHING:
            try:
                await self._steps[step](current)
            except UploadVanished as error:
                await self._vanished(current, error)
            certain = True
            current = await self._owner.current(self._clip, self._store)

    async def _look_for_object(self, current: Transfer) -> None:
        version = await self._store.find_object(self._sent)
        if version is not None:
            await self._record(facts.ObjectConfirming, version=version)
            return
        self._looked_in_vain = True
        if current.state is not State.QUEUED:
            return
        if current.whole and await self._store.takes_whole(self._sent):
            await self._record(facts.ObjectFinalizing)
        else:
            await self._record(facts.UploadCreating)

    async def _create(self, _: Transfer) -> None:
        upload_id = await self._store.create_upload(self._sent)
        await self._record(facts.UploadOpened, upload_id=upload_id)

    async def _find_upload(self, current: Transfer) -> None:
        upload_id = await self._store.find_upload(self._sent)
        if upload_id is None:
            await self._create(current)
        else:
            await self._record(facts.UploadOpened, upload_id=upload_id)

    async def _settle(self, current: Transfer) -> None:
        """Ask which of the parts in flight arrived before the reply was lost."""
        arrived = await self._store.arrived_parts(self._sent, upload_id=current.upload_id or "")
        settled: list[facts.ClipFact] = []
        for index in current.indices(PartState.IN_FLIGHT):
            # An ETag without our digest behind it says nothing of the content: the part is sent
            # again unless the store names it, and the composite decides in the end.
            etag = arrived.get(index)
            settled.append(
                self._fact(facts.PartUnsent, index=index)
                if etag is None
                else self._fact(facts.PartStored, index=index, etag=etag)
            )
        await self._owner.record(*settled)

    async def _send(self, current: Transfer) -> None:
        """Send every pending part, as many at a time as the store and its window let through."""
        if self._store.in_order:
            for index in current.indices(None):
                await self._send_part(current, index)
            return
        async with task_group() as group:
            for index in current.indices(None):
                group.start(self._send_part(current, index))

    async def _send_part(self, current: Transfer, index: int) -> None:
        async with self._owner.room.taken_by(self._clip.number):
            await self._owner.unpaused()
            await self._record(facts.PartSending, index=index)
            try:
                etag = await self._store.send_part(
                    self._sent, upload_id=current.upload_id or "", index=index
                )
            except StoreChecksumMismatch as error:
                await self._record(facts.PartUnsent, index=index)
                await self._mismatch(error, index=index)
            else:
                await self._record(facts.PartStored, index=index, etag=etag)

    async def _complete(self, current: Transfer) -> None:
        if current.state is not State.FINALIZING:
            await self._record(facts.ObjectFinalizing)
        version = await self._store.complete(
            self._sent, upload_id=current.upload_id or "", etags=current.etags
        )
        await self._record(facts.ObjectConfirming, version=version)

    async def _put_whole(self, _: Transfer) -> None:
        try:
            version = await self._store.put_whole(self._sent)
        except StoreChecksumMismatch as error:
            await self._mismatch(error, index=0)
        else:
            await self._record(facts.ObjectConfirming, version=version)

    async def _confirm(self, current: Transfer) -> None:
        try:
            proven = await self._store.prove(self._sent, version=current.version or "")
        except StoreLostObject as error:
            await self._restart(current, error.reason)
            return
        if proven.judgement.outcome == "conflict":
            await self._conflict(current)
            return
        await self._accept(proven, proven.judgement)

    async def _accept(self, proven: Proven, judgement: Judgement) -> None:
        await self._owner.record(
            accepted(
                self._clip,
                store=self._store.name,
                proven_version=proven.version,
                judgement=judgement,
                epoch=await self._owner.epoch(),
            )
        )

    async def _conflict(self, current: Transfer) -> None:
        """Decide whose fault other content at our key is, after reading our own copy again."""
        if not await self._owner.spool_copy_holds(self._clip):
            await self._restart(current, "the spool's copy is no longer the clip")
            raise StoreLostObject(f"{self._clip.id}: the spool's copy has to be made again")
        raise StoreConflict(f"{self._store.name} holds other content at {self._sent.expected.key}")

    async def _mismatch(self, error: StoreChecksumMismatch, *, index: int) -> NoReturn:
        """Have a part that arrived damaged sent once more, if our own copy is still what it was.

        Raises:
            TransientError: it is worth another try.
            StoreChecksumMismatch: it was damaged again; a person looks at what lies between.
        """
        holds = await self._owner.spool_copy_holds(self._clip)
        if holds and self._owner.damaged_again(self._clip, index):
            raise error
        raise TransientError(error.reason, slug=error.slug, owner=error.owner)

    async def _vanished(self, current: Transfer, error: UploadVanished) -> None:
        """Start over, unless the upload vanished because its object came into being."""
        if current.state is State.FINALIZING and not self._looked_in_vain:
            await self._look_for_object(current)
            return
        await self._restart(current, error.reason)

    async def _restart(self, current: Transfer, reason: str) -> None:
        await self._record(facts.TransferRestarted, reason=reason)
        self._looked_in_vain = False
        if current.restarts >= _RESTARTS_BEFORE_A_PERSON:
            raise StoreConflict(
                f"{self._store.name} lost this clip {current.restarts} times: {reason}",
                slug="transfer-stuck",
            )
        raise StoreLostObject(f"{self._store.name}: {reason}")

    def _fact(self, kind: type[facts.TransferFact], **fields: object) -> facts.TransferFact:
        return kind(clip=self._clip.number, store=self._store.name, **fields)

    async def _record(self, kind: type[facts.TransferFact], **fields: object) -> None:
        await self._owner.record(self._fact(kind, **fields))
