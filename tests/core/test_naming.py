"""Names: no two things share one, and none leads anywhere else."""

from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from hypothesis import example, given
from hypothesis import strategies as st

from dockd.core import naming

components = st.binary(min_size=1, max_size=300).filter(lambda raw: b"/" not in raw)
paths = st.lists(components, min_size=1, max_size=5).map(b"/".join)
SHA = "ab" * 32


@given(raw=components)
@example(raw=b".")
@example(raw=b"..")
@example(raw=b"%2E")
def test_a_component_is_safe_everywhere(raw: bytes) -> None:
    """An escaped component is short, plain ASCII, and no step up or aside."""
    name = naming.component(raw)
    assert 0 < len(name) <= 255
    assert name not in {".", ".."}
    assert set(name.encode()) <= {*naming._PLAIN, *b"%~"}


@given(raw=st.binary(min_size=1, max_size=80).filter(lambda raw: b"/" not in raw))
@example(raw=b"..")
def test_a_short_component_can_be_read_back(raw: bytes) -> None:
    """Escaping loses nothing: percent-decoding gives the camera's own bytes."""
    assert unquote_to_bytes(naming.component(raw)) == raw


def test_long_names_that_differ_at_the_end_stay_two_names() -> None:
    """A name of 255 odd bytes keeps its beginning and is told apart by its digest."""
    first, second = (naming.component(b"\xff" * 254 + end) for end in (b"a", b"b"))
    assert first != second
    assert first[:200] == second[:200]
    assert first[200] == "~"


@given(one=paths, other=paths)
@example(one=b"A/b", other=b"a/b")
def test_two_paths_never_share_a_key(one: bytes, other: bytes) -> None:
    """Two paths of one camera with one content have one key only if they are one path."""
    key, other_key = (naming.store_key("cam", sha256=SHA, path=path) for path in (one, other))
    assert (key == other_key) == (one == other)
    assert len(key) <= 1024


@given(path=paths)
def test_a_key_stays_below_its_camera_and_content(path: bytes) -> None:
    """No path, whatever its bytes, leads out of its folder in the store."""
    key = naming.store_key("cam/era", sha256=SHA, path=path)
    assert key.startswith(f"cam%2Fera/{SHA}/")
    assert not {"", ".", ".."}.intersection(key.split("/"))


def test_a_path_too_long_for_a_key_is_named_by_its_digest() -> None:
    """A directory 64 deep still has a key, of a length every store takes."""
    deep = b"/".join([b"x" * 40] * 64)
    key = naming.store_key("cam", sha256=SHA, path=deep)
    assert key.startswith(f"cam/{SHA}/~/")
    assert len(key) < 200


def test_a_manifest_never_stands_where_a_clip_could() -> None:
    """The dockings' folder is no SHA-256, so a manifest's key is never a clip's."""
    key = naming.manifest_key("cam", docking="20261123T015900Z-7f3a91c2")
    assert key == "cam/dockings/20261123T015900Z-7f3a91c2.json"


@given(
    a=st.tuples(st.text(), st.text(), st.binary()), b=st.tuples(st.text(), st.text(), st.binary())
)
@example(a=("ab", "c", b"d"), b=("a", "bc", b"d"))
def test_provisional_ids_differ_where_anything_does(
    a: tuple[str, str, bytes], b: tuple[str, str, bytes]
) -> None:
    """Camera, docking and path cannot be shifted into one another."""
    ids = [naming.provisional_id(camera, docking=stay, path=path) for camera, stay, path in (a, b)]
    assert (ids[0] == ids[1]) == (a == b)


def test_an_id_is_sixteen_hex_digits_of_the_key() -> None:
    """A clip's id can be computed by anybody from its key (DESIGN.md section 9)."""
    assert naming.clip_id("") == "e3b0c44298fc1c14"


def test_a_docking_says_when_it_began() -> None:
    """Anybody can read a docking's beginning from its id."""
    when = datetime(2026, 11, 23, 1, 59, tzinfo=UTC)
    assert naming.docked_at(naming.docking_id(when, random_bytes=b"1234")) == when


def test_a_docking_is_named_by_its_time_and_chance() -> None:
    """A docking's id sorts by time and does not collide within a second."""
    when = datetime(2026, 11, 23, 1, 59, tzinfo=UTC)
    name = naming.docking_id(when, random_bytes=bytes.fromhex("7f3a91c2ff"))
    assert name == "20261123T015900Z-7f3a91c2"
