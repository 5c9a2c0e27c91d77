"""Names in the spool: no two clips meet, and none leaves its folder."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.station.spool import layout
from dockd.station.spool.directory import DirectorySpool
from tests.station.spool_parts import DOCKING, clip_of, content_of, kept, spool_at

FOLDER = f"clips/BWC-1/{DOCKING}/"

# The awkward ones often, anything a kernel takes as a name sometimes.
awkward = st.sampled_from(
    [
        b"a",
        b"A",
        b"..",
        b".",
        b"~",
        b"a.dockd.json",
        b"a.dockd.json.dockd.json",
        b"a%2Edockd.json",
        b"\x00"[:0] + b"\x01\n\x7f",
        b"\xff\xfe",
        b"x" * 255,
        b"x" * 254 + b"y",
        b"x" * 244,
        b"x" * 245,
        b".dockd.json",
        "ü".encode() * 100,
    ]
)
anything = st.binary(min_size=1, max_size=255).map(
    lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_")
)
paths = st.lists(awkward | anything, min_size=1, max_size=70).map(b"/".join)


@given(first=paths, second=paths)
def test_two_paths_are_two_places(first: bytes, second: bytes) -> None:
    """Two paths on a camera never become one name, nor one clip's name another's sidecar."""
    places = [layout.homes(clip_of(b"", path=path)) for path in (first, second)]
    names = {
        place for homes in places for home in homes for place in (home, layout.sidecar_of(home))
    }
    assert len(names) == (4 if first != second else 2)


@given(path=paths)
def test_no_name_leaves_the_dockings_folder(path: bytes) -> None:
    """Whatever a camera calls its files, they stay below their docking's folder, and fit there."""
    clip = replace(clip_of(b"", path=path), sha256="ab" * 32)
    for home in layout.homes(clip):
        for place in (home, layout.sidecar_of(home)):
            assert place.startswith(FOLDER)
            assert all(
                part not in {"", ".", ".."} and len(part) <= 255 and part.isprintable()
                for part in place.split("/")
            )
            assert len(place) <= 2048 + len(layout.SIDECAR_SUFFIX)


@pytest.mark.parametrize(
    "path",
    [
        b"../../../../etc/passwd",
        b"/etc/passwd",
        b"DCIM/\xff\xfe\x01\n.mp4",
        b"DCIM/" + b"n" * 255,
        b"/".join([b"deep"] * 64) + b"/clip.mp4",
        b"/".join([b"d" * 255] * 64) + b"/" + b"c" * 255,
        b"DCIM/a.dockd.json",
    ],
)
def test_a_hostile_name_is_kept_within_the_spool(tmp_path: Path, path: bytes) -> None:
    """A clip of any name is kept below the spool, and found again by that name."""
    content = content_of(100)
    source = tmp_path / "source"
    source.write_bytes(content)
    spool = spool_at(tmp_path / "spool")
    clip = kept(spool, clip_of(content, path=path), source=source)
    with spool.open(clip) as file:
        assert file.read() == content
    found = [file for file in (tmp_path / "spool" / FOLDER).rglob("*") if file.is_file()]
    assert len(found) == 2


def test_names_that_differ_only_in_case_stay_two(tmp_path: Path) -> None:
    """Two clips whose names differ only in case, or in one late byte, keep their own content."""
    spool = spool_at(tmp_path / "spool")
    source = tmp_path / "source"
    names = (b"clip.mp4", b"CLIP.MP4", b"x" * 254 + b"1", b"x" * 254 + b"2")
    clips = []
    for number, name in enumerate(names, start=1):
        content = content_of(50 + number, seed=number)
        source.write_bytes(content)
        clips.append(
            (kept(spool, clip_of(content, number=number, path=name), source=source), content)
        )
    for clip, content in clips:
        with spool.open(clip) as file:
            assert file.read() == content


def _keep_each(spool: DirectorySpool, tmp_path: Path, *named: tuple[bytes, bytes]) -> list[bytes]:
    source = tmp_path / "source"
    clips = []
    for number, (path, content) in enumerate(named, start=1):
        source.write_bytes(content)
        clips.append(kept(spool, clip_of(content, number=number, path=path), source=source))
    contents = []
    for clip in clips:
        with spool.open(clip) as file:
            contents.append(file.read())
    return contents


def test_other_content_at_the_same_path_is_another_clip(tmp_path: Path) -> None:
    """A camera that rewrites a file within one docking yields two clips, each kept whole."""
    spool = spool_at(tmp_path / "spool")
    contents = [content_of(100, seed=1), content_of(100, seed=2)]
    assert _keep_each(spool, tmp_path, *((b"a.mp4", content) for content in contents)) == contents


def test_a_file_where_a_folder_was_is_kept_too(tmp_path: Path) -> None:
    """A name that was a file and then a folder, or the other way round, loses neither."""
    spool = spool_at(tmp_path / "spool")
    contents = [content_of(100, seed=seed) for seed in range(4)]
    paths_of = (b"a", b"a/b", b"c/d", b"c")
    assert _keep_each(spool, tmp_path, *zip(paths_of, contents, strict=True)) == contents


def test_a_purged_clip_leaves_nothing_and_takes_nothing_along(tmp_path: Path) -> None:
    """Purging removes the clip, its sidecar and empty folders, twice as well as once."""
    spool = spool_at(tmp_path / "spool")
    source = tmp_path / "source"
    content = content_of(100)
    source.write_bytes(content)
    first = kept(spool, clip_of(content, path=b"DCIM/100/a"), source=source)
    second = kept(spool, clip_of(content, number=2, path=b"DCIM/b"), source=source)
    spool.purge(first)
    spool.purge(first)
    with pytest.raises(FileNotFoundError):
        spool.open(first)
    left = {file.name for file in (tmp_path / "spool" / FOLDER / "DCIM").iterdir()}
    assert left == {"b", "b.dockd.json"}
    spool.purge(second)
    assert not list((tmp_path / "spool/clips").iterdir())
