"""Every clip that has not arrived has a reason, an owner and a next step."""

from dataclasses import replace
from typing import Any

import pytest

from dockd.core import facts
from dockd.core.clip import CameraCopy, Clip, Place, SpoolCopy, StoreCopy, Trouble
from dockd.core.explain import Explanation, Situation, explain
from dockd.core.health import CATALOGUE, problem
from dockd.core.transfer import PartState, State, Transfer
from dockd.core.turn import Turn

TROUBLE = Trouble(slug="x", reason="It broke.", owner="store", next_step="Mend it.")
OUTDATED = problem(
    "holds-outdated", subject="wiping", since="2026-11-23T02:00:00Z", reason="The list is old."
)
UNREACHABLE = problem(
    "store-unreachable", subject="store central", since="2026-11-23T02:00:00Z", reason="No answer."
)
LEFT = problem(
    "camera-left-early",
    subject="camera BWC",
    since="2026-11-23T02:00:00Z",
    reason="Two clips are on it.",
)


def clip(**changes: Any) -> Clip:  # noqa: ANN401 - any field of a clip
    """Return a clip that was just seen, with some changes."""
    plain = Clip(
        number=1, camera="BWC", docking="d", slot="A1", path=b"x", size_bytes=5, mtime_ns=1,
        birth_docking="d",
    )  # fmt: skip
    return replace(plain, **changes)


def situation(place: Place, **changes: Any) -> Situation:  # noqa: ANN401 - any field of it
    """Return a docked clip in plain circumstances, with some changes."""
    plain = Situation(
        clip=clip(), place=place, docked=True, set_aside=False, stores=frozenset({"central"}),
        transfers={}, problems=(), wiping=True,
    )  # fmt: skip
    return replace(plain, **changes)


def transfer(state: State, **changes: Any) -> Transfer:  # noqa: ANN401 - any field of it
    """Return a transfer of three parts."""
    plain = Transfer(
        clip=1, store="central", key="k", size_bytes=5, sha256="s", parts=3, state=state
    )
    return replace(plain, **changes)


VERIFIED = clip(spool_copy=SpoolCopy.PROVEN, sha256="s")
STORED = clip(spool_copy=SpoolCopy.PROVEN, proven_by=("central",))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (situation(Place.HELD, clip=clip(holds=("legal",), trouble=TROUBLE)), "legal hold"),
        (situation(Place.HELD, clip=clip(holds=("error", "legal"))), "legal hold"),
        (situation(Place.HELD, clip=clip(holds=("error",), trouble=TROUBLE)), "It broke."),
        (situation(Place.HELD, clip=clip(holds=("error",))), "error hold"),
        (situation(Place.SEEN, clip=clip(camera_copy=CameraCopy.GONE)), "No proven copy"),
        (situation(Place.SEEN, clip=clip(trouble=TROUBLE)), "It broke."),
        (situation(Place.SEEN), "waits for its turn to be copied"),
        (situation(Place.SEEN, docked=False), "left before the clip was copied"),
        (situation(Place.SEEN, docked=False, problems=(LEFT,)), "Two clips are on it."),
        (situation(Place.SPOOLED), "waits to be read back"),
        (situation(Place.SPOOLED, docked=False, problems=(LEFT,)), "waits to be read back"),
        (situation(Place.VERIFIED, clip=VERIFIED), "waits for its turn on the uplink"),
        (situation(Place.VERIFIED, clip=VERIFIED, stores=frozenset()), "No store is configured"),
        (situation(Place.VERIFIED, clip=VERIFIED, problems=(UNREACHABLE,)), "No answer."),
        (situation(Place.STORED, clip=STORED), "cleared once every clip on it is verified"),
        (situation(Place.STORED, clip=STORED, docked=False), "left before it could be cleared"),
        (situation(Place.STORED, clip=STORED, wiping=False), "cameras are not cleared"),
        (situation(Place.STORED, clip=STORED, problems=(OUTDATED,)), "The list is old."),
        (
            situation(Place.STORED, clip=STORED, set_aside=True),
            "set it, its camera or its docking aside",
        ),
    ],
)
def test_a_clip_says_why_it_is_not_further(found: Situation, said: str) -> None:
    """Whatever keeps a clip, it is said, with whose it is and what comes next."""
    explanation = explain(found)
    assert explanation is not None
    assert said in explanation.reason
    assert explanation.owner
    assert explanation.next_step


