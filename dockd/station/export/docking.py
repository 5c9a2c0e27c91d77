"""One docking onto the disk: its clips, then what vouches for them, then its name."""

import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO, Final, Protocol

from dockd.core import portable
from dockd.core.clip import Clip, SpoolCopy
from dockd.errors import DockdError, ExportFailed, ExportInTheWay, Refused
from dockd.station.export import aside
from dockd.station.export.copying import (
    Digests,
    Told,
    copy,
    digests_in,
    digests_of,
    refuse_unless_kept,
)
from dockd.station.export.outcomes import Absent, Outcome, Present, recorded, why_absent
from dockd.station.export.target import Target, writing

FOOTAGE: Final = "footage"
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
_INCOMING: Final = "incoming"
_PARTIAL: Final = ".partial"
# What an export of before wrote to vouch for itself, and this one writes anew.
_VOUCHERS: Final = re.compile(rf"{MANIFEST}|{SUMS}|ascmhl/(0001_.*\.mhl|ascmhl_chain\.xml)")
_VOUCHER_LIMIT_BYTES: Final = 1 << 28


class Spool(Protocol):
    """What an export wants of the spool."""

    def open(self, clip: Clip) -> BinaryIO:
        """Open a proven copy. Raises FileNotFoundError or SpoolChanged."""


