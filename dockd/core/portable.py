"""Names for files that leave the station: what ext4, exFAT, FAT, XML and sha256sum all carry.

A name is the same whatever disk it goes to, so that an export can be copied on to another and still
verifies. A component of a camera's path stays as it is, except that each of these becomes the
``%XX`` of its UTF-8 bytes:

- a byte that is no UTF-8, and a character that is not printable (``str.isprintable``);
- what FAT forbids (``" * : < > ? |`` and the backslash), a space at either end, a dot at the end;
- ``%`` and ``~``, which mean something here, and ``~`` also to FAT, which makes short names of it;
- the first character of a name that somebody reserves: FAT's devices (``CON``, ``COM1.TXT``), and
  ``ascmhl`` and ``.DS_Store``, which tools for ASC MHL pass over.

A component that is then over 255 bytes becomes its first 200 or a few less, ``~`` and 16 hex digits
of the SHA-256 of the raw one, and its ending if that is short. A name that another one of its
folder equals, but for case and Unicode's forms, gets the same suffix. A path over 1,024 bytes
becomes ``~/`` and a SHA-256 of it.
"""

import hashlib
import re
import unicodedata
from typing import Final

from dockd.core.clip import Clip

_FORBIDDEN: Final = frozenset('"*:<>?|\\/%~')
_RESERVED: Final = re.compile(
    r"(ascmhl|\.ds_store|(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?)", re.IGNORECASE | re.DOTALL
)
_NAME_LIMIT_BYTES: Final = 255
_NAME_KEPT_BYTES: Final = 200
_PATH_LIMIT_BYTES: Final = 1024
_KIND_LIMIT_BYTES: Final = 16
_DIGITS: Final = 16


def component(raw: bytes) -> str:
    """Return one component of a camera's path as every disk and format carries it."""
    text = raw.decode(errors="surrogateescape")
    last = len(text) - 1
    name = "".join(
        character
        if _is_plain(character, at_end=at in {0, last}, last=at == last)
        else _hex(character)
        for at, character in enumerate(text)
    )
    if _RESERVED.fullmatch(name):
        name = _hex(name[0]) + name[1:]
    return name if len(name.encode()) <= _NAME_LIMIT_BYTES else _suffixed(name, raw)


def _is_plain(character: str, *, at_end: bool, last: bool) -> bool:
    if character in _FORBIDDEN or not character.isprintable():
        return False
    return not (at_end and character == " ") and not (last and character == ".")


def _hex(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode(errors="surrogateescape"))


def _suffixed(name: str, raw: bytes) -> str:
    stem, dot, kind = name.rpartition(".")
    if not stem or len(kind.encode()) > _KIND_LIMIT_BYTES:
        stem, dot, kind = name, "", ""
    kept = stem.encode()[:_NAME_KEPT_BYTES].decode(errors="ignore")
    return f"{kept}~{hashlib.sha256(raw).hexdigest()[:_DIGITS]}{dot}{kind}"


class Folder:
    """Gives each clip of one docking a name of its own; the same clips get the same names."""

    def __init__(self) -> None:
        # By the folder and the folded name in it, whose name that is, and how it is spelled.
        self._taken: dict[tuple[str, str], tuple[bytes, str]] = {}

    def place(self, clip: Clip) -> str:
        """Return where a clip goes, below the folder; clips are asked for by their numbers.

        Of two clips with one path (the camera wrote other content there) the second is suffixed.
        """
        *folders, last = (part for part in clip.path.split(b"/") if part)
        place = ""
        for folder in folders:
            place += self._spelled(place, folder, whose=b"folder " + folder) + "/"
        place += self._spelled(place, last, whose=b"file " + clip.id.encode())
        if len(place.encode()) <= _PATH_LIMIT_BYTES:
            return place
        return f"~/{hashlib.sha256(clip.path + clip.id.encode()).hexdigest()}"

    def _spelled(self, folder: str, raw: bytes, *, whose: bytes) -> str:
        """Return the spelling of a name of a folder's that is nobody else's there."""
        plain = spelling = component(raw)
        seed = raw
        while True:
            owner, spelled = self._taken.setdefault((folder, _folded(spelling)), (whose, spelling))
            if owner == whose:
                return spelled
            spelling = _suffixed(plain, seed)
            seed += whose


def _folded(name: str) -> str:
    # Upper case first: exFAT has but one letter for a dotless i and an i.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).upper().casefold())
