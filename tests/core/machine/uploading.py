"""One transfer of a model station: the steps of core/transfer, against a store that may fail."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from dockd.core import facts, transfer
from dockd.core.clip import Clip
from dockd.core.transfer import PartState, State, Step, Transfer
from tests.core.machine.box import Box, Work, accepted, expected_of, judge, name_of
from tests.core.machine.world import (
    BadDigest,
    NoAnswer,
    NoSuchUpload,
    NotThere,
    Store,
    parts_of,
)

Result = TypeVar("Result")


@dataclass
class Upload:
    """One clip on its way to one store."""

    station: Box
    clip: Clip
    store: Store

    def _record(self, *recorded: facts.Fact) -> None:
        self.station.ledger.record(*recorded)

    def _asked(self, ask: Callable[[], Result]) -> Result:
        if not self.store.reachable:
            raise NoAnswer
        answer = ask()
        if self.store.drops_replies:
            raise NoAnswer
        return answer

    @property
    def _transfer(self) -> Transfer:
        return self.station.ledger.transfers[self.clip.number, self.store.name]

    @property
    def _content(self) -> bytes:
        kept = self.station.spool.kept.get(name_of(self.clip))
        if kept is None:
            raise NoAnswer
        return kept

    def step(self, *, certain: bool) -> Work:
        """Take the next step; NoAnswer when nobody knows whether it happened."""
        step = transfer.next_step(self._transfer, certain=certain)
        try:
            yield from self._do(step)
        except NoSuchUpload:
            # Completed by a request whose answer was lost, or thrown away by the store.
            version = self._asked(lambda: self.store.look(self._transfer.key))
            if version is not None and self._transfer.state is State.FINALIZING:
                self._confirming(version)
            else:
                self._restart("the store does not know the upload")

    def _do(self, step: Step) -> Work:
        match step:
            case Step.LOOK_FOR_OBJECT:
                yield from self._look()
            case Step.CREATE | Step.FIND_UPLOAD:
                yield from self._open(find=step is Step.FIND_UPLOAD)
            case Step.SEND:
                yield from self._send()
            case Step.SETTLE:
                yield from self._settle()
            case Step.COMPLETE | Step.PUT_WHOLE:
                yield from self._finalize(whole=step is Step.PUT_WHOLE)
            case Step.CONFIRM:
                yield from self._prove()
            case Step.NOTHING:
                yield from self._confirm_again()

    def _confirming(self, version: str) -> None:
        self._record(
            facts.ObjectConfirming(clip=self.clip.number, store=self.store.name, version=version)
        )

    def _restart(self, reason: str) -> None:
        self._record(
            facts.TransferRestarted(clip=self.clip.number, store=self.store.name, reason=reason)
        )

    def _look(self) -> Work:
        number, store = self.clip.number, self.store.name
        version = self._asked(lambda: self.store.look(self._transfer.key))
        yield "looked"
        if version is not None:
            self._confirming(version)
        elif self._transfer.state is State.QUEUED and self._transfer.whole:
            self._record(facts.ObjectFinalizing(clip=number, store=store))
        elif self._transfer.state is State.QUEUED:
            self._record(facts.UploadCreating(clip=number, store=store))

    def _open(self, *, find: bool) -> Work:
        key = self._transfer.key
        upload = self._asked(lambda: self.store.find_upload(key)) if find else None
        if upload is None:
            upload = self._asked(lambda: self.store.create(key))
        yield "created"
        self._record(
            facts.UploadOpened(clip=self.clip.number, store=self.store.name, upload_id=upload)
        )

    def _send(self) -> Work:
        number, store = self.clip.number, self.store.name
        upload = self._transfer.upload_id or ""
        for index in self._transfer.indices(None):
            self._record(facts.PartSending(clip=number, store=store, index=index))
            yield "sending"
            content = parts_of(self._content)[index]
            digest = self.clip.part_sha256[index]
            try:
                etag = self._asked(
                    lambda index=index, content=content, digest=digest: self.store.send_part(  # type: ignore[misc]  # bound at once, by its default
                        upload, index, content, digest=digest
                    )
                )
            except BadDigest:
                self._record(facts.PartUnsent(clip=number, store=store, index=index))
                raise
            yield "sent"
            self._record(facts.PartStored(clip=number, store=store, index=index, etag=etag))

    def _settle(self) -> Work:
        number, store = self.clip.number, self.store.name
        arrived = self._asked(lambda: self.store.arrived_parts(self._transfer.upload_id or ""))
        yield "settling"
        for index in self._transfer.indices(PartState.IN_FLIGHT):
            self._record(
                facts.PartStored(clip=number, store=store, index=index, etag=arrived[index])
                if index in arrived
                else facts.PartUnsent(clip=number, store=store, index=index)
            )
            yield "settled"

    def _finalize(self, *, whole: bool) -> Work:
        if self._transfer.state is State.SENDING:
            self._record(facts.ObjectFinalizing(clip=self.clip.number, store=self.store.name))
            yield "finalizing"
        sent, by = self._transfer, self.station.name
        if whole:
            version = self._asked(
                lambda: self.store.put_whole(sent.key, self._content, digest=sent.sha256, by=by)
            )
        else:
            version = self._asked(
                lambda: self.store.complete(
                    sent.upload_id or "", dict(sent.etags), digest=sent.sha256, by=by
                )
            )
        yield "finalized"
        self._confirming(version)

    def _prove(self) -> Work:
        number, store = self.clip.number, self.store.name
        version = self._transfer.version or ""
        try:
            found = self._asked(lambda: self.store.prove(expected_of(self.clip), version=version))
        except NotThere:
            self._restart("the object vanished before it was proven")
            return
        yield "proved"
        judged = judge(self.clip, found, self.store)
        if judged.outcome == "conflict":
            reason = "other content stands at the key"
            self._record(
                facts.TransferRefused(
                    clip=number, store=store, slug="store-conflict", reason=reason
                ),
                facts.ClipHeld(clip=number, hold="error", why=reason, actor="dockd"),
            )
            return
        self._record(
            accepted(
                self.clip,
                store=store,
                version=version,
                judged=judged,
                epoch=self.station.ledger.epoch,
            )
        )

    def _confirm_again(self) -> Work:
        """Ask for a better receipt, or for one of this epoch, where the store can give it now."""
        known, epoch = self._transfer, self.station.ledger.epoch
        if transfer.wants_confirming(known, epoch=epoch) and known.receipt is not None:
            expected, version = expected_of(self.clip), known.receipt.version
            try:
                found = self._asked(lambda: self.store.prove(expected, version=version))
                judged = judge(self.clip, found, self.store)
            except NotThere:
                judged = None
            if judged is None or judged.outcome == "conflict":
                self._record(
                    facts.ReceiptLost(
                        clip=self.clip.number, store=self.store.name, reason="asked again"
                    )
                )
                return
            if (judged.strength, epoch) != (known.receipt.strength, known.receipt.epoch):
                self._record(
                    accepted(
                        self.clip,
                        store=self.store.name,
                        version=version,
                        judged=judged,
                        epoch=epoch,
                    )
                )
        yield "idle"
