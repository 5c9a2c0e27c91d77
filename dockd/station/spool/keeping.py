"""Proven copies under their own names: kept, found again, purged.

The sidecar becomes durable first and the clip's name second, so that wherever a clip is, its
sidecar says whose it is. Every step may be done again after a crash.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

from dockd.core import sidecar as sidecars
from dockd.core.clip import Clip
from dockd.core.sidecar import Sidecar
from dockd.errors import SpoolChanged
from dockd.ports.spool import Keeping
from dockd.station.spool import layout, linux
from dockd.station.spool.disk import Disk
from dockd.station.spool.identity import begun_whole, sync_folder

_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def keep(root: int, proven: Sequence[Keeping], *, disk: Disk) -> None:
    """Rename proven ``.part`` files to their homes, with sidecars; all are durable on return.

    All names of one folder become durable together: what an fsync costs is shared by them.

    Raises:
        FileNotFoundError: neither a ``.part`` nor a kept copy is there.
        OSError: the disk failed.
    """
    homes: dict[str, Keeping] = {}
    for kept in proven:
        homes[_prepared(root, kept, taken=homes, disk=disk)] = kept
    folders = sorted({layout.folder_of(home) for home in homes})
    for folder in folders:
        _make_folders(root, folder=folder, disk=disk)
    _write_sidecars(root, homes, disk=disk)
    for folder in folders:
        sync_folder(folder, directory=root, disk=disk)
    for home, kept in homes.items():
        _rename(root, part=_part(kept), home=home)
    for folder in (*folders, layout.INCOMING):
        sync_folder(folder, directory=root, disk=disk)


def _part(kept: Keeping) -> str:
    return f"{layout.INCOMING}/{kept.part_name}"


def _prepared(root: int, kept: Keeping, *, taken: Collection[str], disk: Disk) -> str:
    """Return the home for a copy, which is there and has the length that was proven."""
    clip, part = kept.sidecar.clip, _part(kept)
    home = _home_for(root, clip=clip, taken=taken)
    if not exists(root, part) and not exists(root, home):
        raise FileNotFoundError(part)
    _cut(root, part=part, size_bytes=clip.stored_size_bytes, disk=disk)
    return home


def _write_sidecars(root: int, homes: Mapping[str, Keeping], *, disk: Disk) -> None:
    """Write the sidecars, each whole and durable before it has its name."""
    with ExitStack() as opened:
        written = [
            opened.enter_context(
                begun_whole(
                    f"{_part(kept)}.json", content=_encoded(kept.sidecar), directory=root, disk=disk
                )
            )
            for kept in homes.values()
        ]
        # All are written before the first is waited for: the disk then takes them in one go.
        for descriptor in written:
            disk.sync(descriptor)
    for home, kept in homes.items():
        temporary = f"{_part(kept)}.json"
        os.rename(temporary, layout.sidecar_of(home), src_dir_fd=root, dst_dir_fd=root)


def _encoded(sidecar: Sidecar) -> bytes:
    return sidecars.encode(
        sidecar.clip, recorded_at=sidecar.recorded_at, verified_at=sidecar.verified_at
    )


def _cut(root: int, *, part: str, size_bytes: int, disk: Disk) -> None:
    """Cut off what was preallocated behind a partial copy and never proven."""
    found_bytes = _size_bytes(root, part)
    if found_bytes is None or found_bytes == size_bytes:
        return
    descriptor = os.open(part, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    try:
        os.ftruncate(descriptor, size_bytes)
        disk.sync(descriptor)
    finally:
        os.close(descriptor)


def _rename(root: int, *, part: str, home: str) -> None:
    if not exists(root, part):
        # Renamed before a crash; what is at home is what was proven.
        return
    if exists(root, home):
        # The clip's own earlier copy, found bad since: this one has just been proven.
        os.rename(part, home, src_dir_fd=root, dst_dir_fd=root)
    else:
        linux.rename_to_nothing(part, home, directory=root)


def find(root: int, *, clip: Clip) -> str | None:
    """Return where a clip is kept, or None."""
    # The last place first: it is the clip's alone, while the first may be another clip's.
    for home in reversed(layout.homes(clip)):
        if exists(root, home) and _is_ours(root, home=home, clip=clip):
            return home
    return None


def unrecorded(root: int, *, clip: Clip) -> tuple[str, ...]:
    """Return where a copy may be that was kept before a crash took its record away.

    Its sidecar names the clip; the digest is known when the copy was recorded as whole.
    """
    copied = replace(clip, sha256=clip.sha256 or clip.copied_sha256)
    return tuple(
        home
        for home in reversed(layout.homes(copied))
        if _has_our_sidecar(root, home=home, clip=copied)
    )


def open_kept(root: int, *, clip: Clip) -> int:
    """Return a descriptor of a kept clip.

    Raises:
        FileNotFoundError: it is not there.
        SpoolChanged: what is there has another size than was proven.
    """
    home = find(root, clip=clip)
    if home is None:
        raise FileNotFoundError(layout.homes(clip)[0])
    descriptor = os.open(home, _FILE_FLAGS, dir_fd=root)
    found_bytes = os.fstat(descriptor).st_size
    if found_bytes != clip.stored_size_bytes:
        os.close(descriptor)
        raise SpoolChanged(
            f"the kept copy of clip {clip.id} has {found_bytes} bytes, "
            f"and {clip.stored_size_bytes} were proven",
            path=home,
        )
    return descriptor


def purge(root: int, *, clip: Clip, disk: Disk) -> None:
    """Remove a clip's sidecar and then its copy, and the folders that this leaves empty."""
    home = find(root, clip=clip)
    if home is None:
        return
    for name in (layout.sidecar_of(home), home):
        try:
            os.unlink(name, dir_fd=root)
        except FileNotFoundError:
            continue
    folder = layout.folder_of(home)
    sync_folder(folder, directory=root, disk=disk)
    while folder != layout.CLIPS:
        try:
            os.rmdir(folder, dir_fd=root)
        except OSError:
            return
        folder = layout.folder_of(folder)


