"""Camera to spool and back from the device: copying, resuming, proving."""

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from dockd.core.clip import Clip, Part
from dockd.errors import (
    CameraGone,
    ClipChangedWhileRead,
    ClipUnreadable,
    FsyncFailed,
    SpoolFull,
    SpoolReadOnly,
)
from dockd.ports.spool import CopyTarget
from dockd.station.spool import linux
from dockd.station.spool.directory import DirectorySpool
from tests.station.spool_parts import (
    PART,
    Attempt,
    FailingDisk,
    clip_of,
    content_of,
    part_digests,
    sha256,
    source_of,
    spool_at,
    stop_after,
)
from tests.station.spool_parts import never as never_stop


@pytest.fixture
def spool(tmp_path: Path) -> DirectorySpool:
    """Return an empty spool."""
    return spool_at(tmp_path / "spool")


def with_parts(clip: Clip, parts: list[Part]) -> Clip:
    """Return a clip whose ledger knows these parts."""
    return replace(clip, spool_parts=tuple(parts))


@pytest.mark.parametrize(
    "size_bytes",
    [0, 1, 4095, 4096, 4097, PART - 1, PART, PART + 1, 5 * PART + 4097, 3 * 1024 * 1024],
)
def test_a_copy_is_the_camera_file(spool: DirectorySpool, tmp_path: Path, size_bytes: int) -> None:
    """Whatever its size, a copy has the camera file's digests, read back whole and by parts."""
    content = content_of(size_bytes)
    clip = clip_of(content)
    copied = Attempt(spool, clip, source_of(tmp_path, content)).run()
    proof = spool.prove(
        clip, part_name=copied.part_name, size_bytes=copied.size_bytes, stop=never_stop
    )
    assert (copied.size_bytes, copied.sha256, copied.spliced) == (
        size_bytes,
        sha256(content),
        False,
    )
    assert (proof.size_bytes, proof.sha256, proof.xxh128) == (
        size_bytes,
        copied.sha256,
        copied.xxh128,
    )
    assert proof.part_sha256 == part_digests(content)
    assert proof.method == "direct"


def test_parts_are_durable_in_order(spool: DirectorySpool, tmp_path: Path) -> None:
    """Each part that is reported durable carries the digest of everything up to its end."""
    content = content_of(3 * PART + 1)
    attempt = Attempt(spool, clip_of(content), source_of(tmp_path, content))
    attempt.run()
    assert attempt.durable == [
        Part(
            index=index,
            offset=index * PART,
            size_bytes=PART,
            sha256=sha256(content[: (index + 1) * PART]),
        )
        for index in range(3)
    ]


def test_a_pulled_camera_costs_only_what_was_not_durable(
    spool: DirectorySpool, tmp_path: Path
) -> None:
    """A copy resumed after a yank reads nothing again that was durable, and says it is spliced."""
    content = content_of(6 * PART + 100)
    source = source_of(tmp_path, content)
    first = Attempt(spool, clip_of(content), source, stop=stop_after(4))
    with pytest.raises(CameraGone):
        first.run()
    assert len(first.durable) == 4
    second = Attempt(spool, with_parts(first.clip, first.durable), source)
    copied = second.run()
    assert second.pacer.read_bytes == 2 * PART + 100
    assert (copied.sha256, copied.spliced) == (sha256(content), True)


def test_a_damaged_part_is_copied_again(spool: DirectorySpool, tmp_path: Path) -> None:
    """A resumed copy takes no part whose bytes changed since, nor any part behind it."""
    content = content_of(6 * PART)
    source = source_of(tmp_path, content)
    first = Attempt(spool, clip_of(content), source, stop=stop_after(5))
    with pytest.raises(CameraGone):
        first.run()
    assert first.target is not None
    with (tmp_path / "spool/incoming" / first.target.part_name).open("r+b") as part:
        part.seek(2 * PART + 7)
        part.write(b"\xff\x00")
        os.fsync(part.fileno())
    second = Attempt(spool, with_parts(first.clip, first.durable), source)
    assert second.run().sha256 == sha256(content)
    assert second.pacer.read_bytes == 4 * PART