class Export:
    """The export of one docking into one folder."""

    def __init__(
        self,
        docking: str,
        clips: Sequence[Clip],
        *,
        into: Target,
        told: Told,
        now: Callable[[Clip], Clip],
    ) -> None:
        """``clips`` are all of the docking's, by their numbers; ``told`` is of bytes done.

        ``now`` returns a clip as the record has it by then: an export may take hours.
        """
        self._docking = docking
        self._into = into
        self._told = told
        self._now = now
        folder = portable.Folder()
        self._places = [(clip, f"{FOOTAGE}/{folder.place(clip)}") for clip in clips]

    # --- what is there already -----------------------------------------------------------------

    def finished(self) -> Mapping[str, str] | None:
        """Return the places of a whole export's clips by their keys; None if there is none.

        Raises:
            Refused: the folder is something else.
            ExportFailed: the disk cannot be read.
        """
        with writing(self._into.called(self._docking)):
            if not self._into.has(self._docking):
                return None
        said = self._manifest()
        if said is None:
            raise Refused(
                f"{self._into.called(self._docking)} is there and no export of this docking",
                next_step="Look at what it is, and move it away or name another folder.",
            )
        # What a disk says is believed only of where this docking's clips belong.
        return {
            clip.key: place
            for clip, place in self._places
            if clip.key and said.get(clip.key) == place
        }

    @contextmanager
    def _whole(self) -> Iterator[Target]:
        """Open a whole export; a disk that was pulled out meanwhile is said as such."""
        with writing(self._into.called(self._docking)), self._into.folder(self._docking) as folder:
            yield folder

    def _manifest(self) -> Mapping[str, object] | None:
        """Return where a whole export says that each clip is, by its key."""
        try:
            with self._whole() as folder:
                said = json.loads(folder.content(MANIFEST, limit_bytes=_VOUCHER_LIMIT_BYTES))
            if said["docking"] != self._docking:
                return None
            return {
                str(each.get("key")): each.get("file")
                for each in said["clips"]
                if isinstance(each, dict)
            }
        except (ExportInTheWay, ValueError, TypeError, KeyError, RecursionError):
            return None

    def lacks_nothing(self, finished: Mapping[str, str]) -> bool:
        """Return whether a whole export has every clip that it names or the spool could give.

        Files are there in their sizes: what is in them, ``check`` looks at.
        """
        with self._whole() as folder:
            return all(
                clip.key in finished and _lies_there(folder, clip, place)
                for clip, place in self._places
                if clip.spool_copy is SpoolCopy.PROVEN or clip.key in finished
            )

    def vouchers(self, *, below: str) -> Mapping[str, bytes]:
        """Return the files that vouch for a whole export, by their places; of a history, all."""
        found: dict[str, bytes] = {}
        what = self._into.called(self._docking)
        for place in ("", below):
            with (
                writing(f"{what}/{place}"),
                suppress(FileNotFoundError),
                self._into.folder(f"{self._docking}/{place}") as folder,
            ):
                for name in folder.names() if place else (MANIFEST, SUMS):
                    content = folder.content(name, limit_bytes=_VOUCHER_LIMIT_BYTES)
                    found[f"{place}/{name}".lstrip("/")] = content
        return found

    def check(self, finished: Mapping[str, str]) -> Sequence[Outcome]:
        """Hash every file of a whole export again, as the disk has it."""
        with self._whole() as folder:
            return [
                self._checked(folder, clip, finished.get(clip.key or ""))
                for clip, _ in self._places
            ]

    def _checked(self, folder: Target, clip: Clip, place: str | None) -> Outcome:
        if place is None:
            return Absent(clip=clip, reason=why_absent(clip))
        found = self._found(folder, place)
        if found is None:
            return Absent(clip=clip, reason=f"{place} is not there any more", bad=True)
        if found.sha256 != clip.sha256:
            return Absent(clip=clip, reason=f"{place} hashes to {found.sha256}", bad=True)
        return Present(clip=clip, place=place, digests=found)

    def outcomes(self, finished: Mapping[str, str]) -> Sequence[Outcome]:
        """Return what a whole export has, by what it says itself."""
        return [
            Present(clip=clip, place=place, digests=recorded(clip))
            if (place := finished.get(clip.key or "")) is not None
            else Absent(clip=clip, reason=why_absent(clip))
            for clip, _ in self._places
        ]

    # --- making it -----------------------------------------------------------------------------

    def make(
        self, spool: Spool, *, vouchers: Callable[[Sequence[Outcome]], Mapping[str, bytes]]
    ) -> Sequence[Outcome]:
        """Bring the export up to what the spool has; it goes on where one before it stopped.

        ``vouchers`` makes the files that vouch for the clips, by their places. The last step gives
        the folder its name.

        Raises:
            ExportFailed: the disk does not take it; what was copied stays for the next time.
        """
        with self._staging() as (staging, folder):
            aside.put_others(
                {place for _, place in self._places},
                but=_VOUCHERS,
                staging=staging,
                folder=folder,
            )
            _sweep(folder, {place for _, place in self._places})
            outcomes = [
                aside.spared(
                    self._exported(clip, place, staging=staging, folder=folder, spool=spool),
                    place,
                    staging=staging,
                    folder=folder,
                )
                for clip, place in self._places
            ]
            _sweep(folder, {each.place for each in outcomes if isinstance(each, Present)})
            for place, content in vouchers(outcomes).items():
                _write(folder, place, content)
            with writing(self._into.called(self._docking)):
                folder.sync()
                staging.remove(_INCOMING)
                staging.rename(self._docking, to=self._into, as_name=self._docking)
        self.tidy()
        return outcomes

    def tidy(self) -> None:
        """Remove the folder in which an export was made; one that is not empty stays."""
        with suppress(OSError):
            os.rmdir(self._docking + _PARTIAL, dir_fd=self._into.descriptor)

    @contextmanager
    def _staging(self) -> Iterator[tuple[Target, Target]]:
        """Open the folder where the export is made, and the docking's in it; nobody else is there.

        A whole export that lacks something goes back in there.
        """
        with ExitStack() as opened:
            with writing(self._into.called(self._docking + _PARTIAL)):
                staging = opened.enter_context(
                    self._into.folder(self._docking + _PARTIAL, make=True)
                )
                staging.lock()
                if self._into.has(self._docking):
                    self._refuse_to_take_apart()
                    self._into.rename(self._docking, to=staging, as_name=self._docking)
                folder = opened.enter_context(staging.folder(self._docking, make=True))
            yield staging, folder

    def _refuse_to_take_apart(self) -> None:
        """Leave a whole export as it is where the disk has no room for what it lacks."""
        with self._into.folder(self._docking) as folder:
            missing = [
                clip.stored_size_bytes
                for clip, place in self._places
                if clip.spool_copy is SpoolCopy.PROVEN and not _lies_there(folder, clip, place)
            ]
        self._into.refuse_without_room(f"what {self._docking} lacks", size_bytes=sum(missing))

    def _exported(
        self, clip: Clip, place: str, *, staging: Target, folder: Target, spool: Spool
    ) -> Outcome:
        """Return one clip's outcome: it is there already, is copied now, or cannot be had."""
        found = self._found(folder, place) if clip.sha256 else None
        if found is not None and found.sha256 == clip.sha256:
            return Present(clip=clip, place=place, digests=found)
        if clip.spool_copy is not SpoolCopy.PROVEN:
            return Absent(clip=clip, reason=why_absent(clip))
        staging.refuse_without_room(place, size_bytes=clip.stored_size_bytes)
        try:
            with spool.open(clip) as source:
                copied = copy(source, staging, _INCOMING, mtime_ns=clip.mtime_ns, told=self._told)
        except FileNotFoundError:
            return self._gone(clip)
        except OSError as error:
            return Absent(clip=clip, bad=True, reason=f"its copy: {error.strerror}")
        except ExportFailed:
            raise
        except DockdError as error:
            return Absent(clip=clip, bad=True, reason=error.reason)
        if copied.sha256 != clip.sha256:
            reason = f"the spool's copy hashes to {copied.sha256}"
            return Absent(clip=clip, bad=True, reason=reason)
        with writing(staging.called(_INCOMING)):
            refuse_unless_kept(digests_of(staging, _INCOMING, told=self._told), copied, place)
        self._named(staging, folder, place)
        return Present(clip=clip, place=place, digests=copied)

    def _gone(self, clip: Clip) -> Absent:
        """Return why a copy that was in the spool is not: what was stored makes room any time."""
        clip = self._now(clip)
        bad = clip.spool_copy is not SpoolCopy.PURGED
        reason = "its copy is not in the spool" if bad else why_absent(clip)
        return Absent(clip=clip, bad=bad, reason=reason)

    def _found(self, folder: Target, place: str) -> Digests | None:
        above, _, name = place.rpartition("/")
        with writing(folder.called(place)):
            try:
                with folder.folder(above) as parent:
                    return digests_of(parent, name, told=self._told)
            except FileNotFoundError:
                return None

    def _named(self, staging: Target, folder: Target, place: str) -> None:
        above, _, name = place.rpartition("/")
        with writing(folder.called(place)), folder.folder(above, make=True) as parent:
            if parent.has(name):
                parent.remove(name)
            staging.rename(_INCOMING, to=parent, as_name=name)


def _lies_there(folder: Target, clip: Clip, place: str) -> bool:
    above, _, name = place.rpartition("/")
    with writing(folder.called(place)), suppress(FileNotFoundError), folder.folder(above) as parent:
        return parent.size_bytes(name) == clip.stored_size_bytes
    return False


def _sweep(folder: Target, places: Collection[str]) -> None:
    """Remove what would not be vouched for, and every link."""
    with writing(folder.path):
        folder.keep_only(places)


def _write(folder: Target, place: str, content: bytes) -> None:
    above, _, name = place.rpartition("/")
    with writing(folder.called(place)), folder.folder(above, make=True) as parent:
        parent.write(name, content)
        parent.sync()
        refuse_unless_kept(
            digests_of(parent, name, told=lambda _: None), digests_in(content), place
        )
