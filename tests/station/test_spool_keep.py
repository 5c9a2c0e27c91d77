"""From proven to kept, through crashes; and what the spool says of itself."""

import mmap
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.core.sidecar import Sidecar, decode
from dockd.errors import (
    CameraGone,
    DockdError,
    FsyncFailed,
    SpoolChanged,
    SpoolFull,
    SpoolReadOnly,
)
from dockd.ports.spool import Keeping
from dockd.station.spool.directory import DirectorySpool
from tests.station.spool_parts import (
    DOCKING,
    PART,
    Attempt,
    FailingDisk,
    clip_of,
    content_of,
    kept,
    mounted,
    never,
    part_digests,
    proven,
    sha256,
    sidecar_of,
    source_of,
    spool_at,
    stop_after,
)

MIB = 1024 * 1024


# --- keeping ---------------------------------------------------------------------------------


def test_a_kept_clip_has_its_name_and_its_sidecar(tmp_path: Path) -> None:
    """A kept clip stands under camera, docking and path, beside a sidecar that rebuilds it."""
    content = content_of(2 * PART + 5)
    spool = spool_at(tmp_path / "spool")
    clip = kept(spool, clip_of(content), source=source_of(tmp_path, content))
    home = tmp_path / "spool/clips/BWC-1" / DOCKING / "DCIM/clip.mp4"
    assert home.read_bytes() == content
    found = decode(home.with_name("clip.mp4.dockd.json").read_bytes()).clip
    assert (found.sha256, found.part_sha256) == (clip.sha256, part_digests(content))
    assert [
        sidecar.clip.sha256 for sidecar in spool.sidecars() if isinstance(sidecar, Sidecar)
    ] == [clip.sha256]


def test_keeping_survives_a_crash_at_every_sync(tmp_path: Path) -> None:
    """Wherever keeping breaks off, doing it again after the restart ends in the same place."""
    content = content_of(PART + 5)
    source = source_of(tmp_path, content)
    for nth in range(1, 20):
        disk = FailingDisk()
        spool = spool_at(tmp_path / f"spool{nth}", disk=disk)
        clip = clip_of(content)
        copied = Attempt(spool, clip, source).run()
        name, size_bytes = copied.part_name, copied.size_bytes
        done = proven(clip, spool.prove(clip, part_name=name, size_bytes=size_bytes, stop=never))
        disk._sync_fails = frozenset({disk.syncs + nth})
        try:
            spool.keep(Keeping(part_name=name, sidecar=sidecar_of(done)))
        except FsyncFailed:
            crashed = True
        else:
            crashed = False
        after = spool_at(tmp_path / f"spool{nth}")
        copied_clip = replace(clip, copied=True, copied_sha256=done.sha256)
        proof = after.prove(copied_clip, part_name=name, size_bytes=size_bytes, stop=never)
        assert proof.sha256 == done.sha256
        after.keep(Keeping(part_name=name, sidecar=sidecar_of(done)))
        with after.open(done) as file:
            assert file.read() == content
        assert not list((tmp_path / f"spool{nth}/incoming").glob("*.part*"))
        if not crashed:
            break
    else:
        pytest.fail("keeping never came to its end")
    assert nth > 4


def test_a_copy_found_bad_is_replaced_by_the_next(tmp_path: Path) -> None:
    """A kept copy that rotted gives way to the one that was copied and proven anew."""
    content = content_of(PART)
    source = source_of(tmp_path, content)
    spool = spool_at(tmp_path / "spool")
    clip = kept(spool, clip_of(content), source=source)
    home = tmp_path / "spool/clips/BWC-1" / DOCKING / "DCIM/clip.mp4"
    home.write_bytes(bytes(len(content)))
    assert spool.verify(clip, stop=never).sha256 != clip.sha256
    kept(spool, clip_of(content), source=source)
    assert spool.verify(clip, stop=never).sha256 == clip.sha256