def test_a_lost_part_file_is_copied_from_the_beginning(
    spool: DirectorySpool, tmp_path: Path
) -> None:
    """Recorded parts without their file are worth nothing, and the copy is not called spliced."""
    content = content_of(4 * PART)
    source = source_of(tmp_path, content)
    first = Attempt(spool, clip_of(content), source, stop=stop_after(3))
    with pytest.raises(CameraGone):
        first.run()
    spool.discard(first.clip)
    copied = Attempt(spool, with_parts(first.clip, first.durable), source).run()
    assert (copied.sha256, copied.spliced) == (sha256(content), False)


def test_an_owned_part_is_left_to_its_owner(spool: DirectorySpool, tmp_path: Path) -> None:
    """A redock beside a stuck copy writes a part of its own and relies on nothing of the other."""
    content = content_of(4 * PART)
    clip = clip_of(content)
    stuck = spool.claim(clip)
    attempt = Attempt(
        spool,
        with_parts(clip, [Part(index=0, offset=0, size_bytes=PART, sha256="0" * 64)]),
        source_of(tmp_path, content),
    )
    copied = attempt.run()
    assert copied.part_name == f"{stuck.part_name}.2"
    assert (copied.sha256, copied.spliced) == (sha256(content), False)


def test_discarding_spares_what_a_thread_still_writes(
    spool: DirectorySpool, tmp_path: Path
) -> None:
    """Discarding a clip's copies removes them all, except one that has an owner."""
    content = content_of(PART)
    clip = clip_of(content)
    done = Attempt(spool, clip, source_of(tmp_path, content))
    done.run()
    assert done.target is not None
    stuck = spool.claim(clip)
    spool.discard(clip)
    assert [path.name for path in (tmp_path / "spool/incoming").glob("*.part*")] == [
        stuck.part_name
    ]
    spool.release(stuck)
    spool.discard(clip)
    assert not list((tmp_path / "spool/incoming").glob("*.part*"))


@pytest.mark.parametrize("found_bytes", [0, PART, 3 * PART - 1, 3 * PART + 1, 9 * PART])
def test_a_file_of_another_size_is_not_the_clip(
    spool: DirectorySpool, tmp_path: Path, found_bytes: int
) -> None:
    """A file that shrank or grew since it was listed is never taken for the clip."""
    clip = clip_of(content_of(3 * PART))
    with pytest.raises(ClipChangedWhileRead):
        Attempt(spool, clip, source_of(tmp_path, content_of(found_bytes))).run()


def test_a_file_that_changes_while_it_is_read_is_not_the_clip(
    spool: DirectorySpool, tmp_path: Path
) -> None:
    """A file written to during its copy is refused, though its size stayed the same."""
    content = content_of(4 * PART)
    source = source_of(tmp_path, content)
    reads = iter(range(100))

    def meddle() -> bool:
        if next(reads) == 2:
            os.utime(source, ns=(1, 1))
        return False

    with pytest.raises(ClipChangedWhileRead):
        Attempt(spool, clip_of(content), source, stop=meddle).run()


def test_media_that_give_up_are_told_apart(spool: DirectorySpool) -> None:
    """A read error is reported with its number, for the stage to ask whether the camera left."""
    # The kernel answers EIO for memory that is not there: a real read error without a bad disk.
    with pytest.raises(ClipUnreadable) as raised:
        Attempt(spool, clip_of(content_of(PART)), Path("/proc/self/mem")).run()
    assert raised.value.fields["error"] == "EIO"
    assert raised.value.fields["offset_bytes"] == 0