@pytest.mark.parametrize(
    "found",
    [
        situation(Place.WIPED, clip=replace(STORED, camera_copy=CameraCopy.WIPED)),
        situation(Place.STORED, clip=replace(STORED, camera_copy=CameraCopy.GONE)),
        situation(
            Place.STORED,
            clip=replace(STORED, camera_copy=CameraCopy.GONE),
            problems=(OUTDATED,),
        ),
        situation(Place.WIPED, problems=(UNREACHABLE,)),
        situation(Place.STORED, clip=replace(STORED, camera_copy=CameraCopy.GONE, trouble=TROUBLE)),
    ],
)
def test_a_clip_that_arrived_needs_nothing(found: Situation) -> None:
    """A clip for which nothing is left to do has no reason, whatever trouble it once had."""
    assert explain(found) is None


def test_a_clip_on_its_way_says_how_far_it_is() -> None:
    """A clip that is being sent tells to which store, and how many parts arrived."""
    sending = transfer(State.SENDING, part_states={0: PartState.DONE, 1: PartState.IN_FLIGHT})
    found = situation(
        Place.VERIFIED,
        clip=replace(VERIFIED, store_copies={"central": StoreCopy.SENDING}),
        transfers={"other": transfer(State.QUEUED), "central": sending},
    )
    explanation = explain(found)
    assert explanation is not None
    assert "1 of 3 parts" in explanation.reason


def test_a_clip_that_is_to_be_copied_says_when_it_is() -> None:
    """As far as anybody can tell; without a camera there is no time."""
    explanation = explain(situation(Place.SEEN, copied_in_s=840.0))
    assert explanation is not None
    assert "all of its camera is, in about 14 minutes" in explanation.reason
    assert explanation.eta_s == 840.0
    for untold in (situation(Place.SEEN), situation(Place.SEEN, docked=False, copied_in_s=840.0)):
        explanation = explain(untold)
        assert explanation is not None
        assert explanation.eta_s is None


def test_a_problem_elsewhere_is_not_the_reason() -> None:
    """Only a problem of what the clip needs next is given as its reason."""
    elsewhere = problem(
        "slot-fault", subject="slot B2", since="2026-11-23T02:00:00Z", reason="Dust."
    )
    explanation = explain(situation(Place.SEEN, problems=(elsewhere, UNREACHABLE)))
    assert explanation is not None
    assert "waits for its turn" in explanation.reason


def test_a_store_that_has_the_clip_is_not_the_reason() -> None:
    """While a second store is awaited, trouble with the first, which has the clip, is no reason."""
    found = situation(
        Place.VERIFIED,
        clip=replace(VERIFIED, proven_by=("central",)),
        stores=frozenset({"central", "second"}),
        problems=(UNREACHABLE,),
    )
    assert explain(found) == Explanation(
        reason="The clip waits for its turn on the uplink.",
        owner="station",
        next_step="Nothing: dockd sends it when those before it are stored.",
    )


def test_the_words_are_the_catalogues() -> None:
    """Owner and next step are those of the problem that the surfaces show."""
    explanation = explain(situation(Place.VERIFIED, clip=VERIFIED, stores=frozenset()))
    assert explanation is not None
    entry = CATALOGUE["store-not-configured"]
    assert (explanation.owner, explanation.next_step) == (entry.owner, entry.next_step)


def test_holds_are_those_of_the_facts() -> None:
    """Both kinds of hold that a fact can bring have an answer of their own."""
    kinds: tuple[facts.HoldKind, ...] = ("error", "legal")
    said = {explain(situation(Place.HELD, clip=clip(holds=(kind,)))) for kind in kinds}
    assert len(said) == 2


def test_a_turn_gives_a_place_and_a_time() -> None:
    """A clip in the line is told its place; one that is being sent, how long it takes still."""
    turn = Turn(
        store="central", before=1, ahead=("aa",), to_send_bytes=6_000_000, rate_bytes_s=1e4
    )  # fmt: skip
    waiting = explain(situation(Place.VERIFIED, clip=VERIFIED, turn=turn))
    assert waiting is not None
    assert "second in line to store central, behind aa, about 10 minutes" in waiting.reason
    assert waiting.eta_s == 600.0
    sending = explain(
        situation(
            Place.VERIFIED, clip=VERIFIED, turn=turn, transfers={"central": transfer(State.SENDING)}
        )
    )
    assert sending is not None
    assert "0 of 3 parts arrived; about 10 minutes to go." in sending.reason
    assert sending.eta_s == 600.0
