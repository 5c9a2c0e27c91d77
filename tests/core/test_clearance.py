"""Clearance: two keys, and nothing else turns them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core import clearance, facts
from dockd.core.clearance import CameraFile, Confirmation, Evidence, Intent, Media
from dockd.core.clip import CameraCopy, Clip, SpoolCopy, StoreCopy
from dockd.core.shared_holds import HoldList

RECEIPT = facts.ReceiptAccepted(
    clip=1,
    store="s1",
    strength="digest",
    key="k",
    version="v",
    size_bytes=4,
    sha256="aa",
    how="checksum",
    epoch=1,
)
CLIP = Clip(
    number=1,
    camera="c",
    docking="d",
    slot="A1",
    path=b"DCIM/1",
    size_bytes=4,
    mtime_ns=1,
    birth_docking="d",
    seen_in=("d",),
    spool_copy=SpoolCopy.PROVEN,
    hashed_in="d",
    sha256="aa",
    key="k",
    stored_size_bytes=4,
    proven_by=("s1",),
)
CLEAR = Evidence(
    clip=CLIP,
    docking="d",
    camera_file=CameraFile(size_bytes=4, mtime_ns=1),
    media=Media(all_clips_verified=True, all_clips_stored=True, troubled=False),
    set_aside=frozenset(),
    clearable=True,
    confirmations=(Confirmation(receipt=RECEIPT, confirmed_ago_s=0),),
    configured_stores=frozenset({"s1", "s2"}),
    required=1,
    epoch=1,
    spool_is_ours=True,
    spool_copy_bytes=4,
    holds_age_s=0,
    wipe_after="receipt",
    rehash="after-break",
)


def clip(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field, right or wrong
    """Return a change of the evidence's clip."""
    return {"clip": replace(CLIP, **changes)}