def test_a_partial_copy_kept_before_a_crash_is_found(tmp_path: Path) -> None:
    """A partial clip that was named, and whose proof was lost in a crash, is proven where it is."""
    content = content_of(5 * PART)
    spool = spool_at(tmp_path / "spool")
    attempt = Attempt(spool, clip_of(content), source_of(tmp_path, content), stop=stop_after(3))
    with pytest.raises(CameraGone):
        attempt.run()
    assert attempt.target is not None
    clip = replace(attempt.clip, spool_parts=tuple(attempt.durable))
    name = attempt.target.part_name
    proof = spool.prove(clip, part_name=name, size_bytes=3 * PART, stop=never)
    assert proof.sha256 == attempt.durable[-1].sha256 == sha256(content[: 3 * PART])
    done = proven(clip, proof)
    spool.keep(Keeping(part_name=name, sidecar=sidecar_of(done)))
    again = spool.prove(clip, part_name=name, size_bytes=3 * PART, stop=never)
    assert again == proof
    with spool.open(done) as file:
        assert file.read() == content[: 3 * PART]


def test_a_copy_that_is_nowhere_proves_nothing(tmp_path: Path) -> None:
    """The read-back of a copy that vanished has no digest, so that it is made again."""
    spool = spool_at(tmp_path / "spool")
    proof = spool.prove(clip_of(b""), part_name="1.part", size_bytes=0, stop=never)
    assert (proof.sha256, proof.method) == ("", "missing")


def test_a_kept_copy_of_another_size_is_not_opened(tmp_path: Path) -> None:
    """What no longer has the size that was proven is never handed to an upload."""
    content = content_of(PART)
    spool = spool_at(tmp_path / "spool")
    clip = kept(spool, clip_of(content), source=source_of(tmp_path, content))
    home = tmp_path / "spool/clips/BWC-1" / DOCKING / "DCIM/clip.mp4"
    os.truncate(home, PART - 1)
    with pytest.raises(SpoolChanged):
        spool.open(clip)


def test_a_damaged_sidecar_is_reported(tmp_path: Path) -> None:
    """A sidecar that is not what was written is named, and never taken for evidence."""
    content = content_of(PART)
    spool = spool_at(tmp_path / "spool")
    kept(spool, clip_of(content), source=source_of(tmp_path, content))
    sidecar = tmp_path / "spool/clips/BWC-1" / DOCKING / "DCIM/clip.mp4.dockd.json"
    sidecar.write_bytes(sidecar.read_bytes().replace(b'"slot":"A1"', b'"slot":"A2"'))
    (found,) = spool.sidecars()
    assert isinstance(found, DockdError)
    assert "clip.mp4" in found.reason


def test_unknown_copies_are_set_aside_and_named(tmp_path: Path) -> None:
    """A copy that no clip in the ledger knows is moved and named, for it may be all there is."""
    content = content_of(2 * PART)
    source = source_of(tmp_path, content)
    spool = spool_at(tmp_path / "spool")
    for number in (1, 2):
        Attempt(spool, clip_of(content, number=number), source).run()
    incoming = tmp_path / "spool/incoming"
    with (incoming / "9-empty.part").open("wb") as empty:
        os.posix_fallocate(empty.fileno(), 0, PART)
    known = clip_of(content, number=1)
    after = spool_at(tmp_path / "spool")
    (name,) = after.orphans([known])
    assert (incoming / "orphans" / name).read_bytes() == content
    assert len(list(incoming.glob("*.part"))) == 1
    assert after.orphans([known]) == (name,)
    (incoming / "orphans" / name).unlink()
    assert after.orphans([known]) == ()


# --- proving ---------------------------------------------------------------------------------


@pytest.mark.real
def test_a_block_that_rotted_under_the_page_cache_is_seen(tmp_path: Path) -> None:
    """A proof reads the device: a block corrupted behind the page cache does not pass."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(32 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", str(image)], check=True)
    content = content_of(4 * PART)
    with mounted("-o", "loop", str(image), at=tmp_path / "mnt") as mount:
        spool = spool_at(mount / "spool")
        clip = clip_of(content)
        copied = Attempt(spool, clip, source_of(tmp_path, content)).run()
        part = mount / "spool/incoming" / copied.part_name
        assert sha256(part.read_bytes()) == copied.sha256
        subprocess.run(["sync", "--file-system", str(mount)], check=True)
        _rot(image, content[PART : PART + 4096])
        # A plain re-read is answered from memory and shows the good bytes.
        assert sha256(part.read_bytes()) == copied.sha256
        proof = spool.prove(
            clip, part_name=copied.part_name, size_bytes=copied.size_bytes, stop=never
        )
        assert proof.sha256 != copied.sha256
        assert [
            good == found
            for good, found in zip(part_digests(content), proof.part_sha256, strict=True)
        ] == [True, False, True, True]


def _rot(image: Path, block: bytes) -> None:
    """Change the first byte of the block on the device that holds ``block``."""
    with (
        image.open("r+b") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE) as device,
    ):
        at = device.find(block)
        assert at >= 0
        device[at] ^= 0xFF
        device.flush()


def test_a_proof_that_memory_answered_says_so(tmp_path: Path) -> None:
    """When pages stay resident all the same, the proof does not claim to be the device's."""
    content = content_of(4 * PART)
    spool = spool_at(tmp_path / "spool")
    clip = clip_of(content)
    copied = Attempt(spool, clip, source_of(tmp_path, content)).run()
    part = tmp_path / "spool/incoming" / copied.part_name
    with (
        part.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages,
    ):
        assert pages[0] == content[0]
        proof = spool.prove(clip, part_name=copied.part_name, size_bytes=len(content), stop=never)
    assert proof.sha256 == copied.sha256
    assert proof.method == "cache-dropped: pages were resident after the read"


