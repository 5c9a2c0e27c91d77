"""The list of holds that stations share: what it says, which one counts, and how old it is.

Central operations sign one document for all stations. It sets aside whole cameras, dockings, and
clips by their store keys, of which the content counts and not the name. A list is never replaced by
one that was issued before it, and one that is older than a day clears nothing: a hold that was made
since may not have come.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

FORMAT: Final = "dockd-shared-holds/1"
OLD_AFTER_S: Final = 24 * 3600.0
# Clocks of a list's signer and of a station differ a little; a list of tomorrow is no list.
AHEAD_S: Final = 15 * 60.0
_ISSUED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_KEY: Final = re.compile(r"[^/]+/([0-9a-f]{64})/.+", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldList:
    """One list: when it was issued (UTC) and what it sets aside.

    ``contents`` are SHA-256 in hex. ``dockings`` leads from a docking to its camera.
    """

    issued: datetime
    cameras: frozenset[str] = frozenset()
    contents: frozenset[str] = frozenset()
    dockings: tuple[tuple[str, str], ...] = ()

    @property
    def count(self) -> int:
        """How many things it sets aside."""
        return len(self.cameras) + len(self.contents) + len(self.dockings)

    def subjects(self, *, dockings_known: Iterable[str]) -> frozenset[str]:
        """Return whatever is set aside here, as ``clearance.is_set_aside`` asks for it.

        Which clips lay on a camera in a docking is known where that docking was. Anywhere else any
        of them may be on the camera now, so all of it is set aside.
        """
        known = frozenset(dockings_known)
        return (
            self.cameras
            | self.contents
            | {docking for docking, _ in self.dockings}
            | {camera for docking, camera in self.dockings if docking not in known}
        )


def parse(document: bytes) -> HoldList:
    """Return the list in a document whose signature was found good.

    Raises:
        ValueError: any of it cannot be understood; a list that is half understood would set too
            little aside.
    """
    try:
        content = json.loads(document)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    match content:
        case {"format": "dockd-shared-holds/1", "issued": str(issued), "holds": list(holds)}:
            return _list_of(_time(issued), holds)
        case _:
            raise ValueError("it is not a list of shared holds")


def _list_of(issued: datetime, holds: Iterable[object]) -> HoldList:
    cameras: set[str] = set()
    contents: set[str] = set()
    dockings: set[tuple[str, str]] = set()
    for hold in holds:
        match hold:
            case {"kind": "camera", "camera": str(camera)} if camera:
                cameras.add(camera)
            case {"kind": "docking", "docking": str(docking), "camera": str(camera)} if (
                docking and camera
            ):
                dockings.add((docking, camera))
            case {"kind": "clip", "key": str(key)} if (found := _KEY.fullmatch(key)) is not None:
                contents.add(found[1])
            case _:
                raise ValueError("one of its holds is not understood")
    return HoldList(
        issued=issued,
        cameras=frozenset(cameras),
        contents=frozenset(contents),
        dockings=tuple(sorted(dockings)),
    )


def _time(text: str) -> datetime:
    if not _ISSUED.fullmatch(text):
        raise ValueError("it does not say when it was issued (as 2026-11-23T02:00:00Z)")
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def why_refused(offered: HoldList, *, held: HoldList | None, now: datetime | None) -> str | None:
    """Return why a list must not take the place of the one that is held; None when it may.

    ``now`` is None while nobody vouches for the time (core/vouching).
    """
    if held is not None and offered.issued < held.issued:
        return "it was issued before the list that is held here"
    if held is not None and offered.issued == held.issued and offered != held:
        return "it was issued in the same second as the list that is held here, and differs"
    if now is not None and (offered.issued - now).total_seconds() > AHEAD_S:
        return "it was issued in the future"
    return None


def age_s(
    held: HoldList,
    *,
    now: datetime | None,
    accepted_age_s: float | None,
    held_for_s: float | None,
) -> float | None:
    """Return how old a list is, in seconds; None when nobody can tell, which is too old.

    ``now`` is None while nobody vouches for the time: then uptime tells, of a list that came in
    this run and while somebody did. ``accepted_age_s`` is how old it was when it came, None where
    nobody could tell: a server goes on giving out a list that nobody signs anew.
    ``held_for_s`` is the uptime since then, None for a list that an earlier run left.
    """
    by_uptime_s = None
    if accepted_age_s is not None and held_for_s is not None:
        by_uptime_s = max(0.0, accepted_age_s) + held_for_s
    if now is None:
        return by_uptime_s
    by_clock_s = (now - held.issued).total_seconds()
    if by_clock_s < -AHEAD_S:
        return None
    return max(0.0, by_clock_s, by_uptime_s or 0.0)


def is_recent(age: float | None) -> bool:
    """Return whether a list of that age may be gone by."""
    return age is not None and 0 <= age <= OLD_AFTER_S
