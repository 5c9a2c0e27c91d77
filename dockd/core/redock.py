"""What a camera's listing means: which files are known clips, which are new, and what is missing.

A camera comes back, here or from another station, and its files have names, sizes and mtimes, none
of which is an identity. The rules (DESIGN.md sections 2 and 4):

- A file with the path, size and mtime of a clip is *taken for* that clip, and its hash decides
  before a wipe. It is never trusted further than that.
- A file that cannot be that clip is a clip of its own, and the one that was there is overwritten.
- A partial clip that the spool has proven is evidence as it is; when its camera returns, the whole
  file is a clip of its own.
- A clip that is absent was wiped when dockd had stated that intent, and is gone when it had not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dockd.core import facts
from dockd.core.clip import CameraCopy, Clip, SpoolCopy


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One file of a listing that is believed: raw path, bytes, mtime in nanoseconds since 1970."""

    path: bytes
    size_bytes: int
    mtime_ns: int
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """The file is taken for a clip the spool has proven: ``ClipSeenAgain``, and nothing is read."""

    clip: Clip
    found: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """The file is taken for a clip that is not proven yet: its copy is begun or goes on.

    ``seen_again`` asks for ``ClipSeenAgain`` first (with the size, where the file grew before
    anything of it was read). Where ``clip.copied``, only the reading back is left to do.
    """

    clip: Clip
    found: Found
    seen_again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyAgain:
    """The file is taken for a clip whose spool copy made room or was lost: it is copied again.

    Where the copy, read back, has another digest than the clip, the file is another clip: `split`.
    """

    clip: Clip
    found: Found
    seen_again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyNew:
    """The file is no clip known here: ``ClipSeen``, and it is copied.

    In the same transaction every clip in ``overwritten`` is: it stood at this path until now.
    """

    found: Found
    overwritten: tuple[Clip, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The clip is absent, and dockd did not remove it: ``ClipGone``."""

    clip: Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiped:
    """The clip is absent, and dockd had stated its intent to clear it: ``ClipWiped``."""

    clip: Clip


Decision = Adopt | Resume | CopyAgain | CopyNew | Gone | Wiped

_ON_CAMERA: Final = frozenset({CameraCopy.PRESENT, CameraCopy.WIPING})


def plan(docking: str, found: Iterable[Found], known: Iterable[Clip]) -> Sequence[Decision]:
    """Return what a listing of one camera in ``docking`` means for the clips known of it.

    ``known`` should hold, of this camera, every clip whose camera copy is present or wiping, and
    the newest of every path; more does no harm, and merged clips are ignored. Nothing is returned
    for a file that is the proven clip already seen in this docking. A path that a damaged file
    system lists twice is taken once: the other comes to light when the first is cleared.
    """
    files = _first_of_each_path(found)
    at_path = _by_path(known)
    decisions: list[Decision] = []
    for path, clips in at_path.items():
        if path not in files:
            decisions.extend(_absent(clip) for clip in clips if clip.camera_copy in _ON_CAMERA)
    for path, file in files.items():
        decisions.extend(_present(docking, file, at_path.get(path, ())))
    return decisions


def _first_of_each_path(found: Iterable[Found]) -> Mapping[bytes, Found]:
    files: dict[bytes, Found] = {}
    for file in found:
        files.setdefault(file.path, file)
    return files


def _by_path(known: Iterable[Clip]) -> Mapping[bytes, Sequence[Clip]]:
    """Return the clips of each path, the one that a file there is compared with last.

    That is the one which the camera has by all we know; of several, the newest.
    """
    at_path: dict[bytes, list[Clip]] = {}
    for clip in known:
        if clip.merged_into is None:
            at_path.setdefault(clip.path, []).append(clip)
    for clips in at_path.values():
        clips.sort(key=lambda clip: (clip.camera_copy in _ON_CAMERA, clip.number))
    return at_path


def _absent(clip: Clip) -> Decision:
    return Wiped(clip=clip) if clip.camera_copy is CameraCopy.WIPING else Gone(clip=clip)


def _present(docking: str, file: Found, clips: Sequence[Clip]) -> Iterable[Decision]:
    if not clips or not _may_be(docking, file, clips[-1]):
        # What dockd was about to clear made way for a new file of that name: it is wiped.
        yield from (Wiped(clip=clip) for clip in clips if clip.camera_copy is CameraCopy.WIPING)
        displaced = tuple(clip for clip in clips if clip.camera_copy is CameraCopy.PRESENT)
        yield CopyNew(found=file, overwritten=displaced)
        return
    # One path holds one file: an older clip that was thought to be there as well is not.
    yield from (_absent(clip) for clip in clips[:-1] if clip.camera_copy in _ON_CAMERA)
    clip = clips[-1]
    seen_again = _is_news(docking, file, clip)
    if clip.spool_copy is SpoolCopy.PROVEN:
        if seen_again:
            yield Adopt(clip=clip, found=file)
    elif clip.sha256 is None:
        yield Resume(clip=clip, found=file, seen_again=seen_again)
    else:
        yield CopyAgain(clip=clip, found=file, seen_again=seen_again)


def _may_be(docking: str, file: Found, clip: Clip) -> bool:
    if clip.partial:
        return False
    if (file.size_bytes, file.mtime_ns) == (clip.size_bytes, clip.mtime_ns):
        return True
    # Still being written when it was listed first: as nothing was read, it is simply that file.
    return docking == clip.docking and clip.is_unread and clip.camera_copy is CameraCopy.PRESENT


def _is_news(docking: str, file: Found, clip: Clip) -> bool:
    return (
        docking != clip.docking
        or clip.camera_copy is not CameraCopy.PRESENT
        or (file.size_bytes, file.mtime_ns) != (clip.size_bytes, clip.mtime_ns)
    )


def split(clip: Clip, *, number: int, verified: facts.ClipVerified) -> Sequence[facts.ClipFact]:
    """Return how a copy made for ``clip`` that is other content becomes clip ``number``.

    The copy is not thrown away, for by now it may be all there is of that content: the new clip is
    born with it, copied, and goes on to be verified (or merged). One transaction; the spool has the
    copy under both names until it is recorded. The camera's file is hashed before a wipe.
    """
    reason = "copied again, the file of that name, size and mtime has other content"
    recorded: list[facts.ClipFact] = [facts.CopyDiscarded(clip=clip.number, reason=reason)]
    if clip.camera_copy in _ON_CAMERA:
        overwritten = facts.ClipOverwritten(clip=clip.number, docking=clip.docking, reason=reason)
        recorded.append(overwritten)
    recorded.append(
        facts.ClipSeen(
            clip=number,
            camera=clip.camera,
            docking=clip.docking,
            slot=clip.slot,
            path=clip.path,
            size_bytes=verified.size_bytes,
            mtime_ns=clip.mtime_ns,
            flagged=clip.flagged,
        )
    )
    if clip.camera_copy not in _ON_CAMERA:
        recorded.append(facts.ClipGone(clip=number, docking=clip.docking))
    recorded.append(
        facts.ClipCopied(
            clip=number,
            docking=clip.copied_in[-1] if clip.copied_in else clip.docking,
            sha256=verified.sha256,
            xxh128=verified.xxh128,
            spliced=True,
        )
    )
    return recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """How a copy that turned out to be a clip known already is recorded: one transaction.

    ``hand_over``: the spool keeps this copy under the name of the clip it is merged into, because
    that one has no proven copy of its own; otherwise the copy is discarded once this is recorded.
    """

    recorded: tuple[facts.ClipFact, ...]
    hand_over: bool


def merge(clip: Clip, *, into: Clip, verified: facts.ClipVerified) -> Merge:
    """Return how ``clip``, whose copy was read back as ``verified``, becomes ``into``.

    Its holds go over with it, for a merge must not release them; so does its copy, where the other
    has none, for it may be all there is; and where the file is on the camera, the other one is seen
    there, and hashed if this copy was read in one go in the very same docking.
    """
    hand_over = into.spool_copy is not SpoolCopy.PROVEN
    recorded = [*_holds_moved(clip, into)]
    # A partial copy says nothing about whether the whole file is that other clip.
    on_camera = clip.camera_copy is CameraCopy.PRESENT and not verified.partial
    size_bytes = clip.size_bytes if on_camera else into.size_bytes
    if on_camera:
        recorded.append(
            facts.ClipSeenAgain(
                clip=into.number,
                docking=clip.docking,
                slot=clip.slot,
                mtime_ns=clip.mtime_ns,
                size_bytes=size_bytes,
            )
        )
    if hand_over:
        whole = replace(verified, clip=into.number, partial=verified.size_bytes < size_bytes)
        recorded.extend(_copy_handed_over(clip, into, whole))
    if on_camera and clip.hashed_in == clip.docking:
        recorded.append(
            facts.ClipRehashed(clip=into.number, docking=clip.docking, sha256=verified.sha256)
        )
    recorded.append(facts.ClipMerged(clip=clip.number, into=into.number))
    return Merge(recorded=tuple(recorded), hand_over=hand_over)


def _holds_moved(clip: Clip, into: Clip) -> Iterable[facts.ClipFact]:
    for hold in clip.holds:
        why = f"it is the content of clip {clip.id}, which was held"
        yield facts.ClipHeld(clip=into.number, hold=hold, why=why, actor="dockd")
        why = f"held as clip {into.id}, whose content it is"
        yield facts.ClipReleased(clip=clip.number, hold=hold, why=why, actor="dockd")


def _copy_handed_over(
    clip: Clip, into: Clip, verified: facts.ClipVerified
) -> Iterable[facts.ClipFact]:
    if into.spool_copy is SpoolCopy.PARTIAL:
        yield facts.CopyDiscarded(clip=into.number, reason="a whole copy was made beside it")
    yield facts.ClipCopied(
        clip=into.number,
        docking=clip.copied_in[-1] if clip.copied_in else clip.docking,
        sha256=verified.sha256,
        xxh128=verified.xxh128,
        spliced=clip.spliced or clip.hashed_in is None,
    )
    yield verified