def test_an_unconfirmed_copy_is_thrown_away(tmp_path: Path) -> None:
    """After a failed fsync the copy is discarded and made afresh, never fsynced again."""
    content = content_of(4 * PART)
    source = source_of(tmp_path, content)
    # Adopting syncs; the third sync of the copy is the one that fails.
    disk = FailingDisk()
    spool = spool_at(tmp_path / "spool", disk=disk)
    disk._sync_fails = frozenset({disk.syncs + 3})
    first = Attempt(spool, clip_of(content), source)
    with pytest.raises(FsyncFailed):
        first.run()
    assert not list((tmp_path / "spool/incoming").glob("*.part*"))
    copied = Attempt(spool, with_parts(first.clip, first.durable), source).run()
    assert (copied.sha256, copied.spliced) == (sha256(content), False)


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, SpoolFull),
        (errno.EDQUOT, SpoolFull),
        (errno.EROFS, SpoolReadOnly),
        (errno.EIO, FsyncFailed),
    ],
)
def test_a_disk_that_refuses_a_write_is_named(
    tmp_path: Path, number: int, error: type[Exception]
) -> None:
    """Each way in which a disk refuses a write has its own error, with owner and next step."""
    content = content_of(4 * PART)
    spool = spool_at(tmp_path / "spool", disk=FailingDisk(write_errno=number))
    with pytest.raises(error):
        Attempt(spool, clip_of(content), source_of(tmp_path, content)).run()


def test_what_was_durable_outlives_a_full_disk(tmp_path: Path) -> None:
    """A disk that fills up during a copy takes nothing away that was durable: it may be all."""
    content = content_of(4 * PART)
    source = source_of(tmp_path, content)
    spool = spool_at(tmp_path / "spool", disk=FailingDisk(write_errno=errno.ENOSPC))
    attempt = Attempt(spool, clip_of(content), source)
    with pytest.raises(SpoolFull):
        attempt.run()
    assert len(attempt.durable) == 1
    healthy = spool_at(tmp_path / "spool")
    resumed = Attempt(healthy, with_parts(attempt.clip, attempt.durable), source)
    assert resumed.run().sha256 == sha256(content)
    assert resumed.pacer.read_bytes == 3 * PART


def test_a_copy_is_told_how_far_it_holds(spool: DirectorySpool, tmp_path: Path) -> None:
    """Up to the first part that is not what was recorded, or that the file has no more."""
    content = content_of(3 * PART + 1)
    attempt = Attempt(spool, clip_of(content), source_of(tmp_path, content), stop=stop_after(3))
    with pytest.raises(CameraGone):
        attempt.run()
    clip = with_parts(attempt.clip, attempt.durable)
    (part,) = (tmp_path / "spool/incoming").glob("*.part")

    def holding() -> int:
        return spool.still_holds(clip, part_name=part.name, stop=never_stop)

    assert holding() == len(clip.spool_parts) == 3
    with part.open("r+b") as file:
        file.seek(2 * PART)
        file.write(b"?")
    assert holding() == 2
    os.truncate(part, PART)
    assert holding() == 1
    part.unlink()
    assert holding() == 0


def test_the_source_leaves_no_pages_behind(spool: DirectorySpool, tmp_path: Path) -> None:
    """A camera's pages are dropped as they are copied, and the copy itself brings none."""
    content = content_of(8 * PART)
    source = source_of(tmp_path, content)
    with source.open("r+b") as file:
        os.fsync(file.fileno())
        copied = Attempt(spool, clip_of(content), source).run()
        assert not linux.has_resident_pages(file.fileno(), size_bytes=len(content))
    part = tmp_path / "spool/incoming" / copied.part_name
    with part.open("rb") as file:
        assert not linux.has_resident_pages(file.fileno(), size_bytes=len(content))


def test_a_copy_is_nobody_elses_to_read(spool: DirectorySpool, tmp_path: Path) -> None:
    """Footage in the spool is not readable by others on the station."""
    content = content_of(10)
    copied = Attempt(spool, clip_of(content), source_of(tmp_path, content)).run()
    mode = (tmp_path / "spool/incoming" / copied.part_name).stat().st_mode
    assert not stat.S_IMODE(mode) & 0o007


def test_a_camera_docked_again_at_once_goes_on_with_its_copy(
    spool: DirectorySpool, tmp_path: Path
) -> None:
    """A copy that is still being given up is waited for; only one that is stuck is left alone."""
    clip = clip_of(content_of(PART))
    first = spool.claim(clip)
    (tmp_path / "spool" / "incoming" / first.part_name).touch()
    claimed: list[CopyTarget] = []
    again = Thread(target=lambda: claimed.append(spool.claim(clip)))
    again.start()
    again.join(0.2)
    assert again.is_alive()
    spool.release(first)
    again.join()
    assert [target.part_name for target in claimed] == [first.part_name]
