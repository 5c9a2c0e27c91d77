"""The few things a person may order, as to try again or to set aside. Each becomes a fact.

Releasing a hold of one kind never touches the other. A retry also lifts the hold that an error
put on the clip, for the hold is what keeps it from being tried; a legal hold stays.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final, Protocol

from dockd.core import facts
from dockd.core.clip import Clip, Place
from dockd.core.transfer import State
from dockd.errors import IllegalFact, NotFound, Refused, RequestInvalid
from dockd.ports.ledger import ClipFilter, Ledger
from dockd.ports.station import Order, UplinkOrder
from dockd.stages.remember import HoldMemory

_CLIPS_AT_ONCE = 500
# What is held goes to the stores all the same.
_TO_BE_SENT: Final = (Place.SEEN, Place.SPOOLED, Place.VERIFIED, Place.HELD)


class SafetyCuts(Protocol):
    """Who knows which slots are cut for safety."""

    def check_release(self, slot: str) -> None:
        """Do nothing if a person may lift a slot's safety cut.

        Raises:
            NotFound: there is no such slot.
            Refused: it is not cut for safety, or what it is cut for is measured still.
        """


class Obey:
    """Implements `ports.station.StationActions` on the ledger."""

    def __init__(
        self, *, ledger: Ledger, holds: HoldMemory, safety_cuts: SafetyCuts | None = None
    ) -> None:
        """Record orders in ``ledger`` through ``holds``; whoever listens to it acts on them.

        ``safety_cuts`` knows which may be lifted; None: this station charges nothing.
        """
        self._ledger = ledger
        self._holds = holds
        self._safety_cuts = safety_cuts

    async def carry_out(self, order: Order | UplinkOrder) -> None:
        """Record what a person ordered; durable on return.

        Raises:
            NotFound: there is no such clip, docking, camera or slot.
            Refused: it makes no sense in the present state.
            RequestInvalid: it says no reason.
        """
        if not order.why.strip():
            raise RequestInvalid("an order needs a why: it goes on record with who gave it")
        if isinstance(order, UplinkOrder):
            await self._pause_or_resume(order)
            return
        if order.kind == "slots":
            await self._release_slot(order)
            return
        if order.kind == "clips":
            clip = await self._ledger.find(order.reference)
            await self._record(order, *await self._about_clip(order, clip))
            return
        subject, clips_of = await self._whole(order)
        match order.verb:
            case "retry":
                await self._retry_all(order, clips_of)
            case "prioritise":
                await self._prioritise_all(order, subject, clips_of)
            case "hold" | "release":
                await self._set_aside_or_free(order, subject)

    async def _record(self, order: Order | UplinkOrder, *ordered: facts.Fact) -> None:
        """Record an order, and in the same transaction the command that it came in."""
        command = () if order.command is None else (order.command,)
        try:
            await self._holds.record(*command, *ordered)
        except IllegalFact as error:
            # Whoever ordered it saw another state: it is answered, and not dockd's mistake.
            raise Refused(f"what it is about has changed meanwhile: {error.reason}") from error

    async def _pause_or_resume(self, order: UplinkOrder) -> None:
        paused = await self._ledger.uploads_paused()
        if order.verb == "pause":
            if paused is not None:
                raise Refused(f"uploads were paused already, by {paused.actor}: {paused.why}")
            await self._record(order, facts.UploadsPaused(why=order.why, actor=order.actor))
            return
        if paused is None:
            raise Refused("uploads are not paused")
        await self._record(order, facts.UploadsResumed(why=order.why, actor=order.actor))

    async def _release_slot(self, order: Order) -> None:
        """Record that the safety cut of a slot is lifted."""
        if order.verb != "release":
            raise Refused(f"a slot can be released, and nothing else: {order.verb} is for footage")
        if self._safety_cuts is None:
            raise Refused("this station switches no slots")
        self._safety_cuts.check_release(order.reference)
        await self._record(
            order,
            facts.SafetyCutReleased(slot=order.reference, why=order.why, actor=order.actor),
        )

    async def _about_clip(self, order: Order, clip: Clip) -> Sequence[facts.Fact]:
        number, why, actor = clip.number, order.why, order.actor
        match order.verb:
            case "retry":
                return await self._retried(order, clip)
            case "hold" if order.hold in clip.holds:
                raise Refused(f"clip {clip.id} has a hold of the kind {order.hold} already")
            case "hold":
                return [facts.ClipHeld(clip=number, hold=order.hold, why=why, actor=actor)]
            case "prioritise":
                return [await self._prioritised(order, clip)]
            case "release" if order.hold not in clip.holds:
                raise Refused(f"clip {clip.id} has no hold of the kind {order.hold}")
            case "release":
                released = facts.ClipReleased(clip=number, hold=order.hold, why=why, actor=actor)
                if order.hold == "legal":
                    return [released]
                return [released, *await self._restarts(clip, order)]

    async def _retried(self, order: Order, clip: Clip) -> Sequence[facts.Fact]:
        retried: list[facts.Fact] = [
            facts.ClipRetried(clip=clip.number, why=order.why, actor=order.actor)
        ]
        if "error" in clip.holds:
            retried.append(
                facts.ClipReleased(clip=clip.number, hold="error", why=order.why, actor=order.actor)
            )
        return [*retried, *await self._restarts(clip, order)]

    async def _restarts(self, clip: Clip, order: Order) -> Sequence[facts.Fact]:
        """Return what begins anew every transfer that a store had refused for good."""
        restarts: list[facts.Fact] = []
        for store in clip.store_copies:
            transfer = await self._ledger.transfer(clip.number, store=store)
            if transfer is not None and transfer.state is State.REFUSED:
                reason = f"{order.actor} asked for it: {order.why}"
                restarts.append(
                    facts.TransferRestarted(clip=clip.number, store=store, reason=reason)
                )
        return restarts

    async def _whole(self, order: Order) -> tuple[str, ClipFilter]:
        """Return the subject of a whole docking or camera, and the filter of its clips."""
        # A restored ledger may have been given back a hold on something that it does not know.
        known = order.reference in await self._ledger.set_aside()
        if order.kind == "cameras":
            if not known and not await self._ledger.dockings(camera=order.reference, limit=1):
                raise NotFound(f"no camera {order.reference!r} was ever docked here")
            return f"camera {order.reference}", ClipFilter(camera=order.reference)
        if not known and await self._ledger.docking(order.reference) is None:
            raise NotFound(f"there was no docking {order.reference!r} here")
        return f"docking {order.reference}", ClipFilter(docking=order.reference)

    async def _set_aside_or_free(self, order: Order, subject: str) -> None:
        if order.verb == "release" and order.reference not in await self._ledger.set_aside():
            raise Refused(f"{subject} is not set aside")
        kind = facts.SetAside if order.verb == "hold" else facts.SetFree
        await self._record(
            order, kind(subject=subject, hold=order.hold, why=order.why, actor=order.actor)
        )

    async def _prioritised(self, order: Order, clip: Clip) -> facts.Fact:
        if clip.prioritised:
            raise Refused(f"clip {clip.id} is among those that go first already")
        for place in _TO_BE_SENT:
            one = ClipFilter(camera=clip.camera, place=place, after=clip.number - 1, limit=1)
            if [found.number for found in await self._ledger.clips(one)] == [clip.number]:
                return facts.ClipPrioritised(clip=clip.number, why=order.why, actor=order.actor)
        raise Refused(f"clip {clip.id} is stored already")

    async def _prioritise_all(self, order: Order, subject: str, clips_of: ClipFilter) -> None:
        """Have every clip that is known now and not stored yet go first."""
        found = False
        for place in _TO_BE_SENT:
            async for page in self._pages(replace(clips_of, place=place)):
                wanted = [
                    facts.ClipPrioritised(clip=clip.number, why=order.why, actor=order.actor)
                    for clip in page
                    if not clip.prioritised
                ]
                if wanted:
                    # The command is on record once, with the first of what it came to.
                    await self._record(replace(order, command=None) if found else order, *wanted)
                    found = True
        if not found:
            raise Refused(f"{subject} has no clip that waits and does not go first already")

    async def _retry_all(self, order: Order, clips_of: ClipFilter) -> None:
        """Retry every clip that has trouble or an error hold; the others need nothing."""
        async for page in self._pages(clips_of):
            for clip in page:
                if clip.trouble is not None or "error" in clip.holds:
                    await self._record(order, *await self._retried(order, clip))

    async def _pages(self, clips_of: ClipFilter) -> AsyncIterator[Sequence[Clip]]:
        after = 0
        while True:
            wanted = replace(clips_of, after=after, limit=_CLIPS_AT_ONCE)
            found = await self._ledger.clips(wanted)
            yield found
            if len(found) < _CLIPS_AT_ONCE:
                return
            after = found[-1].number
