"""The simulated rack: footage that follows from a seed, and cameras that move in one step."""

import hashlib
from pathlib import Path

import pytest

from dockd.simulator.footage import (
    LONG_CLIP_PARTS,
    MIB,
    PART_BYTES,
    least_bytes,
    plan,
    shoot,
)
from dockd.simulator.rack import Rack


@pytest.fixture
def rack(tmp_path: Path) -> Rack:
    """Return an empty rack."""
    return Rack(tmp_path / "rack", slots=("A1", "A2", "A3"))


def test_the_plan_has_clips_of_many_parts_of_one_and_of_less() -> None:
    """A GiB on eight cameras holds a clip long enough to interrupt, and clips of every size."""
    shots = plan(8, size_bytes=1024 * MIB, seed=1, long_clip=True)
    sizes = [[shot.size_bytes for shot in of_camera] for of_camera in shots.values()]
    total = sum(sum(of_camera) for of_camera in sizes)
    assert len(sizes) == 8
    assert total == pytest.approx(1024 * MIB, rel=0.02)
    assert max(sizes[0]) > LONG_CLIP_PARTS * PART_BYTES
    assert all(max(of_camera) > PART_BYTES > min(of_camera) for of_camera in sizes)
    assert sum("/LOCKED/" in shot.path for of_camera in shots.values() for shot in of_camera) == 4


@pytest.mark.parametrize("cameras", [2, 3, 8, 64])
def test_the_least_size_is_enough(cameras: int) -> None:
    """With the smallest footage that is accepted every clip has bytes, and one has many parts."""
    least = {long_clip: least_bytes(cameras, long_clip=long_clip) for long_clip in (True, False)}
    short = plan(cameras, size_bytes=least[False], seed=1, long_clip=False)
    assert all(shot.size_bytes > 0 for of_camera in short.values() for shot in of_camera)
    shots = plan(cameras, size_bytes=least[True], seed=1, long_clip=True)
    sizes = [shot.size_bytes for of_camera in shots.values() for shot in of_camera]
    assert min(sizes) > 0
    assert max(sizes) > LONG_CLIP_PARTS * PART_BYTES


def test_footage_follows_from_the_seed(tmp_path: Path) -> None:
    """One seed gives the same bytes twice, another seed gives others; the digest is of the file."""
    shots = plan(2, size_bytes=8 * MIB, seed=1, long_clip=False)["BWC-000107"][-2:]
    made = {
        name: shoot(shots, camera="C", folder=tmp_path / name, seed=seed)
        for name, seed in (("one", 1), ("again", 1), ("other", 2))
    }
    assert made["one"] == made["again"]
    assert made["one"] != made["other"]
    for clip in made["one"].clips:
        content = (tmp_path / "one" / clip.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == clip.sha256
        assert len(content) == clip.size_bytes


def test_footage_is_dated_when_it_was_recorded(tmp_path: Path) -> None:
    """A clip's mtime is that of its recording, not of its making."""
    shot = plan(2, size_bytes=8 * MIB, seed=1, long_clip=False)["BWC-000107"][-1]
    shoot((shot,), camera="C", folder=tmp_path, seed=1)
    assert (tmp_path / shot.path).stat().st_mtime == shot.recorded_s


def test_docking_and_pulling_move_the_very_same_directory(rack: Rack) -> None:
    """A camera keeps its inode wherever it is: nothing is copied, so nothing is half there."""
    camera = rack.new_camera("C")
    (camera / "A.MP4").write_bytes(b"a")
    inode = camera.stat().st_ino
    rack.dock("C", slot="A2")
    assert (rack.folder / "A2" / "C").stat().st_ino == inode
    assert rack.files_on("C") == ["A.MP4"]
    rack.pull("C")
    assert not (rack.folder / "A2" / "C").exists()
    assert rack.slot_of("C") is None
    assert rack.files_on("C") == ["A.MP4"]
    rack.dock("C", slot="A3")
    assert (rack.folder / "A3" / "C").stat().st_ino == inode


def test_an_empty_slot_is_another_one_with_nothing_in_it(rack: Rack) -> None:
    """A camera is docked again where no camera is, and not where it came from."""
    for serial, slot in (("C", "A1"), ("D", "A2")):
        rack.new_camera(serial)
        rack.dock(serial, slot=slot)
    rack.pull("C")
    assert rack.empty_slot(other_than="A1") == "A3"
    rack.dock("C", slot="A3")
    assert rack.empty_slot(other_than="A3") == "A1"
    with pytest.raises(ValueError, match="no slot"):
        rack.empty_slot(other_than="A1")
