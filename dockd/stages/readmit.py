"""Copies in the spool that a restored ledger forgot: each is a clip again, as its sidecar says.

Since the backup cameras were offloaded and sent out again, so what lies here may be all there is of
what they held. Nobody would ever send it, and nobody be told of it.
"""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Final

from dockd.core import facts, naming, readmission
from dockd.core.clip import Clip
from dockd.core.sidecar import Sidecar
from dockd.errors import DockdError, NotFound, SpoolChanged
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Spool
from dockd.stages.problems import ProblemBoard
from dockd.stages.threads import in_thread

_AT_ONCE: Final = 64
_SIDECARS: Final = "spool sidecars"
_REASON: Final = "found in the spool by a ledger that did not know it"


class Readmit:
    """Takes in what is kept and not known; done before any camera is read."""

    def __init__(self, *, ledger: Ledger, spool: Spool, problems: ProblemBoard) -> None:
        """Join what that needs; nothing happens yet."""
        self._ledger = ledger
        self._spool = spool
        self._problems = problems

    async def run(self) -> None:
        """Take in every kept copy of no known clip.

        One that cannot be is a problem, and keeps no other out.
        """
        # Whoever is right about them says it again.
        for problem in self._problems.current():
            about_one = problem.subject.startswith("clip ") or problem.subject == _SIDECARS
            if problem.slug == SpoolChanged.slug and about_one:
                await self._problems.clear(problem.slug, subject=problem.subject)
        # In the order in which they were filmed: of two at one path the later one is there now.
        for copies in sorted(await self._forgotten(), key=lambda copies: copies[0].number):
            await self._take_one_in(copies)

    async def _take_one_in(self, copies: Sequence[Clip]) -> None:
        """Take in the first of several copies of one clip that can be, or say why none can."""
        why: list[DockdError] = []
        for clip in copies:
            try:
                await self._take_in(clip)
            except DockdError as error:
                why.append(error)
            else:
                return
        subject = f"clip {copies[0].id}"
        await self._problems.open(why[0].slug, subject=subject, reason=why[0].reason)

    async def _forgotten(self) -> Collection[Sequence[Clip]]:
        """Return what is kept under keys that the ledger does not know: the copies of each key."""
        forgotten: dict[str, list[Clip]] = {}
        unbelieved: list[DockdError] = []
        kept = await in_thread(self._spool.sidecars)
        while found := await in_thread(lambda: [*islice(kept, _AT_ONCE)]):
            clips = [one.clip for one in found if isinstance(one, Sidecar)]
            unbelieved += [one for one in found if isinstance(one, DockdError)]
            known = await self._ledger.by_keys([clip.key or "" for clip in clips])
            for clip in clips:
                if clip.key is not None and clip.key not in known:
                    forgotten.setdefault(clip.key, []).append(clip)
        if unbelieved:
            # Of which clips they are nobody knows: they may be such as the ledger forgot.
            reason = f"of {len(unbelieved)} kept copies; one: {unbelieved[0].reason}"
            await self._problems.open(SpoolChanged.slug, subject=_SIDECARS, reason=reason)
        return forgotten.values()

    async def _take_in(self, clip: Clip) -> None:
        try:
            (await in_thread(self._spool.open, clip)).close()
        except FileNotFoundError as error:
            raise SpoolChanged(f"{clip.id}: the copy is not where its sidecar is") from error
        except OSError as error:
            raise SpoolChanged(f"{clip.id}: the copy cannot be read: {error.strerror}") from error
        begun = await self._begun(clip)
        if begun is not None and begun.copied:
            # Only its proof is missing, and whoever reads it back sees to that.
            return
        number = self._ledger.next_clip_number() if begun is None else begun.number
        began = {
            docking: fact
            for docking, fact in readmission.dockings([clip]).items()
            if await self._ledger.docking(docking) is None
        }
        await self._ledger.record(
            *began.values(),
            *readmission.clip_facts(clip, number=number, begun=begun),
            *(facts.Undocked(docking=docking, reason=_REASON) for docking in began),
        )

    async def _begun(self, clip: Clip) -> Clip | None:
        """Return this clip as the ledger has it from before it was proven, or None."""
        birth = naming.provisional_id(clip.camera, docking=clip.birth_docking, path=clip.path)
        try:
            begun = await self._ledger.find(birth)
        except NotFound:
            return None
        is_it = begun.sha256 is None and begun.size_bytes == clip.size_bytes
        return begun if is_it else None
