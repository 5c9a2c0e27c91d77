"""Patterns of paths on a camera, as the configuration and the quirk files write them."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

_ANY_FOLDERS: Final = "**"


def matches(pattern: str, path: bytes) -> bool:
    """Return whether a raw path is meant by ``pattern``.

    ``*`` and ``?`` stand for characters of one name; ``**`` for any number of folders, and at the
    end for everything below. Case does not count: to FAT and exFAT, dcim is DCIM.
    """
    # One character for each byte, so that no name is too strange to be compared.
    text = path.decode("latin-1").lower()
    raw = pattern.encode().decode("latin-1").lower()
    return _match(raw.split("/"), text.split("/"))


def _match(pattern: Sequence[str], names: Sequence[str]) -> bool:
    """Compare from the left, remembering for each step of the pattern where it may stand."""
    standing = {0}
    for index, step in enumerate(pattern):
        if step == _ANY_FOLDERS:
            first = min(standing, default=len(names) + 1)
            # At the end there has to be something below.
            is_last = index == len(pattern) - 1
            standing = set(range(first + 1 if is_last else first, len(names) + 1))
        else:
            standing = {
                at + 1 for at in standing if at < len(names) and fnmatchcase(names[at], step)
            }
    return len(names) in standing
