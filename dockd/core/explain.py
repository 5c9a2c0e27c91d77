"""Why a clip has not arrived: a reason, an owner and a next step, in the words of its problem.

Pure: everything the answer rests on is in the situation. The first answer that holds is given,
the most particular first: a person's hold, what the station found wrong with the clip, what is
wrong around it, and at last where it simply is on its way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dockd.core.clip import CameraCopy, Clip, Place, has_known_copy
from dockd.core.health import CATALOGUE, Problem
from dockd.core.transfer import PartState, State, Transfer
from dockd.core.turn import Turn, duration, sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One clip and what is around it.

    ``place`` is where the clip is. ``docked`` is true while its camera is in a slot.
    ``set_aside`` is true when a person has set it aside in another way than by a hold of its own.
    ``stores`` are those configured now, ``transfers`` the clip's by store. ``problems`` are the
    open ones of anything the clip may depend on. ``wiping`` is false when nothing is ever cleared.
    ``turn`` is when its turn on the uplink is, None when it has none or nobody can tell.
    ``copied_in_s`` is when all that is on its docked camera is copied, None when nobody can tell.
    """

    clip: Clip
    place: Place
    docked: bool
    set_aside: bool
    stores: frozenset[str]
    transfers: Mapping[str, Transfer]
    problems: Sequence[Problem]
    wiping: bool
    turn: Turn | None = None
    copied_in_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why, whose it is, and what comes next: one sentence each; in how many seconds, if known."""

    reason: str
    owner: str
    next_step: str
    eta_s: float | None = None


def explain(situation: Situation) -> Explanation | None:
    """Return why the clip is not further; None when nothing is left to do for it."""
    for answer in _ANSWERS:
        explanation = answer(situation)
        if explanation is not None:
            return explanation
    return None


def _held(situation: Situation) -> Explanation | None:
    clip = situation.clip
    if "legal" in clip.holds:
        return Explanation(
            reason="A person has set this clip aside (legal hold); it is never cleared.",
            owner="evidence",
            next_step=f"When the hold may end: dockd release {clip.id} --kind legal --why ...",
        )
    if not clip.holds:
        return None
    return _trouble(situation) or Explanation(
        reason="This clip is set aside (error hold); it is never cleared.",
        owner="operations",
        next_step=f"When it may go on: dockd release {clip.id} --why ...",
    )


def _lost(situation: Situation) -> Explanation | None:
    if has_known_copy(situation.clip):
        return None
    return _in_the_words_of("no-known-copy", "No proven copy of this clip is known anywhere.")


def _trouble(situation: Situation) -> Explanation | None:
    trouble = situation.clip.trouble
    if trouble is None or situation.place in {Place.STORED, Place.WIPED}:
        return None
    return Explanation(reason=trouble.reason, owner=trouble.owner, next_step=trouble.next_step)


def _problem_around(situation: Situation) -> Explanation | None:
    """Return the first problem of whatever the clip needs for its next step."""
    clip = situation.clip
    match situation.place:
        case Place.SEEN:
            subjects = {"spool", "ledger", f"slot {clip.slot}", f"camera {clip.camera}"}
        case Place.SPOOLED:
            # Read back from the disk alone, wherever its camera is.
            subjects = {"spool", "ledger"}
        case Place.VERIFIED:
            subjects = {f"store {name}" for name in situation.stores if name not in clip.proven_by}
            subjects.add("uplink")
        case Place.STORED if clip.camera_copy is CameraCopy.PRESENT:
            # While the holds of other stations are not known.
            subjects = {"wiping"}
        case _:
            subjects = set()
    subjects.add(f"clip {clip.id}")
    for problem in situation.problems:
        if problem.subject in subjects and situation.place is not Place.WIPED:
            return Explanation(
                reason=problem.reason, owner=problem.owner, next_step=problem.next_step
            )
    return None


def _not_copied(situation: Situation) -> Explanation | None:
    if situation.place is Place.SPOOLED:
        return Explanation(
            reason="The copy is whole and waits to be read back from the disk.",
            owner="station",
            next_step="Nothing: dockd reads it back next.",
        )
    if situation.place is not Place.SEEN:
        return None
    if situation.docked:
        left_s = situation.copied_in_s
        about = "" if left_s is None else f"; all of its camera is, in {duration(left_s)}"
        return Explanation(
            reason=f"The clip waits for its turn to be copied, or is being copied{about}.",
            owner="station",
            next_step="Leave the camera in its slot until the slot says take.",
            eta_s=left_s,
        )
    return Explanation(
        reason="The camera left before the clip was copied whole.",
        owner="station",
        next_step="Dock the camera again, in any slot: dockd goes on where it stopped.",
    )


def _not_stored(situation: Situation) -> Explanation | None:
    if situation.place is not Place.VERIFIED:
        return None
    if not situation.stores:
        return _in_the_words_of(
            "store-not-configured", "No store is configured: the clip stays in the spool."
        )
    under_way = [
        transfer
        for transfer in situation.transfers.values()
        if transfer.state not in {State.QUEUED, State.RECEIPTED, State.REFUSED}
    ]
    turn = situation.turn
    eta_s = None if turn is None else turn.eta_s
    for transfer in under_way:
        done = len(transfer.indices(PartState.DONE))
        about = "" if eta_s is None else f"; {duration(eta_s)} to go"
        return Explanation(
            reason=f"The clip is on its way to store {transfer.store}: {transfer.state}, "
            f"{done} of {transfer.parts} parts arrived{about}.",
            owner="station",
            next_step="Nothing: dockd goes on by itself.",
            eta_s=eta_s,
        )
    return Explanation(
        reason="The clip waits for its turn on the uplink." if turn is None else sentence(turn),
        owner="station",
        next_step="Nothing: dockd sends it when those before it are stored.",
        eta_s=eta_s,
    )


def _not_cleared(situation: Situation) -> Explanation | None:
    if situation.place is not Place.STORED or situation.clip.camera_copy in {
        CameraCopy.WIPED,
        CameraCopy.GONE,
    }:
        return None
    if situation.set_aside:
        return Explanation(
            reason="The clip is stored; a person has set it, its camera or its docking aside, here "
            "or for all stations.",
            owner="evidence",
            next_step="When it may be cleared, release it here or in the list that stations share.",
        )
    if not situation.wiping:
        return Explanation(
            reason='The clip is stored; cameras are not cleared (wipe.after = "never").',
            owner="operations",
            next_step='Nothing, or set wipe.after = "receipt" and reload.',
        )
    if situation.docked:
        return Explanation(
            reason="The clip is stored; its camera is cleared once every clip on it is verified.",
            owner="station",
            next_step="Nothing: dockd clears it by itself while the camera is docked.",
        )
    return Explanation(
        reason="The clip is stored; its camera left before it could be cleared.",
        owner="station",
        next_step="Dock the camera again, in any slot: it is cleared then.",
    )


def _in_the_words_of(slug: str, reason: str) -> Explanation:
    entry = CATALOGUE[slug]
    return Explanation(reason=reason, owner=entry.owner, next_step=entry.next_step)


_ANSWERS: Final[tuple[Callable[[Situation], Explanation | None], ...]] = (
    _held,
    _lost,
    _trouble,
    _problem_around,
    _not_copied,
    _not_stored,
    _not_cleared,
)