def test_a_proof_in_memory_says_so(tmp_path: Path) -> None:
    """On a file system without a device the proof says that it could only drop the cache."""
    content = content_of(PART + 1)
    with mounted("-t", "tmpfs", "-o", "size=16m", "tmpfs", at=tmp_path / "mnt") as mount:
        spool = spool_at(mount / "spool")
        clip = clip_of(content)
        copied = Attempt(spool, clip, source_of(tmp_path, content)).run()
        proof = spool.prove(clip, part_name=copied.part_name, size_bytes=len(content), stop=never)
    assert proof.sha256 == sha256(content)
    assert proof.method == "cache-dropped: the file system is tmpfs"


def test_a_read_back_can_be_stopped(tmp_path: Path) -> None:
    """A read-back asks its stop flag too, and leaves the copy for later."""
    content = content_of(4 * PART)
    spool = spool_at(tmp_path / "spool")
    clip = clip_of(content)
    copied = Attempt(spool, clip, source_of(tmp_path, content)).run()
    with pytest.raises(CameraGone):
        spool.prove(clip, part_name=copied.part_name, size_bytes=len(content), stop=stop_after(1))
    assert (tmp_path / "spool/incoming" / copied.part_name).exists()


# --- room ------------------------------------------------------------------------------------


def test_a_clip_that_would_break_the_reserve_is_refused(tmp_path: Path) -> None:
    """Nothing is accepted that would take the free space below the reserve."""
    content = content_of(3 * MIB)
    with mounted("-t", "tmpfs", "-o", "size=8m", "tmpfs", at=tmp_path / "mnt") as mount:
        spool = spool_at(mount / "spool", reserve_bytes=6 * MIB)
        assert spool.space().accepting
        with pytest.raises(SpoolFull):
            spool.claim(clip_of(content))
        spool.claim(clip_of(content_of(MIB)))


def test_two_cameras_are_not_promised_the_same_space(tmp_path: Path) -> None:
    """Space promised to one copy is not there for another, before or after it is written."""
    content = content_of(5 * MIB)
    with mounted("-t", "tmpfs", "-o", "size=8m", "tmpfs", at=tmp_path / "mnt") as mount:
        spool = spool_at(mount / "spool")
        first = spool.claim(clip_of(content))
        with pytest.raises(SpoolFull):
            spool.claim(clip_of(content, number=2))
        spool.release(first)
        Attempt(spool, clip_of(content), source_of(tmp_path, content)).run()
        with pytest.raises(SpoolFull):
            spool.claim(clip_of(content, number=2))


def test_a_full_spool_finishes_what_it_began(tmp_path: Path) -> None:
    """A copy that has its space already is resumed and proven, however little else is free."""
    content = content_of(4 * MIB)
    with mounted("-t", "tmpfs", "-o", "size=8m", "tmpfs", at=tmp_path / "mnt") as mount:
        spool = spool_at(mount / "spool", reserve_bytes=2 * MIB)
        source = source_of(tmp_path, content)
        first = Attempt(spool, clip_of(content), source, stop=stop_after(40))
        with pytest.raises(CameraGone):
            first.run()
        (mount / "filling").write_bytes(content_of(3 * MIB))
        assert not spool.space().accepting
        clip = replace(first.clip, spool_parts=tuple(first.durable))
        copied = Attempt(spool, clip, source).run()
        assert (copied.sha256, copied.spliced) == (sha256(content), True)
        assert spool.claim(replace(clip, copied=True)).part_name == copied.part_name