def kept_sidecars(root: int) -> Iterator[tuple[str, bytes | OSError]]:
    """Yield the home and the sidecar's content of every kept clip whose copy is there.

    Of a sidecar that the disk does not give, why not: one bad block must not hide the others.
    """
    for folder, _, names, descriptor in os.fwalk(layout.CLIPS, dir_fd=root, follow_symlinks=False):
        for name in sorted(names):
            if not name.endswith(layout.SIDECAR_SUFFIX):
                continue
            home = f"{folder}/{name.removesuffix(layout.SIDECAR_SUFFIX)}"
            if exists(root, home):
                yield home, _content_or_error(name, directory=descriptor)


def exists(root: int, name: str) -> bool:
    """Return whether a file is there."""
    try:
        os.stat(name, dir_fd=root, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _home_for(root: int, *, clip: Clip, taken: Collection[str]) -> str:
    """Return the first place that is the clip's already or nobody's.

    The last place has the clip's digest in its name, so nothing else can be there.
    """
    *shared, own = layout.homes(clip)
    for home in shared:
        if home in taken:
            continue
        if _is_free(root, home=home) or _has_our_sidecar(root, home=home, clip=clip):
            return home
    return own


def _is_free(root: int, *, home: str) -> bool:
    """Return whether nothing is there, and no file stands where a folder on the way would be."""
    folder = home
    while (folder := layout.folder_of(folder)) != layout.CLIPS:
        try:
            os.close(os.open(folder, _FOLDER_FLAGS, dir_fd=root))
        except FileNotFoundError:
            continue
        except NotADirectoryError:
            return False
        break
    return not exists(root, home) and not exists(root, layout.sidecar_of(home))


def _is_ours(root: int, *, home: str, clip: Clip) -> bool:
    """Return whether the copy at ``home`` is this clip's.

    A sidecar goes first when its clip is purged, and may be lost with a bad block: then the size
    that was proven has to do, and whoever reads the copy finds its digest.
    """
    try:
        found = _sidecar(root, home=home)
    except (FileNotFoundError, ValueError):
        return _size_bytes(root, home) == clip.stored_size_bytes
    return (found.path, found.sha256) == (clip.path, clip.sha256)


def _has_our_sidecar(root: int, *, home: str, clip: Clip) -> bool:
    try:
        found = _sidecar(root, home=home)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    if clip.sha256 is None:
        # A partial copy: nobody knows a digest before it is read back.
        return found.partial and (found.number, found.path) == (clip.number, clip.path)
    return (found.path, found.sha256) == (clip.path, clip.sha256)


def _sidecar(root: int, *, home: str) -> Clip:
    """Return the clip that the sidecar at ``home`` is about."""
    return sidecars.decode(_content(layout.sidecar_of(home), directory=root)).clip


def _size_bytes(root: int, name: str) -> int | None:
    try:
        return os.stat(name, dir_fd=root, follow_symlinks=False).st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


def _content(name: str, *, directory: int) -> bytes:
    descriptor = os.open(name, _FILE_FLAGS, dir_fd=directory)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _content_or_error(name: str, *, directory: int) -> bytes | OSError:
    try:
        return _content(name, directory=directory)
    except OSError as error:
        return error


def _make_folders(root: int, *, folder: str, disk: Disk) -> None:
    """Make ``folder`` and those above it, each durable in its parent."""
    made = ""
    for name in folder.split("/"):
        parent, made = made or ".", f"{made}/{name}".lstrip("/")
        try:
            os.mkdir(made, 0o750, dir_fd=root)
        except FileExistsError:
            continue
        sync_folder(parent, directory=root, disk=disk)