def given_receipt(ago_s: float = 0, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field, right or wrong
    """Return a change of the evidence's only receipt."""
    receipt = replace(RECEIPT, **changes)
    return {"confirmations": (Confirmation(receipt=receipt, confirmed_ago_s=ago_s),)}


MEDIA = CLEAR.media
ENOUGH = "enough stores have proven that they hold it"
SAYS_NO: list[tuple[str, dict[str, Any]]] = [
    ("wiping is switched on", {"wipe_after": "never"}),
    ("the spool's copy is proven", clip(spool_copy=SpoolCopy.PURGED)),
    ("the spool's copy is proven", clip(sha256=None)),
    ("the copy is of the whole file", clip(partial=True)),
    ("the spool is the one it was", {"spool_is_ours": False}),
    ("the spool's copy is there", {"spool_copy_bytes": None}),
    ("the spool's copy is there", {"spool_copy_bytes": 3}),
    ("at least one store is required", {"required": 0}),
    (ENOUGH, {"required": 2}),
    (ENOUGH, {"confirmations": ()}),
    (ENOUGH, {"configured_stores": frozenset({"s2"})}),
    (ENOUGH, given_receipt(strength="size")),
    (ENOUGH, given_receipt(clip=2)),
    (ENOUGH, given_receipt(sha256="bb")),
    (ENOUGH, given_receipt(size_bytes=3)),
    (ENOUGH, given_receipt(key="other")),
    (ENOUGH, clip(key=None)),
    (ENOUGH, {"epoch": 2}),
    (ENOUGH, given_receipt(ago_s=301)),
    (ENOUGH, given_receipt(ago_s=-1)),
    (ENOUGH, given_receipt(ago_s=float("nan"))),
    (ENOUGH, clip(proven_by=())),
    (ENOUGH, clip(store_copies={"s1": StoreCopy.DOUBTED})),
    (ENOUGH, {"confirmations": CLEAR.confirmations * 2, "required": 2}),
    ("the clip is not held", clip(holds=("legal",))),
    ("its camera and no docking it was seen in are held", {"set_aside": frozenset({"c"})}),
    ("its camera and no docking it was seen in are held", {"set_aside": frozenset({"d"})}),
    ("its camera and no docking it was seen in are held", {"set_aside": frozenset({"aa"})}),
    ("the holds of other stations are known", {"holds_age_s": None}),
    ("the holds of other stations are known", {"holds_age_s": 24 * 3600 + 1}),
    ("the holds of other stations are known", {"holds_age_s": -1}),
    ("the holds of other stations are known", {"holds_age_s": float("nan")}),
    ("the clip is on its camera", clip(camera_copy=CameraCopy.GONE)),
    ("the docking is unbroken", {"docking": None}),
    ("the docking is unbroken", clip(docking="e", hashed_in="d")),
    ("the camera's whole file was hashed in this docking", clip(hashed_in=None)),
    (
        "the camera's file was hashed again where that is always asked for",
        {"rehash": "always"},
    ),
    ("the camera's file has the size that was copied", {"camera_file": None}),
    (
        "the camera's file has the size that was copied",
        {"camera_file": CameraFile(size_bytes=5, mtime_ns=1)},
    ),
    (
        "the camera's file has the mtime that was copied",
        {"camera_file": CameraFile(size_bytes=4, mtime_ns=2)},
    ),
    (
        "every clip on the camera is verified",
        {"media": replace(MEDIA, all_clips_verified=False)},
    ),
    (
        "every clip is stored where the medium is troubled",
        {"media": replace(MEDIA, troubled=True, all_clips_stored=False)},
    ),
    ("the family calls it footage that may be cleared", {"clearable": False}),
]


def test_both_keys_together_clear_a_clip() -> None:
    """When everything is proven, nothing says no."""
    assert clearance.may_wipe(CLEAR).unmet == ()


@pytest.mark.parametrize(("name", "change"), SAYS_NO)
def test_each_doubt_alone_keeps_the_clip(name: str, change: dict[str, Any]) -> None:
    """Any one thing that is not as it should be keeps the clip on its camera, by its name."""
    verdict = clearance.may_wipe(replace(CLEAR, **change))
    assert not verdict.allowed
    assert name in verdict.unmet


def test_every_condition_says_no_to_something() -> None:
    """No condition is there for show."""
    assert {name for name, _ in SAYS_NO} == set(clearance.CONDITIONS)


@given(changes=st.lists(st.sampled_from(SAYS_NO), min_size=1))
def test_doubts_never_cancel_out(changes: list[tuple[str, dict[str, Any]]]) -> None:
    """However many things are wrong together, the clip stays."""
    evidence = CLEAR
    for _, change in changes:
        evidence = replace(evidence, **change)
    assert not clearance.may_wipe(evidence).allowed


def test_stores_are_asked_only_when_nothing_else_says_no() -> None:
    """It is worth asking the stores when only their word is missing, and never otherwise."""
    unasked = replace(CLEAR, confirmations=())
    assert clearance.is_worth_asking(unasked)
    assert clearance.is_worth_asking(CLEAR)
    assert not clearance.is_worth_asking(replace(unasked, spool_is_ours=False))
    doubted = replace(unasked.clip, store_copies={"s1": StoreCopy.DOUBTED})
    assert not clearance.is_worth_asking(replace(unasked, clip=doubted))


def test_an_untroubled_medium_may_hold_unstored_clips() -> None:
    """A clean medium is written to as soon as everything on it is verified."""
    assert clearance.may_wipe(replace(CLEAR, media=replace(MEDIA, all_clips_stored=False))).allowed
    assert clearance.may_wipe(replace(CLEAR, media=replace(MEDIA, troubled=True))).allowed


def test_a_second_hashing_satisfies_rehash_always() -> None:
    """``rehash = "always"`` asks for a second reading and for no more than that."""
    assert clearance.may_wipe(replace(CLEAR, rehash="always", **clip(rehashed=True))).allowed


INTENT = Intent(
    clip=replace(CLIP, camera_copy=CameraCopy.WIPING),
    docking="d",
    set_aside=frozenset(),
    configured_stores=frozenset({"s1"}),
    required=1,
    spool_is_ours=True,
    spool_copy_bytes=4,
    holds_age_s=0,
)
WITHDRAWS: list[tuple[str, Intent]] = [
    ("the intent stands", replace(INTENT, clip=CLIP)),
    ("the docking is unbroken", replace(INTENT, docking=None)),
    ("the docking is unbroken", replace(INTENT, docking="e")),
    ("the clip is not held", replace(INTENT, clip=replace(INTENT.clip, holds=("error",)))),
    (
        "its camera and no docking it was seen in are held",
        replace(INTENT, set_aside=frozenset({"c"})),
    ),
    ("the holds of other stations are known", replace(INTENT, holds_age_s=None)),
    (
        "the spool's copy is proven",
        replace(INTENT, clip=replace(INTENT.clip, spool_copy=SpoolCopy.NONE)),
    ),
    ("the spool is the one it was", replace(INTENT, spool_is_ours=False)),
    ("the spool's copy is there", replace(INTENT, spool_copy_bytes=None)),
    ("no store has lost it meanwhile", replace(INTENT, configured_stores=frozenset())),
    (
        "no store has lost it meanwhile",
        replace(INTENT, clip=replace(INTENT.clip, store_copies={"s1": StoreCopy.DOUBTED})),
    ),
]


def test_an_intent_holds_while_nothing_changes() -> None:
    """What both keys allowed goes on."""
    assert clearance.may_erase(INTENT).allowed


@pytest.mark.parametrize(("name", "intent"), WITHDRAWS)
def test_what_happens_after_the_intent_stops_the_deletion(name: str, intent: Intent) -> None:
    """Between the intent and the deletion any of these takes it back."""
    assert clearance.may_erase(intent).unmet == (name,)


def test_every_intent_condition_stops_something() -> None:
    """No condition is there for show."""
    assert {name for name, _ in WITHDRAWS} == set(clearance.INTENT_CONDITIONS)


@given(age_s=st.none() | st.floats(), allowed=st.just(24 * 3600.0))
def test_no_list_that_is_not_known_to_be_recent_clears_anything(
    age_s: float | None, allowed: float
) -> None:
    """Whatever age a list is said to have, only one from now to a day ago clears a clip."""
    recent = age_s is not None and 0 <= age_s <= allowed
    assert clearance.may_wipe(replace(CLEAR, holds_age_s=age_s)).allowed == recent
    assert clearance.may_erase(replace(INTENT, holds_age_s=age_s)).allowed == recent


@given(
    subjects=st.frozensets(st.sampled_from(["c", "d", "e", "aa", "bb", "other"])),
    seen_in=st.sets(st.sampled_from(["d", "e"]), min_size=1),
)
def test_whatever_is_set_aside_keeps_every_clip_of_it(
    subjects: frozenset[str], seen_in: set[str]
) -> None:
    """A camera, any docking of a clip, or its content under whatever name: each alone keeps it."""
    there = replace(CLIP, seen_in=tuple(sorted(seen_in)))
    held = bool(subjects & {"c", "d", "aa", *seen_in})
    evidence = replace(CLEAR, clip=there, set_aside=subjects)
    assert clearance.may_wipe(evidence).allowed != held
    intent = replace(INTENT, clip=replace(there, camera_copy=CameraCopy.WIPING), set_aside=subjects)
    assert clearance.may_erase(intent).allowed != held


SHARED = replace(CLIP, docking="d3", hashed_in="d3", seen_in=("d1", "d2", "d3"))
OTHERS = st.frozensets(st.text(min_size=1, max_size=4), max_size=3)


@given(
    meant=st.sampled_from(["camera", "content", "d1", "d2", "d3", "a docking elsewhere"]),
    known=st.frozensets(st.sampled_from(["d1", "d2", "d3", "d9"])),
    cameras=OTHERS,
    contents=OTHERS,
)
def test_a_clip_that_another_station_holds_is_not_wiped(
    meant: str, known: frozenset[str], cameras: frozenset[str], contents: frozenset[str]
) -> None:
    """However a hold means a clip, and whatever else the list names, neither key nor intent go on.

    By its camera, its content, any docking it was ever seen in, or one of the camera that this
    station does not know.
    """
    dockings = {"camera": (), "content": (), "a docking elsewhere": (("elsewhere", "c"),)}
    listed = HoldList(
        issued=datetime(2026, 11, 23, tzinfo=UTC),
        cameras=cameras | ({"c"} if meant == "camera" else frozenset()),
        contents=contents | ({"aa"} if meant == "content" else frozenset()),
        dockings=dockings.get(meant, ((meant, "c"),)),
    )
    set_aside = listed.subjects(dockings_known=known)
    unmet = "its camera and no docking it was seen in are held"
    evidence = replace(CLEAR, clip=SHARED, docking="d3", set_aside=set_aside)
    assert clearance.may_wipe(replace(evidence, set_aside=frozenset())).allowed
    assert unmet in clearance.may_wipe(evidence).unmet
    intent = replace(
        INTENT,
        clip=replace(SHARED, camera_copy=CameraCopy.WIPING),
        docking="d3",
        set_aside=set_aside,
    )
    assert clearance.may_erase(replace(intent, set_aside=frozenset())).allowed
    assert unmet in clearance.may_erase(intent).unmet
