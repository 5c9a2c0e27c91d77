"""What the ledger keeps about a clip beyond the clip itself, all of it derived by pure functions.

Derived columns exist for questions about many clips. They are written together with the clip, in
one transaction, and `recount` makes them anew from the clips alone: both ways must agree.
"""

from dataclasses import dataclass
from typing import Final

from dockd.core.clip import (
    CameraCopy,
    Clip,
    Place,
    SpoolCopy,
    StoreCopy,
    has_known_copy,
    place,
    recipients,
)

ALL_STORES: Final = ""
_CAMERA_IS_CLEAR: Final = 0
_CAMERA_HOLDS_IT: Final = 1
# A store that is in doubt is asked before it is sent anything.
_HAVING: Final = frozenset({StoreCopy.RECEIPTED, StoreCopy.DOUBTED})


@dataclass(frozen=True, slots=True)
class Policy:
    """Which stores count, and how many of them must hold a clip for it to be stored.

    ``extra`` stores get what is flagged, too, and do not count.
    """

    required: int
    stores: frozenset[str]
    extra: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What follows from a clip, its transfers and the policy.

    ``purge_rank`` orders the spool copies that may make room (0 before 1), None being kept;
    core/eviction decides.
    ``awaits`` are the stores that the clip waits for.
    """

    place: Place
    known: bool
    purge_rank: int | None
    awaits: frozenset[str]


@dataclass(frozen=True, slots=True)
class Stored:
    """A clip as the ledger has it; ``refused`` are the stores that refused it for good.

    ``verified_sequence`` and ``verified_at`` are those of the event that last verified it.
    """

    clip: Clip
    refused: frozenset[str] = frozenset()
    verified_sequence: int | None = None
    verified_at: str | None = None


def derive(stored: Stored, *, policy: Policy) -> Derived:
    """Return what follows from ``stored`` under ``policy``."""
    clip = stored.clip
    where = place(clip, required=policy.required, stores=policy.stores)
    to_have_it = recipients(clip, stores=policy.stores, extra=policy.extra)
    return Derived(
        place=where,
        known=has_known_copy(clip),
        purge_rank=_purge_rank(clip, where=where, stores=to_have_it),
        awaits=frozenset(store for store in to_have_it if _awaits(stored, store=store)),
    )


def _purge_rank(clip: Clip, *, where: Place, stores: frozenset[str]) -> int | None:
    # However few are required: the upload to any other store reads the spool's copy.
    all_hold_it = where in {Place.STORED, Place.WIPED} and stores.issubset(clip.proven_by)
    # A wipe under way rests on the spool's copy: it stays until the wipe is settled.
    settled = clip.camera_copy is not CameraCopy.WIPING
    here = clip.merged_into is None and clip.spool_copy is SpoolCopy.PROVEN
    if not (here and settled and all_hold_it):
        return None
    clear = clip.camera_copy in {CameraCopy.WIPED, CameraCopy.GONE}
    return _CAMERA_IS_CLEAR if clear else _CAMERA_HOLDS_IT


def _awaits(stored: Stored, *, store: str) -> bool:
    """Return whether ``store`` is still to have the clip.

    A hold keeps a clip on its camera and in the spool; all the more it belongs into the stores.
    Only the store that refused it waits for a person.
    """
    clip = stored.clip
    return (
        clip.merged_into is None
        and clip.spool_copy is SpoolCopy.PROVEN
        and clip.store_copies.get(store) not in _HAVING
        and store not in stored.refused
    )


def scopes(clip: Clip) -> tuple[str, ...]:
    """Return the scopes that count ``clip``: the station, its camera, its present docking."""
    if clip.merged_into is not None:
        return ()
    return (STATION, camera_scope(clip.camera), docking_scope(clip.docking))


STATION: Final = "station"


def camera_scope(camera: str) -> str:
    """Return the scope of one camera's clips."""
    return f"camera:{camera}"


def docking_scope(docking: str) -> str:
    """Return the scope of the clips last seen in one docking."""
    return f"docking:{docking}"
