"""The few things a person may order: try again, set aside, let go. Each becomes a fact.

Releasing a hold of one kind never touches the other. A retry also lifts the hold that an error
put on the clip, for the hold is what keeps it from being tried; a legal hold stays.
"""

from collections.abc import Sequence

from dockd.core import facts
from dockd.core.clip import Clip
from dockd.core.transfer import State
from dockd.errors import NotFound, Refused, RequestInvalid
from dockd.ports.ledger import ClipFilter, Ledger
from dockd.ports.station import Order
from dockd.stages.remember import HoldMemory

_CLIPS_AT_ONCE = 500


class Obey:
    """Implements `ports.station.StationActions` on the ledger."""

    def __init__(self, *, ledger: Ledger, holds: HoldMemory) -> None:
        """Record orders in ``ledger`` through ``holds``; whoever listens to it acts on them."""
        self._ledger = ledger
        self._holds = holds

    async def carry_out(self, order: Order) -> None:
        """Record what a person ordered; durable on return.

        Raises:
            NotFound: there is no such clip, docking or camera.
            Refused: it makes no sense in the present state.
            RequestInvalid: it says no reason.
        """
        if not order.why.strip():
            raise RequestInvalid("an order needs a why: it goes on record with who gave it")
        if order.kind == "clips":
            clip = await self._ledger.find(order.reference)
            await self._holds.record(*await self._about_clip(order, clip))
            return
        subject, clips_of = await self._whole(order)
        if order.verb == "retry":
            await self._retry_all(order, clips_of)
        else:
            await self._set_aside_or_free(order, subject)

    async def _about_clip(self, order: Order, clip: Clip) -> Sequence[facts.Fact]:
        number, why, actor = clip.number, order.why, order.actor
        match order.verb:
            case "retry":
                return await self._retried(order, clip)
            case "hold" if order.hold in clip.holds:
                raise Refused(f"clip {clip.id} has a hold of the kind {order.hold} already")
            case "hold":
                return [facts.ClipHeld(clip=number, hold=order.hold, why=why, actor=actor)]
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
        await self._holds.record(
            kind(subject=subject, hold=order.hold, why=order.why, actor=order.actor)
        )

    async def _retry_all(self, order: Order, clips_of: ClipFilter) -> None:
        """Retry every clip that has trouble or an error hold; the others need nothing."""
        after = 0
        while True:
            wanted = ClipFilter(
                camera=clips_of.camera,
                docking=clips_of.docking,
                after=after,
                limit=_CLIPS_AT_ONCE,
            )
            found = await self._ledger.clips(wanted)
            for clip in found:
                if clip.trouble is not None or "error" in clip.holds:
                    await self._holds.record(*await self._retried(order, clip))
            if len(found) < _CLIPS_AT_ONCE:
                return
            after = found[-1].number
