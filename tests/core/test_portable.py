"""Names that leave the station are carried by every disk and every format, and stay apart."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from dockd.core.clip import Clip
from dockd.core.portable import Folder, component

NAMES = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.text(min_size=1, max_size=100).map(str.encode),
    st.sampled_from(
        [b"A", b"a", b"A.MP4", b"a.mp4", "stra\u00dfe".encode(), b"STRASSE", b".", b".."]
    ),
).map(lambda raw: raw.replace(b"/", b"_"))


def clip(number: int, path: bytes) -> Clip:
    """Return a clip of one camera, as seen."""
    return Clip(
        number=number, camera="BWC-1", docking="20261123T020000Z-00000001", slot="A1", path=path,
        size_bytes=1, mtime_ns=0, birth_docking=f"20261123T020000Z-{number:08x}",
    )  # fmt: skip


def folded(place: str) -> str:
    """Return what is left of a name where case and forms do not count."""
    return unicodedata.normalize("NFC", place).upper().casefold()


@given(raw=NAMES)
@example(raw="\u0131".encode())
@example(raw=b"con.txt")
@example(raw=b".ds_store")
@example(raw=b"ascmhl")
@example(raw=b"x" * 300)
@example(raw=b"x." + b"y" * 300)
@example(raw="\u00e9".encode() * 140)
def test_a_name_is_one_that_everything_carries(raw: bytes) -> None:
    """A component is printable, short, no walk, nobody's reserved name, and not FAT's business."""
    name = component(raw)
    assert name.isprintable()
    assert 0 < len(name.encode()) <= 255
    assert not set(name) & set('"*:<>?|\\/')
    assert name.strip(" ") == name
    assert not name.endswith(".")
    assert name.lower() not in {"ascmhl", ".ds_store"}
    assert name.lower().split(".")[0] not in {"con", "prn", "aux", "nul", "com1", "lpt9"}


def test_an_ordinary_name_stays_as_it_is() -> None:
    """What everything carries is not touched, letters of any script included."""
    for name in ("C0001.MP4", "Stra\u00dfe 7 (2).mp4", "\u65e5\u672c.MOV", ".hidden", "it's & #1"):
        assert component(name.encode()) == name


def test_a_long_name_keeps_its_kind() -> None:
    """What opens it goes by that; a kind that is long itself is cut with the name."""
    assert component(b"x" * 300 + b".MP4").endswith(".MP4")
    assert component(b"x" * 300 + b".MP4") != component(b"x" * 301 + b".MP4")
    assert "." not in component(b"x." + b"y" * 300)[2:]


@given(first=NAMES, second=NAMES)
def test_two_names_are_two_names(first: bytes, second: bytes) -> None:
    """What is escaped or cut is told apart still."""
    assert (component(first) == component(second)) == (first == second)


@given(paths=st.lists(st.lists(NAMES, min_size=1, max_size=8).map(b"/".join), max_size=8))
@example(paths=[b"A/x", b"a/x", b"a", b"A"])
@example(paths=[b"/".join([b"deep" * 50] * 8)])
@example(paths=[b"same", b"same", b"SAME"])
def test_no_two_clips_meet_where_case_does_not_count(paths: list[bytes]) -> None:
    """Every clip has a place of its own, no file stands where a folder does, and it is so again."""
    clips = [clip(number, path) for number, path in enumerate(paths)]
    folder, again = Folder(), Folder()
    places = [folder.place(each) for each in clips]
    assert places == [again.place(each) for each in clips]
    assert all(len(place.encode()) <= 1024 for place in places)
    files = {folded(place) for place in places}
    assert len(files) == len(clips)
    # And of a folder there is one spelling, so that a disk that ignores case keeps what is listed.
    above = {place[:at] for place in places for at, letter in enumerate(place) if letter == "/"}
    assert len({folded(each) for each in above}) == len(above)
    assert not files & {folded(each) for each in above}
