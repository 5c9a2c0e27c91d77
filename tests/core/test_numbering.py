"""What a camera's own numbers say about files that nobody here has seen."""

import pytest
from hypothesis import given
from hypothesis.strategies import integers, sets

from dockd.core.numbering import gaps


def names(*numbers: int, before: str = "DCIM/100MEDIA/VID_") -> list[bytes]:
    """Return the paths that a camera gives to these numbers."""
    return [f"{before}{number:04}.MP4".encode() for number in numbers]


@pytest.mark.parametrize(
    ("paths", "missing"),
    [
        ([], ()),
        (names(7), ()),
        (names(1, 2, 3), ()),
        (names(3, 1, 2, 2), ()),
        (names(1, 2, 4), ("DCIM/100MEDIA/VID_0003",)),
        (names(1, 2, 3, 4, 8), ("DCIM/100MEDIA/VID_0005 to 0007",)),
        (names(1, 3, 5), ("DCIM/100MEDIA/VID_0002", "DCIM/100MEDIA/VID_0004")),
        # A picture has a number of its own, as a clip has.
        ([*names(1, 3), b"DCIM/100MEDIA/VID_0002.JPG"], ()),
        # Each folder counts for itself, and so does each kind of name.
        ([*names(1), *names(3, before="DCIM/101MEDIA/VID_"), *names(5, before="DCIM/REC")], ()),
        ([b"0001", b"0003"], ("0002",)),
        # A time of day numbers nothing.
        ([b"20261123_100212.MP4", b"20261123_143059.MP4"], ()),
        # Neither a name without digits at its end, nor with so many, is numbered.
        ([b"DCIM/notes.txt", b"1/a.MP4", b"000000001.MP4", b"000000003.MP4", b"01.MP4"], ()),
        # Names are hostile, and what is told of them is text.
        (names(1, 3, before="\x1b[2J\u202e\n"), ("\\x1b[2J\\u202e\\x0a0002",)),
        ([b"\xff0001", b"\xff0003"], ("\\xff0002",)),
    ],
)
def test_what_is_missing_between_two_numbers_is_a_gap(
    paths: list[bytes], missing: tuple[str, ...]
) -> None:
    """Gaps are told as runs, of each folder and kind of name, where numbers mean a sequence."""
    assert gaps(paths) == missing


@given(numbers=sets(integers(min_value=1, max_value=60), min_size=31))
def test_gaps_and_files_are_all_the_numbers_there_are(numbers: set[int]) -> None:
    """Whatever is there, each number between the first and the last is a file or in one gap."""
    told: list[int] = []
    for gap in gaps(names(*numbers)):
        first, _, last = gap.removeprefix("DCIM/100MEDIA/VID_").partition(" to ")
        told += range(int(first), int(last or first) + 1)
    assert sorted([*told, *numbers]) == list(range(min(numbers), max(numbers) + 1))
