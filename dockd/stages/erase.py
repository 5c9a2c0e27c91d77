"""Deleting what was decided to go: the intent, one more look, and belief in a listing only."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dockd.core import clearance, facts
from dockd.core.clip import Clip
from dockd.errors import ClipChangedWhileRead, ClipUnreadable, DockdError
from dockd.ports.camera import FoundFile
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Spool
from dockd.stages.patience import Withdrawn
from dockd.stages.problems import ProblemBoard
from dockd.stages.shared_holds import SharedHolds
from dockd.stages.stay import Stay
from dockd.stages.threads import in_thread

_STILL_LISTED: Final = "it is still listed after its deletion"
_NEW_TROUBLE: Final = "the medium gave an error meanwhile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """A clip whose two keys have turned, the file to delete, and the stores that turned one."""

    clip: Clip
    file: FoundFile
    stores: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a decision rests on beside its clips.

    ``troubled`` is whether the medium was known to be; ``still_stand`` whether the policy is the
    one by which it was decided.
    """

    stores: frozenset[str]
    required: int
    troubled: bool
    still_stand: Callable[[], bool]


class Erase:
    """Carries out what was decided; one object serves all slots."""

    def __init__(
        self, *, ledger: Ledger, spool: Spool, shared_holds: SharedHolds, problems: ProblemBoard
    ) -> None:
        """Begin with nothing under way."""
        self._shared_holds = shared_holds
        self._ledger = ledger
        self._spool = spool
        self._problems = problems
        self._erasing: list[Withdrawn] = []

    def heard(self, fact: facts.Fact) -> None:
        """Tell the deletions that are under way of what was set aside or lost."""
        for withdrawn in self._erasing:
            withdrawn.heard(fact)

    async def run(self, stay: Stay, decided: Sequence[Cleared], *, terms: Terms) -> set[bytes]:
        """State the intent, delete, flush, list again, and only then call it wiped.

        Returns the paths of all that is on the camera afterwards.
        """
        await self._ledger.record(
            *(
                facts.WipeIntended(clip=item.clip.number, docking=stay.docking, stores=item.stores)
                for item in decided
            )
        )
        withdrawn = Withdrawn()
        # Listened to before it is asked what stands, so that nothing comes in between.
        self._erasing.append(withdrawn)
        try:
            standing, spared = await self._still_standing(stay, decided, terms)
            refused = await in_thread(
                _delete, stay, standing, spared, withdrawn=withdrawn, terms=terms
            )
        finally:
            self._erasing.remove(withdrawn)
        return await self._settled(stay, decided, refused=refused, spared=spared)

    async def _settled(
        self,
        stay: Stay,
        decided: Sequence[Cleared],
        *,
        refused: Mapping[bytes, str],
        spared: Mapping[bytes, str],
    ) -> set[bytes]:
        """Record what became of each, by a new listing; return the paths in that."""
        listing = await in_thread(stay.camera.listing)
        if listing.doubts:
            # A file that cannot be seen is not known to be gone; the next listing settles it.
            raise listing.doubts[0]
        left = {file.path for file in listing.files}
        reasons = {**dict.fromkeys(left, _STILL_LISTED), **refused, **spared}
        # What was spared and is not listed has left by itself: the next listing says so.
        kept = left | spared.keys()
        await self._ledger.record(*(_ended(stay, item, kept, reasons) for item in decided))
        failed = [item for item in decided if item.file.path in left]
        subject = f"slot {stay.camera.slot}"
        if failed:
            reason = reasons[failed[0].file.path]
            await self._problems.open("wipe-failed", subject=subject, reason=reason)
        else:
            await self._problems.clear("wipe-failed", subject=subject)
        return left

    async def _still_standing(
        self, stay: Stay, decided: Sequence[Cleared], terms: Terms
    ) -> tuple[Sequence[Cleared], dict[bytes, str]]:
        """Ask once more, right before the deletion, whether anything changed since the intent."""
        elsewhere = self._shared_holds.standing()
        set_aside = await self._ledger.set_aside() | elsewhere.subjects
        ours = await spool_is_ours(self._spool)
        now = await self._ledger.numbered([item.clip.number for item in decided])
        kept_bytes = await in_thread(
            spool_copies_bytes, self._spool, [item.clip for item in decided]
        )
        standing: list[Cleared] = []
        spared: dict[bytes, str] = {}
        for item in decided:
            intent = clearance.Intent(
                clip=now[item.clip.number],
                docking=None if stay.must_stop() else stay.docking,
                set_aside=set_aside,
                holds_age_s=elsewhere.age_s,
                configured_stores=terms.stores,
                required=terms.required,
                spool_is_ours=ours,
                spool_copy_bytes=kept_bytes[item.clip.number],
            )
            verdict = clearance.may_erase(intent)
            if verdict.allowed:
                standing.append(item)
            else:
                spared[item.file.path] = "; ".join(verdict.unmet)
        return standing, spared


def spool_copies_bytes(spool: Spool, clips: Sequence[Clip]) -> Mapping[int, int | None]:
    """Return by number how long the spool's files are now, None for what cannot be had."""
    return {clip.number: _spool_copy_bytes(spool, clip) for clip in clips}


def _spool_copy_bytes(spool: Spool, clip: Clip) -> int | None:
    try:
        with spool.open(clip) as content:
            return os.fstat(content.fileno()).st_size
    except (DockdError, OSError):
        return None


async def spool_is_ours(spool: Spool) -> bool:
    """Return whether the spool is there and the one it was."""
    try:
        await in_thread(spool.space)
    except DockdError:
        return False
    return True


def _delete(
    stay: Stay,
    items: Sequence[Cleared],
    spared: dict[bytes, str],
    *,
    withdrawn: Withdrawn,
    terms: Terms,
) -> dict[bytes, str]:
    """Delete files while the camera is writable; return why each that did not go did not.

    What is not even tried joins ``spared``. One that the camera does not let go of must not keep
    the others there.
    """
    refused: dict[bytes, str] = {}
    if not items:
        return refused
    with stay.camera.writable() as eraser:
        for item in items:
            why = _why_not(stay, item, withdrawn=withdrawn, terms=terms)
            if why:
                spared[item.file.path] = why
                continue
            try:
                eraser.erase(item.file)
            except (ClipChangedWhileRead, ClipUnreadable) as error:
                refused[item.file.path] = error.reason
    return refused


def _why_not(stay: Stay, item: Cleared, *, withdrawn: Withdrawn, terms: Terms) -> str:
    """Return what came in between, right before a single deletion; "" if nothing did."""
    if withdrawn.has(item.clip.number):
        return "it was set aside, or a copy was lost, meanwhile"
    # A slot that is to be cut waits for this; what is left goes when it has power again.
    if stay.must_stop():
        return "the docking ended or had to pause meanwhile"
    # A person who switches wiping off sees to it that nothing more is deleted.
    if not terms.still_stand():
        return "the configuration changed meanwhile"
    # Each deletion writes to the medium. What may be written to one that fails is another decision.
    return _NEW_TROUBLE if stay.camera.is_troubled() and not terms.troubled else ""


def _ended(
    stay: Stay, item: Cleared, kept: Collection[bytes], reasons: Mapping[bytes, str]
) -> facts.ClipFact:
    path = item.file.path
    if path not in kept:
        return facts.ClipWiped(clip=item.clip.number, docking=stay.docking)
    return facts.WipeFailed(clip=item.clip.number, docking=stay.docking, reason=reasons[path])
