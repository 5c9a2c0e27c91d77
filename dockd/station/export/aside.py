"""What lies in an export and is none of its clips: moved beside it, for it may be all there is."""

import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import Final

from dockd.core.printable import printable
from dockd.station.export.outcomes import Outcome, Present
from dockd.station.export.target import Target, writing

_ASIDE: Final = "aside"


def spared(outcome: Outcome, place: str, *, staging: Target, folder: Target) -> Outcome:
    """Put aside what lies at the place of a clip that cannot be had: it may be all there is."""
    if isinstance(outcome, Present):
        return outcome
    left = _put_aside(place, staging=staging, folder=folder)
    if left is None:
        return outcome
    return replace(outcome, reason=f"{outcome.reason}; what lay at its place is kept: {left}")


def put_others(
    places: Collection[str], *, but: re.Pattern[str], staging: Target, folder: Target
) -> None:
    """Put aside what somebody else laid into an export, but for ``but``, which is made anew."""
    with writing(folder.path):
        others = folder.others(places)
    for place in others:
        if not but.fullmatch(place):
            _put_aside(place, staging=staging, folder=folder)


def _put_aside(place: str, *, staging: Target, folder: Target) -> str | None:
    """Move a regular file out of the export, and return where it is; None if there is none."""
    above, _, name = place.rpartition("/")
    with (
        writing(folder.called(place)),
        suppress(FileNotFoundError),
        folder.folder(above) as parent,
    ):
        if parent.size_bytes(name) is None:
            return None
        with staging.folder(f"{_ASIDE}/{above}", make=True) as kept:
            parent.rename(name, to=kept, as_name=name)
            return kept.called(printable(name))
    return None
