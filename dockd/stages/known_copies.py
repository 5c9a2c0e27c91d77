"""Watches that every original has a known copy, and says at once when one has none.

The worst failure known in this field is a force that could not say which originals still had a
copy. Here the question is asked after every fact that may take one away.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from dockd.core import clip as clips
from dockd.core import facts, naming
from dockd.core.clip import CameraCopy, Clip, SpoolCopy
from dockd.errors import DockdError
from dockd.ports.ledger import Ledger
from dockd.stages.problems import ProblemBoard

_LOSSES: Final = (
    facts.ClipGone,
    facts.ClipOverwritten,
    facts.SpoolCopyLost,
    facts.CopyDiscarded,
    facts.ReceiptLost,
)
_GAINS: Final = (
    facts.ClipVerified,
    facts.ClipSeenAgain,
    facts.ReceiptAccepted,
    facts.ClipMerged,
    facts.ClipRetried,
)
_AT_ONCE: Final = 256
_ABOUT_A_COPY: Final = (
    "no-known-copy",
    "clip-unreadable",
    "clip-changed-while-read",
    "digest-mismatch",
    "fsync-failed",
    "spool-full",
    "spool-read-only",
    "spool-changed",
    "illegal-fact",
    "internal-error",
)


class KnownCopies:
    """Opens and clears the problems of single clips as their copies come and go."""

    def __init__(self, *, ledger: Ledger, problems: ProblemBoard) -> None:
        """Listens through `heard` and works in `run`."""
        self._ledger = ledger
        self._problems = problems
        self._changed: asyncio.Queue[int] = asyncio.Queue()

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Note the clips that may have lost a copy, or gained one while a problem is open."""
        for fact in committed:
            if isinstance(fact, _LOSSES) or (
                isinstance(fact, _GAINS) and self._problems.any_about("clip")
            ):
                self._changed.put_nowait(fact.clip)

    async def run(self) -> None:
        """Look at what has no copy now, then at one noted clip after another until cancelled."""
        after = 0
        # The daemon may have been killed between the loss and the word of it.
        while lost := await self._ledger.without_copy(after=after, limit=_AT_ONCE):
            for clip in lost:
                await self._missing(clip)
            after = lost[-1].number
        while True:
            number = await self._changed.get()
            try:
                await self._look(number)
            except DockdError:
                # Looked at again, whatever it was: a lost original must not go unsaid.
                self._changed.put_nowait(number)
                raise

    async def _look(self, number: int) -> None:
        clip = await self._ledger.clip(number)
        if not clip.partial or clip.camera_copy is not CameraCopy.PRESENT:
            await self._problems.clear("clip-partial", subject=_subject(clip))
        if clip.merged_into is not None:
            await self._forget(clip)
        elif clips.has_known_copy(clip):
            await self._found(clip)
        else:
            await self._missing(clip)

    async def _missing(self, clip: Clip) -> None:
        reason = "it is gone from its camera and neither the spool nor a store has proven a copy"
        await self._problems.open("no-known-copy", subject=_subject(clip), reason=reason)

    async def _found(self, clip: Clip) -> None:
        await self._problems.clear("no-known-copy", subject=_subject(clip))
        if clip.spool_copy is SpoolCopy.PROVEN:
            await self._forget(clip)
        if clip.proven_by:
            await self._problems.clear("store-lost-object", subject=_subject(clip))

    async def _forget(self, clip: Clip) -> None:
        """Clear what was said of a clip's copying, under the id it had then as well."""
        birth = naming.provisional_id(clip.camera, docking=clip.birth_docking, path=clip.path)
        for subject in (f"clip {birth}", _subject(clip)):
            await self._problems.clear_all(_ABOUT_A_COPY, subject=subject)


def _subject(clip: Clip) -> str:
    return f"clip {clip.id}"
