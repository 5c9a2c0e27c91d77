"""Names that no person would give a clip, and that FAT and exFAT can hold all the same."""

from collections.abc import Iterable, Iterator

# What FAT's and exFAT's specifications forbid in a name. The kernel shows it, and whoever writes a
# medium byte by byte may write it; only the slash it takes for damage.
_FORBIDDEN = [*range(0x01, 0x20), 0x7F, *sorted(b'"*:<>?\\|')]
_ALLOWED = [code for code in range(0x20, 0x7F) if code not in (*_FORBIDDEN, ord("/"))]
# Names that some program takes for something else than a name.
_SPEAKING = (
    *("con.mp4", "NUL", "-rf", "$(reboot).mp4", "%2e%2e.mp4", "%s%n", ".hidden", " led", "ends "),
    *("'; drop table clips;--", "&amp;.mp4", "~", "#", "a.b.c..d"),
    # A letter and its accent in one and in two; from right to left; invisible; beyond 16 bits.
    *("\xe9.mp4", "e\u0301.mp4", "\u202e4pm.exe", "\u200b\ufeff", "\U0001f4f9.mp4", "\ufffd"),
)
_LONGEST_UNITS = 255
_IN_A_NAME = 40
_BYTES_IN_SHORT = 7


def _together(codes: Iterable[int]) -> Iterator[str]:
    left = list(codes)
    for start in range(0, len(left), _IN_A_NAME):
        # Not at an end, where dots and spaces mean something else; and told apart by a number, for
        # small letters and capital ones in the same places are one name.
        yield f"x{''.join(map(chr, left[start : start + _IN_A_NAME]))}{start}"


def _long() -> Iterator[str]:
    # Three bytes of UTF-8 for each unit: far more than the 255 bytes that Linux allows elsewhere.
    for end in ("one", "two"):
        yield "\u3042" * (_LONGEST_UNITS - len(end)) + end
    # The store of the tests cannot name a version of anything longer.
    yield "x" * 240


def _short() -> Iterator[str]:
    """Give names of one entry in which every byte from 0x80 on stands."""
    for start in range(0x80, 0x100, _BYTES_IN_SHORT):
        codes = bytes(range(start, min(start + _BYTES_IN_SHORT, 0x100)))
        yield f"{codes.decode('cp437')}.{start:X}"


EXFAT = (*_SPEAKING, *_together([*_ALLOWED, *_FORBIDDEN, *range(0x80, 0x180)]), *_long())
VFAT = (*EXFAT, *_short())

# Names that lead nowhere, or to the file of another. To both a small letter is a capital one; FAT
# forgets dots at the end; half a pair is lost on its way to UTF-8, and exFAT then does not find it.
TWINS = ("Twin.mp4", "twin.mp4")
DOTS, LONE = "dots...", "lone\ud800.mp4"
