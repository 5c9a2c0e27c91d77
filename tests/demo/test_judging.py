"""The judgement of the demo: it passes what is right and nothing else."""

import hashlib
from pathlib import Path

import pytest

from dockd.simulator.closing import verify_complaints
from dockd.simulator.footage import Clip, Footage
from dockd.simulator.judging import (
    Judgement,
    StoreContent,
    combined,
    judge,
    spool_digests,
    strangers,
)
from dockd.simulator.station import Verified

CLIPS = {"DCIM/1/A.MP4": "aa" * 32, "DCIM/1/B.MP4": "bb" * 32}
FOOTAGE = Footage(
    camera="C",
    clips=tuple(Clip(path=path, size_bytes=5, sha256=sha256) for path, sha256 in CLIPS.items()),
)
KEYS = {f"C/{sha256}/{path}": sha256 for path, sha256 in CLIPS.items()}
FIRST = next(iter(KEYS))
ONCE = dict.fromkeys(KEYS, 1)


def judged(
    *,
    spool: dict[str, str] = CLIPS,
    versions: dict[str, int] = ONCE,
    digests: dict[str, str] = KEYS,
    left: tuple[str, ...] = (),
) -> Judgement:
    """Return the judgement of a camera on which all is well but for what is given."""
    return judge(
        FOOTAGE, spool=spool, store=StoreContent(versions=versions, digests=digests), left=left
    )


def test_what_arrived_exactly_once_is_passed() -> None:
    """Equal digests in spool and store, one version each and an empty camera are no complaint."""
    judgement = judged()
    assert judgement.complaints == []
    assert judgement.spool == judgement.store == combined(CLIPS)
    assert judgement.versions == (1, 1)


@pytest.mark.parametrize(
    ("judgement", "complaint"),
    [
        (judged(spool={}), "C: the spool does not have DCIM/1/A.MP4"),
        (
            judged(spool={**CLIPS, "DCIM/1/A.MP4": "00" * 32}),
            "C: the spool has other content for DCIM/1/A.MP4",
        ),
        (judged(digests={}, versions={}), "C: the store does not have DCIM/1/A.MP4"),
        (
            judged(digests={**KEYS, FIRST: "00" * 32}),
            "C: the store has other content for DCIM/1/A.MP4",
        ),
        (judged(versions={**ONCE, FIRST: 2}), "C: the store has 2 versions of DCIM/1/A.MP4"),
        (judged(left=("DCIM/1/A.MP4",)), "C: DCIM/1/A.MP4 is still on the camera"),
    ],
)
def test_everything_else_is_a_complaint(judgement: Judgement, complaint: str) -> None:
    """A byte that is missing, different, doubled, strange or left behind fails the demo."""
    assert complaint in judgement.complaints


def test_an_object_that_is_no_clip_is_a_complaint() -> None:
    """What is in the bucket beyond the cameras' clips arrived twice or torn."""
    assert strangers([FOOTAGE], store=StoreContent(versions=ONCE)) == []
    store = StoreContent(versions={**ONCE, "D/x": 1})
    assert strangers([FOOTAGE], store=store) == ["the store has D/x, which is no clip"]


def test_the_spool_is_hashed_over_all_dockings(tmp_path: Path) -> None:
    """Clips of one camera are found under whichever docking brought them."""
    for docking, name in (("d1", "A.MP4"), ("d2", "B.MP4")):
        folder = tmp_path / "clips" / "C" / docking / "DCIM"
        folder.mkdir(parents=True)
        (folder / name).write_bytes(name.encode())
    assert spool_digests(tmp_path, camera="C") == {
        f"DCIM/{name}": hashlib.sha256(name.encode()).hexdigest() for name in ("A.MP4", "B.MP4")
    }


def test_two_contents_at_one_path_of_the_spool_are_believed_neither(tmp_path: Path) -> None:
    """A path that two dockings hold differently counts as missing."""
    for docking in ("d1", "d2"):
        folder = tmp_path / "clips" / "C" / docking
        folder.mkdir(parents=True)
        (folder / "A.MP4").write_text(docking)
    assert spool_digests(tmp_path, camera="C") == {}


@pytest.mark.parametrize(
    ("exit_status", "answer", "complaints"),
    [
        (0, {"checked": 3, "ok": 3, "bad": [], "chain": "intact"}, 0),
        (1, {"checked": 3, "ok": 2, "bad": [{}], "chain": "intact"}, 2),
        (0, {"checked": 2, "ok": 2, "bad": [], "chain": "intact"}, 1),
        (0, {"checked": 3, "ok": 3, "bad": [], "chain": {"broken_at": 7}}, 1),
        (3, {}, 3),
    ],
)
def test_verify_has_to_pass_every_clip(
    exit_status: int, answer: dict[str, object], complaints: int
) -> None:
    """Of `dockd verify` only a whole yes counts: every clip, an intact chain, exit status 0."""
    verified = Verified(exit_status=exit_status, answer=answer, said="")
    assert len(verify_complaints(verified, clips=3)) == complaints
