"""Patterns of paths: what a configuration means by DCIM/**."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.patterns import matches

NAMES = st.binary(min_size=1, max_size=6).filter(lambda name: b"/" not in name)


@pytest.mark.parametrize(
    ("pattern", "path", "meant"),
    [
        ("DCIM/**", b"DCIM/a", True),
        ("DCIM/**", b"DCIM/100/a/b", True),
        ("DCIM/**", b"dcim/a", True),
        ("DCIM/**", b"DCIM", False),
        ("DCIM/**", b"DCIMX/a", False),
        ("DCIM/**", b"MISC/DCIM/a", False),
        ("DCIM/*", b"DCIM/a", True),
        ("DCIM/*", b"DCIM/a/b", False),
        ("DCIM/*.mp4", b"DCIM/a.MP4", True),
        ("DCIM/?.mp4", b"DCIM/\xff.mp4", True),
        ("DCIM/\u00e9*", "DCIM/\u00e9t\u00e9".encode(), True),
        ("**/LOCKED/**", b"LOCKED/a", True),
        ("**/LOCKED/**", b"a/b/locked/c/d", True),
        ("**/LOCKED/**", b"a/locked", False),
        ("**/*.mp4", b"x.mp4", True),
        ("a/**/b", b"a/b", True),
        ("a/**/b", b"a/x/y/b", True),
        ("a/**/b", b"a/x/c", False),
        ("**", b"anything/at/all", True),
    ],
)
def test_what_a_pattern_means(pattern: str, path: bytes, meant: bool) -> None:
    """Steps are names, ** is any number of folders, case does not count."""
    assert matches(pattern, path) is meant


@given(names=st.lists(NAMES, min_size=1, max_size=4))
def test_a_folders_pattern_means_all_below_it_and_nothing_beside(names: list[bytes]) -> None:
    """Whatever bytes names are made of, DCIM/** means what is below DCIM and no other path."""
    path = b"/".join(names)
    assert matches("DCIM/**", b"DCIM/" + path)
    assert matches("DCIM/**", path) == (len(names) > 1 and names[0].lower() == b"dcim")
