"""What a listing means: what is recorded of it, and which clips are to be brought over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dockd.core import facts, naming, redock
from dockd.core.clip import CameraCopy, Clip, SpoolCopy
from dockd.ports.camera import FoundFile, Listing
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.stages import dating
from dockd.stages.problems import ProblemBoard
from dockd.stages.stay import Stay

_NAMED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One clip to bring over, and the camera's file that holds it."""

    clip: Clip
    file: FoundFile


class Planner:
    """Turns listings into facts and tasks; one object serves all slots."""

    def __init__(self, *, ledger: Ledger, problems: ProblemBoard, clock: Clock) -> None:
        """Join what planning needs; nothing happens yet."""
        self._ledger = ledger
        self._problems = problems
        self._clock = clock

    async def plan(self, stay: Stay, listing: Listing) -> Sequence[Task]:
        """Record what the listing says and return the clips to copy, flagged ones first."""
        files = listing.by_path()
        known = [
            clip
            for clip in await self._ledger.on_camera(stay.camera.serial)
            if clip.path in files or not listing.may_hide(clip.path)
        ]
        decisions = redock.plan(stay.docking, map(_found, listing.files), known)
        recorded = [fact for decision in decisions for fact in self._as_facts(stay, decision)]
        stay.news = stay.news or bool(recorded)
        if recorded or not stay.listed:
            await self._ledger.record(*recorded, await self._listed(stay, listing, recorded))
            stay.listed = True
        await self._name_refused(stay, listing)
        tasks = [
            Task(clip=clip, file=files[clip.path])
            for clip in await self._ledger.on_camera(stay.camera.serial)
            if clip.path in files
            and clip.camera_copy is CameraCopy.PRESENT
            and clip.docking == stay.docking
            and clip.spool_copy is not SpoolCopy.PROVEN
        ]
        return sorted(tasks, key=lambda task: (not task.file.flagged, task.file.mtime_ns))

    async def _listed(
        self, stay: Stay, listing: Listing, recorded: Sequence[facts.ClipFact]
    ) -> facts.Listed:
        """Return how it is recorded what the listing says as a whole, of the camera's clock too."""
        # Of footage alone: settings may come from anybody's computer.
        new_ns = [
            fact.mtime_ns
            for fact in recorded
            if isinstance(fact, facts.ClipSeen) and stay.camera.is_clearable(fact.path)
        ]
        found = await dating.clock_of(stay.camera, new_ns, ledger=self._ledger, clock=self._clock)
        await dating.say_if_wrong(stay.camera, found, problems=self._problems)
        return facts.Listed(
            docking=stay.docking,
            files=len(listing.files),
            size_bytes=sum(file.size_bytes for file in listing.files),
            refused=len(listing.refused),
            clock_source=found.source,
            clock_offset_s=found.offset_s,
            clock_uncertainty_s=found.uncertainty_s,
        )

    async def _name_refused(self, stay: Stay, listing: Listing) -> None:
        """Name what cannot be footage, and forget what was named and is there no longer.

        The first few by their names; a camera with a hundred thousand links is one problem more.
        """
        about = f"camera {stay.camera.serial} file "
        named = {about + naming.safe_path(name.path): name for name in listing.refused[:_NAMED]}
        for problem in self._problems.current():
            name = named.get(problem.subject)
            if problem.subject.startswith(about) and (name is None or name.slug != problem.slug):
                await self._problems.clear(problem.slug, subject=problem.subject)
        for subject, name in named.items():
            await self._problems.open(name.slug, subject=subject, reason=name.reason)
        if len(listing.refused) > _NAMED:
            reason = f"{len(listing.refused) - _NAMED} more files cannot be carried"
            slug = listing.refused[_NAMED].slug
            await self._problems.open(slug, subject=about + "(others)", reason=reason)

    def _as_facts(self, stay: Stay, decision: redock.Decision) -> Sequence[facts.ClipFact]:
        """Return how one decision about one file is recorded."""
        match decision:
            case redock.Adopt(clip=clip, found=found):
                return (_seen_again(stay, clip, found),)
            case redock.Resume(clip=clip, found=found) | redock.CopyAgain(clip=clip, found=found):
                return (_seen_again(stay, clip, found),) if decision.seen_again else ()
            case redock.CopyNew(found=found, overwritten=displaced):
                return (
                    *(_overwritten(stay, clip) for clip in displaced),
                    self._seen(stay, found),
                )
            case redock.Gone(clip=clip):
                return (facts.ClipGone(clip=clip.number, docking=stay.docking),)
            case redock.Wiped(clip=clip):
                return (facts.ClipWiped(clip=clip.number, docking=stay.docking),)

    def _seen(self, stay: Stay, found: redock.Found) -> facts.ClipSeen:
        return facts.ClipSeen(
            clip=self._ledger.next_clip_number(),
            camera=stay.camera.serial,
            docking=stay.docking,
            slot=stay.camera.slot,
            path=found.path,
            size_bytes=found.size_bytes,
            mtime_ns=found.mtime_ns,
            flagged=found.flagged,
        )


def _found(file: FoundFile) -> redock.Found:
    return redock.Found(
        path=file.path,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        flagged=file.flagged,
    )


def _seen_again(stay: Stay, clip: Clip, found: redock.Found) -> facts.ClipSeenAgain:
    return facts.ClipSeenAgain(
        clip=clip.number,
        docking=stay.docking,
        slot=stay.camera.slot,
        mtime_ns=found.mtime_ns,
        size_bytes=found.size_bytes if found.size_bytes != clip.size_bytes else None,
    )


def _overwritten(stay: Stay, clip: Clip) -> facts.ClipOverwritten:
    return facts.ClipOverwritten(
        clip=clip.number,
        docking=stay.docking,
        reason="another file stands under its name on the camera",
    )