def test_accepting_does_not_flicker_at_the_reserve(tmp_path: Path) -> None:
    """A full spool accepts again only when somewhat more than the reserve is free."""
    with mounted("-t", "tmpfs", "-o", "size=100m", "tmpfs", at=tmp_path / "mnt") as mount:
        spool = spool_at(mount / "spool", reserve_bytes=40 * MIB)
        filling = mount / "filling"
        answers = []
        for filled_bytes in (50 * MIB, 61 * MIB, 59 * MIB, 57 * MIB, 59 * MIB):
            with filling.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, filled_bytes)
            answers.append(spool.space().accepting)
        assert answers == [True, False, False, True, True]


def test_a_full_disk_is_a_full_spool(tmp_path: Path) -> None:
    """A disk without space for the clip refuses it as a whole, before a byte is written."""
    content = content_of(4 * MIB)
    with mounted("-t", "tmpfs", "-o", "size=6m", "tmpfs", at=tmp_path / "mnt") as mount:
        spool = spool_at(mount / "spool")
        attempt = Attempt(spool, clip_of(content), source_of(tmp_path, content))
        target = spool.claim(attempt.clip)
        spool.release(target)
        (mount / "filling").write_bytes(content_of(3 * MIB))
        with pytest.raises(SpoolFull):
            attempt.run()
        assert not list((mount / "spool/incoming").glob("*.part*"))


def test_a_spool_that_turns_read_only_is_named(tmp_path: Path) -> None:
    """A file system that turns read-only stops copies with its own error, and reading goes on."""
    content = content_of(4 * PART)
    with mounted("-t", "tmpfs", "-o", "size=16m", "tmpfs", at=tmp_path / "mnt") as mount:
        spool = spool_at(mount / "spool")
        clip = kept(spool, clip_of(content), source=source_of(tmp_path, content))
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
        with pytest.raises(SpoolReadOnly):
            Attempt(spool, clip_of(content, number=2), tmp_path / "source").run()
        with spool.open(clip) as file:
            assert file.read() == content


# --- identity --------------------------------------------------------------------------------


def spool_with_id(path: Path, spool_id: str | None) -> DirectorySpool:
    """Return a spool as the daemon opens it."""
    return DirectorySpool(path, reserve_bytes=0, expected_spool_id=spool_id)


def test_a_spool_keeps_its_id(tmp_path: Path) -> None:
    """A spool is given an id once; the ledger that knows it finds it again."""
    first = spool_with_id(tmp_path / "spool", None).adopt()
    assert spool_with_id(tmp_path / "spool", None).adopt() == first
    assert spool_with_id(tmp_path / "spool", first).space().accepting


@pytest.mark.parametrize("damage", ["other", "unmounted", "absent", "garbage", "empty"])
def test_another_spool_is_refused(tmp_path: Path, damage: str) -> None:
    """A swapped disk, one that is not mounted, and a spoilt identity all stop the spool."""
    path = tmp_path / "spool"
    spool_id = spool_with_id(path, None).adopt()
    identity = path / "spool.json"
    if damage == "other":
        identity.write_text('{"spool_id":"0000"}')
    elif damage == "unmounted":
        identity.unlink()
    elif damage == "absent":
        path.rename(tmp_path / "elsewhere")
    else:
        identity.write_text("" if damage == "empty" else "[1")
    spool = spool_with_id(path, spool_id)
    for use in (spool.space, spool.adopt, lambda: spool.claim(clip_of(b"x"))):
        with pytest.raises(SpoolChanged):
            use()


def test_a_spool_swapped_while_dockd_runs_is_refused(tmp_path: Path) -> None:
    """A disk mounted over the spool, or taken away, is noticed before the next use."""
    path = tmp_path / "spool"
    spool = spool_with_id(path, None)
    spool.adopt()
    with (
        mounted("-t", "tmpfs", "tmpfs", at=path),
        pytest.raises(SpoolChanged),
    ):
        spool.claim(clip_of(b"x"))
    assert spool.space().accepting
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(SpoolChanged):
        spool.space()


def test_a_disk_that_fails_while_adopting_is_named(tmp_path: Path) -> None:
    """A spool that cannot be written to is not adopted by half."""
    with pytest.raises(FsyncFailed):
        spool_at(tmp_path / "spool", disk=FailingDisk(sync_fails=(1,)))
    assert spool_at(tmp_path / "spool").space().accepting
