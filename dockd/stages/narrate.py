"""Says what was committed in the journal, about clips and dockings by the names that people use.

The ledger names a clip by its number and a stay by its docking; whoever reads the journal knows
the clip's id, the camera and the slot. What is needed for that is remembered from the facts
themselves, and asked of the ledger only where a line is about what this run has not heard of.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from dockd.core import facts, health, naming
from dockd.core.clip import Clip
from dockd.errors import DockdError
from dockd.ports.journal import Journal, Level
from dockd.ports.ledger import Ledger

# Problems are said by their board, with their words.
_SAID_ELSEWHERE: Final = frozenset({"problem-opened", "problem-closed"})
# Parts would flood the journal; the rest says what a louder fact says as well.
QUIET: Final = (
    facts.PartSpooled,
    facts.PartSending,
    facts.PartStored,
    facts.PartUnsent,
    facts.UploadCreating,
    facts.ObjectFinalizing,
    facts.ObjectConfirming,
    facts.TransferQueued,
    facts.Checkpointed,
)
# Thousands of digests help nobody who reads a line.
LEFT_OUT: Final = frozenset({"part_sha256"})
_NAMED_AT_MOST: Final = 2048
_DOCKINGS_AT_MOST: Final = 256
_SAID_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What people call a clip; ``path`` is in a form that every terminal bears."""

    clip: str
    camera: str
    slot: str
    docking: str
    path: str

    def fields(self) -> dict[str, object]:
        return {
            "clip": self.clip,
            "camera": self.camera,
            "slot": self.slot,
            "docking": self.docking,
            "path": self.path,
        }


class Narrator:
    """Tells the journal of every fact, in the order of their commits."""

    def __init__(self, *, ledger: Ledger, journal: Journal) -> None:
        """Listens through `heard` and speaks in `run`; `flush` says what is left at the end."""
        self._ledger = ledger
        self._journal = journal
        self._unsaid: deque[facts.Fact] = deque()
        self._has_more = asyncio.Event()
        self._named: dict[int, _Names] = {}
        self._dockings: dict[str, dict[str, object]] = {}
        # Called with every fact that is no detail, and with what the journal has of it.
        self.also: Callable[[facts.Fact, Mapping[str, object]], None] = lambda _fact, _shown: None

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Take in what was committed."""
        self._unsaid.extend(fact for fact in committed if fact.kind not in _SAID_ELSEWHERE)
        self._has_more.set()

    async def run(self) -> None:
        """Say one fact after another until cancelled."""
        while True:
            await self._has_more.wait()
            self._has_more.clear()
            await self.flush()

    async def flush(self) -> None:
        """Say everything that was heard and not said yet."""
        while self._unsaid:
            fact = self._unsaid[0]
            shown = await self._shown(fact)
            # Taken out only here: whoever is cancelled while asking the ledger loses no line.
            self._unsaid.popleft()
            level: Level = "debug" if isinstance(fact, QUIET) else "info"
            self._journal.say(fact.kind, fact.sentence, level=level, **shown)
            if level == "info":
                self.also(fact, shown)
            if len(self._unsaid) % _SAID_AT_ONCE == 0:
                # A listing may be twenty thousand facts; the watchdog is on this loop too.
                await asyncio.sleep(0)

    async def _shown(self, fact: facts.Fact) -> dict[str, object]:
        """Return a fact's fields for people."""
        fields: dict[str, object] = {
            name: value for name, value in fact.fields().items() if name not in LEFT_OUT
        }
        if isinstance(fact, facts.DockingFact):
            return await self._of_docking(fact) | fields
        if isinstance(fact, facts.SetAside | facts.SetFree):
            return health.named_in(fact.subject) | fields
        if not isinstance(fact, facts.ClipFact):
            return fields
        self._learn(fact)
        names = await self._names(fact.clip, ask=not isinstance(fact, QUIET))
        if names is None:
            return {"number": fields.pop("clip"), **fields}
        if isinstance(fact, facts.ClipMerged):
            into = await self._names(fact.into, ask=True)
            fields["into"] = fact.into if into is None else into.clip
        # What the fact itself says of docking and slot is the newer word.
        return names.fields() | fields | {"clip": names.clip, "path": names.path}

    async def _of_docking(self, fact: facts.DockingFact) -> dict[str, object]:
        """Return whose stay a fact is about, and where; nothing when that cannot be known."""
        if isinstance(fact, facts.Docked):
            self._remember_docking(fact.docking, camera=fact.camera, slot=fact.slot)
        elif fact.docking not in self._dockings:
            with suppress(DockdError):
                row = await self._ledger.docking(fact.docking)
                if row is not None:
                    self._remember_docking(row.docking, camera=row.camera, slot=row.slot)
        return self._dockings.get(fact.docking, {})

    def _remember_docking(self, docking: str, *, camera: str, slot: str) -> None:
        self._dockings[docking] = {"camera": camera, "slot": slot}
        if len(self._dockings) > _DOCKINGS_AT_MOST:
            del self._dockings[next(iter(self._dockings))]

    def _learn(self, fact: facts.ClipFact) -> None:
        """Take from a fact what it says about its clip's names."""
        known = self._named.get(fact.clip)
        match fact:
            case facts.ClipSeen():
                self._remember(fact.clip, _names_at_birth(fact))
            case facts.ClipSeenAgain() if known is not None:
                self._remember(fact.clip, replace(known, docking=fact.docking, slot=fact.slot))
            case facts.ClipVerified() if known is not None:
                self._remember(fact.clip, replace(known, clip=naming.clip_id(fact.key)))
            case _:
                pass

    async def _names(self, number: int, *, ask: bool) -> _Names | None:
        """Return what people call a clip; None when that cannot be known, or is not worth it."""
        if number not in self._named and ask:
            try:
                self._remember(number, _names_of(await self._ledger.clip(number)))
            except DockdError:
                return None
        return self._named.get(number)

    def _remember(self, number: int, names: _Names) -> None:
        self._named[number] = names
        if len(self._named) > _NAMED_AT_MOST:
            # The one that was met first has most likely been done with longest.
            del self._named[next(iter(self._named))]


def _names_at_birth(fact: facts.ClipSeen) -> _Names:
    return _Names(
        clip=naming.provisional_id(fact.camera, docking=fact.docking, path=fact.path),
        camera=fact.camera,
        slot=fact.slot,
        docking=fact.docking,
        path=naming.safe_path(fact.path),
    )


def _names_of(clip: Clip) -> _Names:
    return _Names(
        clip=clip.id,
        camera=clip.camera,
        slot=clip.slot,
        docking=clip.docking,
        path=naming.safe_path(clip.path),
    )
