"""Remembers every hold outside the ledger as well, and gives it back to one that was restored.

A legal hold that was made since the backup must not be forgotten, or its clip would be cleared. So
each hold stands in a file of its own beside the ledger. A hold enters the ledger first and the file
next, a release leaves the file first, and only then is the order answered: a hold that stands in
the file and not in the ledger is therefore one that the ledger lost, whatever befell it.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from dockd.core import facts
from dockd.core.clip import Clip, Place
from dockd.core.facts import HoldKind
from dockd.core.hold import Hold
from dockd.errors import DockdError
from dockd.ports.clock import Clock
from dockd.ports.holds import HoldsFile
from dockd.ports.ledger import ClipFilter, Ledger
from dockd.stages.problems import ProblemBoard
from dockd.stages.threads import in_thread

_ABOUT_HOLDS: Final = (
    facts.ClipHeld,
    facts.ClipReleased,
    facts.SetAside,
    facts.SetFree,
)
_CLIPS_AT_ONCE: Final = 500
# A store that refuses everything holds clip after clip: they are written together.
_PAUSE_S: Final = 1.0

Identity = tuple[str, HoldKind]
# What left the file, and the order by which it was to leave the ledger.
Leaving = tuple[facts.ClipReleased | facts.SetFree, Hold]


class HoldMemory:
    """Keeps the file and the ledger of one mind about what is held."""

    def __init__(
        self, *, ledger: Ledger, file: HoldsFile, problems: ProblemBoard, clock: Clock
    ) -> None:
        """Listens through `heard`; nothing is written before `settle` read what was there."""
        self._ledger = ledger
        self._file = file
        self._problems = problems
        self._clock = clock
        self._holds: dict[Identity, Hold] = {}
        self._written: Mapping[Identity, Hold] = {}
        self._unheeded: deque[facts.Fact] = deque()
        self._in_doubt: deque[Leaving] = deque()
        self._turn = asyncio.Lock()
        self._settled = asyncio.Event()
        self._changed = asyncio.Event()

    # --- while the station works -------------------------------------------------------------

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Note what was committed about holds, and about clips that are held."""
        noted = [fact for fact in committed if self._concerns(fact)]
        if noted:
            self._unheeded.extend(noted)
            self._changed.set()

    def _concerns(self, fact: facts.Fact) -> bool:
        match fact:
            case facts.ClipSeen():
                return any(_awaits(hold, fact) for hold in self._holds.values())
            case facts.ClipVerified():
                return any(hold.kind == "clip" and not hold.key for hold in self._holds.values())
            case _:
                return isinstance(fact, _ABOUT_HOLDS)

    async def run(self) -> None:
        """Write down the holds that dockd itself makes and moves, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._write()
            except DockdError as error:
                self._changed.set()
                await self._problems.open(error.slug, subject="spool", reason=error.reason)
            await self._clock.sleep(_PAUSE_S)

    async def record(self, *recorded: facts.Fact) -> None:
        """Record an order's ``recorded`` in the ledger, and its holds in the file; both durable.

        Raises:
            IllegalFact: the ledger does not permit it; nothing changed.
            SpoolReadOnly, SpoolFull: one of the two could not be written.
        """
        await self._settled.wait()
        leaving: list[Leaving] = []
        try:
            await self._forget(recorded, leaving)
            await self._ledger.record(*recorded)
        except BaseException:
            # Refused by the ledger or the file, or cancelled: the ledger is asked what stands.
            self._in_doubt.extend(leaving)
            self._changed.set()
            raise
        await self._write()

    async def _forget(self, recorded: Iterable[facts.Fact], leaving: list[Leaving]) -> None:
        """Take out of the file what is about to be released, and put it into ``leaving``."""
        async with self._turn:
            await self._heed()
            for fact in recorded:
                match fact:
                    case facts.ClipReleased():
                        clip = await self._ledger.clip(fact.clip)
                        identity = _of_clip(clip, fact.hold, why="", actor="").identity
                    case facts.SetFree():
                        identity = (fact.subject, fact.hold)
                    case _:
                        continue
                if identity in self._holds:
                    leaving.append((fact, self._holds.pop(identity)))
            await self._write_if_changed()

    async def _write(self) -> None:
        await self._settled.wait()
        async with self._turn:
            await self._heed()
            await self._write_if_changed()

    async def _write_if_changed(self) -> None:
        if self._holds != self._written:
            holds = dict(self._holds)
            await in_thread(self._file.write, tuple(holds.values()))
            self._written = holds

    async def _heed(self) -> None:
        """Take in what was heard, in its order."""
        while self._unheeded:
            # Taken out only when it is done: whoever is cancelled on the way loses nothing.
            await self._take_in(self._unheeded[0])
            self._unheeded.popleft()
        while self._in_doubt:
            released, hold = self._in_doubt[0]
            if await self._stands(released):
                self._keep(hold)
                # Its file may have been written without it, whatever came of that.
                self._written = {}
            self._in_doubt.popleft()

    async def _stands(self, released: facts.ClipReleased | facts.SetFree) -> bool:
        """Return whether the ledger has a hold still, of which the release was begun."""
        if isinstance(released, facts.ClipReleased):
            return released.hold in (await self._ledger.clip(released.clip)).holds
        return any(
            (held.subject, held.hold) == (released.subject, released.hold)
            for held in await self._ledger.holds()
        )

    async def _take_in(self, fact: facts.Fact) -> None:
        match fact:
            case facts.ClipHeld():
                clip = await self._ledger.clip(fact.clip)
                self._keep(_of_clip(clip, fact.hold, why=fact.why, actor=fact.actor))
            case facts.ClipReleased():
                clip = await self._ledger.clip(fact.clip)
                released = _of_clip(clip, fact.hold, why="", actor="")
                self._holds.pop(released.identity, None)
            case facts.ClipVerified():
                self._name(await self._ledger.clip(fact.clip))
            case facts.ClipSeen():
                await self._found(fact)
            case facts.SetAside():
                self._keep(await self._of_subject(fact))
            case facts.SetFree():
                self._holds.pop((fact.subject, fact.hold), None)
                await self._problems.clear("hold-without-clip", subject=fact.subject)
            case _:
                pass

    def _keep(self, hold: Hold) -> None:
        self._holds[hold.identity] = hold

    def _name(self, clip: Clip) -> None:
        """Add the key to what is held of a clip."""
        for hold in clip.holds:
            known = self._holds.get(_of_clip(clip, hold, why="", actor="").identity)
            if known is not None:
                self._keep(replace(known, key=clip.key or ""))

    async def _found(self, seen: facts.ClipSeen) -> None:
        """Hold a clip that a hold was waiting for, or the one that it has become meanwhile."""
        clip = await self._ledger.clip(seen.clip)
        number = clip.merged_into or clip.number
        for hold in [hold for hold in self._holds.values() if _awaits(hold, seen)]:
            if hold.key and clip.key and hold.key != clip.key:
                # Taken in with its digest, it is surely another of that name.
                continue
            await self._ledger.record(
                facts.ClipHeld(clip=number, hold=hold.hold, why=_again(hold), actor="dockd")
            )
            del self._holds[hold.identity]

    async def _of_subject(self, fact: facts.SetAside) -> Hold:
        kind, _, name = fact.subject.partition(" ")
        if kind == "camera":
            return Hold(kind="camera", hold=fact.hold, camera=name, why=fact.why, actor=fact.actor)
        row = await self._ledger.docking(name)
        # A restored ledger may not know the docking; whose it was, the file has said before.
        known = self._holds.get((fact.subject, fact.hold))
        camera = row.camera if row is not None else known.camera if known is not None else ""
        return Hold(
            kind="docking",
            hold=fact.hold,
            camera=camera,
            docking=name,
            why=fact.why,
            actor=fact.actor,
        )

    # --- at the start ------------------------------------------------------------------------

    async def settle(self) -> None:
        """Record again every hold that the file has and the ledger lost; then write the file.

        To be done before any camera is read.
        """
        async with self._turn:
            self._unheeded.clear()
            written = {hold.identity: hold for hold in await self._read()}
            known = {hold.identity: hold for hold in await self._in_ledger()}
            # The file has the words in which each hold was made.
            for identity in written.keys() & known.keys():
                words, now = written[identity], known[identity]
                known[identity] = replace(
                    now, camera=now.camera or words.camera, why=words.why, actor=words.actor
                )
            self._holds = {**written, **known}
            for identity in written.keys() - known.keys():
                await self._restore(written[identity])
            try:
                await self._heed()
                await self._write_if_changed()
            except DockdError as error:
                await self._problems.open(error.slug, subject="spool", reason=error.reason)
        self._settled.set()

    async def _read(self) -> Sequence[Hold]:
        try:
            holds = await in_thread(self._file.read)
        except ValueError as error:
            await self._problems.open("holds-unreadable", subject="spool", reason=str(error))
            return []
        if not await in_thread(self._file.has_damaged):
            await self._problems.clear("holds-unreadable", subject="spool")
        return holds

    async def _in_ledger(self) -> Sequence[Hold]:
        holds = [await self._of_subject(fact) for fact in await self._ledger.holds()]
        after = 0
        while True:
            wanted = ClipFilter(place=Place.HELD, after=after, limit=_CLIPS_AT_ONCE)
            found = await self._ledger.clips(wanted)
            holds += [
                _of_clip(clip, hold, why=_UNKNOWN, actor=_UNKNOWN)
                for clip in found
                for hold in clip.holds
            ]
            if len(found) < _CLIPS_AT_ONCE:
                return holds
            after = found[-1].number

    async def _restore(self, hold: Hold) -> None:
        """Give the ledger back a hold that it lost."""
        if hold.kind == "clip":
            await self._restore_to_clip(hold)
            return
        await self._set_aside(hold.subject, hold)
        if hold.kind == "docking" and hold.camera:
            # What of the docking the ledger lost comes back in another docking, as new clips.
            await self._guard(hold)

    async def _restore_to_clip(self, hold: Hold) -> None:
        found = await self._candidates(hold)
        for clip in found:
            if hold.hold not in clip.holds:
                await self._ledger.record(
                    facts.ClipHeld(
                        clip=clip.number, hold=hold.hold, why=_again(hold), actor="dockd"
                    )
                )
        if any(_is_surely(clip, hold) for clip in found):
            del self._holds[hold.identity]
            for clip in found:
                self._keep(_of_clip(clip, hold.hold, why=hold.why, actor=hold.actor))
        elif not hold.waiting:
            # Its camera is guarded once; a person who frees it has looked.
            await self._guard(hold)
            self._keep(replace(hold, waiting=True))

    async def _candidates(self, hold: Hold) -> Sequence[Clip]:
        """Return the clip, or what on its camera may be it."""
        clip = await self._ledger.by_key(hold.key) if hold.key else None
        if clip is not None:
            return [clip]
        return [
            clip
            for clip in await self._ledger.on_camera(hold.camera)
            if clip.path == hold.path and not (hold.key and clip.key)
        ]

    async def _guard(self, hold: Hold) -> None:
        """Set a whole camera aside for something on it that the ledger does not know."""
        subject = f"camera {hold.camera}"
        await self._set_aside(subject, hold)
        await self._problems.open(
            "hold-without-clip", subject=subject, hold=hold.hold, held=hold.subject, why=hold.why
        )

    async def _set_aside(self, subject: str, hold: Hold) -> None:
        await self._ledger.record(
            facts.SetAside(subject=subject, hold=hold.hold, why=_again(hold), actor="dockd")
        )


_UNKNOWN: Final = "as the ledger has it"
_RESTORED: Final = "held before the ledger was restored"


def _of_clip(clip: Clip, hold: HoldKind, *, why: str, actor: str) -> Hold:
    return Hold(
        kind="clip",
        hold=hold,
        camera=clip.camera,
        docking=clip.birth_docking,
        path=clip.path,
        key=clip.key or "",
        why=why,
        actor=actor,
    )


def _awaits(hold: Hold, seen: facts.ClipSeen) -> bool:
    return hold.waiting and (hold.camera, hold.path) == (seen.camera, seen.path)


def _is_surely(clip: Clip, hold: Hold) -> bool:
    """Return whether a clip is the one that was held, and not another of its name."""
    return clip.birth_docking == hold.docking or (bool(hold.key) and clip.key == hold.key)


def _again(hold: Hold) -> str:
    """Return why a hold is made again, in the words in which it was first made."""
    if hold.why.startswith(_RESTORED):
        return hold.why
    return f"{_RESTORED}, by {hold.actor}: {hold.why}"
