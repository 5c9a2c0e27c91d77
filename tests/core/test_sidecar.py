"""Sidecars say again what was proven of a clip, and a damaged one says nothing."""

import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dockd.core import sidecar
from dockd.core.clip import Clip, SpoolCopy

DOCKING: Final = "20261123T020000Z-7f3a91c2"


def kept(**changes: object) -> Clip:
    """Return a clip as it is when its copy has just been proven."""
    fields: dict[str, object] = {
        "number": 7,
        "camera": "BWC-000123",
        "docking": DOCKING,
        "birth_docking": DOCKING,
        "seen_in": (DOCKING,),
        "slot": "A1",
        "path": b"DCIM/\xff\n.mp4",
        "size_bytes": 3,
        "mtime_ns": -1,
        "spool_copy": SpoolCopy.PROVEN,
        "copied": True,
        "copied_in": (DOCKING,),
        "hashed_in": DOCKING,
        "copied_sha256": "a" * 64,
        "sha256": "a" * 64,
        "xxh128": "b" * 32,
        "key": "BWC-000123/x",
        "stored_size_bytes": 3,
        "part_size_bytes": 16,
        "part_sha256": ("a" * 64,),
        "proof": "direct",
    }
    return Clip(**{**fields, **changes})  # type: ignore[arg-type]  # fields chosen at run time


def encoded(clip: Clip) -> bytes:
    """Return the sidecar of ``clip``."""
    return sidecar.encode(
        clip, recorded_at="2026-11-23T01:00:00Z", verified_at="2026-11-23T02:00:00Z"
    )


@given(
    path=some.binary(min_size=1, max_size=300),
    camera=some.text(min_size=1, max_size=30),
    size_bytes=some.integers(0, 2**63),
    spliced=some.booleans(),
)
def test_a_sidecar_returns_the_clip_that_was_written(
    path: bytes, camera: str, size_bytes: int, spliced: bool
) -> None:
    """Whatever a camera calls itself and its files, the sidecar gives the same clip back."""
    clip = kept(path=path, camera=camera, size_bytes=size_bytes, stored_size_bytes=size_bytes)
    if spliced:
        clip = kept(copied_in=("one", "two"), hashed_in=None)
    back = sidecar.decode(encoded(clip))
    assert back.clip == clip
    assert (back.recorded_at, back.verified_at) == (
        "2026-11-23T01:00:00Z",
        "2026-11-23T02:00:00Z",
    )


@given(at=some.integers(0, 10_000), bit=some.integers(0, 7))
def test_a_flipped_bit_is_found(at: int, bit: int) -> None:
    """A sidecar with any one bit changed is refused; only the newline behind it says nothing."""
    content = bytearray(encoded(kept()).rstrip())
    content[at % len(content)] ^= 1 << bit
    with pytest.raises(ValueError, match=r"not|check"):
        sidecar.decode(bytes(content))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clip", -1),
        ("camera", ""),
        ("camera", None),
        ("size_bytes", True),
        ("flagged", 0),
        ("part_sha256", "a"),
        ("part_sha256", [1]),
        ("sha256", "A" * 64),
        ("path", "a"),
    ],
)
def test_a_member_of_another_type_is_refused(name: str, value: object) -> None:
    """A sidecar whose members are not what they must be is refused by the member's name."""
    members = json.loads(encoded(kept()))
    del members["check"]
    members[name] = value
    members["check"] = sidecar._check(members)
    with pytest.raises(ValueError, match=name):
        sidecar.decode(json.dumps(members).encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"format":"mp4"}', b"[" * 100_000])
def test_other_files_are_no_sidecars(content: bytes) -> None:
    """A camera's own file that is merely called like a sidecar is not taken for one."""
    with pytest.raises(ValueError, match="not"):
        sidecar.decode(content)


def test_what_is_not_verified_has_no_sidecar() -> None:
    """Nothing is vouched for before it was read back."""
    with pytest.raises(ValueError, match="not verified"):
        encoded(kept(sha256=None))
