"""What another station's manifest says of clips that are gone."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core import elsewhere, facts
from dockd.core.clip import CameraCopy, Clip, SpoolCopy
from dockd.core.naming import manifest_key
from tests.core.clip_facts import ELSEWHERE, GONE, PROVEN, after, seen_again

OURS, LATER = "20261123T015900Z-7f3a91c2", "20261124T015900Z-00000000"
GONE_CLIP = Clip(
    number=1,
    camera="BWC-1",
    docking=OURS,
    birth_docking=OURS,
    slot="A1",
    path=b"DCIM/1",
    size_bytes=4,
    mtime_ns=1,
    camera_copy=CameraCopy.GONE,
    spool_copy=SpoolCopy.PROVEN,
    key="BWC-1/aa/DCIM/1",
)
DOCUMENT: dict[str, Any] = {
    "format": elsewhere.FORMAT,
    "station": "B",
    "camera": "BWC-1",
    "docking": LATER,
    "clips": [{"key": GONE_CLIP.key}, {"id": "without a key"}, "no clip at all"],
}
KEY = manifest_key("BWC-1", docking=LATER)


def read(*, key: str = KEY, **changes: object) -> elsewhere.Manifest | None:
    """Return what a changed manifest is taken for."""
    return elsewhere.read(json.dumps({**DOCUMENT, **changes}).encode(), key=key)


def test_a_later_docking_at_another_station_explains() -> None:
    """A manifest of another station, of a later docking, with the very content: that is where."""
    manifest = read()
    assert manifest is not None
    assert elsewhere.explains(manifest, GONE_CLIP, station="A")


@pytest.mark.parametrize(
    "changes",
    [
        {"station": "A"},
        {"docking": "20261122T015900Z-00000000"},
        {"docking": OURS},
        {"clips": []},
        {"clips": [{"key": "BWC-1/bb/DCIM/1"}]},
        {"camera": "BWC-2"},
    ],
)
def test_any_other_manifest_explains_nothing(changes: dict[str, Any]) -> None:
    """Our own station, an earlier docking, other content or another camera explains nothing."""
    camera, docking = ({**DOCUMENT, **changes}[name] for name in ("camera", "docking"))
    manifest = read(key=manifest_key(camera, docking=docking), **changes)
    assert manifest is not None
    assert not elsewhere.explains(manifest, GONE_CLIP, station="A")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps({**DOCUMENT, "format": "dockd-docking/2"}).encode(),
        json.dumps({**DOCUMENT, "docking": "../../evil"}).encode(),
        json.dumps({**DOCUMENT, "camera": 1}).encode(),
    ],
)
def test_what_is_no_manifest_is_none(content: bytes) -> None:
    """Whatever else a store gives back says nothing."""
    assert elsewhere.read(content, key=KEY) is None


def test_a_manifest_under_another_key_is_none() -> None:
    """A manifest counts only where its own docking and camera put it."""
    assert read(key=manifest_key("BWC-1", docking=OURS)) is None


@given(
    content=st.binary()
    | st.recursive(
        st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    ).map(lambda document: json.dumps(document).encode())
)
def test_nothing_that_a_store_says_is_an_error(content: bytes) -> None:
    """Whatever stands under a manifest's key, reading it never fails."""
    elsewhere.read(content, key=KEY)


@pytest.mark.parametrize(
    ("clip", "unexplained", "alarming"),
    [
        (GONE_CLIP, True, True),
        (replace(GONE_CLIP, proven_by=("central",)), True, False),
        (replace(GONE_CLIP, spool_copy=SpoolCopy.NONE), True, False),
        (replace(GONE_CLIP, camera_copy=CameraCopy.PRESENT), False, False),
        (replace(GONE_CLIP, key=None), False, False),
        (replace(GONE_CLIP, merged_into=2), False, False),
    ],
)
def test_what_is_to_be_explained(clip: Clip, unexplained: bool, alarming: bool) -> None:
    """What is gone is explained; it alarms only while the spool's copy is the only proven one."""
    assert elsewhere.is_unexplained(clip) == unexplained
    assert elsewhere.is_alarming(clip) == alarming


def test_an_explanation_ends_when_the_clip_is_back() -> None:
    """A clip that is seen on its camera again is no longer anywhere else."""
    explained = after(*PROVEN, GONE, ELSEWHERE)
    assert explained.elsewhere is not None
    assert not elsewhere.is_unexplained(explained)
    back = after(seen_again(), clip=explained)
    assert back.elsewhere is None
    assert isinstance(ELSEWHERE, facts.ClipElsewhere)


PARTIAL = replace(GONE_CLIP, partial=True, size_bytes=9)


def test_a_beginning_is_of_the_whole_file_that_its_camera_shows_later() -> None:
    """The file of the same name, size and time is the one that was cut short."""
    assert elsewhere.is_of_whole(PARTIAL, newest=replace(PARTIAL, number=2, partial=False))


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 1},
        {"camera": "BWC-2"},
        {"path": b"DCIM/2"},
        {"size_bytes": 8},
        {"mtime_ns": 2},
    ],
)
def test_a_beginning_is_of_no_other_file(changes: dict[str, Any]) -> None:
    """Neither of itself, nor of a file that differs in anything."""
    other = replace(PARTIAL, **{"number": 2, "partial": False, **changes})
    assert not elsewhere.is_of_whole(PARTIAL, newest=other)


def test_a_whole_clip_begins_no_other() -> None:
    """A clip that is whole and gone stays gone, whatever has its name now."""
    assert not elsewhere.is_of_whole(GONE_CLIP, newest=replace(GONE_CLIP, number=2))
